"""A long series as a few buckets: what a plot of that many columns can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from engine.history.branches import Branch
from engine.history.series import missing
from engine.history.timeline import Timeline
from engine.lookup.moment import Moment
from engine.lookup.scalars import known
from engine.panes.plots import Plots
from engine.protocol.messages import PlotLook
from engine.protocol.positions import Position
from engine.protocol.views import Curve, LossView

Array = np.ndarray[Any, np.dtype[np.float64]]
Series = Sequence[float] | Array
_MOST_MARKS = 60  # epochs that are marked
_SHORTEST = 20  # batches that a plot spans at least
_PARTS = 16
_SMOOTHED = 40  # windows that a smoothed curve is made of, at least


def decimate(name: str, series: Series, columns: int, first: int = 1) -> Curve:
    """Least and greatest finite value of each of at most `columns` stretches; those with none are left out, and told.

    `series[i]` is the value at x = first + i.
    """
    values = np.asarray(series, dtype=np.float64)
    count = len(values)
    if count == 0 or columns < 1:
        return Curve(name, [], [], [])
    edges = np.unique(np.linspace(0, count, min(columns, count) + 1).astype(int))[:-1]
    with np.errstate(invalid="ignore"):
        low, high = np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)
    places = edges + float(first)
    if np.isfinite(low).all() and np.isfinite(high).all():  # looked at again only where it is needed
        return Curve(name, places.tolist(), low.tolist(), high.tolist(), known=count, batches=count)
    finite, unknown = np.isfinite(values), missing(values)
    low = np.minimum.reduceat(np.where(finite, values, np.inf), edges)
    high = np.maximum.reduceat(np.where(finite, values, -np.inf), edges)
    kept, bad = np.isfinite(low), ~finite & ~unknown
    return Curve(
        name,
        places[kept].tolist(),
        low[kept].tolist(),
        high[kept].tolist(),
        _breaks(kept),
        places[np.logical_or.reduceat(bad, edges)].tolist(),
        int(bad.sum()),
        count - int(unknown.sum()),
        count,
    )


def _breaks(kept: np.ndarray[Any, np.dtype[np.bool_]], bads: Array | None = None) -> list[int]:
    """Which of those that are kept do not follow on the one before; `bads` counts up to each what is not finite."""
    at = np.flatnonzero(kept)
    apart = np.diff(at) > 1
    if bads is not None:
        apart |= np.diff(bads[at]) > 0
    return (np.flatnonzero(apart) + 1).tolist()


def smoothed(name: str, series: Series, columns: int, window: int, first: int = 1) -> Curve:
    """The mean of the finite values of the last `window` batches, at `columns` places at most.

    Of wide windows a sixteenth is summed at once, and their ends lie where such a part ends.
    """
    values = np.asarray(series, dtype=np.float64)
    count = len(values)
    if count == 0 or columns < 1:
        return Curve(name, [], [], [])
    part = max(1, window // _PARTS)
    ends = np.unique(np.linspace(min(count, 1), -(-count // part), min(columns, count)).astype(int))
    starts = np.maximum(0, ends - max(1, window // part))
    edges = np.arange(0, count, part)
    finite = np.isfinite(values)
    whole = bool(finite.all())
    sums = _before(np.add.reduceat(values if whole else np.where(finite, values, 0.0), edges))
    counts = _before(np.add.reduceat(np.ones(count) if whole else finite.astype(np.float64), edges))
    known = counts[ends] - counts[starts]
    means = (sums[ends] - sums[starts]) / np.maximum(known, 1)
    kept = known > 0
    bads = _before(np.add.reduceat((~finite & ~missing(values)).astype(np.float64), edges))[ends]
    y = means[kept].tolist()
    return Curve(name, (np.minimum(ends[kept] * part, count) + float(first - 1)).tolist(), y, y, _breaks(kept, bads))


def _before(parts: Array) -> Array:
    """The sum of all parts before each, and of all."""
    return np.concatenate([[0.0], np.cumsum(parts)])


def window_of(batches: int) -> int:
    """How many batches are averaged where so many are in view: a power of two, so that it seldom changes."""
    return 2 ** int(math.log2(batches / _SMOOTHED)) if batches >= 2 * _SMOOTHED else min(batches, 2)


def loss_view(moment: Moment, look: PlotLook, columns: int, plots: Plots) -> LossView:
    """One quantity over all batches that have run, of the cursor's branch and of the others; validation likewise."""
    plots.note_here(moment)
    timeline, calendar = moment.timeline, moment.calendar
    first, last = _span(look, moment)
    series = _series(timeline, look.quantity)
    if series is None:
        return LossView(Curve(look.quantity, [], [], []), moment.total, [], [], [], look.quantity)
    seen = series[first - 1 : last]
    window = 1 if look.quantity.startswith("learning_rate") else window_of(len(seen))
    more = _more_losses(timeline, look.quantity)
    epochs = sorted(timeline.validations)
    places = [(calendar.iteration(epoch + 1, 0) if epoch else 0, timeline.validations[epoch]) for epoch in epochs]
    shown = [(place, taken) for place, taken in places if first - 1 <= place <= last]
    return LossView(
        decimate(look.quantity, seen, columns, first),
        moment.total,
        [place for place, _ in shown],
        [taken.get("loss") for _, taken in shown],
        [known(taken.get("accuracy")) for _, taken in shown],
        look.quantity,
        smoothed(look.quantity, seen, columns, window, first) if window > 1 else Curve("", [], [], []),
        window,
        _other_quantity(timeline, first, last, columns),
        first,
        last,
        moment.iteration,
        _epoch_marks(moment, first, last),
        [
            *(_curve(timeline, name, name, (first, last), columns, window) for name in more),
            *(_curve(b.timeline, look.quantity, b.name, (first, last), columns, window) for b in _others(moment)),
        ],
        _position(moment, look.at),
        _values(series, window, look.at),
        _quantities(timeline, plots),
    )


def _span(look: PlotLook, moment: Moment) -> tuple[int, int]:
    last = min(look.last, moment.total) if look.last else _end(moment)
    return max(1, min(look.first, last)), max(1, last)


def _end(moment: Moment) -> int:
    """Where a span ends that doubles when any branch fills it, and is at most to the end of that epoch."""
    furthest = max(max(branch.timeline.reached, branch.timeline.furthest) for branch in moment.branches.all)
    epoch, _ = moment.calendar.place(min(max(1, furthest), moment.total))
    end = moment.calendar.iteration(epoch + 1, 0)
    doublings = math.ceil(math.log2(max(1, furthest / _SHORTEST)))
    return min(end, _SHORTEST << doublings)


def _series(timeline: Timeline, quantity: str) -> Array | None:
    """A copy of the series from batch 1 on; None where there is none."""
    if quantity in timeline.plotted:
        return np.array(timeline.plotted.whole(quantity))
    if quantity == "loss":
        return np.array(timeline.losses)
    known = ("accuracy", *timeline.rate_names(), *timeline.series)
    return np.array(timeline.series.whole(quantity)) if quantity in known else None


def _other_quantity(timeline: Timeline, first: int, last: int, columns: int) -> Curve:
    """The batches' accuracy, smoothed, for the plot below the loss."""
    seen = np.array(timeline.accuracies[first - 1 : last])
    return smoothed("accuracy", seen, columns, window_of(len(seen)), first)


def _epoch_marks(moment: Moment, first: int, last: int) -> list[int]:
    """Where epochs end, within the span; none where they would be a wall."""
    calendar = moment.calendar
    low, high = calendar.epochs_done(first - 1), calendar.epochs_done(last)
    if high - low > _MOST_MARKS:
        return []
    ends = [calendar.epoch_end(first - 1, count) for count in range(1, high - low + 1)]
    return [end for end in ends if first <= end < last]


def _others(moment: Moment) -> list[Branch]:
    return [branch for branch in moment.branches.all if branch is not moment.branches.current]


def _curve(timeline: Timeline, quantity: str, name: str, span: tuple[int, int], columns: int, window: int) -> Curve:
    """One more curve in the same plot, of the same window: another branch's, or another loss; NaN are told of it."""
    first, last = span
    series = _series(timeline, quantity)
    seen = np.empty(0) if series is None else series[first - 1 : last]
    raw, means = decimate(name, seen, columns, first), smoothed(name, seen, columns, window, first)
    return msgspec.structs.replace(means, bad=raw.bad, nonfinite=raw.nonfinite, known=raw.known, batches=raw.batches)


def _more_losses(timeline: Timeline, quantity: str) -> list[str]:
    """Of several losses, those that stand beside the first."""
    return timeline.loss_names[1:] if quantity == "loss" and timeline.main_loss is None else []


def _quantities(timeline: Timeline, plots: Plots) -> list[str]:
    """What there is to plot: losses, accuracy, the rate of each group, scores, expressions."""
    rates = timeline.rate_names()
    losses = timeline.loss_names if len(timeline.loss_names) > 1 else []
    scores = [name for name in timeline.series if name not in ("loss", "accuracy", *losses, *rates)]
    return list(dict.fromkeys(["loss", *losses, "accuracy", *rates, *scores, *plots.trees]))


def _position(moment: Moment, at: int) -> Position | None:
    if not 0 < at <= moment.total:
        return None
    return Position(*moment.calendar.place(at), at)


def _values(series: Array, window: int, at: int) -> list[float]:
    """The quantity at a batch, and its mean over the window that ends there; nothing where it has not run."""
    if not 0 < at <= len(series):
        return []
    part = series[max(0, at - window) : at]
    part = part[np.isfinite(part)]
    return [float(series[at - 1]), float(part.mean()) if len(part) else math.nan]
