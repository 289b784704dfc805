#!/usr/bin/env python3
"""Records what PyTorch's losses, and torchvision's focal loss, make of small random targets, for the tests.

usage: record_losses.py [FILE]        default: src/test/resources/golden/losses.safetensors

For each case NAME, in double precision: NAME.logits, NAME.targets [N, C] (NaN where there is none), NAME.loss [1] and
NAME.gradient [N, C]. Where labels are missing the loss is PyTorch's of those that are there. by-label is
torchxrayvision's: a mean for each label over the images that have it, times a weight, added up.
"""

import sys

import torch
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from record_parity_case import write

N, C = 6, 5
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 3.5, 0.25], dtype=torch.float64)


def classes(labels):
    return functional.one_hot(labels, C).double()


def main():
    torch.manual_seed(26)
    tensors = {"weights": WEIGHTS}

    def record(name, targets, loss):
        logits = (2 * torch.randn(N, C)).double().requires_grad_()
        value = loss(logits)
        value.backward()
        tensors.update({f"{name}.logits": logits.detach(), f"{name}.targets": targets.double(),
                        f"{name}.loss": value.detach().reshape(1), f"{name}.gradient": logits.grad})

    labels = torch.randint(C, (N,))
    for name, options in {"cross-entropy": {}, "cross-entropy-smoothed": {"label_smoothing": 0.1},
                          "cross-entropy-weighted": {"weight": WEIGHTS},
                          "cross-entropy-weighted-smoothed": {"weight": WEIGHTS, "label_smoothing": 0.2}}.items():
        record(name, classes(labels), lambda z, o=options: functional.cross_entropy(z, labels, **o))
    shares = torch.softmax(torch.randn(N, C), 1).double()
    record("cross-entropy-shares", shares, lambda z: functional.cross_entropy(z, shares))
    record("cross-entropy-shares-smoothed", shares, lambda z: functional.cross_entropy(z, shares, label_smoothing=0.1))

    bits = torch.randint(2, (N, C)).double()
    missing = bits.clone()
    missing[torch.rand(N, C) < 0.3] = float("nan")
    missing[2] = float("nan")
    there = ~torch.isnan(missing)
    bce = functional.binary_cross_entropy_with_logits
    record("binary", bits, lambda z: bce(z, bits))
    record("binary-positive", bits, lambda z: bce(z, bits, pos_weight=WEIGHTS))
    record("binary-missing", missing, lambda z: bce(z[there], missing[there]))
    record("binary-missing-positive", missing,
           lambda z: bce(z[there], missing[there], pos_weight=WEIGHTS.expand(N, C)[there]))
    record("binary-smoothed", bits, lambda z: bce(z, bits * 0.9 + 0.05))
    record("by-label", missing, lambda z: sum(
        WEIGHTS[c] * bce(z[there[:, c], c], missing[there[:, c], c]) for c in range(C)))
    record("focal", bits, lambda z: sigmoid_focal_loss(z, bits, alpha=0.25, gamma=2, reduction="mean"))
    record("focal-unbalanced", bits, lambda z: sigmoid_focal_loss(z, bits, alpha=-1, gamma=1.5, reduction="mean"))

    numbers = (3 * torch.randn(N, C)).double()
    some = numbers.clone()
    some[torch.rand(N, C) < 0.3] = float("nan")
    known = ~torch.isnan(some)
    record("squared", numbers, lambda z: functional.mse_loss(z, numbers))
    record("squared-missing", some, lambda z: functional.mse_loss(z[known], some[known]))
    record("huber", numbers, lambda z: functional.huber_loss(z, numbers, delta=1.5))
    record("huber-missing", some, lambda z: functional.huber_loss(z[known], some[known], delta=0.5))

    path = sys.argv[1] if len(sys.argv) > 1 else "src/test/resources/golden/losses.safetensors"
    write(path, tensors, {"format": "losses-1", "torch": torch.__version__})


main()
