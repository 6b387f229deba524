"""Records what PyTorch makes of single layers and small networks, in float64, for tests/networks.rs: python tests/golden/networks.py

Each case has the [[layer]] tables, the shape of a sample without the batch (H, W, C or T, C), and the same in PyTorch, where images
are (N, C, H, W) and sequences (N, C, T). Recorded are parameters, samples, outputs, and the gradient of each parameter for a random
gradient of the outputs. All names and orders are those of weight files."""

import json
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 2

CASES = {}


def case(name, layers, sample, parameters, outputs):
    def register(function):
        CASES[name] = (layers, sample, parameters, outputs, function)
        return function

    return register


def layer(kind, **keys):
    def value(v):
        if isinstance(v, bool):
            return str(v).lower()
        if isinstance(v, str):
            return f'"{v}"'
        if isinstance(v, (list, tuple)):
            return "[" + ", ".join(value(x) for x in v) + "]"
        return str(v)

    lines = ["[[layer]]", f'kind = "{kind}"'] + [f"{key} = {value(v)}" for key, v in keys.items()]
    return "\n".join(lines) + "\n"


def conv(out=3, kernel=3, padding=1, **keys):
    return layer("conv2d", out_channels=out, kernel=kernel, padding=padding, **keys)


FLATTEN = layer("flatten")
CONV1 = {"conv1.weight": (3, 2, 3, 3), "conv1.bias": (3,)}


def conv1(x, p):
    return F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=1)


@case(
    "a residual block of which every value is taken twice",
    conv() + layer("relu") + conv() + layer("add", inputs=["conv2", "relu1"]) + layer("tanh")
    + layer("mul", inputs=["tanh1", "add1", "conv1"]) + FLATTEN + layer("dense", out_features=4)
    + layer("add", inputs=["dense1", "dense1"]),
    (4, 5, 2),
    CONV1 | {"conv2.weight": (3, 3, 3, 3), "conv2.bias": (3,), "dense1.weight": (4, 60), "dense1.bias": (4,)},
    4,
)
def _(x, p):
    conv_1 = conv1(x, p)
    relu = F.relu(conv_1)
    add = F.conv2d(relu, p["conv2.weight"], p["conv2.bias"], padding=1) + relu
    mul = torch.tanh(add) * add * conv_1
    y = F.linear(mul.flatten(1), p["dense1.weight"], p["dense1.bias"])
    return y + y


@case(
    "parts and zeros, one behind the other",
    conv() + layer("slice", axis="height", begin=1, step=2) + layer("pad", height=[1], width=[0, 2], channels=[2, 1])
    + layer("slice", axis="width", begin=2, size=3, inputs=["conv1"]) + layer("pad", width=[4, 0], channels=[0, 3])
    + layer("concat", axis="height", inputs=["pad1", "pad2"]) + layer("slice", begin=1, step=2)
    + layer("concat", inputs=["slice3", "concat1", "slice3"]) + layer("concat", axis="width", inputs=["concat2", "concat2"])
    + FLATTEN + layer("dense", out_features=4) + layer("slice", begin=1, size=2) + layer("pad", channels=[0, 1]),
    (4, 5, 2),
    CONV1 | {"dense1.weight": (4, 8 * 12 * 14), "dense1.bias": (4,)},
    3,
)
def _(x, p):
    c = conv1(x, p)
    pad_1 = F.pad(c[:, :, 1::2], (0, 2, 1, 1, 2, 1))
    pad_2 = F.pad(c[:, :, :, 2:5], (4, 0, 0, 0, 0, 3))
    concat_1 = torch.cat([pad_1, pad_2], 2)
    part = concat_1[:, 1::2]
    concat_2 = torch.cat([part, concat_1, part], 1)
    y = F.linear(torch.cat([concat_2, concat_2], 3).flatten(1), p["dense1.weight"], p["dense1.bias"])
    return F.pad(y[:, 1:3], (0, 1))


for mode, scale in [("nearest", (2, 3)), ("bilinear", (2, 3)), ("bilinear", (5, 1))]:
    def _(x, p, mode=mode, scale=scale):
        corners = {} if mode == "nearest" else {"align_corners": False}
        return F.interpolate(conv1(x, p), scale_factor=scale, mode=mode, **corners).flatten(1)

    case(f"upsample {mode} {scale}", conv() + layer("upsample", scale=scale, mode=mode) + FLATTEN, (4, 3, 2), CONV1,
         4 * 3 * 3 * scale[0] * scale[1])(_)

TRANSPOSED = [
    dict(kernel=2, stride=2),
    dict(kernel=(3, 2), stride=(2, 3), padding=1, output_padding=(1, 2)),
    dict(kernel=3, padding=2, dilation=2, groups=3),
    dict(kernel=(1, 3), stride=(3, 2), padding=(1, 3), output_padding=(2, 0), groups=3),
    dict(kernel=4, stride=1, padding=1, bias=False),
]
for keys in TRANSPOSED:
    def _(x, p, keys=keys):
        keys = {k: v for k, v in keys.items() if k not in ("kernel", "bias")}
        y = F.conv_transpose2d(conv1(x, p), p["conv_transpose1.weight"], p.get("conv_transpose1.bias"), **keys)
        return torch.tanh(y).flatten(1)

    pair = lambda v: v if isinstance(v, tuple) else (v, v)
    k, s, d = (pair(keys.get(key, 1)) for key in ("kernel", "stride", "dilation"))
    q, o = (pair(keys.get(key, 0)) for key in ("padding", "output_padding"))
    out = [(n - 1) * s[i] - 2 * q[i] + d[i] * (k[i] - 1) + o[i] + 1 for i, n in enumerate((4, 5))]
    shapes = CONV1 | {"conv_transpose1.weight": (3, 6 // keys.get("groups", 1), *k)}
    if keys.get("bias", True):
        shapes |= {"conv_transpose1.bias": (6,)}
    case(f"conv_transpose2d {keys}", conv() + layer("conv_transpose2d", out_channels=6, activation="tanh", **keys) + FLATTEN,
         (4, 5, 2), shapes, 6 * out[0] * out[1])(_)


@case(
    "convolutions and pools along a sequence",
    layer("conv1d", out_channels=4, kernel=3, padding=1, activation="tanh")
    + layer("conv1d", out_channels=6, kernel=2, stride=2, dilation=3, groups=2, bias=False) + layer("max_pool1d", kernel=3, stride=1, padding=1)
    + layer("avg_pool1d", kernel=2, inputs=["conv1"]) + layer("slice", axis="time", begin=1, step=2) + layer("pad", time=[1, 0], channels=[0, 2])
    + layer("concat", axis="time", inputs=["pool1", "pad1"]) + FLATTEN + layer("dense", out_features=3),
    (11, 2),
    {"conv1.weight": (4, 2, 3), "conv1.bias": (4,), "conv2.weight": (6, 2, 2), "dense1.weight": (3, 42), "dense1.bias": (3,)},
    3,
)
def _(x, p):
    c = torch.tanh(F.conv1d(x, p["conv1.weight"], p["conv1.bias"], padding=1))
    pool = F.max_pool1d(F.conv1d(c, p["conv2.weight"], stride=2, dilation=3, groups=2), 3, 1, 1)
    part = F.pad(F.avg_pool1d(c, 2)[:, :, 1::2], (1, 0, 0, 2))
    both = torch.cat([pool, part], 2)
    # A sequence is flattened step by step.
    return F.linear(both.movedim(1, 2).flatten(1), p["dense1.weight"], p["dense1.bias"])


def record(name, index):
    layers, sample, shapes, outputs, function = CASES[name]
    generator = torch.Generator().manual_seed(index)

    def normal(shape, scale=1.0):
        # Rounded, so that the file is short and f32 holds every number.
        numbers = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
        return (numbers * 256).round() / 256

    parameters = {key: normal(shape, 0.4).requires_grad_() for key, shape in shapes.items()}
    samples = normal((BATCH, *sample))
    x = samples.movedim(-1, 1)
    y = function(x, parameters).reshape(BATCH, -1)
    assert y.shape[1] == outputs, (name, y.shape)
    dy = normal(y.shape)
    gradients = torch.autograd.grad(y, list(parameters.values()), dy)
    short = lambda t: [float(f"{v:.10g}") for v in t.detach().reshape(-1).tolist()]
    return {
        "name": name,
        "layers": layers,
        "sample": list(sample),
        "outputs": outputs,
        "x": short(samples),
        "y": short(y),
        "dy": short(dy),
        "parameters": [
            {"name": key, "shape": list(p.shape), "data": short(p), "gradient": short(g)}
            for (key, p), g in zip(parameters.items(), gradients)
        ],
    }


if __name__ == "__main__":
    with open(os.path.join(HERE, "networks.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(record(n, i)) for i, n in enumerate(CASES)) + "\n]\n")
