"""Ways of descending, on the same data from the same start (course §6, §7)."""

from __future__ import annotations

import math
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.pairs import pair
from engine.course.progress import told
from engine.errors import ExperimentError
from engine.experiments.data import BatchLoader

OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, object]]] = {
    "sgd": (torch.optim.SGD, {"lr": 0.02}),
    "momentum": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.5}),
    "adadelta": (torch.optim.Adadelta, {"lr": 20.0}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.05}),
    "adam": (torch.optim.Adam, {"lr": 0.2}),
    "amsgrad": (torch.optim.Adam, {"lr": 0.2, "amsgrad": True}),
}


def count(n: int, size: int) -> Finding:
    """Updates in an epoch, and how many examples the last batch has."""
    batches = -(-n // size)
    return Finding({"updates": batches, "last": n - (batches - 1) * size})


def batches(epochs: int, rate: float, seed: int) -> Finding:
    """Batch, mini-batch and stochastic gradient descent: the 1-against-7 neuron, one start, one rate.

    And batch descent with as many times the rate as mini-batches have updates.
    """
    n = len(pair("subset").train_y)
    more = -(-n // 64)
    rows: list[list[Cell]] = []
    series, value = [], dict[str, float]()
    ways = (
        ("batch (all)", n, 1),
        ("mini-batch 64", 64, 1),
        ("stochastic 1", 1, 1),
        (f"batch, η × {more}", n, more),
    )
    for name, size, factor in ways:
        begun = perf_counter()
        per_epoch, accuracy, updates = _descend(size, epochs, factor * rate, seed)
        took = perf_counter() - begun
        rows.append([name, updates, per_epoch[1], per_epoch[-1], accuracy, f"{1e3 * took / epochs:.0f} ms"])
        series.append(Series(name, [float(k * n) for k in range(len(per_epoch))], per_epoch))
        key = "fast" if factor > 1 else name.split()[0].removesuffix("-batch")
        value |= {f"{key}_updates": updates, f"{key}_loss": per_epoch[-1], f"{key}_accuracy": accuracy}
    heads = ["descent", "updates/epoch", "loss, 1 epoch", f"loss, {epochs}", "accuracy", "time/epoch"]
    return Finding(value, Table(heads, rows), Plot(series, "examples seen", "ℒ", logarithmic=True))


def _descend(size: int, epochs: int, rate: float, seed: int) -> tuple[list[float], float, int]:
    """The loss on all examples before training and after each epoch, the accuracy, the updates per epoch."""
    data = pair("subset")
    w, b = 0.01 * torch.randn(784, 1, generator=torch.Generator().manual_seed(seed)), torch.zeros(1)
    loader = BatchLoader(data.train_x, data.train_y, size, seed)
    losses = [_loss(data.train_x, data.train_y, w, b)]
    for _ in told(range(epochs)):
        for x, y in loader:
            dz = torch.sigmoid(x @ w + b) - y
            w = w - rate * x.T @ dz / len(x)
            b = b - rate * dz.mean(0)
        losses.append(_loss(data.train_x, data.train_y, w, b))
    accuracy = float((((data.valid_x @ w + b) > 0) == (data.valid_y > 0.5)).float().mean())
    return losses, accuracy, len(loader)


def _loss(x: Tensor, y: Tensor, w: Tensor, b: Tensor) -> float:
    z = x @ w + b
    return float((functional.softplus(z) - y * z).mean())


def _surface(name: str, at: Tensor) -> Tensor:
    u, v = at[0], at[1]
    if name == "ravine":
        return 0.5 * (u * u + 40 * v * v)
    return 0.1 * (u * u + v * v) + 1 - torch.cos(1.5 * u) * torch.cos(1.5 * v) * torch.exp(-0.1 * (u * u + v * v))


def optimizers(surface: str, steps: int) -> Finding:
    """Every optimizer on the same surface from the same place; the path of each in the plane."""
    rows: list[list[Cell]] = []
    series, value = [], {}
    for name in told(list(OPTIMIZERS)):
        path, heights = _walk(name, surface, steps)
        value[name] = heights[-1]
        reached = next((k for k, height in enumerate(heights) if height < 0.05), None)
        rows.append([name, path[-1][0], path[-1][1], f"{heights[-1]:.1e}", "" if reached is None else str(reached)])
        series.append(Series(name, [p[0] for p in path], [p[1] for p in path]))
    heads = ["optimizer", "θ₁", "θ₂", "height", "steps to 0.05"]
    return Finding(value, Table(heads, rows), Plot(series, "θ₁", "θ₂"))


def _walk(
    name: str, surface: str, steps: int, rate: float = 0.0, momentum: float = 0.0
) -> tuple[list[tuple[float, float]], list[float]]:
    at = torch.tensor([-4.0, 1.5], requires_grad=True)
    kind, usual = OPTIMIZERS[name]
    options = {**usual, **({"lr": rate} if rate else {}), **({"momentum": momentum} if momentum else {})}
    optimizer = kind([at], **options)  # type: ignore[arg-type]  # every kind takes the options beside it
    path, heights = [(-4.0, 1.5)], [float(_surface(surface, at.detach()))]
    for _ in range(steps):
        optimizer.zero_grad()
        _surface(surface, at).backward()
        optimizer.step()
        here = at.detach().tolist()
        if not all(math.isfinite(p) for p in here):
            break
        path.append((here[0], here[1]))
        heights.append(float(_surface(surface, at.detach())))
    return path, heights


def path(optimizer: str, surface: str, steps: int, rate: float, momentum: float) -> Finding:
    """One optimizer's path; a rate or momentum of 0 stands for its usual one."""
    if momentum and "momentum" not in OPTIMIZERS[optimizer][1]:
        raise ExperimentError(f"{optimizer} has no momentum to choose", "choose it for momentum or nesterov")
    walked, heights = _walk(optimizer, surface, steps, rate, momentum)
    series = Series(optimizer, [p[0] for p in walked], [p[1] for p in walked])
    start = Series("start, valley", [-4.0, 0.0], [1.5, 0.0], marks=True)
    return Finding({"height": heights[-1], "steps": len(heights) - 1}, plot=Plot([series, start], "θ₁", "θ₂"))


def digits(epochs: int, seed: int) -> Finding:
    """Every optimizer at its usual rate, one softmax layer on the ten digits."""
    from engine.course.pairs import digits as load
    from engine.experiments.optimizers import OPTIMIZERS as USUAL

    part = load("subset").train
    rows: list[list[Cell]] = []
    value: dict[str, float] = {}
    for name in told(list(OPTIMIZERS)):
        kind, options = OPTIMIZERS[name]
        usual = USUAL.get(name, USUAL["sgd"]).learning_rate
        w = torch.zeros(10, 784, requires_grad=True)
        optimizer = kind([w], **{**options, "lr": usual})  # type: ignore[arg-type]
        loader = BatchLoader(part.images.flatten(1)[:2000], part.labels[:2000], 64, seed)
        for _ in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                functional.cross_entropy(x @ w.T, y).backward()
                optimizer.step()
        with torch.no_grad():
            loss = float(functional.cross_entropy(loader.inputs @ w.T, loader.targets))
        rows.append([name, f"{usual:g}", loss])
        value[name] = loss
    return Finding(value, Table(["optimizer", "η", "loss"], rows))


def agree(steps: int) -> Finding:
    """The update rules of this project, replayed from their papers, against torch.optim."""
    rows: list[list[Cell]] = []
    largest = 0.0
    for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"):
        error = _rule_error(name, steps)
        largest = max(largest, error)
        rows.append([name, RULES[name], f"{error:.0e}"])
    return Finding({"largest_error": largest}, Table(["optimizer", "rule", "difference"], rows))


RULES = {
    "sgd": "θ ← θ − η·g",
    "momentum": "u ← μ·u + g;  θ ← θ − η·u",
    "nesterov": "u ← μ·u + g;  θ ← θ − η·(g + μ·u)",
    "adagrad": "G ← G + g²;  θ ← θ − η·g/(√G + ε)",
    "rmsprop": "v ← α·v + (1 − α)·g²;  θ ← θ − η·g/(√v + ε)",
    "adam": "m ← β₁·m + (1 − β₁)·g;  v ← β₂·v + (1 − β₂)·g²;  θ ← θ − η·m̂/(√v̂ + ε)",
}


def _rule_error(name: str, steps: int) -> float:
    kind, options = OPTIMIZERS[name]
    theirs = torch.tensor([-4.0, 1.5], dtype=torch.float64, requires_grad=True)
    optimizer = kind([theirs], **options)  # type: ignore[arg-type]
    ours = theirs.detach().clone()
    v, s = torch.zeros_like(ours), torch.zeros_like(ours)
    rate = float(str(options["lr"]))
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        _surface("ravine", theirs).backward()
        optimizer.step()
        g = ours * torch.tensor([1.0, 40.0], dtype=torch.float64)
        if name in ("sgd", "momentum", "nesterov"):
            mu = 0.0 if name == "sgd" else 0.9
            v = mu * v + g
            ours = ours - rate * (g + mu * v if name == "nesterov" else v)
        elif name in ("adagrad", "rmsprop"):
            s = s + g * g if name == "adagrad" else 0.99 * s + 0.01 * g * g
            ours = ours - rate * g / (s.sqrt() + (1e-10 if name == "adagrad" else 1e-8))
        else:
            v, s = 0.9 * v + 0.1 * g, 0.999 * s + 0.001 * g * g
            ours = ours - rate * (v / (1 - 0.9**step)) / ((s / (1 - 0.999**step)).sqrt() + 1e-8)
    return float((ours - theirs.detach()).abs().max())
