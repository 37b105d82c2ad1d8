"""A quantity over the batches: raw and smoothed, of all branches, with validation, epochs and the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from engine.protocol.views import Curve, LossView
from nnwalk_tui.colours import theme
from nnwalk_tui.render.canvas import ACROSS, DOWN, Canvas, cell
from nnwalk_tui.render.numbers import missing, scientific
from nnwalk_tui.render.text import Line, fit, fit_line

GUTTER = 7
_LEAST_HEIGHT = 4
_AXES = 2  # lines of the axis and its numbers
_LEAST_SPAN = 0.1  # of the greatest value, so that small changes stay small
_STEPS = 5  # of a fitted axis, about
_TINY = 1e-300  # what is smaller, or its inverse greater, has no round steps


class Options(NamedTuple):
    """How it is drawn."""

    log: bool = False
    smooth: bool = True
    chosen: int = 0  # the batch that the plot's own cursor is at; 0 is none


USUAL = Options()


class Signs(NamedTuple):
    """What curves and marks look like; in ASCII, what they are drawn with."""

    line: str = "─"
    dotted: str = "┈"
    dashed: str = "┄"
    mark: str = "●"
    bad: str = "✗"  # stands at the top, where a value is no finite number


def signs() -> Signs:
    """Those of the present theme."""
    return Signs("*", "'", "-", "o", "x") if theme.ascii_only() else Signs()


class Scale(NamedTuple):
    """The least and greatest value of the axis; of a logarithmic one their exponents."""

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float | None:
        """How far up a value lies, 0…1; None where it is not on the axis."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return None
        at = math.log10(value) if self.log else value
        return (at - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """How far up numbers stand, and they: the middle's, then those that matter more, the bottom's and the top's."""
        values = [(share, self.low + (self.high - self.low) * share) for share in (0.5, 0.0, 1.0)]
        texts = _ticks([10.0**value if self.log else value for _, value in values])
        return [(share, text) for (share, _), text in zip(values, texts, strict=True)]


def losses(view: LossView, width: int, height: int, options: Options = USUAL) -> list[Line]:
    """The quantity itself: batches, their mean, the other branches, and the validation's values as marks."""
    valid = {"loss": view.valid_loss, "accuracy": view.valid_accuracy}.get(view.quantity, [])
    curves = [view.train, view.smooth, *view.branches]
    values = [value for curve in curves for value in (*curve.low, *curve.high)]
    known = [value for value in (*values, *valid) if value is not None and math.isfinite(value)]
    scale = _scale(known, view.quantity, options.log)
    return _plot(view, view.train, valid, scale, width, height, options)


def accuracies(view: LossView, width: int, height: int, options: Options = USUAL) -> list[Line]:
    """The accuracy, 0…1: the batches', smoothed, and the validation's as marks."""
    bare = LossView(
        view.accuracy,
        view.iterations,
        view.valid_iterations,
        [],
        view.valid_accuracy,
        first=view.first,
        last=view.last,
        position=view.position,
        epochs=view.epochs,
    )
    return _plot(bare, view.accuracy, view.valid_accuracy, Scale(0.0, 1.0), width, height, options)


def _span(view: LossView) -> tuple[int, int]:
    """The batches at the left and right edge; a plot of the whole run begins before training."""
    last = view.last or max(1, view.iterations)
    return (0 if view.first <= 1 else view.first), max(last, view.first + 1)


def _scale(values: list[float], quantity: str, log: bool) -> Scale:
    positive = [value for value in values if value > 0]
    if log and positive:
        low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
        return Scale(low, max(high, low + 1), True)
    if quantity == "accuracy":
        return Scale(0.0, 1.0)
    if _TINY < max(map(abs, values), default=0.0) < 1 / _TINY:
        return _fitted(min(values), max(values))
    return Scale(0.0, 1.0)


def _fitted(low: float, high: float) -> Scale:
    """Around the values, from one whole multiple of a round step to another, so that the axis seldom moves."""
    span = max(high - low, _LEAST_SPAN * max(abs(low), abs(high)))
    power = 10.0 ** math.floor(math.log10(span / _STEPS))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if span <= power * factor * _STEPS)
    first, last = math.floor(min(low, high - span) / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(first * step, last * step)


def _plot(
    view: LossView, raw: Curve, valid: list[float | None], scale: Scale, width: int, height: int, options: Options
) -> list[Line]:
    if height < _LEAST_HEIGHT or width < GUTTER + 10:
        return [[(fit(f" {_latest(raw)}", width), "text")]]
    cells, rows = width - GUTTER - 1, height - _AXES
    sheet = _Sheet(Canvas(cells, rows), _span(view), scale)
    for branch in view.branches:
        sheet.curve(branch, "quiet", signs().dashed, gap=2)
        sheet.bad(branch, "quiet")
    means = options.smooth and bool(view.smooth.x)
    sheet.band(raw, view.position, beside_means=means)
    if means:
        sheet.curve(view.smooth, "forward", "*")
    sheet.upright(view.position, "│", "here")
    for epoch in view.epochs:  # after the cursor: where an epoch begins, it stands over the epoch's line
        sheet.upright(epoch, "┊", "quiet")
    if options.chosen:
        sheet.upright(options.chosen, "┃", "here", over=True)
    sheet.bad(raw, "warning")
    for iteration, value in zip(view.valid_iterations, valid, strict=False):
        if value is not None:
            sheet.mark(iteration, value, signs().mark, "text")
    if len(view.branches) > 1:
        sheet.number_ends(view.branches)
    ticks = {sheet.row(share): tick for share, tick in scale.ticks()}
    lines: list[Line] = []
    for row, line in enumerate(sheet.canvas.lines()):
        tick = ticks.get(row)
        lines.append([((tick or "").rjust(GUTTER) + ("┤" if tick else "│"), "quiet"), *line])
    return [fit_line(line, width) for line in (*lines, *_axis(sheet))]


class _Sheet:
    """A canvas with its axes."""

    def __init__(self, canvas: Canvas, span: tuple[int, int], scale: Scale) -> None:
        self.canvas, self.span, self._scale = canvas, span, scale

    def curve(self, curve: Curve, style: str, sign: str, gap: int = 0) -> None:
        """A line from point to point."""
        places = [self._place(x, y) for x, y in zip(curve.x, curve.low, strict=False)]
        breaks = {*curve.breaks}
        for at, (before, after) in enumerate(zip([None, *places], places, strict=False)):
            if after is not None:
                self.canvas.line((None if at in breaks else before) or after, after, style, sign, gap)

    def band(self, curve: Curve, until: int, beside_means: bool) -> None:
        """From the least to the greatest of each bucket, dotted beside a line of means; those after a batch quiet."""
        style, sign, gap = ("quiet", signs().dotted, 1) if beside_means else ("forward", "*", 0)
        before: tuple[float, float] | None = None
        breaks = {*curve.breaks}
        for at, (x, low, high) in enumerate(zip(curve.x, curve.low, curve.high, strict=False)):
            bottom, top = self._place(x, low), self._place(x, high)
            before = None if at in breaks else before
            if bottom is None or top is None:
                before = None
                continue
            look = style if x <= until else "quiet"
            self.canvas.line(bottom, top, look, sign, gap)
            if before is not None and bottom[0] - before[0] > 1:
                self.canvas.line(before, bottom, look, sign, gap)
            before = top

    def mark(self, x: float, y: float, sign: str, style: str) -> None:
        """A character at a point; one for NaN and infinities at the top."""
        place = self._place(x, y)
        if place is not None:
            self.canvas.put(*cell(*place), sign, style)
        elif not math.isfinite(y):
            self.canvas.put(self.column(x), 0, signs().bad, "warning")

    def bad(self, curve: Curve, style: str) -> None:
        """Where a curve is no finite number."""
        for x in curve.bad:
            self.canvas.put(self.column(x), 0, signs().bad, style)

    def number_ends(self, curves: Sequence[Curve]) -> None:
        """The numbers of curves that look alike, where they end."""
        for number, curve in enumerate(curves, 1):
            place = self._place(curve.x[-1], curve.low[-1]) if curve.x else None
            if place is not None:
                self.canvas.put(*cell(*place), str(number), "quiet")

    def upright(self, x: float, sign: str, style: str, over: bool = False) -> None:
        """A line from top to bottom, behind what is drawn unless it is `over` all."""
        column = self.column(x)
        for row in range(self.canvas.height):
            if over or self.canvas.is_blank(column, row):
                self.canvas.put(column, row, sign, style)

    def column(self, x: float) -> int:
        """The column of a batch."""
        return cell(self._x(x), 0)[0]

    def row(self, share: float) -> int:
        """The row so far up the axis."""
        return cell(0, self._y(share))[1]

    def _x(self, x: float) -> float:
        first, last = self.span
        return (x - first) / (last - first) * (self.canvas.width * ACROSS - 1)

    def _place(self, x: float, y: float) -> tuple[float, float] | None:
        share = self._scale.share(y)
        return None if share is None else (self._x(x), self._y(share))

    def _y(self, share: float) -> float:
        return (1 - share) * (self.canvas.height * DOWN - 1)


def _axis(sheet: _Sheet) -> list[Line]:
    """Ticks in the columns of their batches."""
    cells, (first, last) = sheet.canvas.width, sheet.span
    marks, numbers = ["─"] * cells, list(" " * cells)
    for batch in (first, (first + last) // 2, last):
        at, text = sheet.column(batch), str(batch)
        marks[at] = "┬"
        start = max(0, min(at - len(text) // 2, cells - len(text)))
        numbers[start : start + len(text)] = text
    return [
        [(" " * GUTTER + "└" + "".join(marks), "quiet")],
        [("batch".rjust(GUTTER) + " " + "".join(numbers), "quiet")],
    ]


def legend(view: LossView, options: Options, width: int) -> Line:
    """What the lines are; at the plot's own cursor, which batch it is and its values."""
    if options.chosen and view.chosen is not None:
        where = f" ┃ batch {view.chosen.epoch}:{view.chosen.batch}"
        values = "".join(f"  {name} {value:.4g}" for name, value in zip(("value", "mean"), view.values, strict=False))
        return [(where, "here"), (values or "  not run yet", "text"), ("   Enter goes there", "quiet")]
    sign, raw = signs(), view.train
    seen = f", {raw.known} of {raw.batches} known" if raw.known < raw.batches else ""
    if options.smooth and view.smooth.x:
        parts = [(sign.dotted, "quiet", f"batch{seen}"), (sign.line, "forward", f"mean of {view.window}")]
    else:
        parts = [(sign.line, "forward", f"batch{seen or ', before its update'}")]
    if raw.nonfinite:
        parts.insert(1, (sign.bad, "warning", not_finite(raw)))
    if view.quantity in ("loss", "accuracy") and view.valid_iterations:
        parts.append((sign.mark, "text", "validation"))
    for number, branch in enumerate(view.branches, 1):
        bad = f", {sign.bad} {not_finite(branch)}" if branch.nonfinite else ""
        parts.append((str(number) if len(view.branches) > 1 else sign.dashed, "quiet", branch.name + bad))
    line: Line = []
    for glyph, style, words in parts:
        line += [(f" {glyph}", style), (f" {words} ", "quiet")]
    return line


def not_finite(curve: Curve) -> str:
    """How many values of a curve are no numbers that can be drawn."""
    return f"{curve.nonfinite} NaN or inf"


def _latest(raw: Curve) -> str:
    """The last value, for where there is no room for a plot."""
    if raw.bad and (not raw.x or raw.bad[-1] >= raw.x[-1]):
        return not_finite(raw)
    return f"{raw.high[-1]:.4f}" if raw.high else missing()


def _ticks(values: list[float]) -> list[str]:
    """Numbers of an axis; with more digits where they would read alike."""
    texts = [_tick(value) for value in values]
    return texts if len({*texts}) == len(texts) else [_finer(value) for value in values]


def _finer(value: float) -> str:
    """As many digits beside a power of ten as the gutter has room for: 1.05e−6."""
    forms = (f"{value:.{digits}e}".split("e") for digits in (2, 1, 0))
    texts = (f"{digits}e{int(power)}".replace("-", "−") for digits, power in forms)
    return next((text for text in texts if len(text) <= GUTTER), missing()).rjust(GUTTER)


def _tick(value: float) -> str:
    text = f"{value:.3g}"
    text = text if len(text) <= GUTTER and "e" not in text else scientific(value)
    return text.replace("-", "−").rjust(GUTTER)
