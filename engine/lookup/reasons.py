"""Why something has no gradient, or is not updated: found on the batch's tape, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from torch import Tensor

from engine.protocol.positions import Phase
from engine.tape.calls import was_there
from engine.tape.tape import Event, Tape, Value

_FLOATING = ("float", "bfloat", "complex")


def why_no_gradient(tape: Tape, name: str, parameter: Tensor | None) -> str:
    """Why no gradient came to a parameter in this batch."""
    if parameter is not None and not parameter.requires_grad:
        return "it is frozen: requires_grad is false"
    if not tape.losses:
        return _why_no_pass(tape)
    if not any(value.root().parameter == name for event in _computing(tape) for value in event.inputs):
        return "no operation of this batch reads it"
    return _why_not_reached(tape, _Flow(tape, lambda value: value.parameter == name))


def why_no_gradient_to(tape: Tape, value: Value) -> str:
    """Why no gradient goes to a value of the forward pass."""
    if value.event is not None and value.event.phase is Phase.LOAD:
        return "it is data, which needs none"
    if not value.dtype.startswith(_FLOATING):
        return f"its values are {value.dtype}, which have no gradient"
    if not tape.losses:
        return _why_no_pass(tape)
    above = _Flow(tape, lambda each: bool(each.parameter))
    if not above.reaches(value):
        return above.cut_before(value) or "no operation leads to it from a parameter"
    return _why_not_reached(tape, _Flow(tape, lambda each: each is value))


def why_not_updated(tape: Tape, name: str, parameter: Tensor | None, optimizer: str | None) -> str:
    """Why an update of a parameter is not among a batch's events; `optimizer` is whoever holds it, None for nobody."""
    gradients = tape.versions.events(f"d{name}")
    gone = dropped(tape, name, len(tape))
    if optimizer is None:
        return "it is in no optimizer" + (
            ", and its gradient piles up over the batches" if is_carried_over(tape, name) else ""
        )
    if not gradients:
        return f"it has no gradient: {why_no_gradient(tape, name, parameter)}"
    if gone:
        return f"its gradient was {gone}, before any step of its optimizer"
    return f"its optimizer{f' {optimizer}' if optimizer else ''} does not step in this batch"


def dropped(tape: Tape, name: str, done: int) -> str:
    """By what a parameter's gradient was dropped that this batch had computed, up to event `done`; "" if it was not."""
    events = [number for number in tape.versions.events(f"d{name}") if number <= done]
    computed = any(tape.events[number - 1].phase is Phase.BACKWARD for number in events)
    if not computed or tape.versions.newest(f"d{name}", done) is not None:
        return ""
    last = tape.events[events[-1] - 1]
    return f"dropped by {last.op.name}{_at(last.source)}"


def is_carried_over(tape: Tape, name: str) -> bool:
    """Whether the batch's first pass added to a gradient that earlier batches had left: nobody zeroed it."""
    passes = (event for event in tape.versions.events(f"d{name}") if tape.events[event - 1].phase is Phase.BACKWARD)
    first = next(passes, 0)
    return bool(first) and was_there(tape, name, first)


def _why_no_pass(tape: Tape) -> str:
    if not tape.pass_from_nothing:
        return "no backward pass ran in this batch"
    return (
        f"the backward pass began{_at(tape.pass_from_nothing)} from a tensor that no operation made, and went nowhere"
    )


def _why_not_reached(tape: Tape, flow: _Flow) -> str:
    reached = [loss.value for loss in tape.losses.values()]
    if any(map(flow.reaches, reached)):
        return "ℒ reads it, and yet no gradient was left in it"
    return next(filter(None, map(flow.cut_before, reached)), "") or "no operation leads from it to ℒ"


class _Flow:
    """What depends on some values, with its graph or cut off from it, in the order of execution."""

    def __init__(self, tape: Tape, begins: Callable[[Value], bool]) -> None:
        self._begins = begins
        self._whole: set[Value] = set()
        self._cut: dict[Value, str] = {}
        for event in _computing(tape):
            if any(map(self.reaches, event.inputs)):
                self._pass(event)
            elif reason := next(filter(None, map(self.cut_before, event.inputs)), ""):
                self._cut |= {value: reason for value in event.outputs if value not in self._whole}

    def _pass(self, event: Event) -> None:
        for value in event.outputs:
            if value.cut:
                self._cut[value] = _cut_by(value)
            elif value.dtype.startswith(_FLOATING):
                self._whole.add(value)
            else:
                self._cut[value] = f"cut by {event.op.name}, whose result is {value.dtype}{_at(event.source)}"

    def reaches(self, value: Value) -> bool:
        """Whether a gradient from here would come to where this begins."""
        if value.cut:
            return False
        return self._begins(value) or value in self._whole or (value.base is not None and self.reaches(value.base))

    def cut_before(self, value: Value) -> str:
        """What cuts a value off from where this begins, of which it was made; "" for nothing."""
        if value.cut and value.base is not None and self.reaches(value.base):
            return _cut_by(value)
        if value in self._cut:
            return self._cut[value]
        return self.cut_before(value.base) if value.base is not None else ""


def _computing(tape: Tape) -> Iterator[Event]:
    events: Iterable[Event] = (part for event in tape.events for part in (*event.folded, event))
    return (event for event in events if event.phase in (Phase.FORWARD, Phase.LOSS))


def _cut_by(value: Value) -> str:
    return f"cut by {value.cut}{_at(value.cut_at)}"


def _at(place: str) -> str:
    file, _, line = place.rpartition(":")
    return f" at {Path(file).name}:{line}" if file else ""
