"""A drawn digit on its way through the network, operation by operation: a forward pass with a tape of its own."""

from __future__ import annotations

from torch import Tensor

from engine.lookup.moment import Moment
from engine.panes.here import here_view
from engine.panes.tape import tape_view
from engine.panes.tensor import column_view
from engine.protocol.messages import DrawLook, Look
from engine.protocol.positions import Unit
from engine.protocol.views import WalkView
from engine.tape.tape import Tape
from engine.training.elsewhere import forward_tape
from engine.training.state import State

_BUDGET = 64 * 1024 * 1024  # bytes of a pass's tensors that are held


class Aside(Moment):
    """A place in a pass of its own: event number `event` of a tape is done."""

    def __init__(self, of: Moment, tape: Tape, event: int) -> None:
        super().__init__(of.branches, of.iteration, event, of.description)
        self.__dict__["tape"] = tape

    def _state(self) -> State:
        assert self.tape is not None
        return self.tape.before

    @classmethod
    def pass_of(cls, moment: Moment, example: Tensor) -> Tape:
        """The forward pass of an example, given as a batch of one, with the tensors as they are at a moment."""
        tensors, state = moment.values.tensors(), moment._state()
        there = state._replace(tensors=tensors, empty=state.empty - tensors.keys())
        return forward_tape(moment.trainer, there, (example,), _BUDGET)


class Walk:
    """The pass that was looked at last, held while neither the cursor nor what is drawn changes."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._tape: Tape | None = None

    def view(self, moment: Moment, example: Tensor, look: DrawLook) -> WalkView:
        """An event of the pass."""
        key = (*moment.key, look.ink)
        if self._tape is None or key != self._key:
            self._tape, self._key = Aside.pass_of(moment, example), key
        tape = self._tape
        here = Aside(moment, tape, max(1, min(look.event, len(tape))))
        listed, does = tape_view(here, Look([], rows=look.rows, rows_from=0)), here_view(here, (1, look.at))
        assert listed is not None
        assert does is not None
        value = column_view(here, look.at, look.first, look.values)
        here.let_go()
        stops = tape.borders(Unit.TIME if moment.naming.cells else Unit.LAYER)
        return WalkView(listed, does, stops, value)
