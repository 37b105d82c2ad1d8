"""Activation functions, losses and the loss landscape as curves and tables (course §4.2, §4.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.func import grad
from torch.nn import functional

from engine.course.dense import ACTIVATIONS
from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.pairs import pair

NAMES = tuple(name for name in ACTIVATIONS if name != "linear")


def _slope(name: str, z: Tensor) -> Tensor:
    z = z.clone().requires_grad_()
    return torch.autograd.grad(ACTIVATIONS[name](z).sum(), z)[0]


def activation(name: str) -> Finding:
    """g and g′ over [−6, 6]; g′ by autograd."""
    z = torch.linspace(-6, 6, 121, dtype=torch.float64)
    a, slope = ACTIVATIONS[name](z), _slope(name, z)
    plot = Plot([Series(name, z.tolist(), a.tolist()), Series("slope", z.tolist(), slope.tolist())], "z")
    value = {
        "at_0": float(ACTIVATIONS[name](torch.zeros(1))),
        "slope_at_0": float(_slope(name, torch.zeros(1, dtype=torch.float64))[0]),
        "steepest": float(slope.max()),
        "least": float(a.min()),
        "greatest": float(a.max()),
    }
    return Finding(value, plot=plot)


def activation_at(name: str, z: float) -> Finding:
    """g(z) and its slope there."""
    at = torch.tensor([z], dtype=torch.float64)
    return Finding({"a": float(ACTIVATIONS[name](at)), "slope": float(_slope(name, at)[0])})


def slopes() -> Finding:
    """The slope of every activation at some z."""
    at = torch.tensor([-6.0, -4.0, -2.0, -0.5, 0.0, 0.5, 2.0, 4.0, 6.0], dtype=torch.float64)
    columns = {name: _slope(name, at).tolist() for name in NAMES}
    rows: list[list[Cell]] = [[f"{z:g}", *(columns[name][k] for name in NAMES)] for k, z in enumerate(at.tolist())]
    outside = float(_slope("sigmoid", torch.tensor([4.0], dtype=torch.float64))[0])
    return Finding({"sigmoid_slope_at_4": outside}, Table(["z", *NAMES], rows))


def softmax(shift: float) -> Finding:
    """Scores as probabilities; adding the same number to every score changes nothing."""
    z = torch.tensor([1.0, 2.0, 3.0, -1.0], dtype=torch.float64)
    plain, moved = torch.softmax(z, 0), torch.softmax(z + shift, 0)
    rows: list[list[Cell]] = [[f"{s:g}", p, f"{s + shift:g}", m] for s, p, m in
                              zip(z.tolist(), plain.tolist(), moved.tolist(), strict=True)]  # fmt: skip
    value = {"sum": float(plain.sum()), "largest": float(plain.max()), "difference": float((plain - moved).abs().max())}
    return Finding(value, Table(["score z", "softmax", f"z + {shift:g}", "softmax"], rows))


def _loss(name: str, yhat: float, y: float) -> float:
    if name == "mean-difference":
        return yhat - y
    if name == "mae":
        return abs(yhat - y)
    if name == "half-mse":
        return (yhat - y) ** 2 / 2
    return -(y * math.log(yhat) + (1 - y) * math.log(1 - yhat))


LOSSES = ("mean-difference", "mae", "half-mse", "bce")


def losses() -> Finding:
    """The four losses of one example for (ŷ, y) in {0.1, 0.9} × {0, 1}, with the logarithms that BCE is made of."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {name: [] for name in LOSSES}
    for yhat in (0.1, 0.9):
        for y in (0.0, 1.0):
            each = [_loss(name, yhat, y) for name in LOSSES]
            logs = [math.log(yhat), math.log(1 - yhat)]
            rows.append([f"{yhat:g}", f"{y:g}", *(f"{number:.1f}" for number in logs), *(f"{e:.3f}" for e in each)])
            for name, number in zip(LOSSES, each, strict=True):
                found = value[name]
                assert isinstance(found, list)
                found.append(number)
    value |= {"log_small": math.log(0.1), "log_large": math.log(0.9)}
    return Finding(value, Table(["ŷ", "y", "log ŷ", "log(1−ŷ)", *LOSSES], rows))


def loss_of(name: str, yhat: float, y: float) -> Finding:
    """One loss of one example."""
    return Finding(_loss(name, yhat, y))


def log_of_zero() -> Finding:
    """BCE of a *right* answer, y = 1, written out in float32 and taken from the score z itself."""
    rows: list[list[Cell]] = []
    first = None
    for z in (1.0, 5.0, 10.0, 15.0, 16.0, 17.0, 20.0, 40.0):
        score, one = torch.tensor(z), torch.tensor(1.0)
        yhat = torch.sigmoid(score)
        naive = float(-(one * yhat.log() + (1 - one) * (1 - yhat).log()))
        stable = float(functional.binary_cross_entropy_with_logits(score, one))
        first = z if first is None and math.isnan(naive) else first
        rows.append([f"{z:g}", f"{float(yhat):.8f}", str(naive) if math.isnan(naive) else naive, stable])
    table = Table(["z", "ŷ = σ(z)", "written out", "from z"], rows)
    return Finding({"first_nan_at": first}, table)


def landscape(rate: float, steps: int) -> Finding:
    """A wavy ℒ(w), the point on it, its tangent, and where −η·slope takes it, step by step."""
    w = torch.linspace(-4, 8, 241, dtype=torch.float64)
    here = torch.tensor(-2.6, dtype=torch.float64)
    path = [here]
    for _ in range(steps):
        path.append(path[-1] - rate * _wavy_slope(path[-1]))
    slope, height = _wavy_slope(here), _wavy(here)
    tangent = torch.linspace(float(here) - 1, float(here) + 1, 9, dtype=torch.float64)
    inside = [p for p in path if -4 <= float(p) <= 8]
    plot = Plot(
        [
            Series("ℒ(w)", w.tolist(), _wavy(w).tolist()),
            Series("tangent", tangent.tolist(), (height + slope * (tangent - here)).tolist()),
            Series("steps", [float(p) for p in inside], [float(_wavy(p)) for p in inside], marks=True),
        ],
        "w",
        "ℒ",
    )
    shown = [*range(min(9, len(path))), *([len(path) - 1] if len(path) > 9 else [])]  # the first ones, and the last
    rows: list[list[Cell]] = [_step_row(k, path[k], rate) for k in shown]
    value = {
        "slope": float(slope),
        "step": float(-rate * slope),
        "loss_before": float(height),
        "loss_after": float(_wavy(path[1])) if steps else float(height),
        "end": float(path[-1]),
        "end_loss": float(_wavy(path[-1])),
        "deepest": float(w[_wavy(w).argmin()]),
        "deepest_loss": float(_wavy(w).min()),
    }
    return Finding(value, Table(["step", "w", "ℒ", "slope", "−η·slope"], rows), plot)


def _step_row(number: int, at: Tensor, rate: float) -> list[Cell]:
    slope = float(_wavy_slope(at))
    return [str(number), float(at), float(_wavy(at)), slope, -rate * slope]


def _wavy(w: Tensor) -> Tensor:
    """A made-up landscape with three valleys, the deepest far to the right."""
    return 1.6 + 0.02 * (w - 6) ** 2 + 0.6 * torch.sin(1.7 * w + 0.9) - 0.35 * torch.exp(-((w - 6) ** 2))


def _wavy_slope(w: Tensor) -> Tensor:
    slope: Tensor = grad(lambda at: _wavy(at).sum())(w)
    return slope


def slice_of_neuron(k: int, rate: float) -> Finding:
    """The real ℒ of the 1-against-7 neuron as one weight changes and all else stays."""
    data = pair("subset")
    w = 0.01 * torch.randn(784, generator=torch.Generator().manual_seed(0))
    x_k, rest = data.train_x[:, k - 1], data.train_x @ w - data.train_x[:, k - 1] * w[k - 1]
    y = data.train_y[:, 0]

    def loss(at: Tensor) -> Tensor:
        z = rest + x_k * at
        return (functional.softplus(z) - y * z).mean()

    here, slope = w[k - 1], grad(loss)(w[k - 1])
    span = torch.linspace(-1.5, 1.5, 81)
    moved = here - rate * slope
    plot = Plot(
        [
            Series("ℒ(w_k)", span.tolist(), [float(loss(at)) for at in span]),
            Series("now, next", [float(here), float(moved)], [float(loss(here)), float(loss(moved))], marks=True),
        ],
        f"w_{k}",
        "ℒ",
    )
    value = {
        "slope": float(slope),
        "step": float(moved - here),
        "before": float(loss(here)),
        "after": float(loss(moved)),
    }
    return Finding(value, plot=plot)
