"""The points of `planes.PLANES`: of each set a function that draws them, a class after another in turn.

An exported script has the function of its set word for word: it needs no more than torch and math.
"""

from __future__ import annotations

import math

import torch

from engine.experiments.data import Digits, Partition
from engine.experiments.planes import PLANES


def load_points(name: str, points: int, noise: float, seed: int) -> Digits:
    """Points for training, then as many for validation, drawn by one generator; `noise` is added to them.

    `images` are the points, float32 (N, 2), most of them within ±2.
    """
    generator = torch.Generator().manual_seed(seed)
    train, valid = (_partition(name, points, noise, generator) for _ in range(2))
    classes = tuple(map(str, range(PLANES[name].classes)))
    return Digits(name=name, train=train, valid=valid, classes=classes, mean=None, std=1.0)


def _partition(name: str, n: int, noise: float, generator: torch.Generator) -> Partition:
    points, labels = SETS[name](n, generator)
    points = points + noise * torch.randn(points.shape, generator=generator)
    return Partition(points, labels, torch.arange(1, n + 1))


def xor(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Class 0 where both coordinates have one sign, class 1 where they have two."""
    labels = torch.arange(n) % 2
    right = torch.randint(2, (n,), generator=generator)
    signs = 1 - 2 * torch.stack((right, (right + labels) % 2), 1)
    return 1.8 * signs * torch.rand((n, 2), generator=generator), labels


def circles(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Class 0 on a circle of radius 0.8 about 0, class 1 on one of 1.8."""
    labels = torch.arange(n) % 2
    angles = 2 * math.pi * torch.rand(n, generator=generator)
    return (0.8 + labels).unsqueeze(1) * torch.stack((angles.cos(), angles.sin()), 1), labels


def moons(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Class 0 the upper half of a circle, class 1 the lower half of one that is moved to the right."""
    labels = torch.arange(n) % 2
    angles = math.pi * torch.rand(n, generator=generator)
    signs = 1 - 2 * labels
    across = signs * angles.cos() + labels - 0.5
    up = signs * angles.sin() + 0.5 * labels - 0.25
    return 1.25 * torch.stack((across, up), 1), labels


def spiral(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Class 0 on an arm that winds once from the middle outwards, class 1 on the same turned by half."""
    labels = torch.arange(n) % 2
    way = torch.rand(n, generator=generator).sqrt()  # so that the arm is as dense outside as inside
    angles = 2 * math.pi * way + math.pi * labels
    return (0.2 + 1.8 * way).unsqueeze(1) * torch.stack((angles.cos(), angles.sin()), 1), labels


def blobs(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes, each about a corner of a triangle: its spread is the noise alone."""
    labels = torch.arange(n) % 3
    angles = math.pi / 2 + 2 * math.pi / 3 * labels
    return 1.4 * torch.stack((angles.cos(), angles.sin()), 1), labels


SETS = {"xor": xor, "circles": circles, "moons": moons, "spiral": spiral, "blobs": blobs}
