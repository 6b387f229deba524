"""Records what PyTorch's attention and embeddings give and what their gradients are, in float64, for tests/sequences.rs:
python tests/golden/record_sequences.py"""

import os

import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES, TOKENS, CHANNELS, HEADS = 2, 7, 12, 3
torch.set_default_dtype(torch.float64)
rows = []


def record(case, **tensors):
    for name, tensor in tensors.items():
        rows.append(f"{case},{name}," + ",".join(f"{x:.12g}" for x in tensor.detach().flatten().tolist()))


def with_gradients(case, module, x, call):
    """Parameters, output and gradients of `call`, for a random gradient of its output."""
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.4)
    y = call(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    record(case, x=x, dy=dy, y=y)
    if x.grad is not None:
        record(case, dx=x.grad)
    for name, p in module.named_parameters():
        record(case, **{name: p, "d" + name: p.grad})


def sequence():
    return torch.randn(SAMPLES, TOKENS, CHANNELS, requires_grad=True)


def rotated(x):
    """The half rows x1, x2 of each head as x1 cos - x2 sin, x2 cos + x1 sin (GPT-NeoX)."""
    half = x.shape[-1] // 2
    frequencies = 10000 ** (-torch.arange(half) / half)
    angles = torch.arange(TOKENS)[:, None] * frequencies
    cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin


def attend(mha, x, causal, rotary):
    """MultiheadAttention by scaled_dot_product_attention, with queries and keys turned."""
    q, k, v = nn.functional.linear(x, mha.in_proj_weight, mha.in_proj_bias).chunk(3, -1)
    q, k, v = (t.view(SAMPLES, TOKENS, HEADS, -1).transpose(1, 2) for t in (q, k, v))
    if rotary:
        q, k = rotated(q), rotated(k)
    y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return mha.out_proj(y.transpose(1, 2).reshape(SAMPLES, TOKENS, CHANNELS))


torch.manual_seed(1)
mask = nn.Transformer.generate_square_subsequent_mask(TOKENS)
mha = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True)
with_gradients("full", mha, sequence(), lambda x: mha(x, x, x, need_weights=False)[0])
mha = nn.MultiheadAttention(CHANNELS, HEADS, bias=False, batch_first=True)
with_gradients("causal", mha, sequence(), lambda x: mha(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)[0])
mha = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True)
with_gradients("rotary", mha, sequence(), lambda x: attend(mha, x, True, True))


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(5, CHANNELS)
        self.place = nn.Embedding(TOKENS, CHANNELS)

    def forward(self, ids):
        return self.token(ids) + self.place(torch.arange(TOKENS))


embeddings = Embeddings()
with_gradients("embedding", embeddings, torch.randint(0, 5, (SAMPLES, TOKENS)), embeddings)

with open(os.path.join(HERE, "sequences.csv"), "w") as f:
    f.write("case,tensor,values\n" + "\n".join(rows) + "\n")
