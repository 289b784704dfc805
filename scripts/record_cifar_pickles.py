#!/usr/bin/env python3
"""Writes tiny sets in the layout of CIFAR-100's Python version, in each protocol of Python 3, for the tests.

usage: record_cifar_pickles.py [FOLDER]           default: src/test/resources/cifar (Python 3.11 and NumPy 1.24 made it)
"""

import os
import pickle
import sys

import numpy as np

folder = sys.argv[1] if len(sys.argv) > 1 else "src/test/resources/cifar"
for protocol in [2, 3, 4, 5]:
    root = os.path.join(folder, f"protocol{protocol}")
    os.makedirs(root, exist_ok=True)
    for name, labels in [("train", [99, 17, 0]), ("test", [42])]:
        values = (7 * np.arange(len(labels) * 3072) % 256).astype(np.uint8).reshape(-1, 3072)
        batch = {
            b"filenames": [b"a.png"] * len(labels),
            b"batch_label": b"training batch 1 of 1",
            b"fine_labels": labels,
            b"coarse_labels": [0] * len(labels),
            b"data": values,
        }
        with open(os.path.join(root, name), "wb") as out:
            pickle.dump(batch, out, protocol)
    with open(os.path.join(root, "meta"), "wb") as out:
        pickle.dump({"fine_label_names": [f"class-{i}" for i in range(100)]}, out, protocol)
