"""The two classes of the course's neuron, 1 → 0 and 7 → 1, flat and in one batch (course §4.6)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from torch import Tensor

from engine.experiments.data import Digits, load_digits

CLASSES = (1, 7)


class Pair(NamedTuple):
    """X (N × 784) and y (N × 1), of training and validation."""

    train_x: Tensor
    train_y: Tensor
    valid_x: Tensor
    valid_y: Tensor


@lru_cache(maxsize=2)
def digits(source: str) -> Digits:
    """All ten classes, read once."""
    return load_digits(source)


@lru_cache(maxsize=2)
def pair(source: str) -> Pair:
    """1 against 7, read once."""
    loaded = load_digits(source, CLASSES)
    train, valid = loaded.train, loaded.valid
    return Pair(
        train.images.flatten(1),
        train.labels.float().unsqueeze(1),
        valid.images.flatten(1),
        valid.labels.float().unsqueeze(1),
    )
