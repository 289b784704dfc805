#!/usr/bin/env python3
"""Densely connected and residual networks in plain PyTorch, with the names that their weights usually have.

usage: reference_networks.py            check parameters and multiply-adds of every network against known numbers
       reference_networks.py --lists    the same, and write the names and shapes of all tensors to the test resources

Names:
  FC-DenseNet (Jégou et al. 2017)   the usual PyTorch port's: firstconv, denseBlocksDown.I.layers.J.{norm,conv},
      transDownBlocks.I.{norm,conv}, bottleneck.bottleneck.layers.J.{norm,conv}, transUpBlocks.I.convTrans,
      denseBlocksUp.I.layers.J.{norm,conv}, finalConv. Blocks upwards are counted from the deepest.
  ResNet (He et al. 2015)           torchvision's: conv1, bn1, layerS.U.{conv1,bn1,conv2,bn2,conv3,bn3,downsample.0,.1},
      fc. Networks for CIFAR have the same names, and layer1 to layer3.
  pre-activation (He et al. 2016)   conv1, layerS.U.{bn1,conv1,bn2,conv2,bn3,conv3,downsample.0}, bn, fc. There is no
      norm behind conv1, and bn is the one before the head.
  CondenseNet (Huang et al. 2018)   the authors': features.{init_conv,denseblock_B.denselayer_L.{conv_1,conv_2}.{norm,conv},
      norm_last}, classifier. As it is before its first condensation, when all masks are ones; they are no tensors here.
  MSDNet (Huang et al. 2018)        the authors' PyTorch code's: blocks.B.L.layers.S.{conv_down,conv_normal}.net.{0,1,3,4},
      blocks.B.L.m.S.net.{0,1} of reductions, blocks.0.0.layers.S.net.{0,1} of the first layer (ImageNet: layers.0.{0,1} of the
      finest scale), classifier.B.m.{0,1}.net.{0,1} and classifier.B.linear. Gives the logits of all exits, as a list.
  RDNet (Kim et al. 2024)           timm's: stem.{0,1}, dense_stages.S.{0,1} the transition, dense_stages.S.2.dense_blockL (without a
      transition dense_stages.0.0.dense_blockL) .gamma, .layers.layers.{0,1,2,4}, .layers.layers.5.fc, head.{norm,fc}.
  DSOD (Shen et al. 2017)           our own: stem.{conv,norm}{1,2,3}, blockB.layerL.{norm1,conv1,norm2,conv2}, blockB.transition.{norm,conv},
      second.{norm,conv} of the second source's shortcut, stepS.{pooled,reduced,strided}.{norm,conv}, headN.norm of the L2 norm,
      headN.conv of offsets and classes together, headN.{offsets,classes} of the batch norms behind. Gives the outputs of all
      heads, as a list: offsets and classes of the first source, then of the second.
  DenseNet with timm's stem "deep"  torchvision's names, and features.{conv0,norm0,conv1,norm1,conv2,norm2} of the stem.

Multiply-adds are those of convolutions and products with full weights, of one image. A transposed convolution counts each
of its input's pixels with all of its weights; the blur of an anti-aliased pool, which has no weights, is not counted.
"""

import argparse
import gzip
import hashlib
import os
from collections import OrderedDict

try:
    import torch
except ModuleNotFoundError:
    raise SystemExit("needs PyTorch; install it, e.g. pip install torch") from None
import torch.nn.functional as functional
from torch import nn

LISTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../src/test/resources/golden/networks")

# Called with what enters a ReLU and the norm whose shift moves it, or with what enters a maximum pool and its window
# (kernel, stride, padding); what they return is taken instead.
rectified, pooled = [], []


def relu(values, norm):
    for observer in rectified:
        values = observer(values, norm)
    return functional.relu(values)


def max_pool(values, kernel, stride, padding=0):
    for observer in pooled:
        observer(values, kernel, stride, padding)
    return functional.max_pool2d(values, kernel, stride, padding)


def max_pool_of_all(values):
    """2x2 with stride 2, also of an odd last row and column, as Caffe pools."""
    height, width = values.shape[2:]
    return max_pool(functional.pad(values, (0, width % 2, 0, height % 2), value=-float("inf")), 2, 2)


# ---------------------------------------------------------------- FC-DenseNet

class FcLayer(nn.Module):
    """BN, ReLU, 3x3 convolution with bias, dropout: the new features alone."""

    def __init__(self, channels, growth, drop, epsilon):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, epsilon)
        self.conv = nn.Conv2d(channels, growth, 3, padding=1)
        self.drop = drop

    def forward(self, x):
        return functional.dropout(self.conv(relu(self.norm(x), self.norm)), self.drop, self.training)


class FcBlock(nn.Module):
    """Layers that each read everything before them; the block's input is in front."""

    def __init__(self, channels, growth, layers, drop, epsilon):
        super().__init__()
        self.layers = nn.ModuleList(FcLayer(channels + i * growth, growth, drop, epsilon) for i in range(layers))

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat((x, layer(x)), 1)
        return x


class FcDown(nn.Module):
    """BN, ReLU, 1x1 convolution with bias, dropout, 2x2 maximum pool that leaves out an odd last row or column."""

    def __init__(self, channels, drop, epsilon):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, epsilon)
        self.conv = nn.Conv2d(channels, channels, 1)
        self.drop = drop

    def forward(self, x):
        y = self.conv(relu(self.norm(x), self.norm))
        return max_pool(functional.dropout(y, self.drop, self.training), 2, 2)


class FcUp(nn.Module):
    """Transposed 3x3 convolution of stride 2, cropped to the skip's size from its top left, and the skip behind it."""

    def __init__(self, channels):
        super().__init__()
        self.convTrans = nn.ConvTranspose2d(channels, channels, 3, 2)

    def forward(self, x, skip):
        height, width = skip.shape[2:]
        y = self.convTrans(x)
        top, left = (y.shape[2] - height) // 2, (y.shape[3] - width) // 2
        return torch.cat((y[:, :, top:top + height, left:left + width], skip), 1)


class FcBottleneck(nn.Module):
    def __init__(self, *arguments):
        super().__init__()
        self.bottleneck = FcBlock(*arguments)

    def forward(self, x):
        return self.bottleneck(x)


class FcDenseNet(nn.Module):
    """Logits [N, classes, H, W]. Dropout is element-wise, as the authors have it; the port drops whole channels."""

    def __init__(self, growth, down, bottleneck, up, classes=11, init=48, drop=0.2, epsilon=1e-4):
        super().__init__()
        self.firstconv = nn.Conv2d(3, init, 3, padding=1)
        self.denseBlocksDown, self.transDownBlocks = nn.ModuleList(), nn.ModuleList()
        channels, skips = init, []
        for layers in down:
            self.denseBlocksDown.append(FcBlock(channels, growth, layers, drop, epsilon))
            channels += layers * growth
            skips.append(channels)
            self.transDownBlocks.append(FcDown(channels, drop, epsilon))
        self.bottleneck = FcBottleneck(channels, growth, bottleneck, drop, epsilon)
        self.transUpBlocks, self.denseBlocksUp = nn.ModuleList(), nn.ModuleList()
        self.new = []
        for before, layers in zip((bottleneck, *up), up):
            self.new.append(before * growth)
            self.transUpBlocks.append(FcUp(before * growth))
            channels = before * growth + skips.pop()
            self.denseBlocksUp.append(FcBlock(channels, growth, layers, drop, epsilon))
        self.finalConv = nn.Conv2d(channels + up[-1] * growth, classes, 1)

    def forward(self, x):
        x, skips = self.firstconv(x), []
        for block, transition in zip(self.denseBlocksDown, self.transDownBlocks):
            x = block(x)
            skips.append(x)
            x = transition(x)
        x = self.bottleneck(x)
        for new, transition, block in zip(self.new, self.transUpBlocks, self.denseBlocksUp):
            x = block(transition(x[:, -new:], skips.pop()))
        return self.finalConv(x)


# ---------------------------------------------------------------- ResNets

def shortcut_a(x, channels, stride):
    """Every second pixel, and channels of zeros behind those that there are."""
    return functional.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, channels - x.shape[1]))


class Basic(nn.Module):
    """Two 3x3 convolutions; the first has the stride."""

    expansion = 1

    def __init__(self, channels, width, stride, first, shortcut, epsilon):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width, epsilon)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, epsilon)
        self.shape = (channels, width, stride)
        self.downsample = projection(channels, width, stride, shortcut, epsilon)

    def forward(self, x):
        y = relu(self.bn1(self.conv1(x)), self.bn1)
        y = self.bn2(self.conv2(y)) + around(self, x)
        return relu(y, self.bn2)


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times the width."""

    expansion = 4

    def __init__(self, channels, width, stride, first, shortcut, epsilon):
        super().__init__()
        out = width * self.expansion
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width, epsilon)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, epsilon)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out, epsilon)
        self.shape = (channels, out, stride)
        self.downsample = projection(channels, out, stride, shortcut, epsilon)

    def forward(self, x):
        y = relu(self.bn1(self.conv1(x)), self.bn1)
        y = relu(self.bn2(self.conv2(y)), self.bn2)
        y = self.bn3(self.conv3(y)) + around(self, x)
        return relu(y, self.bn3)


def projection(channels, out, stride, shortcut, epsilon):
    """What goes around a unit that changes the shape, None for zeros.

    shortcut: "A" every second pixel and channels of zeros, "B" 1x1 convolution and norm, "convolution" 1x1 alone.
    """
    if shortcut == "A" or channels == out and stride == 1:
        return None
    parts = [nn.Conv2d(channels, out, 1, stride, bias=False)]
    return nn.Sequential(*parts, *([nn.BatchNorm2d(out, epsilon)] if shortcut == "B" else []))


def around(unit, x):
    """What goes around a unit."""
    channels, out, stride = unit.shape
    if unit.downsample is not None:
        return unit.downsample(x)
    return x if channels == out and stride == 1 else shortcut_a(x, out, stride)


def add_stages(network, unit, channels, widths, units, *arguments):
    """Stages layer1, layer2, ... of units; all but the first begin with stride 2. Returns the channels behind them."""
    for stage, (width, count) in enumerate(zip(widths, units), 1):
        made = []
        for number in range(count):
            made.append(unit(channels, width, 2 if stage > 1 and number == 0 else 1, number == 0, *arguments))
            channels = width * unit.expansion
        network.add_module(f"layer{stage}", nn.Sequential(*made))
    network.stages = [f"layer{stage}" for stage in range(1, len(units) + 1)]
    return channels


class ResNet(nn.Module):
    """stem: "imagenet" 7x7 with stride 2 and a pool, "small" 3x3."""

    def __init__(self, unit, units, widths, init, stem, shortcut, classes, epsilon=1e-5):
        super().__init__()
        self.stem = stem
        self.conv1 = nn.Conv2d(3, init, *((7, 2, 3) if stem == "imagenet" else (3, 1, 1)), bias=False)
        self.bn1 = nn.BatchNorm2d(init, epsilon)
        self.fc = nn.Linear(add_stages(self, unit, init, widths, units, shortcut, epsilon), classes)

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)), self.bn1)
        if self.stem == "imagenet":
            x = max_pool(x, 3, 2, 1)
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.fc(x.mean((2, 3)))


class PreactivationBasic(nn.Module):
    """BN, ReLU, 3x3, BN, ReLU, 3x3. In a stage's first unit what goes around branches off behind the first ReLU."""

    expansion = 1

    def __init__(self, channels, width, stride, first, shortcut, epsilon):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels, epsilon)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, epsilon)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.shape, self.first = (channels, width, stride), first
        self.downsample = projection(channels, width, stride, shortcut, epsilon)

    def forward(self, x):
        active = relu(self.bn1(x), self.bn1)
        y = relu(self.bn2(self.conv1(active)), self.bn2)
        return self.conv2(y) + around(self, active if self.first else x)


class PreactivationBottleneck(nn.Module):
    """BN, ReLU, 1x1 with the stride, BN, ReLU, 3x3, BN, ReLU, 1x1. The width is that of the narrow convolutions."""

    expansion = 4

    def __init__(self, channels, width, stride, first, shortcut, epsilon):
        super().__init__()
        out = width * self.expansion
        self.bn1 = nn.BatchNorm2d(channels, epsilon)
        self.conv1 = nn.Conv2d(channels, width, 1, stride, bias=False)
        self.bn2 = nn.BatchNorm2d(width, epsilon)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width, epsilon)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.shape, self.first = (channels, out, stride), first
        self.downsample = projection(channels, out, stride, shortcut, epsilon)

    def forward(self, x):
        active = relu(self.bn1(x), self.bn1)
        y = relu(self.bn2(self.conv1(active)), self.bn2)
        y = relu(self.bn3(self.conv2(y)), self.bn3)
        return self.conv3(y) + around(self, active if self.first else x)


class PreactivationResNet(nn.Module):
    """For CIFAR: 3x3 convolution, stages, BN, ReLU, mean, linear."""

    def __init__(self, unit, units, widths, init, shortcut, classes, epsilon=1e-5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, init, 3, 1, 1, bias=False)
        channels = add_stages(self, unit, init, widths, units, shortcut, epsilon)
        self.bn = nn.BatchNorm2d(channels, epsilon)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.conv1(x)
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.fc(relu(self.bn(x), self.bn).mean((2, 3)))


# ---------------------------------------------------------------- DenseNets with timm's stems

class DenseLayer(nn.Module):
    def __init__(self, channels, growth, width, epsilon):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels, epsilon)
        self.conv1 = nn.Conv2d(channels, width * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width * growth, epsilon)
        self.conv2 = nn.Conv2d(width * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(relu(self.norm1(x), self.norm1))
        return torch.cat((x, self.conv2(relu(self.norm2(y), self.norm2))), 1)


class DenseTransition(nn.Module):
    def __init__(self, channels, epsilon):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, epsilon)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x):
        return functional.avg_pool2d(self.conv(relu(self.norm(x), self.norm)), 2)


def blur(x):
    """Binomial [1 2 1] in both directions, stride 2, edges reflected (Zhang 2019)."""
    line = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device)
    kernel = (line[:, None] * line[None, :] / 16).repeat(x.shape[1], 1, 1, 1)
    return functional.conv2d(functional.pad(x, (1, 1, 1, 1), "reflect"), kernel, stride=2, groups=x.shape[1])


class DeepDenseNet(nn.Module):
    """A DenseNet-BC with timm's stem "deep": 3x3 to k with stride 2, 3x3 to k, 3x3 to 2k.

    blurred: the stem's pool takes maxima at stride 1 and then blurs; the transitions' pools are means in either case.
    """

    def __init__(self, growth, blocks, blurred, classes=1000, width=4, epsilon=1e-5):
        super().__init__()
        self.blurred, self.blocks = blurred, len(blocks)
        f = self.features = nn.Module()
        f.conv0 = nn.Conv2d(3, growth, 3, 2, 1, bias=False)
        f.norm0 = nn.BatchNorm2d(growth, epsilon)
        f.conv1 = nn.Conv2d(growth, growth, 3, 1, 1, bias=False)
        f.norm1 = nn.BatchNorm2d(growth, epsilon)
        f.conv2 = nn.Conv2d(growth, 2 * growth, 3, 1, 1, bias=False)
        f.norm2 = nn.BatchNorm2d(2 * growth, epsilon)
        channels = 2 * growth
        for number, count in enumerate(blocks, 1):
            layers = OrderedDict()
            for layer in range(1, count + 1):
                layers[f"denselayer{layer}"] = DenseLayer(channels, growth, width, epsilon)
                channels += growth
            f.add_module(f"denseblock{number}", nn.Sequential(layers))
            if number < len(blocks):
                f.add_module(f"transition{number}", DenseTransition(channels, epsilon))
                channels //= 2
        f.norm5 = nn.BatchNorm2d(channels, epsilon)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        f = self.features
        for conv, norm in ((f.conv0, f.norm0), (f.conv1, f.norm1), (f.conv2, f.norm2)):
            x = relu(norm(conv(x)), norm)
        x = blur(max_pool(x, 3, 1, 1)) if self.blurred else max_pool(x, 3, 2, 1)
        for number in range(1, self.blocks + 1):
            x = getattr(f, f"denseblock{number}")(x)
            if number < self.blocks:
                x = getattr(f, f"transition{number}")(x)
        return self.classifier(relu(f.norm5(x), f.norm5).mean((2, 3)))


# ---------------------------------------------------------------- CondenseNet

class NormConvolution(nn.Module):
    """BN, ReLU and a convolution, in groups or not."""

    def __init__(self, channels, out, kernel, groups, epsilon):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, epsilon)
        self.conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False)

    def forward(self, x):
        return self.conv(relu(self.norm(x), self.norm))


class CondenseLayer(nn.Module):
    """The 1x1 convolution that learns groups, and a 3x3 one that has them; the new features behind the old."""

    def __init__(self, channels, growth, groups, width, epsilon):
        super().__init__()
        self.conv_1 = NormConvolution(channels, width * growth, 1, 1, epsilon)
        self.conv_2 = NormConvolution(width * growth, growth, 3, groups, epsilon)

    def forward(self, x):
        return torch.cat((x, self.conv_2(self.conv_1(x))), 1)


class CondenseNet(nn.Module):
    """All features of a block, averaged over 2x2 pixels, are what the next one begins with; there are no transitions."""

    def __init__(self, growths, blocks, groups, stride=1, classes=10, width=4, epsilon=1e-5):
        super().__init__()
        f = self.features = nn.Module()
        channels = 2 * growths[0]
        f.init_conv = nn.Conv2d(3, channels, 3, stride, 1, bias=False)
        self.blocks = len(blocks)
        for number, (growth, count) in enumerate(zip(growths, blocks), 1):
            layers = OrderedDict()
            for layer in range(1, count + 1):
                layers[f"denselayer_{layer}"] = CondenseLayer(channels, growth, groups, width, epsilon)
                channels += growth
            f.add_module(f"denseblock_{number}", nn.Sequential(layers))
        f.norm_last = nn.BatchNorm2d(channels, epsilon)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        f = self.features
        x = f.init_conv(x)
        for number in range(1, self.blocks + 1):
            x = getattr(f, f"denseblock_{number}")(x)
            if number < self.blocks:
                x = functional.avg_pool2d(x, 2)
        return self.classifier(relu(f.norm_last(x), f.norm_last).mean((2, 3)))


# ---------------------------------------------------------------- MSDNet

class Rectified(nn.Sequential):
    """Convolutions, each followed by BN and ReLU, whose places in the list the ReLUs take."""

    def forward(self, x):
        for module in self:
            if isinstance(module, nn.ReLU):
                x = relu(x, norm)
            else:
                x, norm = module(x), module
        return x


class Net(nn.Module):
    """What the authors put their lists into."""

    def __init__(self, *modules):
        super().__init__()
        self.net = Rectified(*modules)

    def forward(self, x):
        return self.net(x)


def rectified_convolution(channels, out, kernel, stride, epsilon):
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out, epsilon), nn.ReLU()]


def branch(channels, out, factor, stride, epsilon):
    width = min(channels, factor * out)
    return Net(*rectified_convolution(channels, width, 1, 1, epsilon), *rectified_convolution(width, out, 3, stride, epsilon))


class ScaleLayer(nn.Module):
    """What a layer adds to a scale: half from the finer scale, if that is there, and the rest from its own."""

    def __init__(self, finer, own, out, factors, epsilon):
        super().__init__()
        if finer:
            self.conv_down = branch(finer, out // 2, factors[0], 2, epsilon)
        self.conv_normal = branch(own, out // 2 if finer else out, factors[1], 1, epsilon)

    def forward(self, finer, own):
        down = [self.conv_down(finer)] if hasattr(self, "conv_down") else []
        return torch.cat([own, *down, self.conv_normal(own)], 1)


class FirstLayer(nn.Module):
    def __init__(self, channels, imagenet, epsilon):
        super().__init__()
        self.layers = nn.ModuleList()
        if imagenet:
            self.layers.append(Rectified(nn.Conv2d(3, channels[0], 7, 2, 3), nn.BatchNorm2d(channels[0], epsilon), nn.ReLU()))
        else:
            self.layers.append(Net(*rectified_convolution(3, channels[0], 3, 1, epsilon)))
        self.imagenet = imagenet
        for finer, out in zip(channels, channels[1:]):
            self.layers.append(Net(*rectified_convolution(finer, out, 3, 2, epsilon)))

    def forward(self, x):
        scales = []
        for layer in self.layers:
            x = layer(x)
            if self.imagenet and not scales:
                x = max_pool(x, 3, 2, 1)
            scales.append(x)
        return scales


class Layer(nn.Module):
    """The scales that are left, the coarsest ones; one less than before where there is one more than layers."""

    def __init__(self, before, scales, unit, growth, factors, bottlenecks, epsilon):
        super().__init__()
        self.layers = nn.ModuleList()
        first = len(factors) - scales
        for s in range(first, len(factors)):
            finer = unit * factors[s - 1] if s > first or before > scales else 0
            self.layers.append(
                ScaleLayer(finer, unit * factors[s], growth * factors[s], (bottlenecks[s - 1], bottlenecks[s]), epsilon))

    def forward(self, scales):
        dropped = len(scales) - len(self.layers)
        finer = [None, *scales] if not dropped else scales
        return [layer(finer[i], scales[i + dropped]) for i, layer in enumerate(self.layers)]


class Reduction(nn.Module):
    def __init__(self, before, after, factors, epsilon):
        super().__init__()
        self.m = nn.ModuleList(Net(*rectified_convolution(before * f, after * f, 1, 1, epsilon)) for f in factors)

    def forward(self, scales):
        return [module(x) for module, x in zip(self.m, scales)]


class Exit(nn.Module):
    def __init__(self, channels, width, classes, epsilon):
        super().__init__()
        self.m = nn.Sequential(Net(*rectified_convolution(channels, width, 3, 2, epsilon)),
                               Net(*rectified_convolution(width, width, 3, 2, epsilon)))
        self.linear = nn.Linear(width, classes)

    def forward(self, x):
        return self.linear(self.m(x).mean((2, 3)))


class MsdNet(nn.Module):
    """Scales are dropped evenly, the authors' "max", and reduced where one is."""

    def __init__(self, layers, growth, initial, factors, imagenet, classes, exit_width=0, reduction=0.5, epsilon=1e-5):
        super().__init__()
        self.blocks, self.classifier = nn.ModuleList(), nn.ModuleList()
        scales, interval = len(factors), -(-sum(layers) // len(factors))
        unit, number = initial, 0
        for count in layers:
            block = [] if number else [FirstLayer([initial * f for f in factors], imagenet, epsilon)]
            for _ in range(count):
                number += 1
                before, left = scales - max(0, number - 2) // interval, scales - (number - 1) // interval
                block.append(Layer(before, left, unit, growth, factors, factors, epsilon))
                unit += growth
                if before > left:
                    block.append(Reduction(unit, int(reduction * unit), factors[scales - left:], epsilon))
                    unit = int(reduction * unit)
            self.blocks.append(nn.Sequential(*block))
            channels = unit * factors[-1]
            self.classifier.append(Exit(channels, exit_width or channels, classes, epsilon))

    def forward(self, x):
        exits = []
        for block, classifier in zip(self.blocks, self.classifier):
            x = block(x)
            exits.append(classifier(x[-1]))
        return exits


# ---------------------------------------------------------------- RDNet

class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ChannelGate(nn.Module):
    """Effective squeeze-excitation. PyTorch's own hardsigmoid has 1/6 in single precision in its gradient."""

    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * ((self.fc(x.mean((2, 3), keepdim=True)) + 3) / 6).clamp(0, 1)


class RdMixer(nn.Module):
    def __init__(self, channels, growth, kernel, expansion, gated, epsilon):
        super().__init__()
        middle = channels * expansion // 8 * 8
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels), ChannelNorm(channels, epsilon),
            nn.Conv2d(channels, middle, 1), nn.GELU(), nn.Conv2d(middle, growth, 1),
            *((ChannelGate(growth),) if gated else ()))

    def forward(self, x):
        return self.layers(x)


class RdLayer(nn.Module):
    def __init__(self, channels, growth, *mixer):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((growth,), 1e-6))
        self.layers = RdMixer(channels, growth, *mixer)

    def forward(self, x):
        return torch.cat((x, self.layers(x) * self.gamma[:, None, None]), 1)


class PooledHead(nn.Module):
    def __init__(self, channels, classes, epsilon):
        super().__init__()
        self.norm = nn.LayerNorm(channels, epsilon)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(self.norm(x.mean((2, 3))))


class RdNet(nn.Module):
    """Stages are counted from 1 where they halve the image, and where gates begin."""

    def __init__(self, channels, growths, halving, layers=None, gated_from=3, patch=4, kernel=7, expansion=4, classes=1000,
                 epsilon=1e-6):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, patch, patch), ChannelNorm(channels, epsilon))
        stages = []
        for stage, growth in enumerate(growths, 1):
            parts = []
            if stage > 1:
                half, patch = channels // 2 // 8 * 8, 2 if stage in halving else 1
                parts += [ChannelNorm(channels, epsilon), nn.Conv2d(channels, half, patch, patch)]
                channels = half
            blocks = OrderedDict()
            for layer in range(layers[stage - 1] if layers else 3):
                blocks[f"dense_block{layer}"] = RdLayer(channels, growth, kernel, expansion, stage >= gated_from, epsilon)
                channels += growth
            stages.append(nn.Sequential(*parts, nn.Sequential(blocks)))
        self.dense_stages = nn.Sequential(*stages)
        self.head = PooledHead(channels, classes, epsilon)

    def forward(self, x):
        return self.head(self.dense_stages(self.stem(x)))


# ---------------------------------------------------------------- DSOD

class DsodLayer(nn.Module):
    def __init__(self, channels, growth, width, epsilon):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels, epsilon), nn.Conv2d(channels, width, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(width, epsilon), nn.Conv2d(width, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(relu(self.norm1(x), self.norm1))
        return torch.cat((x, self.conv2(relu(self.norm2(y), self.norm2))), 1)


class DsodConvolution(nn.Module):
    """BN, ReLU, convolution."""

    def __init__(self, inputs, outputs, epsilon, kernel=1, stride=1, padding=0):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs, epsilon)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)

    def forward(self, x):
        return self.conv(relu(self.norm(x), self.norm))


class DsodStem(nn.Module):
    def __init__(self, channels, epsilon):
        super().__init__()
        widths = (3, channels, channels, 2 * channels)
        for i in (1, 2, 3):
            self.add_module(f"conv{i}", nn.Conv2d(widths[i - 1], widths[i], 3, 2 if i == 1 else 1, 1, bias=False))
            self.add_module(f"norm{i}", nn.BatchNorm2d(widths[i], epsilon))

    def forward(self, x):
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2), (self.conv3, self.norm3)):
            x = relu(norm(conv(x)), norm)
        return max_pool_of_all(x)


class DsodStep(nn.Module):
    """Half pooled and convolved, half convolved and strided."""

    def __init__(self, channels, width, epsilon):
        super().__init__()
        self.pooled = DsodConvolution(channels, width, epsilon)
        self.reduced = DsodConvolution(channels, width, epsilon)
        self.strided = DsodConvolution(width, width, epsilon, 3, 2, 1)

    def forward(self, x):
        return torch.cat((self.pooled(max_pool_of_all(x)), self.strided(self.reduced(x))), 1)


class L2Norm(nn.Module):
    """Over the channels of each pixel, with a learned scale for each channel."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), 20.0))

    def forward(self, x):
        return self.weight[:, None, None] * x / (x.square().sum(1, keepdim=True) + 1e-10).sqrt()


class DsodHead(nn.Module):
    """The authors' two convolutions, of offsets and of classes, are one with the outputs of both."""

    def __init__(self, channels, boxes, classes):
        super().__init__()
        self.split = (4 * boxes, (1 + classes) * boxes)
        self.norm = L2Norm(channels)
        self.conv = nn.Conv2d(channels, sum(self.split), 3, padding=1, bias=False)
        self.offsets, self.classes = (nn.BatchNorm2d(outputs, 1e-3) for outputs in self.split)

    def forward(self, x):
        offsets, classes = self.conv(self.norm(x)).split(self.split, 1)
        return [self.offsets(offsets), self.classes(classes)]


class Dsod(nn.Module):
    def __init__(self, stem=64, layers=(6, 8, 8, 8), growth=48, width=192, second=256, steps=(256, 128, 128, 128),
                 boxes=(4, 6, 6, 6, 4, 4), classes=20, epsilon=1e-5):
        super().__init__()
        self.classes, self.stem, channels, sources = classes, DsodStem(stem, epsilon), 2 * stem, []
        for block, count in enumerate(layers, 1):
            parts = OrderedDict()
            for layer in range(1, count + 1):
                parts[f"layer{layer}"] = DsodLayer(channels, growth, width, epsilon)
                channels += growth
            parts["transition"] = DsodConvolution(channels, second if block == 4 else channels, epsilon)
            self.add_module(f"block{block}", nn.Sequential(parts))
            if block == 2:
                sources.append(channels)
        self.second = DsodConvolution(sources[0], second, epsilon)
        sources.append(2 * second)
        for step, w in enumerate(steps, 1):
            self.add_module(f"step{step}", DsodStep(sources[-1], w, epsilon))
            sources.append(2 * w)
        self.steps = len(steps)
        for source, (channels, count) in enumerate(zip(sources, boxes), 1):
            self.add_module(f"head{source}", DsodHead(channels, count, classes))

    def forward(self, x):
        first = self.block2(max_pool_of_all(self.block1(self.stem(x))))
        pool = max_pool_of_all(first)
        x = self.block4(self.block3(pool))
        sources = [first, torch.cat((x, self.second(pool)), 1)]
        for step in range(1, self.steps + 1):
            sources.append(getattr(self, f"step{step}")(sources[-1]))
        return [output for i, source in enumerate(sources, 1) for output in getattr(self, f"head{i}")(source)]


# ---------------------------------------------------------------- full-sized networks and what is known of them

MILLION = 1_000_000


class Network:
    """A network at its usual size, and what is known of it from publications and by formula from the authors' code.

    parameters: trained numbers. statistics: numbers that norms keep, None where nobody counted them.
    multiply_adds: by the height and width of images, each a number and the unit that it is known to.
    """

    def __init__(self, make, parameters, multiply_adds, statistics=None):
        self.make, self.parameters, self.statistics, self.multiply_adds = make, parameters, statistics, multiply_adds


def fc_densenet(growth, down, bottleneck, classes=11):
    return lambda: FcDenseNet(growth, down, bottleneck, down[::-1], classes)


def imagenet_resnet(unit, *units):
    return lambda: ResNet(unit, units, (64, 128, 256, 512), 64, "imagenet", "B", 1000)


def cifar_resnet(depth):
    return lambda: ResNet(Basic, ((depth - 2) // 6,) * 3, (16, 32, 64), 16, "small", "A", 10)


def cifar_preresnet(depth):
    """As published: of basic units up to 110 layers, of bottlenecks with 164 and 1001."""
    if depth < 164:
        return lambda: PreactivationResNet(PreactivationBasic, ((depth - 2) // 6,) * 3, (16, 32, 64), 16, "A", 10)
    return lambda: PreactivationResNet(PreactivationBottleneck, ((depth - 2) // 9,) * 3, (16, 32, 64), 16, "convolution", 10)


def condensenet(depth, *growths):
    return lambda: CondenseNet(growths or (8, 16, 32), ((depth - 2) // 6,) * 3, 4)


def condensenet74(groups):
    return lambda: CondenseNet((8, 16, 32, 64, 128), (4, 6, 8, 10, 8), groups, 2, 1000)


def msdnet_imagenet(step):
    return lambda: MsdNet((step,) * 5, 16, 32, (1, 2, 4, 4), True, 1000)


def msdnet_cifar100(*layers):
    return lambda: MsdNet(layers, 6, 16, (1, 2, 4), False, 100, 128)


def camvid(large, small):
    return {(360, 480): (large * MILLION, MILLION), (224, 224): (small * MILLION, MILLION)}


def imagenet(number, unit=1):
    return {(224, 224): (number, unit)}


def cifar(number):
    return {(32, 32): (number, 1)} if number else {(32, 32): None}


def rdnet(channels, growths, *halving):
    return lambda: RdNet(channels, growths, halving)


def dsod(million):
    return {(300, 300): (million * MILLION, MILLION)}


NETWORKS = {
    "fc-densenet56": Network(fc_densenet(12, (4,) * 5, 4), 1_376_795, camvid(30_703, 8_917), 21_168),
    "fc-densenet67": Network(fc_densenet(16, (5,) * 5, 5), 3_463_243, camvid(71_967, 20_902), 39_680),
    "fc-densenet103": Network(fc_densenet(16, (4, 5, 7, 10, 12), 15), 9_322_091, camvid(69_068, 20_073), 103_072),
    "resnet18": Network(imagenet_resnet(Basic, 2, 2, 2, 2), 11_689_512, imagenet(1_814 * MILLION, MILLION)),
    "resnet34": Network(imagenet_resnet(Basic, 3, 4, 6, 3), 21_797_672, imagenet(3_664 * MILLION, MILLION)),
    "resnet50": Network(imagenet_resnet(Bottleneck, 3, 4, 6, 3), 25_557_032, imagenet(4_089 * MILLION, MILLION)),
    "resnet101": Network(imagenet_resnet(Bottleneck, 3, 4, 23, 3), 44_549_160, imagenet(7_801 * MILLION, MILLION)),
    "resnet152": Network(imagenet_resnet(Bottleneck, 3, 8, 36, 3), 60_192_808, imagenet(11_514 * MILLION, MILLION)),
    "cifar-resnet-20": Network(cifar_resnet(20), 269_722, cifar(None)),
    "cifar-resnet-32": Network(cifar_resnet(32), 464_154, cifar(None)),
    "cifar-resnet-44": Network(cifar_resnet(44), 658_586, cifar(None)),
    "cifar-resnet-56": Network(cifar_resnet(56), 853_018, cifar(None)),
    "cifar-resnet-110": Network(cifar_resnet(110), 1_727_962, cifar(252_887_680)),
    "cifar-resnet-1202": Network(cifar_resnet(1202), 19_421_274, cifar(None)),
    # The stem's norm less (32 numbers), one before the head more (128), and norms of 16 and 32 channels, not of 32 and 64, in
    # the units that widen (96 less): as many as the networks above.
    "cifar-preresnet-20": Network(cifar_preresnet(20), 269_722, cifar(None)),
    "cifar-preresnet-110": Network(cifar_preresnet(110), 1_727_962, cifar(252_887_680)),
    "cifar-preresnet-164": Network(cifar_preresnet(164), 1_703_258, cifar(244_500_992)),
    "cifar-preresnet-1001": Network(cifar_preresnet(1001), 10_327_706, cifar(1_487_849_984)),
    "densenetblur121d": Network(lambda: DeepDenseNet(32, (6, 12, 24, 16), True), 7_998_088, imagenet(3_073_802_240)),
    "densenet264d": Network(lambda: DeepDenseNet(48, (6, 12, 64, 48), False), 72_736_216, imagenet(13_470_266_880)),
    # Before condensation, whose counts are the published ones.
    "condensenet-50": Network(condensenet(50), 522_938, cifar(None)),
    "condensenet-74": Network(condensenet(74), 1_090_906, cifar(None)),
    "condensenet-86": Network(condensenet(86), 1_451_594, cifar(None)),
    "condensenet-98": Network(condensenet(98), 1_863_418, cifar(None)),
    "condensenet-110": Network(condensenet(110), 2_326_378, cifar(None)),
    "condensenet-122": Network(condensenet(122), 2_840_474, cifar(None)),
    "condensenet-182": Network(condensenet(182, 12, 24, 48), 13_792_906, cifar(None)),
    "condensenet-imagenet-74-c4": Network(condensenet74(4), 11_922_680, {(224, 224): None}),
    "condensenet-imagenet-74-c8": Network(condensenet74(8), 11_103_608, {(224, 224): None}),
    "msdnet-imagenet-4": Network(msdnet_imagenet(4), 23_958_440, imagenet(1_355_606_016)),
    "msdnet-imagenet-7": Network(msdnet_imagenet(7), 62_314_472, imagenet(3_246_180_864)),
    "msdnet-cifar100-anytime": Network(msdnet_cifar100(4, 2, 2, 2, 2, 2, 2), 3_067_960, cifar(None)),
    "msdnet-cifar100-budgeted": Network(msdnet_cifar100(1, 2, 3, 4, 5), 2_078_924, cifar(58_087_936)),
    "rdnet-t": Network(rdnet(64, (64, 104, 128, 128, 128, 128, 224), 2, 3, 7), 23_863_008, imagenet(5_033 * MILLION, MILLION)),
    "rdnet-s": Network(rdnet(72, (64, *(128,) * 8, 240, 240), 2, 3, 10), 50_436_448, imagenet(8_706 * MILLION, MILLION)),
    "rdnet-b": Network(rdnet(120, (96, 128, *(168,) * 7, 336, 336), 2, 3, 10), 87_451_096, imagenet(15_358 * MILLION, MILLION)),
    "rdnet-l": Network(rdnet(144, (128, 192, *(256,) * 8, 360, 360), 2, 3, 11), 186_269_632, imagenet(34_675 * MILLION, MILLION)),
    # Published: files of 59.2, 87.2 and 23.5 MB, which are four times the sum of both.
    "dsod300": Network(Dsod, 14_715_804, dsod(15_080), 79_932),
    "dsod300-coco": Network(lambda: Dsod(classes=80), 21_700_524, dsod(18_368), 83_532),
    "dsod300-smallest": Network(lambda: Dsod(width=64, growth=16), 5_833_372, {(300, 300): None}, 38_908),
}


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def kept(model):
    """Names and tensors as in a file of weights, without counts of batches."""
    return [(name, tensor) for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")]


def statistics(model):
    return sum(tensor.numel() for name, tensor in kept(model) if "running_" in name)


def multiply_adds(model, size):
    """Of one image, by shapes alone: the model is on the device "meta" afterwards."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        positions = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        total += module.weight.numel() * positions[0, 0].numel() if positions.dim() == 4 else module.weight.numel()

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]
    with torch.no_grad():
        model.to("meta").eval()(torch.empty(1, 3, *size, device="meta"))
    for hook in hooks:
        hook.remove()
    return total


def check_counts():
    """Yields a line for each network; raises AssertionError where a number is another."""
    for name, network in NETWORKS.items():
        model = network.make()
        assert parameters(model) == network.parameters, (name, parameters(model))
        assert network.statistics in (None, statistics(model)), (name, statistics(model))
        line = f"{name:21s} {parameters(model):10d} parameters {statistics(model):7d} statistics"
        for size, known in network.multiply_adds.items():
            counted = multiply_adds(model, size)
            if known is not None:
                number, unit = known
                assert (counted + unit // 2) // unit * unit == number, (name, size, counted)
            line += f" {counted:12d} multiply-adds at {size[0]}x{size[1]}"
        yield line
    # With CamVid's void as a class of its own, and the defaults of the authors' code: four pools, the published 1.5 million.
    for growth, down, bottleneck, classes, known in (
            (12, (4,) * 5, 4, 12, 1_376_988), (16, (5,) * 5, 5, 12, 3_463_532),
            (16, (4, 5, 7, 10, 12), 15, 12, 9_322_348), (12, (5,) * 4, 5, 11, 1_459_835)):
        assert parameters(fc_densenet(growth, down, bottleneck, classes)()) == known, (growth, down)
    assert statistics(fc_densenet(12, (5,) * 4, 5)()) == 1_482_299 - 1_459_835


def check_torchvision():
    """ResNets have torchvision's names, in its order, and give what torchvision's give."""
    import torchvision
    for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
        ours, theirs = NETWORKS[name].make().double(), getattr(torchvision.models, name)().double()
        assert list(ours.state_dict()) == list(theirs.state_dict()), name
        ours.load_state_dict(theirs.state_dict())
        images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
        with torch.no_grad():
            error = (ours(images) - theirs(images)).abs().max().item()
        assert error < 1e-9, (name, error)
        yield f"{name}: torchvision's names; logits differ by {error:.0e}"


# ---------------------------------------------------------------- lists for the tests

def write_lists():
    """NAME.txt.gz of each network and counts.tsv; see the README beside them."""
    os.makedirs(LISTS, exist_ok=True)
    table = ["network\tparameters\tstatistics\theight\twidth\tmultiply-adds\ttensors\tsha256"]
    for name, network in NETWORKS.items():
        model = network.make()
        trained = {n for n, _ in model.named_parameters()}
        lines = [f"{n}\t{','.join(map(str, t.shape))}\t{'parameter' if n in trained else 'statistic'}" for n, t in kept(model)]
        text = ("\n".join(lines) + "\n").encode()
        with open(os.path.join(LISTS, name + ".txt.gz"), "wb") as file:
            file.write(gzip.compress(text, 9, mtime=0))
        counts = f"{name}\t{parameters(model)}\t{statistics(model)}"
        for size in network.multiply_adds:
            row = (counts, *size, multiply_adds(model, size), len(lines), hashlib.sha256(text).hexdigest())
            table.append("\t".join(map(str, row)))
    with open(os.path.join(LISTS, "counts.tsv"), "w") as file:
        file.write("\n".join(table) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Checks the networks' parameters and multiply-adds.")
    parser.add_argument("--lists", action="store_true", help="write names and shapes to the test resources")
    arguments = parser.parse_args()
    for line in check_counts():
        print(line, flush=True)
    for line in check_torchvision():
        print(line, flush=True)
    if arguments.lists:
        write_lists()


if __name__ == "__main__":
    main()
