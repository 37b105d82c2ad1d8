"""A short memory of norms and ratios, batch by batch: what sparklines are drawn from.

Only batches that were looked at are in it, and of many the older ones at wider intervals.
"""

from __future__ import annotations

from bisect import bisect_right, insort

MOST = 512  # batches remembered


class Trace:
    """Numbers by name, "dW[1]", of some batches of one branch."""

    def __init__(self) -> None:
        self._iterations: list[int] = []
        self._numbers: dict[int, dict[str, float]] = {}

    def note(self, iteration: int, numbers: dict[str, float]) -> None:
        """Remember numbers of a whole batch, beside those known of it."""
        if iteration not in self._numbers:
            insort(self._iterations, iteration)
            self._numbers[iteration] = {}
        self._numbers[iteration].update(numbers)
        if len(self._iterations) > MOST:
            self._thin_out()

    def series(self, name: str, until: int, points: int) -> list[float]:
        """The latest numbers of a name, up to a batch and at most so many, the oldest first."""
        found: list[float] = []
        for iteration in reversed(self._iterations[: bisect_right(self._iterations, until)]):
            if len(found) >= points:
                break
            if name in self._numbers[iteration]:
                found.append(self._numbers[iteration][name])
        return found[::-1]

    def forget_from(self, border: int) -> None:
        """Drop all batches after a border."""
        self._keep([iteration for iteration in self._iterations if iteration <= border])

    def copy(self, border: int) -> Trace:
        """What a branch that begins at a border shares."""
        other = Trace()
        other._numbers = dict(self._numbers)
        other._iterations = self._iterations
        other.forget_from(border)
        return other

    def _thin_out(self) -> None:
        half = len(self._iterations) // 2
        self._keep([*self._iterations[:half:2], *self._iterations[half:]])

    def _keep(self, iterations: list[int]) -> None:
        self._iterations = iterations
        self._numbers = {iteration: self._numbers[iteration] for iteration in iterations}
