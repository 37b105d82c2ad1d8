"""One neuron: z three ways, and its training by hand-written gradients (course §4.1–4.6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor

from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.pairs import pair
from engine.course.progress import told

PIXELS = 784


def three_ways(n: int, nx: int) -> Finding:
    """z of n examples by a loop over numbers, by dot products, and by one matrix product: values and times."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, nx, generator=generator, dtype=torch.float64)
    w = torch.randn(nx, generator=generator, dtype=torch.float64)
    b = 0.5
    lists, weights = x.tolist(), w.tolist()
    ways: dict[str, Callable[[], Tensor]] = {
        "loop over numbers": lambda: torch.tensor([_loop(row, weights, b) for row in lists], dtype=torch.float64),
        "dot product per example": lambda: torch.stack([row @ w + b for row in x]),
        "one matrix product": lambda: x @ w + b,
    }
    times, outcomes = {}, {}
    for name, way in ways.items():
        times[name], outcomes[name] = _timed(way)
    reference = outcomes["one matrix product"]
    rows: list[list[Cell]] = [
        [name, f"{1e3 * times[name]:.3f} ms", float(z[0]), float((z - reference).abs().max())]
        for name, z in outcomes.items()
    ]
    value = {
        "largest_difference": max(float((z - reference).abs().max()) for z in outcomes.values()),
        "z_1": float(reference[0]),
        "a_1": float(torch.sigmoid(reference[0])),
        "speed_up": times["loop over numbers"] / times["one matrix product"],
        "shape": list(reference.shape),
    }
    return Finding(value, Table(["how", "time", "z of example 1", "largest difference"], rows))


def _loop(row: list[float], weights: list[float], bias: float) -> float:
    z = 0.0
    for x_k, w_k in zip(row, weights, strict=True):
        z += x_k * w_k
    return z + bias


def _timed(way: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """The least of three times, and the outcome."""
    way()
    times = []
    for _ in range(3):
        begun = perf_counter()
        outcome = way()
        times.append(perf_counter() - begun)
    return min(times), outcome


class Curves(NamedTuple):
    """Of S seeds at once: accuracies (epochs + 1, S) before training and after each epoch, losses (epochs, S)."""

    accuracies: Tensor
    losses: Tensor


@lru_cache(maxsize=8)
def curves(source: str, first_seed: int, seeds: int, epochs: int, rate: float, flip: bool = False) -> Curves:
    """Batch gradient descent from w = 0.01·randn, b = 0 for each seed; `flip` starts from −w.

    The gradients are the hand-derived ones, dw = (1/N)·Xᵀ(ŷ − y) and db = mean(ŷ − y). The loss is taken before the
    update, the accuracy on the validation pictures after it.
    """
    data = pair(source)
    w = torch.stack(
        [0.01 * torch.randn(PIXELS, generator=torch.Generator().manual_seed(first_seed + k)) for k in range(seeds)], 1
    )
    w = -w if flip else w
    b = torch.zeros(seeds)
    accuracies, losses = [_accuracy(data.valid_x @ w + b, data.valid_y)], []
    for _ in range(epochs):
        z = data.train_x @ w + b
        losses.append((torch.nn.functional.softplus(z) - data.train_y * z).mean(0))  # BCE from z: never log(0)
        dz = torch.sigmoid(z) - data.train_y
        w = w - rate * data.train_x.T @ dz / len(z)
        b = b - rate * dz.mean(0)
        accuracies.append(_accuracy(data.valid_x @ w + b, data.valid_y))
    return Curves(torch.stack(accuracies), torch.stack(losses))


def _accuracy(z: Tensor, y: Tensor) -> Tensor:
    return ((z > 0) == (y > 0.5)).float().mean(0)


def train(source: str, seed: int, epochs: int, rate: float, start: str) -> Finding:
    """One neuron on 1 against 7."""
    run = curves(source, seed, 1, epochs, rate, start == "flipped")
    accuracies, losses = run.accuracies[:, 0].tolist(), run.losses[:, 0].tolist()
    rows: list[list[Cell]] = [["before", "", accuracies[0]]]
    rows += [[str(k), loss, accuracy] for k, (loss, accuracy) in enumerate(zip(losses, accuracies[1:], strict=True), 1)]
    value = {
        "before": accuracies[0],
        "accuracy": accuracies[1:],
        "loss": losses,
        "last": accuracies[-1],
        "last_loss": losses[-1],
        "n_train": len(pair(source).train_y),
        "n_valid": len(pair(source).valid_y),
    }
    return Finding(value, Table(["epoch", "loss", "accuracy"], rows))


def bands(source: str, seeds: int) -> Finding:
    """Least, median and greatest accuracy and loss over many seeds; how often accuracy fell while loss did not rise."""
    run = curves(source, 0, seeds, 4, 0.01)
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for what, series, first in (("accuracy", run.accuracies, 0), ("loss", run.losses, 1)):
        for epoch, over_seeds in enumerate(series, first):
            low, middle, high = (float(q) for q in (over_seeds.min(), over_seeds.median(), over_seeds.max()))
            name = f"epoch {epoch}" if epoch else "before"
            rows.append([what, name, f"{low:.3f}", f"{middle:.3f}", f"{high:.3f}"])
            value[f"{what}_{epoch}"] = [low, middle, high]
    loss_fell = (run.losses.diff(dim=0) < 0).all(0)
    dropped = (run.accuracies.diff(dim=0) < 0).any(0)
    value |= {
        "mean_before": float(run.accuracies[0].mean()),
        "loss_always_fell": float(loss_fell.float().mean()),
        "accuracy_dropped": float(dropped.float().mean()),
        "seeds": seeds,
    }
    return Finding(value, Table(["what", "when", "least", "median", "greatest"], rows))


def rates(seed: int) -> Finding:
    """The same neuron with learning rates far apart."""
    chosen = (0.001, 0.01, 0.1, 1.0, 10.0)
    runs = {rate: curves("subset", seed, 1, 20, rate) for rate in told(chosen)}
    series = [Series(f"η = {rate:g}", [float(k) for k in range(1, 21)], _finite(run.losses[:, 0].tolist()))
              for rate, run in runs.items()]  # fmt: skip
    rows: list[list[Cell]] = [
        [f"{rate:g}", float(run.losses[-1, 0]), float(run.accuracies[-1, 0])] for rate, run in runs.items()
    ]
    value = {f"{rate:g}".replace(".", "_"): float(run.losses[-1, 0]) for rate, run in runs.items()}
    table = Table(["η", "loss, epoch 20", "accuracy"], rows)
    return Finding(value, table, Plot(series, "epoch", "ℒ", logarithmic=True))


def _finite(values: list[float]) -> list[float]:
    return [value if math.isfinite(value) else 0.0 for value in values]
