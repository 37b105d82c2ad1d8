"""The tape's phases, and the rows that are on screen."""

from __future__ import annotations

from engine.lookup.moment import Moment
from engine.panes.equations import reads, title, writes, written_shape
from engine.protocol.messages import Look
from engine.protocol.views import TapeRow, TapeView
from engine.tape.tape import Event, Tape


def tape_view(moment: Moment, look: Look) -> TapeView | None:
    """The tape's phases, and the rows that are on screen."""
    tape = moment.tape
    if tape is None:
        return None
    cursor = moment.done
    lines = _lines(tape, look.folded)
    at = next((line for line, (event, part) in enumerate(lines, 1) if event.number == cursor and part is None), 0)
    first = look.rows_from or max(1, min(at - look.rows // 2, len(lines) - look.rows + 1))
    rows = [_row(event, part) for event, part in lines[first - 1 : first - 1 + look.rows]]
    phases: list[tuple[str, int]] = [*tape.phases()]
    here = title(moment.naming, tape, tape.events[cursor - 1])
    widths = tape.once(f"widths {look.folded}", lambda: _widths(lines)) if look.rows else []
    return TapeView(phases, cursor, len(tape), first, rows, len(lines), at, here, widths)


def _lines(tape: Tape, folded: bool) -> list[tuple[Event, Event | None]]:
    """Every event, with None; where asked for, the bookkeeping that is folded into it before it."""
    if not folded:
        return [(event, None) for event in tape.events]
    return [(event, part) for event in tape.events for part in (*event.folded, None)]


def _widths(lines: list[tuple[Event, Event | None]]) -> list[int]:
    rows = [_row(event, part) for event, part in lines]
    return [
        max(map(len, column)) for column in zip(*((it.op, it.reads, it.writes, it.shape) for it in rows), strict=True)
    ]


def _row(event: Event, part: Event | None) -> TapeRow:
    shown = part or event
    return TapeRow(
        event.number,
        event.phase,
        shown.op.name if part is None else part.aten,
        shown.layer,
        reads(shown),
        writes(shown),
        written_shape(shown),
        part is not None,
    )
