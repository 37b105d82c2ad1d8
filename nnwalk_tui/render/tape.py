"""The tape: one line an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rich.cells import cell_len

from engine.protocol.views import TapeRow
from nnwalk_tui.render.text import Line, fit, told_apart

_PHASE = 8
_NAMES, _MOST = 12, 28  # cells of a column of names: least where two stand side by side, and most
_LONGEST_OPERATION, _LONGEST_SHAPE = 20, 16
_STYLES = {"forward": "forward", "loss": "forward", "backward": "backward"}


class Columns(NamedTuple):
    """Widths of the columns that depend on the model or the room."""

    number: int
    op: int
    reads: int  # 0 where there is room for one column of names
    writes: int
    shape: int
    read: Mapping[str, str] = {}  # names as they are cut, so that they can be told apart
    written: Mapping[str, str] = {}


def columns(widths: list[int], total: int, width: int) -> Columns:
    """How the width is shared; `widths` are those of the view. Shapes give way first, lest names are cut."""
    number = len(str(total))
    op, reads, writes, shape = _wanted(widths)
    room = width - (number + 5) - (_PHASE + 2) - (op + 2)
    if reads + 2 + writes + 2 + shape <= room:
        return Columns(number, op, reads, writes, shape)
    if room >= 2 * _NAMES + 2:
        reads = min(reads, max((room - 2) // 2, room - 2 - writes))
        return Columns(number, op, reads, min(writes, room - 2 - reads), 0)
    room += op  # for an operation and a name
    op = max(8, min(op, room - _NAMES))
    return Columns(number, op, 0, max(4, min(room - op, _MOST)), 0)


def named(where: Columns, rows: Iterable[TapeRow]) -> Columns:
    """The same with names that are told apart where they are cut."""
    rows = list(rows)
    read, written = _cut([row.reads for row in rows], where.reads), _cut([row.writes for row in rows], where.writes)
    return where._replace(read=read, written=written)


def _cut(texts: list[str], width: int) -> dict[str, str]:
    """Of several names the first, where there is no room for all."""
    alone = told_apart((text for text in texts if ", " not in text), width)
    first = told_apart((text.partition(", ")[0] for text in texts if ", " in text), width - 2)
    listed = {text: f"{first[text.partition(', ')[0]]},…" for text in texts if ", " in text and cell_len(text) > width}
    return alone | listed


def _wanted(widths: list[int]) -> tuple[int, int, int, int]:
    op, reads, writes, shape = widths or (0, 0, 0, 0)
    return (
        max(8, min(op, _LONGEST_OPERATION)),
        max(len("reads"), min(reads, _MOST)),
        max(len("writes"), min(writes, _MOST)),
        max(len("shape"), min(shape, _LONGEST_SHAPE)),
    )


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
        (f"{fit(where.read.get(event.reads, event.reads), where.reads)}  " if where.reads else "", style),
        (fit(where.written.get(event.writes, event.writes), where.writes), style),
        (f"  {fit(event.shape, where.shape)}" if where.shape else "", "quiet"),
    ]
