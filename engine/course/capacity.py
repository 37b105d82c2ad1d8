"""Double descent: random features of a few digits, and the least squares of them, solved exactly (course §8).

Belkin et al. 2019, "Reconciling modern machine-learning practice and the classical bias–variance trade-off".
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.pairs import digits
from engine.course.progress import told
from engine.experiments.alterations import altered
from engine.experiments.data import N_CLASSES
from engine.experiments.experiment import Experiment

N = 200  # digits that are learnt
MOST = 2000  # features
_SHOWN = (25, 50, 100, 150, 200, 250, 400, 800, 2000)
_PLOTTED = (25, 50, 75, 100, 125, 150, 175, 190, 200, 210, 225, 250, 300, 350, 400, 500, 600, 800)


class Features(NamedTuple):
    """max(0, X·Wᵀ) with a random W, (N × 2000) float64, and targets (N × 10) one-hot, of training; then validation."""

    train: Tensor
    targets: Tensor
    valid: Tensor
    valid_labels: Tensor


class Fit(NamedTuple):
    """Accuracies, the mean squared error on validation pictures, and ‖θ‖."""

    train: float
    valid: float
    error: float
    size: float


@lru_cache(maxsize=8)
def _features(noise: float, seed: int) -> Features:
    """Of 200 digits, a share `noise` of them with a wrong label; the same W for any number of features."""
    chosen = Experiment(train_size=N, labels=f"noisy:{100 * noise:g}%", seed=seed)
    part = altered(digits("subset"), chosen)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(MOST, 784, generator=generator, dtype=torch.float64) / 28
    train, valid = (torch.relu(p.images.flatten(1).double() @ weight.T) for p in (part.train, part.valid))
    targets = functional.one_hot(part.train.labels, N_CLASSES).double()
    return Features(train, targets, valid, part.valid.labels)


@lru_cache(maxsize=256)
def _fit(p: int, noise: float, ridge: float, seed: int) -> Fit:
    """θ of the least squared error, of all such the shortest; with `ridge` plus ridge·‖θ‖²."""
    found = _features(noise, seed)
    train, valid = (features[:, :p] / p**0.5 for features in (found.train, found.valid))
    if ridge:
        gram = train @ train.T + ridge * torch.eye(len(train), dtype=torch.float64)
        theta = train.T @ torch.linalg.solve(gram, found.targets)
    else:
        theta = torch.linalg.pinv(train) @ found.targets
    wanted = functional.one_hot(found.valid_labels, N_CLASSES)
    error = float(((valid @ theta - wanted) ** 2).sum(1).mean())
    accuracies = _share(train @ theta, found.targets.argmax(1)), _share(valid @ theta, found.valid_labels)
    return Fit(accuracies[0], accuracies[1], error, float(theta.norm()))


def _share(scores: Tensor, labels: Tensor) -> float:
    return float((scores.argmax(1) == labels).double().mean())


def features(p: int, noise: float, ridge: float, seed: int) -> Finding:
    """p random features of 200 digits."""
    fit = _fit(p, noise, ridge, seed)
    return Finding(fit._asdict(), Table(_COLUMNS, [_row(p, fit)]))


def table(least: int, most: int, noise: float, ridge: float, seed: int) -> Finding:
    """Ever more features, from `least` to `most`."""
    fits = {p: _fit(p, noise, ridge, seed) for p in told([p for p in _SHOWN if least <= p <= most])}
    value = {f"p{p}": fit._asdict() for p, fit in fits.items()}
    return Finding(value, Table(_COLUMNS, [_row(p, fit) for p, fit in fits.items()]))


def curve(noise: float, ridge: float, seed: int) -> Finding:
    """The error on validation pictures by the number of features."""
    fits = [_fit(p, noise, ridge, seed) for p in told(_PLOTTED)]
    x = [float(p) for p in _PLOTTED]
    worst = max(range(len(fits)), key=lambda at: fits[at].error)
    series = [Series("squared error", x, [fit.error for fit in fits])]
    value = {"worst": _PLOTTED[worst], "highest": fits[worst].error, "last": fits[-1].error}
    return Finding(value, plot=Plot(series, "features p", "error", logarithmic=True))


_COLUMNS = ["features p", "training", "validation", "squared error", "‖θ‖"]


def _row(p: int, fit: Fit) -> list[Cell]:
    return [p, f"{fit.train:.3f}", f"{fit.valid:.3f}", f"{fit.error:.3g}", f"{fit.size:.3g}"]
