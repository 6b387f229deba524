"""Records what PyTorch's schedules and optimisers (and the paper's Lion) do, in float64, for tests/schedules.rs and
tests/optimizers.rs: python tests/golden/record.py"""

import math
import os

import torch
from torch.optim import lr_scheduler as lrs

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 150
PER_EPOCH = 8


def rates(make, lr=0.2, per_step=True, warmup=None):
    """The learning rate of each update, the schedule moving on after every step or every epoch."""
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=lr)
    main = make(optimizer)
    if warmup:
        begin, length = warmup
        ramp = lrs.LinearLR(optimizer, start_factor=begin, total_iters=length)
        main = lrs.SequentialLR(optimizer, [ramp, main], milestones=[length])
    out = []
    for step in range(STEPS):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if per_step or (step + 1) % PER_EPOCH == 0:
            main.step()
    return out


SCHEDULES = {
    "step": rates(lambda o: lrs.StepLR(o, 3, 0.5), per_step=False),
    "multi_step": rates(lambda o: lrs.MultiStepLR(o, [30, 80, 80, 120], 0.1)),
    "exponential": rates(lambda o: lrs.ExponentialLR(o, 0.9), per_step=False),
    "cosine": rates(lambda o: lrs.CosineAnnealingLR(o, 100, 0.01)),
    "cosine_restarts": rates(lambda o: lrs.CosineAnnealingWarmRestarts(o, 20, 2, 0.001)),
    "cosine_restarts_even": rates(lambda o: lrs.CosineAnnealingWarmRestarts(o, 4), per_step=False),
    "one_cycle": rates(lambda o: lrs.OneCycleLR(o, 0.2, STEPS, cycle_momentum=False)),
    "one_cycle_linear": rates(
        lambda o: lrs.OneCycleLR(o, 0.2, STEPS, pct_start=0.5, anneal_strategy="linear", div_factor=10,
                                 final_div_factor=100, cycle_momentum=False)),
    "warmup_constant": rates(lambda o: lrs.ConstantLR(o, 1.0, 1), warmup=(0.1, 20)),
    "warmup_cosine": rates(lambda o: lrs.CosineAnnealingLR(o, STEPS - 10), warmup=(0.25, 10)),
}

# The losses after 40 epochs, and the learning rate that ReduceLROnPlateau sets for the epoch behind each.
LOSSES = [1.0, 0.8, 0.7, 0.7, 0.69999, 0.7, 0.71, 0.72, 0.6, 0.6, 0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.5, 0.5, 0.5, 0.5,
          0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]


def plateau():
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=0.2)
    schedule = lrs.ReduceLROnPlateau(optimizer, factor=0.25, patience=2, threshold=1e-3, cooldown=1, min_lr=1e-3)
    out = []
    for loss in LOSSES:
        optimizer.step()
        schedule.step(loss)
        out.append(optimizer.param_groups[0]["lr"])
    return out


class Lion:
    """Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2; the moment begins as zeros."""

    def __init__(self, parameters, lr, betas, weight_decay):
        self.p, self.lr, self.betas, self.weight_decay = parameters[0], lr, betas, weight_decay
        self.m = torch.zeros_like(self.p)

    def step(self):
        g = self.p.grad
        c = self.betas[0] * self.m + (1 - self.betas[0]) * g
        self.p.data -= self.lr * (torch.sign(c) + self.weight_decay * self.p.data)
        self.m = self.betas[1] * self.m + (1 - self.betas[1]) * g


A = [1.0, 0.5, 2.0, -0.05, 0.125, 3.0]
B = [0.3, -1.0, 0.05, 0.2, 2.0, -0.7]
START = [1.0, -2.0, 0.5, 1.5, -0.25, 0.75]


def path(make):
    """Where the parameters are after every tenth of 100 steps; their gradient is A p - B."""
    p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    a, b = torch.tensor(A, dtype=torch.float64), torch.tensor(B, dtype=torch.float64)
    optimizer = make([p])
    out = []
    for step in range(1, 101):
        p.grad = (a * p - b).detach()
        optimizer.step()
        if step % 10 == 0 or step == 1:
            out.append((step, p.detach().tolist()))
    return out


optim = torch.optim
OPTIMIZERS = {
    "sgd": path(lambda p: optim.SGD(p, lr=0.05)),
    "sgd_decay": path(lambda p: optim.SGD(p, lr=0.05, weight_decay=0.1)),
    "momentum": path(lambda p: optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.01)),
    "nesterov": path(lambda p: optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.01)),
    "adam": path(lambda p: optim.Adam(p, lr=0.03)),
    "adam_decay": path(lambda p: optim.Adam(p, lr=0.03, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
    "adamw": path(lambda p: optim.AdamW(p, lr=0.03, weight_decay=0.1)),
    "rmsprop": path(lambda p: optim.RMSprop(p, lr=0.01)),
    "rmsprop_momentum": path(lambda p: optim.RMSprop(p, lr=0.005, alpha=0.95, eps=1e-4, momentum=0.8, weight_decay=0.05)),
    "rmsprop_centered": path(lambda p: optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-3, centered=True)),
    "rmsprop_all": path(lambda p: optim.RMSprop(p, lr=0.005, alpha=0.9, eps=1e-3, momentum=0.5, centered=True, weight_decay=0.1)),
    "lion": path(lambda p: Lion(p, 0.01, (0.9, 0.99), 0.0)),
    "lion_decay": path(lambda p: Lion(p, 0.01, (0.8, 0.95), 0.3)),
}

with open(os.path.join(HERE, "schedules.csv"), "w") as f:
    f.write("step," + ",".join(SCHEDULES) + "\n")
    for step in range(STEPS):
        f.write(f"{step}," + ",".join(f"{SCHEDULES[name][step]:.12g}" for name in SCHEDULES) + "\n")
with open(os.path.join(HERE, "plateau.csv"), "w") as f:
    f.write("loss,learning_rate\n")
    for loss, rate in zip(LOSSES, plateau()):
        f.write(f"{loss},{rate:.12g}\n")
with open(os.path.join(HERE, "optimizers.csv"), "w") as f:
    f.write("optimizer,step," + ",".join(f"p{i}" for i in range(len(START))) + "\n")
    for name, places in OPTIMIZERS.items():
        for step, p in places:
            f.write(f"{name},{step}," + ",".join(f"{x:.10g}" for x in p) + "\n")
