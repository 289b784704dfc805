#!/usr/bin/env python3
"""Records what torchvision makes of Pillow's images, for the tests of augmentations, resizing and views.

usage: record_augmentations.py [FILE]            default: src/test/resources/augment/torchvision.safetensors

Debian's python3-torchvision 0.14.1 (of torch 1.13.1, with Pillow 9.4.0) has made the file that is there.

  image.NAME [H, W, C] (U8)                what everything starts from: rgb, grey, dull (few values), even (one value)
  OPERATION|NAME|LEVEL [H, W, C] (U8)      RandAugment's operation, by its name there, at a level of 31; LEVEL has a minus where
                                           it goes the other way
  magnitudes.OPERATION [31] (F64)          of an image of 26x33
  resize|NAME|INTERPOLATION|HxW            torchvision.transforms.functional.resize to these numbers
  crop|NAME|INTERPOLATION|RESIZE|HxW       Resize(RESIZE) and CenterCrop(HxW), as evaluation transforms have it
  ten|NAME|RESIZE|SIZE|V                   view V of Resize(RESIZE) and TenCrop(SIZE), bilinear
  rotate|NAME|DEGREES, flip|NAME|v         functional.rotate (nearest) and vflip
"""

import json
import os
import sys

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import RandAugment, functional as F
from torchvision.transforms import autoaugment
from torchvision.transforms.functional import InterpolationMode

LEVELS = 31
tensors = {}


def array(image):
    pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)


def images():
    height, width = 26, 33
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(1).integers(-20, 21, (height, width, 3))
    smooth = np.stack([6 * y + 2 * x, 200 - 5 * x, 40 + 3 * ((x * y) % 50)], -1)
    rgb = np.clip(smooth + noise, 3, 240).astype(np.uint8)
    dull = (120 + (rgb // 60) * 7).astype(np.uint8)
    even = np.full_like(rgb, 93)
    return {
        "rgb": Image.fromarray(rgb),
        "grey": Image.fromarray(rgb[..., 1].copy()),
        "dull": Image.fromarray(dull),
        "even": Image.fromarray(even),
    }


def record(name, image):
    tensors[name] = array(image)


def operations(name, image):
    space = RandAugment()._augmentation_space(LEVELS, (image.height, image.width))
    for operation, (magnitudes, signed) in space.items():
        varies = magnitudes.ndim > 0
        if varies and name == "rgb":
            tensors["magnitudes." + operation] = magnitudes.double().numpy()
        for level in [3, 9, 17, 30] if varies else [0]:
            magnitude = float(magnitudes[level].item()) if varies else 0.0
            for sign in ["", "-"] if signed else [""]:
                changed = autoaugment._apply_op(
                    image, operation, -magnitude if sign else magnitude, InterpolationMode.NEAREST, None
                )
                record(f"{operation}|{name}|{sign}{level}", changed)


def resizes(name, image):
    for mode in [InterpolationMode.BILINEAR, InterpolationMode.BICUBIC]:
        for height, width in [(13, 16), (26, 33), (40, 70), (7, 90), (26, 10)]:
            record(f"resize|{name}|{mode.value}|{height}x{width}", F.resize(image, [height, width], mode))
        for resize, size in [(16, 14), (21, 20), (29, 28), (34, 34)]:
            cut = F.center_crop(F.resize(image, resize, mode), [size, size])
            record(f"crop|{name}|{mode.value}|{resize}|{size}x{size}", cut)
    views = F.ten_crop(F.resize(image, 16, InterpolationMode.BILINEAR), [14, 14])
    for v, view in enumerate(views):
        record(f"ten|{name}|16|14|{v}", view)
    for degrees in [-45.0, -10.0, 0.7, 33.3, 180.0]:
        record(f"rotate|{name}|{degrees}", F.rotate(image, degrees))
    record(f"flip|{name}|v", F.vflip(image))


def write(path):
    names = {np.dtype(np.uint8): "U8", np.dtype(np.float64): "F64"}
    header, data = {}, b""
    for name in sorted(tensors, key=lambda n: (tensors[n].dtype == np.uint8, n)):
        value = np.ascontiguousarray(tensors[name])
        content = value.tobytes()
        header[name] = {
            "dtype": names[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text + data)
    print(f"{path}: {len(tensors)} tensors, {len(data)} bytes")


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "src/test/resources/augment/torchvision.safetensors"
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    torch.manual_seed(0)
    for name, image in images().items():
        record("image." + name, image)
        operations(name, image)
        if name in ("rgb", "grey"):
            resizes(name, image)
    write(path)


main()
