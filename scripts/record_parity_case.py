#!/usr/bin/env python3
"""Records a parity case from PyTorch: a DenseNet's weights, one batch, and what PyTorch computes from them in double precision.

usage: record_parity_case.py OUT.safetensors [--growth 8] [--blocks 2,3,2,2] [--stem imagenet|small] [--size 72] ...

./densenet4j parity OUT.safetensors then compares. Weights, statistics and images are random, or, from a program of one's own,
those of a model whose parameters have torchvision's names:

    from record_parity_case import record
    record("case.safetensors", make_model, images, labels, growth_rate=32, block_config=(6, 12, 24, 16), num_init_features=64)

where make_model() gives a new model in float32 with its weights loaded. With an ImageNet stem and a bottleneck the model is
torchvision's own class. Needs PyTorch 1.13 or newer, and nothing else where torchvision's class is not wanted.
"""

import argparse
import json
import struct
from collections import OrderedDict

try:
    import torch
except ModuleNotFoundError:
    raise SystemExit("needs PyTorch; install it, e.g. pip install torch") from None
import torch.nn.functional as functional
from torch import nn

TYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}


def write(path, tensors, metadata):
    """A safetensors file: header length, JSON header, little-endian data."""
    header, bodies, at = {"__metadata__": metadata}, [], 0
    for name, tensor in tensors.items():
        body = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(body)]}
        at += len(body)
        bodies.append(body)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(bodies))


def record(path, make_model, images, labels, *, growth_rate, block_config, num_init_features, bn_size=4, compression=0.5,
           stem="imagenet", bn_eps=1e-5, bn_momentum=0.1, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4):
    """Writes the case. images [N, 3, H, H] in float32, labels [N]; make_model() gives a float32 model, every time the same."""
    tensors = outputs(make_model, images, labels)
    sgd = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
    tensors.update(steps("sgd", lambda model: torch.optim.SGD(model.parameters(), **sgd), make_model, images, labels))
    tensors.update(noise(make_model, images, labels))
    write(path, tensors, {
        "format": "densenet-parity-1", "growth_rate": str(growth_rate), "block_config": ",".join(map(str, block_config)),
        "num_init_features": str(num_init_features), "bn_size": str(bn_size), "compression": str(compression), "stem": stem,
        "num_classes": str(tensors["train.logits"].shape[1]), "input_size": str(images.shape[2]), "bn_eps": str(bn_eps),
        "bn_momentum": str(bn_momentum), "lr": str(lr), "momentum": str(momentum), "nesterov": str(nesterov).lower(),
        "weight_decay": str(weight_decay)})


def double(make_model):
    """The model in double precision; its weights are those in single precision."""
    return make_model().float().double()


def loss_of(outputs, labels, void=-100):
    """Cross-entropy; of a network with several exits, which gives a list, the sum of theirs.

    Where labels are a list, they are targets of all outputs, and the loss is half the sum of the outputs' mean squared errors.
    """
    if isinstance(labels, list):
        return sum((found - target.to(found.dtype)).square().mean() for found, target in zip(outputs, labels)) / 2
    exits = outputs if isinstance(outputs, list) else [outputs]
    return sum(functional.cross_entropy(logits, labels, ignore_index=void) for logits in exits)


def by_head(name, tensors):
    """NAME.1, NAME.2 and so on."""
    return {f"{name}.{i}": tensor.detach() for i, tensor in enumerate(tensors, 1)}


def last(outputs):
    """Logits, those of the last exit."""
    return outputs[-1] if isinstance(outputs, list) else outputs


def outputs(make_model, images, labels, void=-100):
    """Weights, batch, logits, loss, gradients and running statistics. Labels that are void have no part in the loss."""
    tensors = {"weights." + n: t.clone() for n, t in make_model().float().state_dict().items() if "num_batches" not in n}
    tensors["input"] = images
    tensors.update(by_head("targets", labels) if isinstance(labels, list) else {"labels": labels})
    with torch.no_grad():
        found = double(make_model).eval()(images.double())
    tensors["eval.logits"] = last(found)
    if isinstance(labels, list):
        tensors.update(by_head("eval.logits", found))
    model, x = double(make_model).train(), images.double().requires_grad_()
    found = model(x)
    logits, loss = last(found), loss_of(found, labels, void)
    loss.backward()
    tensors["train.logits"], tensors["train.loss"] = logits.detach(), loss.detach().reshape(1)
    if isinstance(labels, list):
        tensors.update(by_head("train.logits", found))
    tensors.update({"train.grad." + n: p.grad.float() for n, p in model.named_parameters()})
    tensors["train.grad.input"] = x.grad.float()
    tensors.update({"train.running." + n: b.float() for n, b in model.named_buffers() if "num_batches" not in n})
    return tensors


def steps(name, make_optimiser, make_model, images, labels, void=-100):
    """Losses before three optimiser steps on the same batch, and the parameters after the first and the last."""
    tensors, losses, model = {}, [], double(make_model).train()
    optimiser = make_optimiser(model)
    for step in (1, 2, 3):
        model.zero_grad()
        loss = loss_of(model(images.double()), labels, void)
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
        if step != 2:
            tensors.update({f"{name}{step}.{n}": p.detach().float() for n, p in model.named_parameters()})
    tensors[name + ".losses"] = torch.tensor(losses, dtype=torch.float64)
    return tensors


def noise(make_model, images, labels, void=-100):
    """How far PyTorch's own float32 is from the gradients in double precision, in the worse of two layouts."""

    def gradients(model, x):
        loss_of(model.train()(x), labels, void).backward()
        return {n: p.grad.double() for n, p in model.named_parameters()}

    exact, worst = gradients(double(make_model), images.double()), {}
    for layout in (torch.contiguous_format, torch.channels_last):
        model = make_model().float().to(memory_format=layout)
        for n, g in gradients(model, images.to(memory_format=layout)).items():
            error = (g - exact[n]).norm() / max(exact[n].norm(), 1e-7 * g.numel() ** 0.5)
            worst[n] = max(worst.get(n, 0.0), error.item())
    return {"noise.train.grad." + n: torch.tensor([e], dtype=torch.float64) for n, e in worst.items()}


# ---------------------------------------------------------------- DenseNets with torchvision's names

class Layer(nn.Module):
    def __init__(self, channels, growth, width):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        if width:
            self.conv1 = nn.Conv2d(channels, width * growth, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(width * growth)
            self.conv2 = nn.Conv2d(width * growth, growth, 3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(channels, growth, 3, padding=1, bias=False)
            self.norm2 = None

    def forward(self, x):
        y = self.conv1(functional.relu(self.norm1(x)))
        if self.norm2 is not None:
            y = self.conv2(functional.relu(self.norm2(y)))
        return torch.cat((x, y), 1)


class DenseNet(nn.Module):
    """Both stems, with or without a bottleneck; a transition has floor(channels x compression) outputs."""

    def __init__(self, growth, blocks, init, width, compression, stem, classes):
        super().__init__()
        if stem == "imagenet":
            parts = [("conv0", nn.Conv2d(3, init, 7, 2, 3, bias=False)), ("norm0", nn.BatchNorm2d(init)), ("relu0", nn.ReLU()),
                     ("pool0", nn.MaxPool2d(3, 2, 1))]
        else:
            parts = [("conv0", nn.Conv2d(3, init, 3, 1, 1, bias=False))]
        channels = init
        for b, layers in enumerate(blocks, 1):
            block = OrderedDict()
            for layer in range(1, layers + 1):
                block[f"denselayer{layer}"] = Layer(channels, growth, width)
                channels += growth
            parts.append((f"denseblock{b}", nn.Sequential(block)))
            if b < len(blocks):
                out = int(channels * compression)
                parts.append((f"transition{b}", nn.Sequential(OrderedDict(
                    norm=nn.BatchNorm2d(channels), relu=nn.ReLU(), conv=nn.Conv2d(channels, out, 1, bias=False),
                    pool=nn.AvgPool2d(2, 2)))))
                channels = out
        parts.append(("norm5", nn.BatchNorm2d(channels)))
        self.features = nn.Sequential(OrderedDict(parts))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(functional.relu(self.features(x)).mean((2, 3)))


def randomise(model):
    """Scales, shifts and running statistics that are not those of a fresh network, so that mixed up ones show."""
    with torch.no_grad():
        for n, t in model.state_dict().items():
            if n.endswith("running_mean") or "norm" in n and n.endswith("bias"):
                t.normal_(0, 0.1)
            elif n.endswith("running_var"):
                t.uniform_(0.5, 1.5)
            elif "norm" in n and n.endswith("weight"):
                t.uniform_(0.7, 1.3)


def main():
    parser = argparse.ArgumentParser(description="Records a parity case from PyTorch.")
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--growth", type=int, default=8)
    parser.add_argument("--blocks", default="2,3,2,2")
    parser.add_argument("--init", type=int, default=16)
    parser.add_argument("--width", type=int, default=4, help="bottleneck, times growth; 0 for none")
    parser.add_argument("--compression", type=float, default=0.5)
    parser.add_argument("--stem", choices=("imagenet", "small"), default="imagenet")
    parser.add_argument("--classes", type=int, default=7)
    parser.add_argument("--size", type=int, default=72)
    parser.add_argument("--batch", type=int, default=3)
    a = parser.parse_args()
    blocks = tuple(int(n) for n in a.blocks.split(","))
    torch.manual_seed(a.seed)

    def model():
        if a.stem == "imagenet" and a.width and a.compression == 0.5:
            import torchvision
            return torchvision.models.DenseNet(a.growth, blocks, a.init, bn_size=a.width, num_classes=a.classes)
        return DenseNet(a.growth, blocks, a.init, a.width, a.compression, a.stem, a.classes)

    start = model()
    randomise(start)

    def make_model():
        copy = model()
        copy.load_state_dict(start.state_dict())
        return copy

    images, labels = torch.randn(a.batch, 3, a.size, a.size), torch.randint(0, a.classes, (a.batch,))
    record(a.out, make_model, images, labels, growth_rate=a.growth, block_config=blocks, num_init_features=a.init, bn_size=a.width,
           compression=a.compression, stem=a.stem)
    print(a.out)


if __name__ == "__main__":
    main()
