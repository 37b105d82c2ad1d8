"""A reliability plot: a line a bin of confidence, with how many examples it holds, and how many of them are right."""

from __future__ import annotations

from engine.protocol.views import Reliability, SureBin
from nnwalk_tui.colours import theme
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit

_FIXED = 34  # cells beside the bars
_LEAST = 10  # cells of a bar, below which there is none


def heading(view: Reliability, width: int) -> list[Line]:
    """Of what it is, the whole in numbers, and the columns."""
    whole = f" sure {view.sure:.3f}, right {view.accuracy:.3f}; ECE {view.error:.3f}"
    bars = drawn(f"{_bar()} right, {_mark()} sure")
    columns = f" how sure {'count':>7}  {fit(bars, _cells(width)) if _cells(width) else ''}  right   sure"
    return [
        [(fit(f" {drawn(view.of)}", width), "quiet")],
        [(fit(whole, width), "text")],
        [(fit(columns, width), "quiet")],
    ]


def rows(view: Reliability, width: int) -> list[Line]:
    """Where the network is sure more often than right, its mark stands beyond the bar."""
    return [_row(each, _cells(width)) for each in view.bins]


def _row(it: SureBin, cells: int) -> Line:
    right = "right" if it.accuracy >= it.sure else "wrong"
    return [
        (drawn(f" {it.low:.1f}–{it.high:.1f}  {it.count:>7}  "), "text"),
        *(_bars(it, cells) if cells else []),
        (f"  {it.accuracy:>5.3f}", right),
        (f"  {it.sure:>5.3f}", "here"),
    ]


def _bars(it: SureBin, cells: int) -> Line:
    """A bar as long as the share that is right, and a mark where the mean confidence stands."""
    filled, at = round(it.accuracy * cells), min(cells - 1, round(it.sure * cells))
    line: Line = []
    for begin, end in ((0, at), (at + 1, cells)):
        bar = max(0, min(filled, end) - begin)
        line += [(_bar() * bar, "forward"), (" " * (end - begin - bar), "blank")]
        if not begin:
            line.append((_mark(), "here"))
    return line


def _cells(width: int) -> int:
    room = width - _FIXED
    return room if room >= _LEAST else 0


def _bar() -> str:
    return "=" if theme.ascii_only() else "█"


def _mark() -> str:
    return "|" if theme.ascii_only() else "┃"
