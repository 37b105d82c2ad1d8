"""Why layers need an activation between them, and what depth does to gradients (course §5.5, §5.6, §7)."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.networks import sizes
from engine.course.pairs import digits
from engine.course.progress import told
from engine.experiments.data import BatchLoader
from engine.experiments.models import MLP, initialise

XOR_X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_Y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])


def collapse(layers: str) -> Finding:
    """Stacked layers without activation are one layer: W = W[L]···W[1]."""
    widths = sizes(layers)
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(after, before, generator=generator, dtype=torch.float64)
               for before, after in pairwise(widths)]  # fmt: skip
    biases = [torch.randn(width, generator=generator, dtype=torch.float64) for width in widths[1:]]
    x = torch.randn(50, widths[0], generator=generator, dtype=torch.float64)
    through, weight, bias = x, torch.eye(widths[0], dtype=torch.float64), torch.zeros(widths[0], dtype=torch.float64)
    bent = x
    for w, b in zip(weights, biases, strict=True):
        through, bent = through @ w.T + b, torch.tanh(bent @ w.T + b)
        weight, bias = w @ weight, w @ bias + b
    once = x @ weight.T + bias
    stacked = sum(w.numel() for w in weights) + sum(b.numel() for b in biases)
    one = weight.numel() + bias.numel()
    rows: list[list[Cell]] = [
        ["layer by layer", len(weights), stacked, float(through[0, 0])],
        ["one layer", 1, one, float(once[0, 0])],
    ]
    value = {
        "largest_difference": float((through - once).abs().max() / through.abs().max()),
        "with_tanh": float((bent - once).abs().max() / bent.abs().max()),
        "parameters_stacked": stacked,
        "parameters_one": one,
    }
    return Finding(value, Table(["how", "layers", "parameters", "first output"], rows))


def xor(hidden: int, activation: str, seed: int) -> Finding:
    """XOR learnt by Adam in 800 steps: with `hidden` neurons between, or with none (0)."""
    generator = torch.Generator().manual_seed(seed)
    model = MLP((2, 1), activation, "sigmoid") if hidden == 0 else MLP((2, hidden, 1), activation, "sigmoid")
    initialise(model, "xavier", generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    loss = nn.BCELoss()
    for _ in told(range(800)):
        optimizer.zero_grad()
        value = loss(model(XOR_X), XOR_Y)
        value.backward()
        optimizer.step()
    with torch.no_grad():
        yhat = model(XOR_X)
    rows: list[list[Cell]] = [
        [f"{int(x[0])} {int(x[1])}", str(int(y)), float(p), "✓" if (p > 0.5) == (y > 0.5) else "✗"]
        for x, y, p in zip(XOR_X, XOR_Y, yhat, strict=True)
    ]
    right = int(((yhat > 0.5) == (XOR_Y > 0.5)).sum())
    table = Table(["inputs", "wanted", "ŷ", ""], rows)
    return Finding({"right": right, "accuracy": right / 4, "loss": float(value.detach())}, table)


def outputs() -> Finding:
    """What the three output activations make of the same scores."""
    z = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64)
    columns = {"linear": z, "sigmoid": torch.sigmoid(z), "softmax": torch.softmax(z, 0)}
    rows: list[list[Cell]] = [[name, *(float(v) for v in out), float(out.sum())] for name, out in columns.items()]
    value = {f"sum_{name}": float(out.sum()) for name, out in columns.items()}
    return Finding(value, Table(["output", "class 1", "class 2", "class 3", "sum"], rows))


def _gradient_norms(activation: str, init: str, layers: int, norm: bool, seed: int = 0) -> list[float]:
    """‖∂ℒ/∂W[l]‖, first layer first, of one batch through `layers` hidden layers of 32."""
    generator = torch.Generator().manual_seed(seed)
    model = MLP((32, *[32] * layers, 10), activation, "softmax", batch_norm=norm)
    initialise(model, init, generator)
    x = torch.randn(64, 32, generator=generator)
    y = torch.randint(0, 10, (64,), generator=generator)
    nn.functional.cross_entropy(model(x), y).backward()
    return [float(_grad(m).norm()) for m in model.modules() if isinstance(m, nn.Linear)]


def _grad(module: nn.Linear) -> Tensor:
    assert module.weight.grad is not None
    return module.weight.grad


_ROWS = 12  # of more layers only every fifth is listed


def gradients(activation: str, init: str, layers: int, batch_norm: str) -> Finding:
    """The gradient's norm in each layer, the last layer as the measure."""
    norms = _gradient_norms(activation, init, layers, batch_norm == "on")
    last = len(norms)
    shown = [k for k in range(1, last + 1) if last <= _ROWS or k in (1, last) or k % 5 == 0]
    rows: list[list[Cell]] = [[str(k), f"{norms[k - 1]:.1e}", _bar(norms[k - 1])] for k in shown]
    ratio = norms[0] / norms[-1] if norms[-1] else 0.0
    return Finding(
        {"first": norms[0], "last": norms[-1], "ratio": ratio}, Table(["layer", "‖dW‖", "10⁻¹⁰ … 10⁸"], rows)
    )


def _bar(norm: float) -> str:
    return "■" * max(0, min(24, round((10 + math.log10(max(norm, 1e-12))) * 4 / 3)))


def table(layers: int) -> Finding:
    """The norm of the first layer's gradient, by activation and initialisation."""
    inits = ("zeros", "small-normal", "normal", "xavier", "kaiming")
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for activation in told(("sigmoid", "tanh", "relu")):
        row: list[Cell] = [activation]
        for init in inits:
            norms = _gradient_norms(activation, init, layers, norm=False)
            row.append(f"{norms[0]:.0e}" if norms[0] else "0")
            value[f"{activation}_{init}"] = norms[0]
        rows.append(row)
    return Finding(value, Table(["", *inits], rows))


_UNLIKE = (("both alike", 1.0, 1.0), ("one × 30", 30.0, 1.0), ("one × 30, η small", 30.0, 0.002))


def input_scale() -> Finding:
    """The same descent on inputs of one scale, and with one input 30 times larger."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 2, generator=generator)
    y = ((x[:, :1] + x[:, 1:]) > 0).float()
    series, rows = [], list[list[Cell]]()
    for name, factor, rate in _UNLIKE:
        inputs = x * torch.tensor([factor, 1.0])
        w, losses = torch.zeros(2, 1), []
        for _ in range(60):
            z = inputs @ w
            losses.append(float((nn.functional.softplus(z) - y * z).mean()))
            w = w - rate * inputs.T @ (torch.sigmoid(z) - y) / len(x)
        series.append(Series(name, [float(k) for k in range(60)], losses))
        large, small = (float(share) for share in w[:, 0] * torch.tensor([factor, 1.0]))
        rows.append([name, rate, losses[-1], large, small])
    names = ("alike", "unlike", "unlike_small_rate")
    value = dict(zip(names, (row[2] for row in rows), strict=True))
    value |= {f"{name}_{which}": row[at] for name, row in zip(names, rows, strict=True) for which, at in _SAYS}
    heads = ["inputs", "η", "loss after 60 steps", "say of the large one", "of the small one"]
    return Finding(value, Table(heads, rows), Plot(series, "step", "ℒ"))


_SAYS = (("large", 3), ("small", 4))  # an input's weight times its spread


def norm_modes(seed: int) -> Finding:
    """One epoch on the digits with batch normalisation, then judged as it should be used, and in training mode."""
    part, valid = digits("subset").train, digits("subset").valid
    model = MLP((784, 32, 16, 10), "relu", "softmax", batch_norm=True)
    initialise(model, "kaiming", torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in told(list(BatchLoader(part.images.flatten(1), part.labels, 64, seed))):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    x, y = valid.images.flatten(1), valid.labels
    used = _share_right(model.eval(), x, y, len(x))
    trained = {size: _share_right(model.train(), x[:640], y[:640], size) for size in (64, 2)}  # 640: 2 are slow
    rows: list[list[Cell]] = [
        ["as it should be used", "kept from training", used],
        ["in training mode", "of batches of 64", trained[64]],
        ["in training mode", "of batches of 2", trained[2]],
    ]
    value = {"used": used, "batches_of_64": trained[64], "batches_of_2": trained[2]}
    return Finding(value, Table(["the same network", "mean and spread", "accuracy"], rows))


def _share_right(model: nn.Module, x: Tensor, y: Tensor, size: int) -> float:
    with torch.no_grad():
        pairs = zip(x.split(size), y.split(size), strict=True)
        return sum(int((model(some).argmax(1) == labels).sum()) for some, labels in pairs) / len(y)
