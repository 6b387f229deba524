"""Records what PyTorch makes of single layers, forwards and backwards, in float64, for tests/definitions.rs:
python tests/golden/layers.py"""

import json
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(5)
CASES = []


def array(t):
    return {"shape": list(t.shape), "data": [float(f"{v:.12g}") for v in t.detach().reshape(-1).tolist()]}


def case(op, f, inputs, outputs=1, **attributes):
    """f of these inputs; the first of its outputs has a gradient, the others are only told."""
    inputs = [torch.tensor(array(t)["data"], dtype=torch.float64).reshape(t.shape).requires_grad_() for t in inputs]
    results = f(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    assert len(results) == outputs
    dy = torch.randn(results[0].shape, dtype=torch.float64)
    dy = torch.tensor(array(dy)["data"], dtype=torch.float64).reshape(dy.shape)
    results[0].backward(dy)
    CASES.append({
        "op": op, "attributes": attributes, "inputs": [array(t) for t in inputs], "outputs": [array(t) for t in results],
        "dy": array(dy), "gradients": [array(t.grad) for t in inputs],
    })


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64)


def channels_first(f):
    """A function of (N, C, ...) as one of (N, ..., C)."""
    def of_last(x, *others):
        y = f(x.movedim(-1, 1), *others)
        if isinstance(y, tuple):
            return (y[0].movedim(1, -1), *y[1:])
        return y.movedim(1, -1)
    return of_last


def batch_norm(epsilon, momentum):
    def f(x, weight, bias):
        c = weight.shape[0]
        mean, variance = torch.zeros(c, dtype=torch.float64), torch.ones(c, dtype=torch.float64)
        y = F.batch_norm(x, mean, variance, weight, bias, training=True, momentum=momentum, eps=epsilon)
        return y, mean, variance
    return channels_first(f)


FAR = torch.tensor([-1e4, -40.0, -5.5, -1.25, -0.3, 0.001, 0.7, 2.5, 11.0, 1e4], dtype=torch.float64)
for x in [FAR, normal(7)]:
    case("gelu", lambda x: F.gelu(x), [x], tanh=False)
    case("gelu", lambda x: F.gelu(x, approximate="tanh"), [x], tanh=True)
    case("silu", F.silu, [x])
    case("softplus", F.softplus, [x])
    case("elu", F.elu, [x], alpha=1.0)
    case("elu", lambda x: F.elu(x, 0.25), [x], alpha=0.25)
    case("leaky_relu", F.leaky_relu, [x], slope=0.01)
    case("leaky_relu", lambda x: F.leaky_relu(x, 0.5), [x], slope=0.5)
for shape in [(5, 3), (3, 5, 3, 4), (1, 7, 3, 2)]:
    row = lambda: normal(shape[-1])
    case("batch_norm", batch_norm(1e-5, 0.1), [normal(*shape) * 2 + 3, row(), row()], 3, epsilon=1e-5, momentum=0.1)
    case("batch_norm", batch_norm(0.25, 0.5), [normal(*shape), row(), row()], 3, epsilon=0.25, momentum=0.5)
for shape, groups in [((3, 5, 3, 4), 2), ((1, 7, 3, 6), 3), ((4, 6), 1), ((2, 3, 3), 3)]:
    f = channels_first(lambda x, weight, bias: F.group_norm(x, groups, weight, bias, 1e-5))
    case("group_norm", f, [normal(*shape), normal(shape[-1]), normal(shape[-1])], groups=groups, epsilon=1e-5)
for shape in [(4, 5), (1, 3, 8), (2, 3, 1, 7)]:
    c = shape[-1]
    case("layer_norm", lambda x, w, b: F.layer_norm(x, (c,), w, b, 1e-5), [normal(*shape), normal(c), normal(c)], epsilon=1e-5)
    case("layer_norm", lambda x, w: F.layer_norm(x, (c,), w, None, 0.1), [normal(*shape), normal(c)], epsilon=0.1)
    case("layer_norm", lambda x: F.layer_norm(x, (c,), eps=1e-5), [normal(*shape)], epsilon=1e-5)
    case("rms_norm", lambda x, w: F.rms_norm(x, (c,), w, 1e-6), [normal(*shape), normal(c)], epsilon=1e-6)
    case("rms_norm", lambda x: F.rms_norm(x, (c,), eps=0.1), [normal(*shape)], epsilon=0.1)
for shape, size in [((1, 7, 5, 3), (3, 2)), ((2, 4, 6, 1), (1, 1)), ((1, 3, 2, 2), (5, 3)), ((2, 6, 9, 2), (4, 3))]:
    pools = {"adaptive_avg_pool2d": F.adaptive_avg_pool2d, "adaptive_max_pool2d": F.adaptive_max_pool2d}
    for op, pool in pools.items():
        case(op, channels_first(lambda x: pool(x, size)), [normal(*shape)], size=list(size))
# Windows that overlap, and padding.
for shape, kernel, stride, padding in [((1, 7, 9, 2), (3, 3), (2, 2), (1, 1)), ((2, 5, 8, 3), (3, 4), (1, 3), (0, 2))]:
    pools = {"avg_pool2d": F.avg_pool2d, "max_pool2d": F.max_pool2d}
    for op, pool in pools.items():
        f = channels_first(lambda x: pool(x, kernel, stride, padding))
        case(op, f, [normal(*shape)], kernel=list(kernel), stride=list(stride), padding=list(padding))

with open(os.path.join(HERE, "layers.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")
