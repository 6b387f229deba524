"""Trains small networks on the embedded digits with PyTorch, in float32, for tests/golden.rs: python tests/golden/training.py"""

import json
import os
import struct
import zlib

import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
DIGITS = os.path.join(HERE, "..", "..", "assets", "digits")
torch.set_num_threads(1)


def grey(path):
    """A PNG of 8-bit grey pixels."""
    data, at, packed = open(path, "rb").read(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", body)
            assert (depth, color, interlace) == (8, 0, 0)
        if kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, rows, before = zlib.decompress(packed), [], [0] * width
    for y in range(height):
        kind, row = raw[y * (width + 1)], list(raw[y * (width + 1) + 1:(y + 1) * (width + 1)])
        for x in range(width):
            left, up, corner = (row[x - 1] if x else 0), before[x], (before[x - 1] if x else 0)
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(guess - v))
            row[x] = (row[x] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        rows.append(row)
        before = row
    return torch.tensor(rows, dtype=torch.float32)


def digits():
    """(1797, 1, 8, 8) in the order of the file, and the labels."""
    labels = [int(c) for c in open(os.path.join(DIGITS, "labels.txt")).read() if c.isdigit()]
    sheet = grey(os.path.join(DIGITS, "digits.png"))
    tiles = sheet.reshape(-1, 8, 43, 8).transpose(1, 2).reshape(-1, 1, 8, 8)
    return tiles[:len(labels)] / 255, torch.tensor(labels)


def write(name, tensors):
    """A safetensors file of 32-bit floats."""
    header, bodies, at = {}, [], 0
    for key, tensor in tensors.items():
        values = tensor.detach().contiguous().reshape(-1).tolist()
        body = struct.pack(f"<{len(values)}f", *values)
        header[key] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + len(body)]}
        bodies.append(body)
        at += len(body)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(bodies))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(12, eps=1e-3, momentum=0.3)
        self.norm1 = nn.GroupNorm(3, 12)
        self.dense1 = nn.Linear(48, 32)
        self.norm2 = nn.LayerNorm(32)
        self.dense2 = nn.Linear(32, 24)
        self.norm3 = nn.RMSNorm(24)
        self.bn3 = nn.BatchNorm1d(24)
        self.dropout1 = nn.Dropout(0.0)
        self.dense3 = nn.Linear(24, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = F.silu(self.bn2(self.conv2(x)))
        x = F.adaptive_avg_pool2d(F.leaky_relu(self.norm1(x)), 2)
        x = F.gelu(self.norm2(self.dense1(x.flatten(1))))
        x = F.softplus(self.bn3(F.elu(self.norm3(self.dense2(x)))))
        return self.dense3(self.dropout1(x))


def state(net):
    return {k: v.clone() for k, v in net.state_dict().items() if v.is_floating_point()}


torch.manual_seed(3)
net = Net()
with torch.no_grad():
    for name, parameter in net.named_parameters():
        if name.startswith(("bn", "norm")):
            parameter.copy_(torch.rand(parameter.shape) * (1.0 if "weight" in name else 0.4) + (0.5 if "weight" in name else -0.2))
write("norms.init.safetensors", state(net))
x, y = digits()
BATCH = 300
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)
losses, per_epoch = [], -(-len(x) // BATCH)
for step in range(50):
    begin = step % per_epoch * BATCH
    loss = F.cross_entropy(net(x[begin:begin + BATCH]), y[begin:begin + BATCH])
    optimizer.zero_grad()
    loss.backward()
    if step == 0:
        write("norms.grad1.safetensors", {k: v.grad for k, v in net.named_parameters()})
    optimizer.step()
    losses.append(loss.item())
    if step == 9:
        write("norms.step10.safetensors", state(net))
        net.eval()
        with torch.no_grad():
            # EVALUATED in tests/golden.rs.
            print("loss of all digits after ten steps:", F.cross_entropy(net(x), y).item())
        net.train()
with open(os.path.join(HERE, "norms.loss.csv"), "w") as file:
    file.write("step,loss\n" + "".join(f"{i + 1},{v:.9g}\n" for i, v in enumerate(losses)))
