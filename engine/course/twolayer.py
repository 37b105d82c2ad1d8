"""The two-layer network on 1 against 7: as the text writes it, and as it trains (course §5.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.course.findings import Cell, Finding, Table
from engine.course.pairs import pair
from engine.course.progress import told

Parameters = list[Tensor]


def _start(init: str, hidden: int, seed: int) -> Parameters:
    """W1, b1, W2, b2: unscaled randn throughout, or randn/√n_(l−1) and zero biases."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((hidden, 784), (hidden,), (1, hidden), (1,))
    drawn = [torch.randn(*shape, generator=generator) for shape in shapes]
    if init == "normal":
        return drawn
    return [t / math.sqrt(t.shape[1]) if t.dim() == 2 else torch.zeros_like(t) for t in drawn]


def _forward(parameters: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    w1, b1, w2, b2 = parameters
    a1 = torch.sigmoid(x @ w1.T + b1)
    return a1, a1 @ w2.T + b2


def _step(parameters: Parameters, x: Tensor, y: Tensor, rate: float) -> tuple[Parameters, float, float, float]:
    """One update by the course's ①–④; the loss before it, the mean slope A[1] ∗ (1 − A[1]), and ‖∂ℒ/∂W[1]‖."""
    _, _, w2, _ = parameters
    a1, z2 = _forward(parameters, x)
    loss = float((functional.softplus(z2) - y * z2).mean())
    slope = a1 * (1 - a1)
    dz2 = torch.sigmoid(z2) - y
    dz1 = (dz2 @ w2) * slope
    gradients = [dz1.T @ x / len(x), dz1.mean(0), dz2.T @ a1 / len(x), dz2.mean(0)]
    moved = [p - rate * g for p, g in zip(parameters, gradients, strict=True)]
    return moved, loss, float(slope.mean()), float(gradients[0].norm())


def _accuracy(parameters: Parameters, x: Tensor, y: Tensor) -> float:
    return float(((_forward(parameters, x)[1] > 0) == (y > 0.5)).float().mean())


def train(source: str, init: str, rate: float, epochs: int, seed: int) -> Finding:
    """784-2-1, sigmoid, batch gradient descent with the gradients derived by hand."""
    data, parameters = pair(source), _start(init, 2, seed)
    before = _accuracy(parameters, data.valid_x, data.valid_y)
    rows: list[list[Cell]] = [["before", "", before, "", ""]]
    losses, slopes, gradients, accuracies = [], [], [], [before]
    for epoch in range(1, epochs + 1):
        parameters, loss, slope, gradient = _step(parameters, data.train_x, data.train_y, rate)
        accuracies.append(_accuracy(parameters, data.valid_x, data.valid_y))
        losses.append(loss)
        slopes.append(slope)
        gradients.append(gradient)
        if epoch in (1, 2, 3, 4, 10, 20, epochs):
            rows.append([str(epoch), loss, accuracies[-1], slope, gradient])
    value = {
        "before": before,
        "after": accuracies[-1],
        "moved": accuracies[-1] - before,
        "loss": losses[-1],
        "slope": slopes[0],
        "last_slope": slopes[-1],
        "gradient": gradients[0],
    }
    return Finding(value, Table(["epoch", "loss", "accuracy", "mean A[1] ∗ (1 − A[1])", "‖dW[1]‖"], rows))


def seeds(source: str, init: str, rate: float, epochs: int, count: int) -> Finding:
    """How far the accuracy moves in one training, over many seeds."""
    moved, reached = [], []
    for seed in told(range(count)):
        found = train(source, init, rate, epochs, seed).value
        assert isinstance(found, dict)
        moved.append(float(found["moved"]))
        reached.append(float(found["after"]))
    order, ends = sorted(moved), sorted(reached)
    value = {"median_move": order[count // 2], "least": ends[0], "median": ends[count // 2], "greatest": ends[-1]}
    rows: list[list[Cell]] = [[name, f"{number:.3f}"] for name, number in value.items()]
    return Finding(value, Table(["over the seeds", "accuracy"], rows))
