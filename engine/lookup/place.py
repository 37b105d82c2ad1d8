"""The plain numbers and words that belong to a place in a batch: its phase, operation and layer, and its losses."""

from __future__ import annotations

from collections.abc import Callable, Container

from engine.tape.tape import Loss, Tape

Scalar = float | int | str | None


def place_scalars(tape: Tape, done: int) -> dict[str, Callable[[], Scalar]]:
    """What the last event that is done is."""
    event = tape.events[done - 1]
    return {
        "phase": lambda: str(event.phase),
        "op": lambda: event.op.name,
        "layer": lambda: event.layer,
        "time": lambda: event.time,
        "path": lambda: event.path,
        "event": lambda: done,
    }


def loss_scalars(tape: Tape, done: int, known: Container[str]) -> dict[str, Callable[[], Scalar]]:
    """The batch's losses that go by one of the `known` names, each when its event is done."""
    value = tape.values.get("ℒ")
    taken = value is not None and value.event is not None and value.event.number <= done
    of_each = {name: _once_done(loss, done) for name, loss in tape.losses.items() if name in known}
    if len(tape.losses) > 1:
        return of_each
    if not taken:
        return of_each | {"loss": lambda: None, "accuracy": lambda: None}
    return of_each | {"loss": lambda: tape.loss, "accuracy": lambda: tape.accuracy}


def _once_done(loss: Loss, done: int) -> Callable[[], Scalar]:
    """One of several losses, when its event is done."""
    known = loss.event is None or loss.event.number <= done
    return lambda: loss.number if known else None
