#!/usr/bin/env python3
"""Records what PyTorch's optimisers and learning-rate schedules do, for the tests.

usage: record_optimisers.py OUT_FOLDER        (src/test/resources/golden/optimisers)

optimisers.safetensors   start [N], gradients [steps, N], and by optimiser the parameters after each step [steps, N] in float32
schedules.safetensors    SCHEDULE.rates and SCHEDULE.momenta of every step in float64, and what a plateau was given as losses

Needs PyTorch 1.13 or newer.
"""

import sys
from pathlib import Path

import torch
from torch.optim import lr_scheduler

from record_parity_case import write

COUNT = 21
STEPS = 12
RATE = 0.01

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=RATE),
    "sgd-momentum": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, weight_decay=0.02),
    "sgd-nesterov": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, nesterov=True, weight_decay=0.02),
    "sgd-dampening": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, dampening=0.3, weight_decay=0.02),
    "adam": lambda p: torch.optim.Adam(p, lr=RATE),
    "adam-decay": lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.02),
    "adam-amsgrad": lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.8, 0.7), weight_decay=0.02, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=RATE),
    "adamw-amsgrad": lambda p: torch.optim.AdamW(p, lr=RATE, betas=(0.8, 0.7), weight_decay=0.1, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=RATE),
    "rmsprop-momentum": lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.9, momentum=0.8, weight_decay=0.02),
    "rmsprop-centred": lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.9, eps=1e-4, centered=True),
    "rmsprop-all": lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.9, eps=1e-4, momentum=0.8, centered=True,
                                                 weight_decay=0.02),
}


def optimisers():
    generator = torch.Generator().manual_seed(7)
    start = torch.randn(COUNT, generator=generator)
    # Shrinking now and then, so that AMSGrad's largest square is not the last.
    gradients = [torch.randn(COUNT, generator=generator) * (0.1 if step % 3 else 1.0) for step in range(STEPS)]
    cases = {"start": start, "gradients": torch.stack(gradients)}
    for name, make in OPTIMISERS.items():
        parameter = torch.nn.Parameter(start.clone())
        optimiser = make([parameter])
        after = []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimiser.step()
            after.append(parameter.detach().clone())
        cases[name] = torch.stack(after)
    return cases


def run(schedule_of, steps, optimiser=None, metrics=None):
    optimiser = optimiser or torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5, momentum=0.9)
    schedule = schedule_of(optimiser)
    rates, momenta = [], []
    for step in range(steps):
        group = optimiser.param_groups[0]
        rates.append(group["lr"])
        momenta.append(group["betas"][0] if "betas" in group else group["momentum"])
        optimiser.step()
        if metrics:
            schedule.step(metrics[step])
        else:
            schedule.step()
    return {"rates": rates, "momenta": momenta}


def schedules():
    losses = [1.0, 0.8, 0.8, 0.8, 0.79995, 0.7, 0.75, 0.75, 0.75, 0.75, 0.75, 0.75, 0.75, 0.75, 0.69, 0.72, 0.72, 0.72,
              0.72, 0.72, 0.72, 0.72, 0.72, 0.72]
    n = len(losses)
    adam = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    return {
        "cosine": run(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20), 20),
        "cosine-minimum": run(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20, eta_min=0.05), 20),
        "restarts": run(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=5), 20),
        "restarts-doubled": run(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2, eta_min=0.05), 21),
        "one-cycle": run(lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.5, total_steps=20), 19),
        "one-cycle-adam": run(lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.5, total_steps=40, pct_start=0.4, div_factor=10,
                                                                final_div_factor=100), 39, adam),
        "polynomial": run(lambda o: lr_scheduler.PolynomialLR(o, total_iters=20, power=0.9), 20),
        "step": run(lambda o: lr_scheduler.StepLR(o, step_size=5, gamma=0.3), 20),
        "multi-step": run(lambda o: lr_scheduler.MultiStepLR(o, milestones=[4, 12, 15], gamma=0.2), 20),
        "exponential": run(lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9), 20),
        "plateau": {"losses": losses, **run(lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.1, patience=2), n,
                                            metrics=losses)},
        "plateau-cooldown": {"losses": losses, **run(
            lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=3, min_lr=0.1), n, metrics=losses)},
    }


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else None
    if folder is None:
        raise SystemExit(__doc__)
    folder.mkdir(parents=True, exist_ok=True)
    version = {"torch": torch.__version__}
    write(folder / "optimisers.safetensors", optimisers(), version)
    tensors = {f"{name}.{key}": torch.tensor(values, dtype=torch.float64)
               for name, lists in schedules().items() for key, values in lists.items()}
    write(folder / "schedules.safetensors", tensors, version)


if __name__ == "__main__":
    main()
