"""All that is kept a batch or a border, as numbers by name: losses, scores, learning rates, plotted expressions.

A number may be NaN. Where there is none at all stands another NaN, as R tells its NA apart: one with a payload.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_BITS = 0x7FF8_0000_0000_07A2  # a quiet NaN, with R's 1954
MISSING: float = struct.unpack("<d", struct.pack("<Q", _BITS))[0]


def missing(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where a series has no number, which is not the same as NaN; (n,) → (n,)."""
    found: np.ndarray[Any, np.dtype[np.bool_]] = values.view(np.uint64) == _BITS
    return found


def _is_missing(number: float) -> bool:
    return number != number and struct.pack("<d", number) == struct.pack("<Q", _BITS)


class Series:
    """A number for each batch run, by name; MISSING where a name has none. Batches count from 1."""

    def __init__(self) -> None:
        self._held: dict[str, array[float]] = {}
        self._length = 0

    def __len__(self) -> int:
        """Batches that have run."""
        return self._length

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def note(self, iteration: int, numbers: Mapping[str, float]) -> None:
        """Keep what a batch came to: the next one, or one that ran before."""
        self._length = max(self._length, iteration)
        for name, number in numbers.items():
            held = self._held.get(name)
            if held is None:
                held = self._held[name] = array("d")
            if len(held) == iteration - 1:
                held.append(number)
            else:
                _extend(held, iteration)
                held[iteration - 1] = number

    def at(self, name: str, iteration: int) -> float | None:
        """What a batch came to; None where nothing is known of it."""
        held = self._held.get(name, ())
        found = held[iteration - 1] if 0 < iteration <= len(held) else MISSING
        return None if _is_missing(found) else found

    def take(self, name: str, numbers: list[float]) -> None:
        """What the first batches came to, from a checkpoint."""
        self._held[name] = array("d", numbers)
        self._length = max(self._length, len(numbers))

    def whole(self, name: str) -> array[float]:
        """One number for each batch."""
        held = self._held.setdefault(name, array("d"))
        _extend(held, self._length)
        return held

    def upto(self, border: int) -> Series:
        """What a branch that begins at a border shares."""
        other = Series()
        other._held = {name: held[:border] for name, held in self._held.items()}
        other._length = min(self._length, border)
        return other

    def forget_from(self, border: int) -> None:
        """Drop all batches after a border."""
        for held in self._held.values():
            del held[border:]
        self._length = min(self._length, border)


def _extend(held: array[float], length: int) -> None:
    lacking = length - len(held)
    if lacking > 0:
        held.extend([MISSING] * lacking)


def rate_name(group: str) -> str:
    """What the series of a group's learning rate is called."""
    return f"learning_rate[{group}]" if group else "learning_rate"


class BorderRates:
    """The learning rate of each group at each border, from 0; only where it changed."""

    def __init__(self, first: Mapping[str, float]) -> None:
        self.changes: dict[int, dict[str, float]] = {0: dict(first)}
        self._borders = [0]

    @classmethod
    def of(cls, changes: Mapping[int, Mapping[str, float]]) -> BorderRates:
        """The same from what `changes` was."""
        found = cls(changes[0])
        for border, rates in sorted(changes.items()):
            found.note(border, rates)
        return found

    def note(self, border: int, rates: Mapping[str, float]) -> None:
        """Keep what holds from a border on."""
        if border in self.changes:
            self.changes[border] = dict(rates)
        elif self.at(border) != rates:
            self.changes[border] = dict(rates)
            insort(self._borders, border)

    def at(self, border: int) -> dict[str, float]:
        """The rate of each group at a border."""
        return self.changes[self._borders[bisect_right(self._borders, border) - 1]]

    def upto(self, border: int) -> BorderRates:
        """What a branch that begins at a border shares."""
        other = BorderRates(self.changes[0])
        other._borders = [place for place in self._borders if place <= border]
        other.changes = {place: self.changes[place] for place in other._borders}
        return other

    def forget_from(self, border: int) -> None:
        """Drop what lies after a border."""
        shorter = self.upto(border)
        self._borders, self.changes = shorter._borders, shorter.changes
