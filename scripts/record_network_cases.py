#!/usr/bin/env python3
"""Records small parity cases of the networks in reference_networks.py, in double precision, for the tests.

usage: record_network_cases.py [--out FOLDER] [NAME ...]        default: all, to src/test/resources/golden/networks

The tensors are those of docs/parity.md. What these files have beside:

  labels [N, H, W] (I64)   of an FC-DenseNet: a class for each pixel, or the number void_label of the metadata. The loss is the
      mean over pixels that are not void.
  eval.logits              of an FC-DenseNet: normalised with the statistics of this batch, as the authors test; without
      dropout they are train.logits. eval.running.logits: with the running averages, as the PyTorch port tests.
  rmsprop.losses, rmsprop1.NAME, rmsprop3.NAME   of an FC-DenseNet: the same for its authors' optimiser,
      r = rho·r + (1 - rho)·g², w -= lr·g/sqrt(r + epsilon), r = 0 at first, g = gradient + weight_decay·w for weights of
      convolutions and scales of norms, and the gradient alone for biases and shifts; rmsprop.{lr,rho,epsilon,weight_decay} are
      in the metadata. (The authors' penalty 1e-4·sum of w² is a weight_decay of 2e-4. The files have a larger one, so that it
      shows.) SGD's weight decay is of every parameter.
  targets.I, eval.logits.I, train.logits.I   of a DSOD, instead of labels: of each head, in the network's order. The loss is half
      the sum of the heads' mean squared errors. Such a file has the format densenet-parity-heads-1.
  margin.relu, margin.pool [1] (F64)   the smallest |input| of a ReLU in the recorded pass, and the smallest lead of a pool's
      maximum; margin.steps [1]: the smaller of both in all optimiser steps.

The metadata have no growth_rate to bn_momentum, but the entries by which checkpoints describe a network (SpecMetadata):
spec.family (fc-densenet, resnet, condensenet, msdnet, rdnet or dsod; files without it are of DenseNets), spec.name, spec.classes and so on.

Shifts of norms are placed in gaps between the values that they are added to, so that no input of a ReLU is near zero, and
the draw is repeated until that holds in the optimiser steps too.
"""

import argparse
import os

import reference_networks as networks  # First: it says when PyTorch is missing.
import torch
from torch import nn

from record_parity_case import double, noise, outputs, steps, write

MARGIN = 1e-4
# Behind a step values are not placed, only drawn again.
MARGIN_IN_STEPS = 1e-5
SGD = {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02}
RMSPROP = {"lr": 0.01, "rho": 0.9, "epsilon": 1e-6, "weight_decay": 0.02}


class AuthorsRmsprop:
    """The optimiser of FC-DenseNet's authors; see above."""

    def __init__(self, model, lr, rho, epsilon, weight_decay):
        self.lr, self.rho, self.epsilon = lr, rho, epsilon
        norms = {name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
        self.parameters = []
        for name, parameter in model.named_parameters():
            owner, kind = name.rsplit(".", 1)
            assert kind in ("weight", "bias") and (parameter.dim() == 4 or owner in norms or kind == "bias"), name
            self.parameters.append((parameter, weight_decay if kind == "weight" else 0.0, torch.zeros_like(parameter)))

    @torch.no_grad()
    def step(self):
        for parameter, decay, squares in self.parameters:
            gradient = parameter.grad + decay * parameter
            squares.mul_(self.rho).addcmul_(gradient, gradient, value=1 - self.rho)
            parameter -= self.lr * gradient / (squares + self.epsilon).sqrt()


# ---------------------------------------------------------------- no input of a ReLU near zero

@torch.no_grad()
def randomise(model):
    """Scales, shifts, biases and running statistics that are not those of a fresh network, so that mixed up ones show."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.7, 1.3)
            module.bias.normal_(0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, nn.LayerNorm):
            module.weight.uniform_(0.7, 1.3)
            module.bias.normal_(0, 0.1)
        elif isinstance(module, networks.L2Norm):
            module.weight.uniform_(2, 6)
        elif isinstance(module, networks.RdLayer):
            module.gamma.uniform_(0.5, 1.5)
        elif getattr(module, "bias", None) is not None:
            module.bias.normal_(0, 0.1)


@torch.no_grad()
def place_shifts(model, images):
    """Moves each shift before a ReLU by less than 0.3 so that zero is in the middle of the widest gap there."""
    model = model.double()

    def place(values, norm):
        moved = torch.empty_like(norm.bias)
        for c in range(values.shape[1]):
            ordered = values[:, c].flatten().sort().values
            ordered = torch.cat((ordered[:1] - 0.1, ordered, ordered[-1:] + 0.1))
            middles, widths = (ordered[1:] + ordered[:-1]) / 2, ordered[1:] - ordered[:-1]
            middle = middles[torch.where(middles.abs() < 0.3, widths, -1.0).argmax()]
            assert middle.abs() < 0.3
            shift = (norm.bias[c] - middle).float().double()
            moved[c] = shift - norm.bias[c]
            norm.bias[c] = shift
        return values + moved[:, None, None]

    networks.rectified.append(place)
    model.train()(images.double())
    networks.rectified.clear()
    return model.float()


class Margins:
    """While it is entered: how near inputs of ReLUs come to zero, and a pool's second largest value to its largest."""

    def __init__(self):
        self.relu = self.pool = float("inf")

    def __enter__(self):
        networks.rectified.append(self.rectified)
        networks.pooled.append(self.pooled)
        return self

    def __exit__(self, *_):
        networks.rectified.clear()
        networks.pooled.clear()

    def rectified(self, values, _):
        self.relu = min(self.relu, values.detach().abs().min().item())
        return values

    def pooled(self, values, kernel, stride, padding):
        values = nn.functional.pad(values.detach(), (padding,) * 4, value=-float("inf"))
        windows = values.unfold(2, kernel, stride).unfold(3, kernel, stride).flatten(4)
        first, second = windows.topk(2).values.unbind(-1)
        # Of zeros behind a ReLU any may be the largest.
        lead = (first - second)[first != 0]
        self.pool = min(self.pool, lead.min().item())


# ---------------------------------------------------------------- the cases

class Case:
    def __init__(self, make, batch, size, classes, keys, per_pixel=False, epsilon=1e-5, per_head=False):
        self.make, self.batch, self.size, self.classes, self.per_pixel = make, batch, size, classes, per_pixel
        self.per_head = per_head
        self.keys = {**keys, "classes": classes, "inputHeight": size[0], "inputWidth": size[1], "inputChannels": 3,
                     "bnEpsilon": epsilon, "bnMomentum": 0.1}

    def void(self):
        return self.classes if self.per_pixel else -100

    def labels(self):
        if self.per_head:
            with torch.no_grad():
                return [torch.randn_like(output) for output in self.make().eval()(torch.zeros(self.batch, 3, *self.size))]
        if self.per_pixel:
            return torch.randint(0, self.classes + 1, (self.batch, *self.size))
        return torch.randint(0, self.classes, (self.batch,))

    def metadata(self, name):
        text = {"spec." + key: value(of) for key, of in {"name": name, **self.keys}.items()}
        text.update({key: value(of) for key, of in SGD.items()})
        if self.per_pixel:
            text["void_label"] = value(self.void())
            text.update({"rmsprop." + key: value(of) for key, of in RMSPROP.items()})
        return {"format": "densenet-parity-heads-1" if self.per_head else "densenet-parity-1", **text}


def value(of):
    if isinstance(of, bool):
        return str(of).lower()
    return ",".join(map(str, of)) if isinstance(of, tuple) else str(of)


def fc_densenet():
    return Case(
        lambda: networks.FcDenseNet(3, (1, 2), 2, (2, 1), 4, 5, 0.0), 2, (21, 30), 4,
        {"family": "fc-densenet", "growthRate": 3, "downLayers": (1, 2), "bottleneckLayers": 2, "upLayers": (2, 1),
         "initialChannels": 5, "dropout": 0.0, "evaluatesWithBatchStatistics": True}, True, 1e-4)


SHORTCUTS = {"A": "SUBSAMPLED", "B": "PROJECTED", "convolution": "PROJECTED"}


def resnet(unit, units, init, stem, shortcut, size):
    """Every stage has twice the channels of the one before."""
    widths = tuple(init << stage for stage in range(len(units)))
    preactivation = unit in (networks.PreactivationBasic, networks.PreactivationBottleneck)

    def make():
        if preactivation:
            return networks.PreactivationResNet(unit, units, widths, init, shortcut, 5)
        return networks.ResNet(unit, units, widths, init, stem, shortcut, 5)

    return Case(
        make, 3, size, 5,
        {"family": "resnet", "unit": unit.__name__.replace("Preactivation", "").upper(), "preActivation": preactivation,
         "shortcut": SHORTCUTS[shortcut], "stem": stem.upper(), "unitsPerStage": units, "initialChannels": init})


def deep_densenet(blurred, size):
    return Case(
        lambda: networks.DeepDenseNet(4, (2, 2), blurred, 5), 3, size, 5,
        {"growthRate": 4, "layersPerBlock": (2, 2), "initialChannels": 8, "bottleneckWidth": 4, "compression": 0.5,
         "dropout": 0.0, "stem": "DEEP_BLUR" if blurred else "DEEP"})


def condensenet(size):
    return Case(
        lambda: networks.CondenseNet((4, 8), (3, 2), 2, 2, 5, 3), 3, size, 5,
        {"family": "condensenet", "growthRates": (4, 8), "layersPerBlock": (3, 2), "initialChannels": 8, "initialStride": 2,
         "bottleneckWidth": 3, "groups": 2, "condensationFactor": 2})


def msdnet(imagenet, size):
    return Case(
        lambda: networks.MsdNet((2, 2), 4, 5, (1, 2), imagenet, 5, 0 if imagenet else 6), 3, size, 5,
        {"family": "msdnet", "layersPerExit": (2, 2), "growthFactors": (1, 2), "bottleneckFactors": (1, 2), "growthRate": 4,
         "initialChannels": 5, "exitChannels": 0 if imagenet else 6, "reduction": 0.5, "dropping": "EVENLY",
         "stem": "IMAGENET" if imagenet else "SMALL"})


def rdnet(size):
    return Case(
        lambda: networks.RdNet(16, (6, 11, 9), (3,), (2, 1, 3), 2, 3, 5, 3, 5), 3, size, 5,
        {"family": "rdnet", "growthRates": (6, 11, 9), "layersPerStage": (2, 1, 3), "halvingStages": (3,), "gatedFrom": 2,
         "initialChannels": 16, "patch": 3, "kernel": 5, "expansion": 3, "stochasticDepth": 0.0}, epsilon=1e-6)


def dsod(size):
    return Case(
        lambda: networks.Dsod(4, (2, 1, 1, 2), 3, 5, 4, (3,), (4, 6, 2), 3), 3, size, 3,
        {"family": "dsod", "stemChannels": 4, "layersPerBlock": (2, 1, 1, 2), "growthRate": 3, "bottleneckWidth": 5,
         "secondChannels": 4, "stepChannels": (3,), "boxSteps": (8.0, 16.0, 32.0), "boxLeast": (10.0, 20.0, 30.0),
         "boxMost": (20.0, 30.0, 40.0), "boxRatios": ("2.0", "2.0/3.0", "")}, per_head=True)


CASES = {
    "fc-densenet-small": fc_densenet(),
    "cifar-resnet-small": resnet(networks.Basic, (2, 1, 2), 3, "small", "A", (15, 18)),
    "resnet-basic-small": resnet(networks.Basic, (1, 2), 5, "imagenet", "B", (37, 50)),
    "resnet-bottleneck-small": resnet(networks.Bottleneck, (2, 1), 3, "imagenet", "B", (37, 50)),
    "cifar-preresnet-small": resnet(networks.PreactivationBasic, (2, 1, 2), 3, "small", "A", (15, 18)),
    "cifar-preresnet-bottleneck-small": resnet(networks.PreactivationBottleneck, (2, 2), 2, "small", "convolution", (15, 18)),
    "densenetd-small": deep_densenet(False, (37, 50)),
    "densenetblurd-small": deep_densenet(True, (37, 50)),
    "condensenet-small": condensenet((22, 19)),
    "msdnet-small": msdnet(False, (13, 10)),
    "msdnet-imagenet-small": msdnet(True, (37, 50)),
    "rdnet-small": rdnet((20, 26)),
    "dsod-small": dsod((45, 38)),
}


def record_case(path, name, case):
    """Draws until the margins hold, and writes. Returns the seed and the margins."""
    for seed in range(1, 1000):
        torch.manual_seed(seed)
        images, labels = torch.randn(case.batch, 3, *case.size), case.labels()
        start = case.make()
        randomise(start)
        place_shifts(start, images)

        def make_model():
            model = case.make()
            model.load_state_dict(start.state_dict())
            return model

        with Margins() as first, torch.no_grad():
            double(make_model).train()(images.double())
        if min(first.relu, first.pool) < MARGIN:
            continue
        batch = (make_model, images, labels, case.void())
        with Margins() as later:
            tensors = steps("sgd", lambda model: torch.optim.SGD(model.parameters(), **SGD), *batch)
            if case.per_pixel:
                tensors.update(steps("rmsprop", lambda model: AuthorsRmsprop(model, **RMSPROP), *batch))
        least = min(later.relu, later.pool)
        if least >= MARGIN_IN_STEPS:
            break
    else:
        raise SystemExit(f"{path}: no draw has the margins")
    tensors = {**outputs(*batch), **tensors, **noise(*batch)}
    if case.per_pixel:
        tensors["eval.running.logits"] = tensors["eval.logits"].float()
        tensors["eval.logits"] = tensors["train.logits"].float()
    for name, margin in (("relu", first.relu), ("pool", first.pool), ("steps", least)):
        if margin < float("inf"):
            tensors["margin." + name] = torch.tensor([margin], dtype=torch.float64)
    write(path, tensors, case.metadata(name))
    return f"seed {seed}, margins {first.relu:.1e} and {first.pool:.1e}, in steps {least:.1e}"


def main():
    parser = argparse.ArgumentParser(description="Records small parity cases for the tests.")
    parser.add_argument("--out", default=networks.LISTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    arguments = parser.parse_args()
    for name in arguments.names or CASES:
        path = os.path.join(arguments.out, name + ".safetensors")
        print(f"{name}: {record_case(path, name, CASES[name])}, {os.path.getsize(path)} bytes", flush=True)


if __name__ == "__main__":
    main()
