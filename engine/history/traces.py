"""A short memory of what batches came to, from which sparklines and heat maps are drawn.

Only batches that were looked at are in it, and of many the older ones at wider intervals.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

MOST = 512  # batches remembered
T = TypeVar("T")


class Trace(Generic[T]):
    """Something by name, a norm by "dW[1]", of some batches of one branch."""

    def __init__(self) -> None:
        self._iterations: list[int] = []
        self._found: dict[int, dict[str, T]] = {}

    def note(self, iteration: int, found: Mapping[str, T]) -> None:
        """Remember what was found in a whole batch, beside what is known of it."""
        if iteration not in self._found:
            insort(self._iterations, iteration)
            self._found[iteration] = {}
        self._found[iteration].update(found)
        if len(self._iterations) > MOST:
            self._thin_out()

    def has(self, iteration: int) -> bool:
        """Whether anything is known of a batch."""
        return iteration in self._found

    def count(self, until: int) -> int:
        """Of how many batches up to one anything is remembered; what was seen before training is of none."""
        return bisect_right(self._iterations, until) - bisect_right(self._iterations, 0)

    def items(self, name: str, until: int, points: int) -> list[tuple[int, T]]:
        """The latest batches in which a name was found, up to one and at most so many, the oldest first."""
        items: list[tuple[int, T]] = []
        for iteration in reversed(self._iterations[: bisect_right(self._iterations, until)]):
            if len(items) >= points:
                break
            if name in self._found[iteration]:
                items.append((iteration, self._found[iteration][name]))
        return items[::-1]

    def series(self, names: Sequence[str], until: int, points: int) -> list[list[T]]:
        """The same for several names, without the batches' numbers."""
        found: list[list[T]] = [[] for _ in names]
        for iteration in reversed(self._iterations[: bisect_right(self._iterations, until)]):
            here, full = self._found[iteration], True
            for name, series in zip(names, found, strict=True):
                if len(series) < points:
                    full = False
                    if name in here:
                        series.append(here[name])
            if full:
                break
        for series in found:
            series.reverse()
        return found

    def forget_from(self, border: int) -> None:
        """Drop all batches after a border."""
        self._keep([iteration for iteration in self._iterations if iteration <= border])

    def copy(self, border: int) -> Trace[T]:
        """What a branch that begins at a border shares."""
        other = Trace[T]()
        other._found = {iteration: dict(found) for iteration, found in self._found.items()}
        other._iterations = self._iterations
        other.forget_from(border)
        return other

    def _thin_out(self) -> None:
        half = len(self._iterations) // 2
        self._keep([*self._iterations[:half:2], *self._iterations[half:]])

    def _keep(self, iterations: list[int]) -> None:
        self._iterations = iterations
        self._found = {iteration: self._found[iteration] for iteration in iterations}
