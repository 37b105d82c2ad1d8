"""A long series as a few buckets: what a plot of that many columns can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.views import Curve, LossView

if TYPE_CHECKING:
    from engine.session import Session

Series = Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]


def decimate(name: str, series: Series, columns: int) -> Curve:
    """Least and greatest finite value of each of at most `columns` stretches; stretches with none are left out.

    `series[i]` is the value at x = i + 1.
    """
    values = np.asarray(series, dtype=np.float64)
    count = len(values)
    if count == 0 or columns < 1:
        return Curve(name, [], [], [])
    edges = np.unique(np.linspace(0, count, min(columns, count) + 1).astype(int))[:-1]
    finite = np.isfinite(values)
    low = np.minimum.reduceat(np.where(finite, values, np.inf), edges)
    high = np.maximum.reduceat(np.where(finite, values, -np.inf), edges)
    kept = [i for i in range(len(edges)) if math.isfinite(low[i])]
    return Curve(
        name, [float(edges[i] + 1) for i in kept], [float(low[i]) for i in kept], [float(high[i]) for i in kept]
    )


def loss_view(session: Session, columns: int) -> LossView:
    """Losses up to the cursor, and validation before training and after each epoch up to there."""
    shown = session.iteration if session.loss_is_done() else max(0, session.iteration - 1)
    losses = np.array(session.replay.losses[:shown])
    epochs = sorted(e for e in session.replay.validations if e <= session.calendar.epochs_done(session.finished))
    taken = [session.replay.validations[e] for e in epochs]
    return LossView(
        decimate("loss", losses, columns),
        session.total,
        [session.calendar.iteration(e + 1, 0) for e in epochs],
        [loss for loss, _ in taken],
        [accuracy for _, accuracy in taken],
    )
