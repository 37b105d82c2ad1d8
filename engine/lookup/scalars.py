"""The plain numbers that a run can be asked for: loss, accuracy, rates, and where the cursor stands.

They are functions, asked when their name is met, since some are costly: an operation's name needs the batch's tape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.lookup.values import Scalar
from engine.tape.tape import Event

if TYPE_CHECKING:
    from engine.session import Session

Scalars = dict[str, Callable[[], Scalar]]


def scalars_here(session: Session) -> Scalars:
    """The numbers at the cursor, by the names that the expression language has for them."""
    return {
        "loss": lambda: session.loss,
        "accuracy": lambda: session.accuracy,
        "valid_loss": lambda: _validation(session, "loss"),
        "valid_accuracy": lambda: _validation(session, "accuracy"),
        "learning_rate": lambda: session.learning_rate,
        "epoch": lambda: session.position.epoch,
        "batch": lambda: session.position.batch,
        "iteration": lambda: session.iteration,
        "phase": lambda: _word(session.here(), "phase"),
        "op": lambda: None if (event := session.here()) is None else event.op.name,
        "layer": lambda: _word(session.here(), "layer"),
        "path": lambda: _word(session.here(), "path"),
        "event": lambda: _word(session.here(), "number"),
    }


def scalars_at(session: Session, iteration: int) -> Scalars:
    """The numbers at the end of a batch that has run, wherever the cursor is."""
    replay, calendar = session.replay, session.calendar
    return {
        "loss": lambda: replay.losses[iteration - 1],
        "accuracy": lambda: known(replay.accuracies[iteration - 1]),
        "valid_loss": lambda: _part(replay.validation_at(iteration), "loss"),
        "valid_accuracy": lambda: _part(replay.validation_at(iteration), "accuracy"),
        "learning_rate": lambda: replay.series.at("learning_rate", iteration),
        "epoch": lambda: calendar.place(iteration)[0],
        "batch": lambda: calendar.place(iteration)[1],
        "iteration": lambda: iteration,
    }


def metrics(session: Session) -> dict[str, float]:
    """Loss and accuracy of the cursor's batch, and the latest validation, as far as they are known."""
    found = session.validation() or {}
    numbers = {
        "loss": session.loss,
        "accuracy": session.accuracy,
        "valid_loss": found.get("loss"),
        "valid_accuracy": known(found.get("accuracy")),
    }
    return {name: value for name, value in numbers.items() if value is not None}


def known(value: float | None) -> float | None:
    """None for a number that a batch does not have: the accuracy of one without labels is held as NaN."""
    return None if value is None or math.isnan(value) else value


def _validation(session: Session, which: str) -> float | None:
    if not session.replay.validations and session.trainer.iteration == 0:
        session.replay.validate(session.interrupted)
    return _part(session.validation(), which)


def _word(event: Event | None, attribute: str) -> Any:
    return None if event is None else getattr(event, attribute)


def _part(found: dict[str, float] | None, which: str) -> float | None:
    return None if found is None else found.get(which)
