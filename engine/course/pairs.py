"""The digits that lessons compute on, and of them the course's neuron's: 1 → 0 and 7 → 1, flat and in one batch (§4.6).

"subset" stands for the digits that were chosen, which are the bundled ones if nobody chose others.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor

from engine.experiments.data import Digits, load_digits

CLASSES = (1, 7)
BUNDLED = "subset"
_chosen = BUNDLED


class Pair(NamedTuple):
    """X (N × 784) and y (N × 1), of training and validation."""

    train_x: Tensor
    train_y: Tensor
    valid_x: Tensor
    valid_y: Tensor


def use(source: str) -> None:
    """Compute on these digits from now on; what was computed on others is forgotten."""
    global _chosen
    if source != _chosen:
        _chosen = source
        for name in [name for name in sys.modules if name.startswith("engine.course.")]:
            for held in vars(sys.modules[name]).values():
                if callable(forget := getattr(held, "cache_clear", None)):
                    forget()


def meant(source: str) -> str:
    """The digits that a source stands for."""
    return _chosen if source == BUNDLED else source


def digits(source: str) -> Digits:
    """All ten classes, read once."""
    return _digits(meant(source))


def pair(source: str) -> Pair:
    """1 against 7, read once."""
    return _pair(meant(source))


@lru_cache(maxsize=2)
def _digits(source: str) -> Digits:
    return load_digits(source)


@lru_cache(maxsize=2)
def _pair(source: str) -> Pair:
    loaded = load_digits(source, CLASSES)
    train, valid = loaded.train, loaded.valid
    return Pair(
        train.images.flatten(1),
        train.labels.float().unsqueeze(1),
        valid.images.flatten(1),
        valid.labels.float().unsqueeze(1),
    )
