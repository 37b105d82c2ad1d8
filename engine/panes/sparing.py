"""What is computed aside from the run, once for each state of its parameters; seldom in a free run, to cost little."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Hashable
from typing import Generic, TypeVar

from engine.errors import EngineError
from engine.lookup.moment import Moment
from engine.protocol.positions import Status
from engine.tape.tape import Tape

_SHARE = 0.02  # of a run's time that it may take

Look = TypeVar("Look")
View = TypeVar("View")


class Sparing(ABC, Generic[Look, View]):
    """The view that was made last; a run shows it again until there is time for another."""

    def __init__(self) -> None:
        self._made_for: tuple[Hashable, ...] = ()
        self._view = self.without("")
        self._look: Look | None = None
        self._rests_until = 0.0

    @abstractmethod
    def make(self, moment: Moment, look: Look) -> View:
        """The view at the cursor. Raises EngineError where there is none."""

    @abstractmethod
    def without(self, problem: str) -> View:
        """A view that says why there is nothing to see."""

    def view(self, moment: Moment, look: Look) -> View:
        """The view at the cursor, or the last one."""
        key = (*_place(moment), look)
        resting = moment.status is Status.RUNNING and look == self._look and time.monotonic() < self._rests_until
        if key == self._made_for or resting:
            return self._view
        began = time.monotonic()
        try:
            self._view = self.make(moment, look)
        except EngineError as error:
            self._view = self.without(str(error))
        self._made_for, self._look = key, look
        ended = time.monotonic()
        self._rests_until = ended + (ended - began) * (1 / _SHARE - 1)
        return self._view


def _place(moment: Moment) -> tuple[Hashable, ...]:
    """What tells these parameters from those at other places: within a batch they change at few of its events."""
    timeline = moment.timeline
    if moment.event is None or moment.tape is None:
        return id(timeline), moment.iteration, None, len(timeline.edits)
    tape = moment.tape
    changes = tape.once("events that change the model", lambda: _changes(moment, tape))
    return id(timeline), moment.iteration, bisect_right(changes, moment.event), len(timeline.edits)


def _changes(moment: Moment, tape: Tape) -> list[int]:
    modules = moment.trainer.modules
    names = [name for name, _ in (*modules.named_parameters(), *modules.named_buffers())]
    return sorted({event for name in names for event in tape.versions.events(name)})
