"""Which batch of which epoch an iteration is, when epochs may differ in their number of batches."""

from __future__ import annotations

from bisect import bisect_right

from engine.errors import CommandError


class Calendar:
    """Epochs and batches count from 1, iterations over all epochs; iteration 0 is before training."""

    def __init__(self, epochs: int, batches: int) -> None:
        self.epochs = epochs
        self._sizes = [batches] * epochs
        self._starts: list[int] = []  # iterations before each epoch
        self._sum_up()

    def _sum_up(self) -> None:
        self._starts = [0]
        for size in self._sizes:
            self._starts.append(self._starts[-1] + size)

    @property
    def sizes(self) -> list[int]:
        """Batches in each epoch."""
        return list(self._sizes)

    @sizes.setter
    def sizes(self, sizes: list[int]) -> None:
        self._sizes = list(sizes)
        self._sum_up()

    def copy(self) -> Calendar:
        """A calendar that can change without this one."""
        other = Calendar(self.epochs, 1)
        other.sizes = self._sizes
        return other

    def change(self, first_epoch: int, batches: int) -> None:
        """From an epoch on, epochs have another number of batches."""
        self._sizes[first_epoch - 1 :] = [batches] * (self.epochs - first_epoch + 1)
        self._sum_up()

    @property
    def total(self) -> int:
        """Iterations in the whole run, as far as it is known."""
        return self._starts[-1]

    @property
    def last(self) -> int:
        """Iterations that the run can have."""
        return self.total

    @property
    def epochs_known(self) -> int | None:
        """How many epochs the run has; None while nobody knows."""
        return self.epochs

    def batches_known(self, epoch: int) -> int | None:
        """How many batches an epoch has; None while nobody knows."""
        return self.batches(epoch)

    def batches(self, epoch: int) -> int:
        """Batches in an epoch; an epoch after the last is like the last."""
        return self._sizes[min(epoch, self.epochs) - 1]

    def place(self, iteration: int) -> tuple[int, int]:
        """Epoch and batch; (1, 0) before training."""
        if iteration <= 0:
            return 1, 0
        epoch = min(bisect_right(self._starts, iteration - 1), self.epochs)
        return epoch, iteration - self._starts[epoch - 1]

    def iteration(self, epoch: int, batch: int) -> int:
        """The iteration of a batch of an epoch."""
        return self._starts[epoch - 1] + batch

    def epochs_done(self, iteration: int) -> int:
        """How many epochs are whole when so many iterations are done."""
        return bisect_right(self._starts, iteration) - 1

    def epoch_end(self, iteration: int, count: int) -> int:
        """Where the `count`-th epoch border after so many done iterations lies; at most the end of the run."""
        return self._starts[min(self.epochs, self.epochs_done(iteration) + count)]

    def epoch_start(self, iteration: int, count: int) -> int:
        """Where the `count`-th epoch border before an iteration lies; at least the start of the run."""
        before = max(0, bisect_right(self._starts, iteration - 1) - 1) if iteration else 0
        return self._starts[max(0, before - count + 1)]

    def parse(self, text: str) -> tuple[int, int | None]:
        """Iteration and event of "EPOCH:BATCH[:EVENT]". Raises CommandError for a place that is not in the run."""
        words = text.split(":")
        if len(words) not in (2, 3) or not all(word.isdecimal() for word in words):
            raise CommandError(f"“{text}” is not a place", "use EPOCH:BATCH, EPOCH:BATCH:EVENT, start, end or last")
        epoch, batch = int(words[0]), int(words[1])
        inside = 1 <= epoch <= self.epochs and (
            1 <= batch <= self.batches(epoch) or (epoch, batch, len(words)) == (1, 0, 2)
        )
        if not inside:
            most = self.batches(min(max(epoch, 1), self.epochs))
            raise CommandError(
                f"“{text}” is not in this run", f"epochs are 1 to {self.epochs}, batches 1 to {most} in each"
            )
        return self.iteration(epoch, batch), int(words[2]) if len(words) == 3 else None
