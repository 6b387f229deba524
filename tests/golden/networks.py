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
