"""Records what PyTorch's RNN, LSTM and GRU give in float64, and their gradients, for tests/recurrent.rs, and ten steps of a small
training for tests/golden.rs: python tests/golden/record_recurrent.py

Numbers that go in are sines of their place, so that they need no file; of those that come out, a sum with other sines as weights
and the sum of squares are recorded."""

import json
import math
import os
import struct
import zlib

import torch

HERE = os.path.dirname(os.path.abspath(__file__))

# Kind, layers, (N, T, C, H).
CASES = [
    ("tanh", 1, (1, 1, 1, 1)), ("tanh", 2, (2, 37, 3, 5)), ("relu", 1, (3, 5, 4, 7)), ("tanh", 1, (1, 3, 2, 130)),
    ("lstm", 1, (1, 1, 3, 5)), ("lstm", 2, (2, 37, 3, 5)), ("lstm", 1, (1, 4, 6, 130)), ("lstm", 1, (2, 1000, 2, 3)),
    ("gru", 1, (1, 1, 3, 5)), ("gru", 2, (2, 37, 3, 5)), ("gru", 1, (1, 4, 6, 130)), ("gru", 1, (2, 1000, 2, 3)),
]


def sines(count, begin, scale):
    return torch.sin(torch.arange(count, dtype=torch.float64) * 0.7 + begin) * scale


def record(kind, layers, sizes):
    n, t, c, h = sizes
    torch.set_default_dtype(torch.float64)
    if kind in ("tanh", "relu"):
        net = torch.nn.RNN(c, h, layers, nonlinearity=kind, batch_first=True)
    else:
        net = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](c, h, layers, batch_first=True)
    with torch.no_grad():
        for number, p in enumerate(net.parameters()):
            p.copy_(sines(p.numel(), number + 1, 1 / math.sqrt(h)).view(p.shape))
    x = sines(n * t * c, 0, 1).view(n, t, c).requires_grad_()
    y, _ = net(x)
    dy = sines(y.numel(), 0.5, 1).view(y.shape)
    y.backward(dy)
    tensors = [("y", y), ("x", x.grad)] + [(name, p.grad) for name, p in net.named_parameters()]
    head = f"{kind},{layers},{n},{t},{c},{h}"
    for name, v in tensors:
        v = v.detach().reshape(-1)
        yield f"{head},{name},{(v * sines(v.numel(), 2, 1)).sum().item()!r},{(v * v).sum().item()!r}"


def digits():
    """The 1,797 digits in the order of their file, as (N, 8, 8) from 0 to 1, and their labels."""
    assets = os.path.join(HERE, "../../assets/digits")
    with open(os.path.join(assets, "digits.png"), "rb") as f:
        png = f.read()
    at, packed = 8, b""
    while at < len(png):
        length, = struct.unpack(">I", png[at:at + 4])
        if png[at + 4:at + 8] == b"IDAT":
            packed += png[at + 8:at + 8 + length]
        at += 12 + length
    width, height = struct.unpack(">II", png[16:24])
    raw, rows, above = zlib.decompress(packed), [], [0] * width
    for y in range(height):
        line = raw[y * (width + 1):(y + 1) * (width + 1)]
        row = []
        for x in range(width):
            a, b, c = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
            paeth = min((a, b, c), key=lambda v: abs(a + b - c - v))
            row.append((line[1 + x] + (0, a, b, (a + b) // 2, paeth)[line[0]]) & 255)
        rows.append(row)
        above = row
    sheet = torch.tensor(rows, dtype=torch.float32) / 240
    tiles = [sheet[i // 43 * 8:i // 43 * 8 + 8, i % 43 * 8:i % 43 * 8 + 8] for i in range(1797)]
    with open(os.path.join(assets, "labels.txt"), encoding="ascii") as f:
        labels = [int(d) for d in f.read() if d.isdigit()]
    return torch.stack(tiles), torch.tensor(labels)


class Stack(torch.nn.Module):
    """An LSTM of two layers, a GRU and an RNN over the rows of an image."""

    def __init__(self):
        super().__init__()
        self.lstm1 = torch.nn.LSTM(8, 11, 2, batch_first=True)
        self.gru1 = torch.nn.GRU(11, 8, batch_first=True)
        self.rnn1 = torch.nn.RNN(8, 9, batch_first=True)
        self.dense1 = torch.nn.Linear(9, 10)

    def forward(self, x):
        x = self.gru1(self.lstm1(x)[0])[0]
        return self.dense1(self.rnn1(x)[0][:, -1])


def write(name, tensors):
    head, data = {}, b""
    for key, v in tensors.items():
        raw = struct.pack(f"<{v.numel()}f", *v.detach().reshape(-1).tolist())
        head[key] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, f"digits-recurrent.{name}.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def train():
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(1)
    x, labels = digits()
    net, losses = Stack(), []
    # Larger weights than PyTorch begins with, so that the gradients reach the first layer in full size.
    with torch.no_grad():
        for p in net.parameters():
            p *= 3
    write("init", net.state_dict())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, nesterov=True, weight_decay=1e-4)
    for step in range(50):
        batch = slice(step * 32, step * 32 + 32)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[batch]), labels[batch])
        loss.backward()
        if step == 0:
            write("grad1", {name: p.grad for name, p in net.named_parameters()})
        optimizer.step()
        losses.append(loss.item())
        if step == 9:
            write("step10", net.state_dict())
    with open(os.path.join(HERE, "digits-recurrent.loss.csv"), "w", encoding="ascii") as f:
        f.write("step,loss\n")
        f.writelines(f"{step + 1},{loss!r}\n" for step, loss in enumerate(losses))


def main():
    train()
    with open(os.path.join(HERE, "recurrent.csv"), "w", encoding="ascii") as f:
        f.write("kind,layers,n,t,c,h,tensor,sum,squares\n")
        for case in CASES:
            f.writelines(line + "\n" for line in record(*case))


if __name__ == "__main__":
    main()
