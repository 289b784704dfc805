#!/usr/bin/env python3
"""Records what the authors' learned group convolution (Huang et al. 2018, section 3.1) takes away, and its group lasso.

usage: record_condensation.py [FILE]        default: src/test/resources/golden/condensation.safetensors

For each case NAME of the metadata's cases ("NAME:GROUPS:FACTOR,..."), in float32 weights and float64 lasso:

  NAME.weight.S [out, in]   weights before stage S, from 1 to factor - 1, which differ from stage to stage as they do in training
  NAME.mask.S [out, in]     the mask after it: in each group the in/factor inputs with the smallest sums of magnitudes of masked
      weights over the group's outputs, behind those that went before; output o is of group o mod groups
  NAME.lasso.S [1]          sum over groups and inputs of sqrt(max(sum of squares of masked weights, 1e-6))
  NAME.lasso.gradient.S     its gradient, by autograd
"""

import os
import sys

try:
    import torch
except ModuleNotFoundError:
    raise SystemExit("needs PyTorch; install it, e.g. pip install torch") from None

from record_parity_case import write

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = {"square": (16, 16, 4, 4), "wide": (8, 30, 2, 5), "small": (6, 12, 3, 2), "many": (16, 32, 8, 8)}


def condense(weight, mask, groups, factor, taken):
    """As the authors' _dropping: all inputs in order, those taken before first, as their masked weights are zero."""
    out, inputs = weight.shape
    of_group = (weight * mask).abs().view(out // groups, groups, inputs).transpose(0, 1)
    for group in range(groups):
        order = of_group[group].sum(0).sort().indices[taken:taken + inputs // factor]
        mask[group::groups, order] = 0


def lasso(weight, mask, groups):
    out, inputs = weight.shape
    squares = (weight * mask).pow(2).view(out // groups, groups, inputs).sum(0)
    return squares.clamp(min=1e-6).sqrt().sum()


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HOME, "src/test/resources/golden/condensation.safetensors")
    torch.manual_seed(1)
    tensors = {}
    for name, (out, inputs, groups, factor) in CASES.items():
        weight, mask = torch.randn(out, inputs), torch.ones(out, inputs)
        for stage in range(1, factor):
            weight = weight + 0.3 * torch.randn(out, inputs)
            tensors[f"{name}.weight.{stage}"] = weight.clone()
            condense(weight, mask, groups, factor, (stage - 1) * (inputs // factor))
            tensors[f"{name}.mask.{stage}"] = mask.clone()
            exact = weight.double().requires_grad_()
            value = lasso(exact, mask.double(), groups)
            value.backward()
            tensors[f"{name}.lasso.{stage}"] = value.detach().reshape(1)
            tensors[f"{name}.lasso.gradient.{stage}"] = exact.grad
    cases = ",".join(f"{name}:{groups}:{factor}" for name, (_, _, groups, factor) in CASES.items())
    write(path, tensors, {"cases": cases})
    print(f"{path}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
