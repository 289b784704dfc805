#!/usr/bin/env python3
"""DSOD300 (Shen et al. 2017, arXiv 1708.01241) in PyTorch: its structure, checked by the published counts.

Unfinished: the engine has no such network yet. What a graph lacks for it is an L2 norm over channels with a learned
scale, and a head whose logits are what it reads behind a batch norm without ReLU; pools that round up are there.
"""

import torch
from torch import nn
from torch.nn import functional

from reference_networks import multiply_adds, parameters, statistics


def pool(x):
    return functional.max_pool2d(x, 2, ceil_mode=True)


def brc(inputs, outputs, kernel, stride=1, padding=0):
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False))


class DsodLayer(nn.Module):
    def __init__(self, channels, growth, width):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, width, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(width), nn.Conv2d(width, growth, 3, 1, 1, bias=False)

    def forward(self, x):
        y = self.conv1(self.norm1(x).relu())
        return torch.cat([x, self.conv2(self.norm2(y).relu())], 1)


class Head(nn.Module):
    """L2 norm over channels with a learned scale, 3x3 convolutions of offsets and classes, each with a batch norm behind."""

    def __init__(self, channels, boxes, classes):
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), 20.0))
        self.loc = nn.Sequential(nn.Conv2d(channels, 4 * boxes, 3, 1, 1, bias=False), nn.BatchNorm2d(4 * boxes, 1e-3))
        self.conf = nn.Sequential(nn.Conv2d(channels, classes * boxes, 3, 1, 1, bias=False), nn.BatchNorm2d(classes * boxes, 1e-3))

    def forward(self, x):
        x = self.scale[:, None, None] * x / (x.square().sum(1, keepdim=True) + 1e-10).sqrt()
        return self.loc(x), self.conf(x)


class Step(nn.Module):
    """Half pooled and convolved, half convolved and strided."""

    def __init__(self, channels, width):
        super().__init__()
        self.pooled = brc(channels, width, 1)
        self.reduced, self.strided = brc(channels, width, 1), brc(width, width, 3, 2, 1)

    def forward(self, x):
        return torch.cat([self.pooled(pool(x)), self.strided(self.reduced(x))], 1)


class Dsod(nn.Module):
    def __init__(self, stem=64, width=192, growth=48, classes=21, second=256, steps=(256, 128, 128, 128)):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(),
                                  nn.Conv2d(stem, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(),
                                  nn.Conv2d(stem, 2 * stem, 3, 1, 1, bias=False), nn.BatchNorm2d(2 * stem), nn.ReLU())
        self.blocks, self.transitions, channels, c = nn.ModuleList(), nn.ModuleList(), [], 2 * stem
        for number, layers in enumerate((6, 8, 8, 8), 1):
            self.blocks.append(nn.Sequential(*[DsodLayer(c + i * growth, growth, width) for i in range(layers)]))
            c += layers * growth
            channels.append(c)
            self.transitions.append(brc(c, c if number < 4 else second, 1))
        self.first = brc(channels[1], second, 1)
        sources = [channels[1], 2 * second]
        self.steps = nn.ModuleList()
        for w in steps:
            self.steps.append(Step(sources[-1], w))
            sources.append(2 * w)
        self.heads = nn.ModuleList(Head(s, a, classes) for s, a in zip(sources, (4, 6, 6, 6, 4, 4)))

    def forward(self, x):
        x = pool(self.stem(x))
        x = pool(self.transitions[0](self.blocks[0](x)))
        first = self.transitions[1](self.blocks[1](x))
        pooled = pool(first)
        x = self.transitions[3](self.blocks[3](self.transitions[2](self.blocks[2](pooled))))
        sources = [first, torch.cat([x, self.first(pooled)], 1)]
        for step in self.steps:
            sources.append(step(sources[-1]))
        return [head(source) for head, source in zip(self.heads, sources)]


NETWORKS = {
    "dsod300": (Dsod, 14_715_804, 14_795_736),
    "dsod300-coco": (lambda: Dsod(classes=81), 21_700_524, 21_784_056),
    "dsod300-smallest": (lambda: Dsod(width=64, growth=16), 5_833_372, 5_872_280),
}


def main():
    for name, (make, trained, with_statistics) in NETWORKS.items():
        model = make().eval()
        assert parameters(model) == trained and trained + statistics(model) == with_statistics, name
        with torch.no_grad():
            outputs = model(torch.zeros(1, 3, 300, 300))
        priors = sum(loc.numel() // 4 for loc, _ in outputs)
        assert priors == 8744, priors
        print(f"{name}: {trained:,} parameters, {multiply_adds(model, (300, 300)) / 1e9:.3f} G multiply-adds", flush=True)


if __name__ == "__main__":
    main()
