"""The random generators that a batch may draw from: captured, put back, and kept apart from the rest of the process."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomState:
    """The state of every generator that a batch may draw from."""

    torch_state: Tensor
    python_state: tuple[Any, ...]
    numpy_state: Any
    loader_state: Tensor | None

    @classmethod
    def capture(cls, generator: torch.Generator | None = None) -> RandomState:
        """The generators as they stand; `generator` is the loader's own."""
        return cls(
            torch.get_rng_state(),
            random.getstate(),
            np.random.get_state(),
            None if generator is None else generator.get_state(),
        )

    def restore(self, generator: torch.Generator | None = None) -> None:
        """Put the generators back."""
        torch.set_rng_state(self.torch_state)
        random.setstate(self.python_state)
        np.random.set_state(self.numpy_state)
        if generator is not None and self.loader_state is not None:
            generator.set_state(self.loader_state)

    def unless_same(self, other: RandomState | None) -> RandomState:
        """`other` where it is the same: most runs draw few random numbers, and then hold few of these."""
        return other if other is not None and self._same_as(other) else self

    def _same_as(self, other: RandomState) -> bool:
        return (
            torch.equal(self.torch_state, other.torch_state)
            and self.python_state == other.python_state
            and all(np.array_equal(a, b) for a, b in zip(self.numpy_state, other.numpy_state, strict=True))
            and _equal(self.loader_state, other.loader_state)
        )


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))


class OwnRandomness:
    """Inside a with statement the global generators are a run's own; outside, they are whoever's they were.

    A with statement inside another changes nothing. An object rather than a generator, since a run enters it with
    every batch.
    """

    def __init__(self) -> None:
        self._own = RandomState.capture()
        self._others = self._own
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._others = RandomState.capture()
            self._own.restore()

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._own = RandomState.capture()
            self._others.restore()
