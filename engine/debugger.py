"""A cursor with watches and a viewer: runs that stop where a condition is true, and what is seen on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.cursor import Cursor
from engine.panes.viewer import Viewer
from engine.program.program import Program
from engine.protocol.positions import Status, Unit
from engine.protocol.replies import Hit
from engine.watching.search import forward, reverse
from engine.watching.since import became_bad
from engine.watching.watches import Condition, Found, Watches, check_places, hit_at


class Debugger(Cursor):
    """A Cursor that is run from; it takes what a Cursor takes.

    `on_batch` is called after each batch of a run; True asks for the next one's tape.
    """

    def __init__(self, program: Program, **options: Any) -> None:
        super().__init__(program, **options)
        self.watches = Watches()
        self.viewer = Viewer(lambda: self.moment)
        self.timeline.on_arrival = self.viewer.plots.note
        self.on_batch: Callable[[], bool] = lambda: False

    def run(self, count: int | None = None, unit: Unit = Unit.BATCH, until: str = "") -> Hit | None:
        """Train on without stopping, to the last epoch without `count`; stops early when interrupted.

        A watch that comes true, or `until`, stops it; the hit says where and why. A finer unit than a batch is stepped.
        Raises ExpressionError for a condition that is wrong.
        """
        if unit not in (Unit.BATCH, Unit.EPOCH):
            self.step(unit, count or 1)
            return None
        conditions = self._conditions(until)
        target = self.total if count is None else self._batches_ahead(unit, count)
        self.status = Status.RUNNING
        try:
            return self._hit(forward(self, conditions, target, self.on_batch))
        finally:
            self.status = Status.PAUSED

    def reverse_run(self, until: str = "") -> Hit | None:
        """Go to the latest earlier position at which `until`, or a watch, is true; to the start where there is none.

        Raises CommandError without a condition, ExpressionError for one that is wrong.
        """
        self.status = Status.TRAVELLING
        try:
            return self._hit(reverse(self, self._conditions(until)))
        finally:
            self.status = Status.PAUSED

    def became_bad(self, start: int) -> str:
        """What became NaN or infinite in a run from border `start` to where the cursor stands, and since when."""
        return became_bad(self, start)

    def _conditions(self, until: str) -> list[Condition]:
        wanted = [self.condition(until)] if until else []
        return [*wanted, *self.watches.enabled()]

    def condition(self, text: str) -> Condition:
        """A condition to stop at. Raises ExpressionError for a word that means nothing in this run."""
        moment = self.moment
        condition = Condition(text, moment.values)
        check_places(moment, condition)
        return condition

    def _hit(self, found: Found | None) -> Hit | None:
        return None if found is None else hit_at(self.moment, found, self.watches.number_of(found.condition))
