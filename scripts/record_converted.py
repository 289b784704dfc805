#!/usr/bin/env python3
"""Records a condensed CondenseNet (Huang et al. 2018, section 3.2) before and after the authors' conversion, and what PyTorch computes with it.

usage: record_converted.py [FOLDER]        default: src/test/resources/golden/converted

  condensed.safetensors   random weights, and masks with which each group of a 1x1 convolution reads in/factor inputs
  converted.safetensors   the same as a network whose 1x1 convolutions are in groups, behind an index of their inputs, with the half
      of the classifier's features that have the largest weights
  both have images [N, 3, H, W] (F32) and logits [N, classes] (F64), each of its own network, in evaluation

Names are the authors'. The converted network is one of its own here: it gathers, normalises, convolves in groups and shuffles.
"""

import os
import sys

import reference_networks as networks  # First: it says when PyTorch is missing.
import torch
import torch.nn.functional as functional

from record_parity_case import write

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GROUPS = FACTOR = 4
GROWTHS, BLOCKS, CLASSES, EPSILON = (8, 16), (3, 2), 6, 1e-5


def one_by_one(model):
    """The layers with learned groups, by name."""
    return {name: layer.conv_1 for name, layer in model.named_modules() if isinstance(layer, networks.CondenseLayer)}


def randomise(model):
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var") or "norm" in name and name.endswith("weight"):
            tensor.copy_(torch.rand(tensor.shape) + 0.5)
        elif tensor.is_floating_point():
            tensor.normal_(0, 1 / max(1, tensor[0].numel()) ** 0.5 if tensor.dim() > 1 else 0.3)


def condense(model):
    """Masks as training leaves them; output o is of group o mod groups."""
    masks = {}
    for name, layer in one_by_one(model).items():
        weight = layer.conv.weight.data
        mask = torch.zeros_like(weight)
        inputs = weight.shape[1]
        for group in range(GROUPS):
            importance = weight[group::GROUPS].abs().sum((0, 2, 3))
            mask[group::GROUPS, importance.argsort()[inputs - inputs // FACTOR:]] = 1
        masks[name], layer.conv.weight.data = mask, weight * mask
    return masks


def convert(model, masks):
    """Tensors by the authors' names: gathered norms, weights of each group behind each other, and half of the classifier."""
    tensors = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    for name, layer in one_by_one(model).items():
        kept = [masks[name][group, :, 0, 0].nonzero().flatten() for group in range(GROUPS)]
        index = torch.cat(kept)
        weight = layer.conv.weight.data
        tensors[f"{name}.conv_1.index"] = index
        tensors[f"{name}.conv_1.conv.weight"] = torch.cat([weight[group::GROUPS, kept[group]] for group in range(GROUPS)])
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{name}.conv_1.norm.{part}"] = getattr(layer.norm, part).data[index]
    weight = tensors.pop("classifier.weight")
    index = weight.abs().sum(0).sort().indices[weight.shape[1] - weight.shape[1] // 2:]
    tensors["classifier.index"] = index
    tensors["classifier.linear.weight"] = weight[:, index]
    tensors["classifier.linear.bias"] = tensors.pop("classifier.bias")
    return tensors


def converted_logits(t, x):
    """What a converted network computes."""
    def norm(x, name):
        return functional.relu(functional.batch_norm(
            x, t[name + ".running_mean"], t[name + ".running_var"], t[name + ".weight"], t[name + ".bias"], eps=EPSILON))

    t = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in t.items()}
    x = functional.conv2d(x.double(), t["features.init_conv.weight"], padding=1)
    for block, count in enumerate(BLOCKS, 1):
        for layer in range(1, count + 1):
            name = f"features.denseblock_{block}.denselayer_{layer}."
            z = norm(x[:, t[name + "conv_1.index"]], name + "conv_1.norm")
            z = functional.conv2d(z, t[name + "conv_1.conv.weight"], groups=GROUPS)
            n, channels, height, width = z.shape
            z = z.view(n, GROUPS, channels // GROUPS, height, width).transpose(1, 2).reshape(n, channels, height, width)
            z = norm(z, name + "conv_2.norm")
            x = torch.cat((x, functional.conv2d(z, t[name + "conv_2.conv.weight"], padding=1, groups=GROUPS)), 1)
        if block < len(BLOCKS):
            x = functional.avg_pool2d(x, 2)
    x = norm(x, "features.norm_last").mean((2, 3))
    return x[:, t["classifier.index"]] @ t["classifier.linear.weight"].T + t["classifier.linear.bias"]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HOME, "src/test/resources/golden/converted")
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(1)
    model = networks.CondenseNet(GROWTHS, BLOCKS, GROUPS, 1, CLASSES, 4, EPSILON).eval()
    randomise(model)
    masks = condense(model)
    images = torch.randn(3, 3, 11, 14)
    converted = convert(model, masks)
    condensed = {name: tensor.clone() for name, tensor in networks.kept(model)}
    condensed.update({f"{name}.conv_1._mask": mask for name, mask in masks.items()})
    with torch.no_grad():
        logits = {"condensed": model.double()(images.double()), "converted": converted_logits(converted, images)}
    for name, tensors in (("condensed", condensed), ("converted", converted)):
        path = os.path.join(folder, name + ".safetensors")
        write(path, {**tensors, "case.images": images, "case.logits": logits[name]}, {})
        print(f"{path}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
