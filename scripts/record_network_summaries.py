#!/usr/bin/env python3
"""Records what full-sized networks compute in double precision, without their weights: those follow from a formula.

usage: record_network_summaries.py [--out FOLDER] [NAME ...]    default: all, to src/test/resources/golden/networks

NAME-summary.safetensors, metadata: format densenet-parity-summary-1, network (NAME), seed, batch, height, width, classes,
void_label where labels are pixels', targets where the network has heads with targets of their own, quarter, lr, momentum, nesterov, weight_decay (of every parameter).

Weights, images and labels by formula:

  draw(name, i)    the four words of Philox4x32-10 with counter (i, hash(name), 0, 0) and key (seed, 0), where hash is Java's of a
      string; unit(h, l) = (((h·2^32 + l) >> 11) + 1)·2^-53. This is how org.densenet4j.spec.Initialiser draws.
  weights of convolutions, also transposed ones, and of the linear layer   normal with variance 2/n, n the product of all
      dimensions but the first: elements 2i and 2i + 1 are sqrt(2/n)·r·cos(a) and sqrt(2/n)·r·sin(a) of draw(name, i), with
      r = sqrt(-2·ln unit(words 0, 1)), a = 2·pi·unit(words 2, 3), rounded to float32. (The role CONV_WEIGHT.)
  scale of a norm, element i      0.75 + (i mod 8)/16
  tensors whose names end in the metadata's quarter, if it has that key: a quarter of this. (The last scale or weight of what a
      residual unit adds. With all of it single precision would lose its way in so deep a network.)
  shift of a norm, other biases, scales of RDNet's layers   ((i mod 5) - 2)/8
  running statistics              mean 0, variance 1
  images [batch, 3, height, width], element i   2·unit(words 0, 1 of draw("input", i)) - 1 rounded to float32. (The role
      LINEAR_WEIGHT of a tensor "input" of shape [elements, 1].)
  label of image n                37·n mod classes
  label of pixel (n, y, x)        (5·(y div 7) + 3·(x div 9) + n) mod (classes + 1), where classes, the last, is void
  targets of output h of the heads, from 1   as images, of a tensor "targets.h"; the loss is half the sum of mean squared errors,
      logits are those of all outputs, one behind the other

Samples of a tensor are k of its elements, number (2j + 1)·count div 2k for j = 0 .. k - 1, or all where there are no more, then
zeros. Lists over tensors are in the order of NAME.txt.gz: P trained ones, or S running statistics. Everything is float64:

  train.loss [1], train.logits [up to 2048 samples], sgd.losses [3]
  train.grad.norm [P], train.grad.samples [P, 4]         of the gradients, in training mode, without dropout
  train.running.norm [S], train.running.samples [S, 4]   after that pass, where there are running statistics
  sgd3.change.norm [P], sgd3.samples [P, 4]              after three steps: of what they changed, and the parameters
  noise.*                                                the same of PyTorch in float32, as error: of train.logits, each gradient
      (train.grad) and each change (sgd3.change) relative in norm, of losses (train.loss, sgd.losses) absolute

With so many ReLUs some inputs are within float32's rounding of zero, so that single precision is off by more than rounding.
"""

import argparse
import os

import reference_networks as networks  # First: it says when PyTorch is missing.
import numpy
import torch
import torch.nn.functional as functional

from record_parity_case import last, loss_of, write

SEED = 7
SGD = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
LOGITS, ELEMENTS = 2048, 4


# ---------------------------------------------------------------- the formula

def philox(counter, second, key):
    """Philox4x32-10 (Salmon et al. 2011) of counters (counter, second, 0, 0) and key (key, 0): four arrays of words."""
    mask = numpy.uint64(0xFFFFFFFF)
    words = [numpy.asarray(counter, numpy.uint64), numpy.full(len(counter), second, numpy.uint64)]
    words += [numpy.zeros(len(counter), numpy.uint64)] * 2
    keys = [key, 0]
    for _ in range(10):
        first, third = numpy.uint64(0xD2511F53) * words[0], numpy.uint64(0xCD9E8D57) * words[2]
        words = [(third >> numpy.uint64(32)) ^ words[1] ^ numpy.uint64(keys[0]), third & mask,
                 (first >> numpy.uint64(32)) ^ words[3] ^ numpy.uint64(keys[1]), first & mask]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return words


def java_hash(text):
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value


def draw(name, count):
    return philox(numpy.arange(count), java_hash(name), SEED)


def unit(high, low):
    bits = ((high << numpy.uint64(32)) | low) >> numpy.uint64(11)
    return (bits + numpy.uint64(1)).astype(numpy.float64) * 2.0 ** -53


def normal(name, shape):
    count, fan_in = int(numpy.prod(shape)), int(numpy.prod(shape[1:]))
    words = draw(name, (count + 1) // 2)
    radius = numpy.sqrt(-2 * numpy.log(unit(words[0], words[1])))
    angle = 2 * numpy.pi * unit(words[2], words[3])
    pairs = numpy.sqrt(2 / fan_in) * radius * numpy.stack((numpy.cos(angle), numpy.sin(angle)))
    return torch.from_numpy(pairs.T.reshape(-1)[:count].astype(numpy.float32).reshape(shape))


def uniform(name, shape):
    words = draw(name, int(numpy.prod(shape)))
    return torch.from_numpy((2 * unit(words[0], words[1]) - 1).astype(numpy.float32).reshape(shape))


@torch.no_grad()
def fill(model, quarter=None):
    norms = {name for name, module in model.named_modules() if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.LayerNorm))}
    for name, parameter in model.named_parameters():
        numbers = torch.arange(parameter.numel())
        if parameter.dim() > 1:
            parameter.copy_(normal(name, parameter.shape))
        elif name.rsplit(".", 1)[0] in norms and name.endswith("weight"):
            parameter.copy_(0.75 + numbers % 8 / 16)
        else:
            parameter.copy_((numbers % 5 - 2) / 8)
        if quarter and name.endswith(quarter):
            parameter /= 4
    return model


# ---------------------------------------------------------------- the networks

class Summary:
    """A network without dropout, and the batch that it is run on."""

    def __init__(self, batch, height, width, make=None, per_pixel=False, quarter=None, lr=2e-4, has_targets=False):
        self.batch, self.height, self.width, self.sgd = batch, height, width, {"lr": lr, **SGD}
        self.make, self.per_pixel, self.quarter, self.has_targets = make, per_pixel, quarter, has_targets

    def labels(self, classes):
        n = torch.arange(self.batch)
        if not self.per_pixel:
            return 37 * n % classes
        y, x = torch.arange(self.height)[:, None] // 7, torch.arange(self.width) // 9
        return (5 * y + 3 * x + n[:, None, None]) % (classes + 1)


SUMMARIES = {
    "fc-densenet103": Summary(
        2, 100, 132, lambda: networks.FcDenseNet(16, (4, 5, 7, 10, 12), 15, (12, 10, 7, 5, 4), drop=0.0), True),
    "resnet50": Summary(4, 96, 112, quarter=".bn3.weight"),
    "cifar-resnet-110": Summary(8, 32, 32, quarter=".bn2.weight"),
    "cifar-preresnet-164": Summary(8, 32, 32, quarter=".conv3.weight"),
    "densenetblur121d": Summary(4, 96, 112, lr=5e-5),
    "condensenet-imagenet-74-c4": Summary(4, 96, 112, lr=5e-5),
    "msdnet-imagenet-4": Summary(4, 160, 192, lr=1e-4),
    "rdnet-t": Summary(2, 96, 128, lr=5e-4),
    "dsod300": Summary(8, 300, 300, lr=2e-4, has_targets=True),
}


def samples(tensor, count):
    flat = tensor.detach().double().flatten()
    if flat.numel() > count:
        return flat[(2 * torch.arange(count) + 1) * flat.numel() // (2 * count)]
    return functional.pad(flat, (0, count - flat.numel()))


def norms(tensors):
    return torch.stack([tensor.detach().double().norm() for tensor in tensors])


def errors(ours, theirs):
    """Relative in norm, of each tensor; never below rounding of 1e-7 an element."""
    return torch.stack([(a.double() - b).norm() / max(b.norm().item(), 1e-7 * b.numel() ** 0.5) for a, b in zip(ours, theirs)])


def logits_of(outputs, labels):
    """Logits; of a network with heads all of them, one behind the other."""
    return torch.cat([output.flatten() for output in outputs]) if isinstance(labels, list) else last(outputs)


class Run:
    """A pass and three steps in one precision."""

    def __init__(self, model, images, labels, void, sgd):
        self.model, self.start = model.train(), [p.detach().clone() for p in model.parameters()]
        optimiser, self.losses = torch.optim.SGD(model.parameters(), **sgd), []
        for step in range(3):
            optimiser.zero_grad()
            outputs = model(images)
            logits, loss = logits_of(outputs, labels), loss_of(outputs, labels, void)
            loss.backward()
            self.losses.append(loss.item())
            if step == 0:
                self.logits = logits.detach()
                self.gradients = [p.grad.clone() for p in model.parameters()]
                self.running = [t.clone() for name, t in networks.kept(model) if "running_" in name]
            optimiser.step()
        self.changes = [p.detach() - start for p, start in zip(model.parameters(), self.start)]


def record_summary(path, name, summary):
    def make():
        return fill((summary.make or networks.NETWORKS[name].make)(), summary.quarter)

    images = uniform("input", (summary.batch, 3, summary.height, summary.width))
    found = make().eval()(images[:1])
    if summary.has_targets:
        classes = make().classes
        labels = [uniform(f"targets.{i}", (summary.batch, *output.shape[1:])) for i, output in enumerate(found, 1)]
    else:
        classes = last(found).shape[1]
        labels = summary.labels(classes)
    void = classes if summary.per_pixel else -100
    exact = Run(make().double(), images.double(), labels, void, summary.sgd)
    single = Run(make(), images, labels, void, summary.sgd)
    losses = torch.tensor(exact.losses, dtype=torch.float64)
    off = (torch.tensor(single.losses, dtype=torch.float64) - losses).abs()
    write(path, {
        "train.loss": losses[:1], "train.logits": samples(exact.logits, min(LOGITS, exact.logits.numel())), "sgd.losses": losses,
        "train.grad.norm": norms(exact.gradients),
        "train.grad.samples": torch.stack([samples(g, ELEMENTS) for g in exact.gradients]),
        **({"train.running.norm": norms(exact.running),
            "train.running.samples": torch.stack([samples(r, ELEMENTS) for r in exact.running])} if exact.running else {}),
        "sgd3.change.norm": norms(exact.changes),
        "sgd3.samples": torch.stack([samples(p, ELEMENTS) for p in exact.model.parameters()]),
        "noise.train.logits": errors([single.logits], [exact.logits]), "noise.train.loss": off[:1], "noise.sgd.losses": off,
        "noise.train.grad": errors(single.gradients, exact.gradients),
        "noise.sgd3.change": errors(single.changes, exact.changes),
    }, {"format": "densenet-parity-summary-1", "network": name, "seed": str(SEED), "batch": str(summary.batch),
        "height": str(summary.height), "width": str(summary.width), "classes": str(classes),
        **({"void_label": str(void)} if summary.per_pixel else {}), **({"targets": "true"} if summary.has_targets else {}),
        **({"quarter": summary.quarter} if summary.quarter else {}),
        **{key: str(of).lower() for key, of in summary.sgd.items()}})
    gradients, changes = errors(single.gradients, exact.gradients), errors(single.changes, exact.changes)
    return (f"losses {exact.losses}; in float32 off by {off.max():.0e}, gradients by {gradients.median():.0e} (median) to "
            f"{gradients.max():.0e}, changes by {changes.median():.0e} to {changes.max():.0e}")


def main():
    parser = argparse.ArgumentParser(description="Records summaries of what full-sized networks compute.")
    parser.add_argument("--out", default=networks.LISTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SUMMARIES)}")
    arguments = parser.parse_args()
    for name in arguments.names or SUMMARIES:
        path = os.path.join(arguments.out, name + "-summary.safetensors")
        print(f"{name}: {record_summary(path, name, SUMMARIES[name])}, {os.path.getsize(path)} bytes", flush=True)


if __name__ == "__main__":
    main()
