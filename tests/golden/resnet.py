"""Trains the ResNet-20 of assets/nets/cifar-resnet20.toml on made-up pictures with PyTorch, in float64, for tests/golden.rs:
python tests/golden/resnet.py"""

import math
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
DTYPE = torch.float32 if "--float32" in sys.argv else torch.float64
STEPS, BATCH, RATE = 36, 16, 0.002


class Block(nn.Module):
    def __init__(self, c, out):
        super().__init__()
        self.conv1 = nn.Conv2d(c, out, 3, out // c, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.zeros = (out - c) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.zeros:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.zeros, self.zeros))
        return F.relu(y + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        extents = [(16, 16)] * 3 + [(16, 32)] + [(32, 32)] * 2 + [(32, 64)] + [(64, 64)] * 2
        self.blocks = nn.Sequential(*[Block(*e) for e in extents])
        self.dense1 = nn.Linear(64, 10)

    def forward(self, x):
        return self.dense1(self.blocks(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


def scattered(k, count):
    """Numbers between -1 and 1 that look random: of tensor k, in the order of files."""
    out = []
    for j in range(count):
        v = math.sin(12.9898 * j + 78.233 * (k + 1)) * 43758.5453
        out.append(2 * (v - math.floor(v)) - 1)
    return torch.tensor(out, dtype=torch.float64)


net = Net().to(DTYPE)
assert sum(p.numel() for p in net.parameters()) == 269722
with torch.no_grad():
    for k, parameter in enumerate(net.parameters()):
        if parameter.dim() > 1:
            bound = math.sqrt(6 / parameter[0].numel())
            values = scattered(k, parameter.numel()) * bound
            parameter.copy_(values.float().reshape(parameter.shape))
net.dense1.bias.data.zero_()
count = 4 * BATCH
pixels = torch.tensor([(i * i * 31 + i * 17 + i // 3072 * 1009) % 251 for i in range(count * 3072)], dtype=torch.int64)
# Samples lie as (height, width, channels).
x = (pixels.reshape(count, 32, 32, 3).movedim(-1, 1).float() / 255).to(DTYPE)
y = torch.tensor([i * 7 % 10 for i in range(count)])
optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
losses = []
for step in range(STEPS):
    begin = step * BATCH % count
    loss = F.cross_entropy(net(x[begin:begin + BATCH]), y[begin:begin + BATCH])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
name = "resnet.loss.csv" if DTYPE == torch.float64 else "/tmp/resnet32.csv"
with open(os.path.join(HERE, name), "w") as file:
    file.write("step,loss\n" + "".join(f"{i + 1},{v:.9g}\n" for i, v in enumerate(losses)))
