"""A calendar that is written while the script runs: nobody knows beforehand how long its loop goes on."""

from __future__ import annotations

import sys

from engine.training.calendar import Calendar


class OpenCalendar(Calendar):
    """Epochs as they are met; the one that has begun is expected to have as many batches as its loader says.

    `expected` is None where there is no loader that says it; then all is one epoch.
    """

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.done = 0
        self.ended = False
        self._begun: list[int] = [0]  # iterations before each epoch
        self.expected: int | None = None

    @property
    def last(self) -> int:
        """Iterations that the run can have: no end of it is known before the script has ended."""
        return self.done if self.ended else sys.maxsize

    @property
    def epochs_known(self) -> int | None:
        """How many epochs the run has; None while nobody knows."""
        return self.epochs if self.ended else None

    def batches_known(self, epoch: int) -> int | None:
        """How many batches an epoch has; None while nobody knows."""
        over = self.ended or epoch < self.epochs
        return self.batches(epoch) if over or self.expected is not None else None

    def copy(self) -> OpenCalendar:
        """A calendar that can change without this one."""
        other = OpenCalendar()
        other.done, other.ended, other.expected = self.done, self.ended, self.expected
        other._begun = list(self._begun)
        other._lay_out()
        return other

    def note(self, iteration: int, *, ends_epoch: bool) -> None:
        """A batch is done, and the next one is of another epoch, or not."""
        if iteration <= self.done:
            return
        self.done = iteration
        if ends_epoch:
            self._begun.append(iteration)
        self._lay_out()

    def end(self) -> None:
        """The script has ended: no batch comes after those that are done."""
        self.ended = True
        if len(self._begun) > 1 and self._begun[-1] == self.done:
            self._begun.pop()
        self._lay_out()

    def _lay_out(self) -> None:
        here = self.done - self._begun[-1]
        open_end = here if self.ended else max(here + 1, self.expected or 0)
        ends = [*self._begun[1:], self._begun[-1] + open_end]
        self.epochs = len(self._begun)
        self.sizes = [end - begun for begun, end in zip(self._begun, ends, strict=True)]
