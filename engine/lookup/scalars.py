"""The plain numbers that a run can be asked for: losses, scores, rates, and where the cursor stands.

They are functions, asked when their name is met, since some are costly: an operation's name needs the batch's tape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from engine.errors import ExpressionError
from engine.history.replay import Replay
from engine.lookup.values import Scalar

Scalars = dict[str, Callable[[], Scalar]]


def scalars_at(replay: Replay, iteration: int) -> Scalars:
    """The numbers at the end of a batch that has run, wherever the cursor is."""
    calendar = replay.calendar
    found: Scalars = {
        "loss": lambda: bare_loss(replay, iteration),
        "accuracy": lambda: None,
        "epoch": lambda: calendar.place(iteration)[0],
        "batch": lambda: calendar.place(iteration)[1],
        "iteration": lambda: iteration,
    }
    found |= {n: _at(replay, n, iteration) for n in replay.series if n != "loss"}
    found |= validation_scalars(replay, lambda: replay.validation_at(iteration))
    return found | {"learning_rate": lambda: only_rate(_rates(replay, iteration))}


def _at(replay: Replay, name: str, iteration: int) -> Callable[[], Scalar]:
    return lambda: known(replay.series.at(name, iteration))


def _rates(replay: Replay, iteration: int) -> dict[str, float]:
    """The rate of each group that a batch was trained with."""
    return {name: rate for name in replay.rate_names() if (rate := replay.series.at(name, iteration)) is not None}


def validation_scalars(replay: Replay, found: Callable[[], Mapping[str, float] | None]) -> Scalars:
    """`valid_loss`, `valid_accuracy` and whatever else validation came to."""
    names: Iterable[str] = ("loss", "accuracy", *(name for taken in replay.validations.values() for name in taken))

    def ask(name: str) -> Callable[[], Scalar]:
        return lambda: known((found() or {}).get(name))

    return {f"valid_{name}": ask(name) for name in names}


def bare_loss(replay: Replay, iteration: int) -> float | None:
    """The loss that a batch's step returned, or its only one. Raises ExpressionError where it has several."""
    if replay.main_loss is None and len(replay.loss_names) > 1:
        names = ", ".join(replay.loss_names)
        raise ExpressionError(f"there are {len(replay.loss_names)} losses", f"name one: {names}")
    return None if replay.main_loss is None else replay.series.at(replay.main_loss, iteration)


def only_rate(rates: Mapping[str, float]) -> float | None:
    """The rate that all groups have. Raises ExpressionError where they differ."""
    if len(set(rates.values())) > 1:
        listed = ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
        raise ExpressionError(f"there are {len(rates)} learning rates", f"name one: {listed}")
    return next(iter(rates.values()), None)


def known(value: float | None) -> float | None:
    """None for a number that a batch does not have: the accuracy of one without labels is held as NaN."""
    return None if value is None or math.isnan(value) else value
