"""The tapes of the batches last recorded."""

from __future__ import annotations

from collections import OrderedDict

from engine.tape.tape import Tape

_KEPT = 4


class Tapes:
    """A few tapes by batch, those used last; fewer where they are large, but one at least."""

    def __init__(self, room: int, kept: int = _KEPT) -> None:
        self.room = room  # bytes of a tape's values; all together may take half as much again
        self.kept = kept
        self._held: OrderedDict[int, Tape] = OrderedDict()

    def keep(self, iteration: int, tape: Tape) -> None:
        """Hold a tape; those used longest ago go."""
        self._held[iteration] = tape
        self._held.move_to_end(iteration)
        while len(self._held) > 1 and (len(self._held) > self.kept or self._bytes() > 1.5 * self.room):
            self._held.popitem(last=False)

    def get(self, iteration: int) -> Tape | None:
        """The tape of a batch, if it is still held."""
        return self._held.get(iteration)

    def use(self, iteration: int) -> Tape | None:
        """The same, to be held for longer."""
        if iteration in self._held:
            self._held.move_to_end(iteration)
        return self.get(iteration)

    def newest(self) -> Tape | None:
        """The one used last."""
        return next(reversed(self._held.values()), None)

    def before(self, border: int) -> Tapes:
        """Those of batches before a border."""
        other = Tapes(self.room, self.kept)
        other._held.update((iteration, tape) for iteration, tape in self._held.items() if iteration < border)
        return other

    def _bytes(self) -> int:
        return sum(tape.bytes for tape in self._held.values())
