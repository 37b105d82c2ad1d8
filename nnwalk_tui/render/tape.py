"""The tape: one line an event."""

from __future__ import annotations

from typing import NamedTuple

from engine.views import TapeRow
from nnwalk_tui.render.text import Line, fit

_PHASE = 8
_NAMES, _MOST = 12, 28  # cells of a column of names, at least and at most
_STYLES = {"forward": "forward", "loss": "forward", "backward": "backward"}


class Columns(NamedTuple):
    """Widths of the columns that depend on the model or the room."""

    number: int
    op: int
    reads: int  # 0 where there is room for one column of names
    writes: int
    shape: int


def columns(rows: list[TapeRow], total: int, width: int, least: Columns | None = None) -> Columns:
    """How the width is shared; shapes give way first. Operations and shapes take no less than in `least`."""
    number = len(str(total))
    op = max(min(max((len(row.op) for row in rows), default=8), 20), least.op if least else 8)
    shape = max(min(max((len(row.shape) for row in rows), default=8), 16), least.shape if least else 8)
    names = (width - (number + 4) - _PHASE - op - 4 - shape - 6) // 2
    if names < _NAMES:
        names, shape = names + (shape + 2) // 2, 0
    if names < _NAMES:
        room = width - number - _PHASE - 9  # for an operation and a name
        op = max(8, min(op, room - _NAMES))
        return Columns(number, op, 0, max(4, min(room - op, _MOST)), 0)
    return Columns(number, op, min(names, _MOST), min(names, _MOST), shape)


def heading(where: Columns) -> Line:
    """The titles of the columns."""
    titles = f"{'#':>{where.number + 3}}  {'phase':<{_PHASE}}  {'op':<{where.op}}  "
    reads = f"{'reads':<{where.reads}}  " if where.reads else ""
    return [(f"{titles}{reads}{'writes':<{where.writes}}{'  shape' if where.shape else ''}", "quiet")]


def row(event: TapeRow, where: Columns, cursor: int, chosen: bool) -> Line:
    """One event: done, here or to come; `chosen` is the one that Enter would go to. Bookkeeping has no number."""
    here = event.number == cursor and not event.folded
    done = event.number <= cursor and not event.folded
    number = "" if event.folded else event.number
    style = "here" if here else "text" if done else "quiet"
    return [
        ("›" if chosen else " ", "here"),
        ("▶ " if here else "  ", "here"),
        (f"{number:>{where.number}}  ", style),
        (f"{event.phase:<{_PHASE}}  ", "here" if here else _STYLES.get(event.phase, "text") if done else "quiet"),
        (fit(event.op, where.op) + "  ", style),
        (f"{fit(event.reads, where.reads)}  " if where.reads else "", style),
        (fit(event.writes, where.writes), style),
        (f"  {fit(event.shape, where.shape)}" if where.shape else "", "quiet"),
    ]
