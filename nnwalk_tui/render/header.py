"""The first line: what runs at the left, where the run is at the right, in fixed columns."""

from __future__ import annotations

from engine.protocol.views import Snapshot
from nnwalk_tui.colours import theme
from nnwalk_tui.render.numbers import is_bad, missing, number
from nnwalk_tui.render.text import Line, ends, fit_line, measure

# How much is said at each end, from most to least; the first pair that fits is drawn.
_DIGITS = 4  # of a number of which nobody knows how great it gets
_LEVELS = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4))


def header(snapshot: Snapshot, width: int) -> Line:
    """The line in exactly `width` cells; it says less where there is less room."""
    for left, right in _LEVELS:
        start, end = _experiment(snapshot, left), _place(snapshot, right)
        if measure(start) + measure(end) + 2 <= width:
            return ends(start, end, width)
    return fit_line(_place(snapshot, 4), width)


def _experiment(snapshot: Snapshot, level: int) -> Line:
    run = snapshot.run
    batch = f" · batch {run.batch_size}" if run.batch_size else ""
    data = f" · {run.data} · {run.optimizer}"
    rest = (f" {run.model}{data}{batch}", f" {run.model}{data}", f" {run.model}", "", None)[level]
    name: Line = [(" nnwalk", "title")]
    return name if rest is None else [*name, (f"  {run.name}", "text"), (rest, "quiet")]


def _place(snapshot: Snapshot, level: int) -> Line:
    """Level 0 also counts iterations and parts the words wider; 3 and more leave out the accuracy and the rate."""
    position, run = snapshot.position, snapshot.run
    gap: tuple[str, str] = ("  ", "text")
    line: Line = [
        *_field("epoch", _of(position.epoch, run.epochs)),
        gap,
        *_field("batch", _of(position.batch, run.batches)),
    ]
    if level == 0:
        total = len(str(run.epochs * run.batches or 10**_DIGITS))
        line += [gap, *_field("iteration", f"{position.iteration:>{total}}")]
    label = "loss (before update)" if level == 0 else "loss"
    for name, loss in snapshot.losses.items() or [(label, snapshot.loss)]:
        line += [gap, *_field(name, f"{number(loss, decimals=3).strip():<7}", is_bad(loss))]
    if level < 4:
        accuracy = missing() if snapshot.accuracy is None else f"{snapshot.accuracy:.2f}"
        never = not snapshot.judged or (snapshot.losses and snapshot.accuracy is None)
        line += [] if never else [gap, *_field("acc", f"{accuracy:>4}")]
    if level < 3:
        rate = "lr" if theme.ascii_only() else "η"
        line += [gap, *_field(rate, _rates(snapshot).ljust(6 if level < 2 else 0))]
    return [*line, (" ", "text")]


def _of(number: int, of: int) -> str:
    """How many of how many, in a column of its own; of a number that nobody knows yet, alone."""
    return f"{number:>{len(str(of))}}/{of}" if of else f"{number:<{_DIGITS}}"


def _rates(snapshot: Snapshot) -> str:
    """The learning rate; of groups that differ, from the least to the greatest."""
    if snapshot.rate_range is not None:
        return "{:.4g}…{:.4g}".format(*snapshot.rate_range)
    return missing() if snapshot.learning_rate is None else f"{snapshot.learning_rate:.4g}"


def _field(label: str, value: str, bad: bool = False) -> Line:
    return [(label + " ", "quiet"), (value, "warning" if bad else "text")]
