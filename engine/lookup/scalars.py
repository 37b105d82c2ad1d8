"""The plain numbers that a run can be asked for: loss, accuracy, rates, and where the cursor stands.

They are functions, asked when their name is met, since some are costly: an operation's name needs the batch's tape.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.history.replay import Replay
from engine.lookup.values import Scalar

Scalars = dict[str, Callable[[], Scalar]]


def scalars_at(replay: Replay, iteration: int) -> Scalars:
    """The numbers at the end of a batch that has run, wherever the cursor is."""
    calendar = replay.calendar
    return {
        "loss": lambda: replay.losses[iteration - 1],
        "accuracy": lambda: known(replay.accuracies[iteration - 1]),
        "valid_loss": lambda: part_of(replay.validation_at(iteration), 0),
        "valid_accuracy": lambda: part_of(replay.validation_at(iteration), 1),
        "learning_rate": lambda: rate_of(replay, iteration, iteration),
        "epoch": lambda: calendar.place(iteration)[0],
        "batch": lambda: calendar.place(iteration)[1],
        "iteration": lambda: iteration,
    }


def rate_of(replay: Replay, finished: int, iteration: int) -> float:
    """What batch `iteration` is trained with, by the edits made up to border `finished`."""
    schedule = replay.trainer.schedule
    return replay.rate_at(finished) * (1.0 if schedule is None else schedule(iteration))


def known(value: float | None) -> float | None:
    """None for a number that a batch does not have: the accuracy of one without labels is held as NaN."""
    return None if value is None or math.isnan(value) else value


def part_of(found: tuple[float, float] | None, which: int) -> float | None:
    """The loss or the accuracy of a validation, if one was taken."""
    return None if found is None else found[which]
