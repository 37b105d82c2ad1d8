"""The plain numbers that a run can be asked for: losses, scores, rates, and where the cursor stands.

They are functions, asked when their name is met, since some are costly: an operation's name needs the batch's tape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from engine.errors import ExpressionError
from engine.history.timeline import Timeline
from engine.lookup.place import Scalar

Scalars = dict[str, Callable[[], Scalar]]


def scalars_at(timeline: Timeline, iteration: int) -> Scalars:
    """The numbers at the end of a batch that has run, wherever the cursor is."""
    calendar = timeline.calendar
    found: Scalars = {
        "loss": lambda: bare_loss(timeline, iteration),
        "accuracy": lambda: None,
        "epoch": lambda: calendar.place(iteration)[0],
        "batch": lambda: calendar.place(iteration)[1],
        "iteration": lambda: iteration,
    }
    found |= {n: _at(timeline, n, iteration) for n in timeline.series if n != "loss"}
    found |= validation_scalars(timeline, lambda: timeline.validation_at(iteration))
    return found | {"learning_rate": lambda: only_rate(_rates(timeline, iteration))}


def _at(timeline: Timeline, name: str, iteration: int) -> Callable[[], Scalar]:
    return lambda: known(timeline.series.at(name, iteration))


def _rates(timeline: Timeline, iteration: int) -> dict[str, float]:
    """The rate of each group that a batch was trained with."""
    return {name: rate for name in timeline.rate_names() if (rate := timeline.series.at(name, iteration)) is not None}


def validation_scalars(timeline: Timeline, found: Callable[[], Mapping[str, float] | None]) -> Scalars:
    """`valid_loss`, `valid_accuracy` and whatever else validation came to."""
    names: Iterable[str] = ("loss", "accuracy", *(name for taken in timeline.validations.values() for name in taken))

    def ask(name: str) -> Callable[[], Scalar]:
        return lambda: known((found() or {}).get(name))

    return {f"valid_{name}": ask(name) for name in names}


def bare_loss(timeline: Timeline, iteration: int) -> float | None:
    """The loss that a batch's step returned, or its only one. Raises ExpressionError where it has several."""
    if timeline.main_loss is None and len(timeline.loss_names) > 1:
        names = ", ".join(timeline.loss_names)
        raise ExpressionError(f"there are {len(timeline.loss_names)} losses", f"name one: {names}")
    return None if timeline.main_loss is None else timeline.series.at(timeline.main_loss, iteration)


def only_rate(rates: Mapping[str, float]) -> float | None:
    """The rate that all groups have. Raises ExpressionError where they differ."""
    if len(set(rates.values())) > 1:
        listed = ", ".join(f"learning_rate[{name}] {rate:g}" for name, rate in rates.items())
        raise ExpressionError(f"there are {len(rates)} learning rates", f"name one: {listed}")
    return next(iter(rates.values()), None)


def known(value: float | None) -> float | None:
    """None for a number that a batch does not have: the accuracy of one without labels is held as NaN."""
    return None if value is None or math.isnan(value) else value
