"""Records ten steps of a tiny language model in PyTorch (float64), for tests/golden.rs: python tests/golden/record_gpt.py"""

import os
import random

import torch
from safetensors.torch import save_file
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS, TOKENS, CHANNELS, HEADS, BATCH, STEPS = 2, 7, 12, 3, 4, 10
torch.manual_seed(3)
torch.set_default_dtype(torch.float64)

random.seed(3)
words = ["one", "two", "three", "ten", "wren", "weed", "eat", "tree"]
text = " ".join(random.choice(words) for _ in range(110))[:400]
with open(os.path.join(HERE, "gpt.txt"), "w") as f:
    f.write(text)
vocabulary = sorted(set(text))
ids = torch.tensor([vocabulary.index(c) for c in text])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(CHANNELS)
        self.attention = nn.MultiheadAttention(CHANNELS, HEADS, bias=False, batch_first=True)
        self.norm2 = nn.LayerNorm(CHANNELS)
        self.widen = nn.Linear(CHANNELS, 4 * CHANNELS)
        self.narrow = nn.Linear(4 * CHANNELS, CHANNELS)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        y = self.norm1(x)
        x = x + self.attention(y, y, y, attn_mask=mask, is_causal=True, need_weights=False)[0]
        return x + self.narrow(nn.functional.gelu(self.widen(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(len(vocabulary), CHANNELS)
        self.place = nn.Embedding(TOKENS, CHANNELS)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(CHANNELS)
        self.head = nn.Linear(CHANNELS, len(vocabulary), bias=False)

    def forward(self, ids):
        x = self.token(ids) + self.place(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def ours(name):
    """blocks.0.norm1.weight is our block1/1/norm1.weight."""
    if name.startswith("blocks."):
        _, number, rest = name.split(".", 2)
        return f"block1/{int(number) + 1}/{rest}"
    return name


model = Gpt()
for p in model.parameters():
    # Numbers that float32 holds; those of norms are near 1 and 0 but are not them.
    p.data = (p + torch.randn_like(p) * 0.1).float().double()


def save(part):
    tensors = {ours(name): p.detach().float().contiguous() for name, p in model.named_parameters()}
    save_file(tensors, os.path.join(HERE, f"gpt.{part}.safetensors"))


save("init")
matrices = [p for p in model.parameters() if p.dim() == 2]
others = [p for p in model.parameters() if p.dim() != 2]
optimizer = torch.optim.AdamW(
    [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=3e-3, betas=(0.9, 0.99))
losses = []
for step in range(STEPS):
    begin = [(step * BATCH + row) * TOKENS for row in range(BATCH)]
    x = torch.stack([ids[b:b + TOKENS] for b in begin])
    y = torch.stack([ids[b + 1:b + TOKENS + 1] for b in begin])
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
save("step10")
with open(os.path.join(HERE, "gpt.loss.csv"), "w") as f:
    f.write("step,loss\n" + "".join(f"{i},{loss:.9g}\n" for i, loss in enumerate(losses)))
