"""The tape's phases, and the rows that are on screen."""

from __future__ import annotations

from functools import cached_property

from engine.lookup.moment import Moment
from engine.panes.equations import reads, title, writes, written_shape
from engine.protocol.messages import Look
from engine.protocol.views import TapeRow, TapeView
from engine.tape.tape import Event, Tape

Line = tuple[Event, Event | None]  # an event, or, beside it, the bookkeeping that is folded into it


def tape_view(moment: Moment, look: Look) -> TapeView | None:
    """The tape's phases, and the rows that are on screen."""
    tape = moment.tape
    if tape is None:
        return None
    cursor, seen = moment.done, look.rows
    found = tape.once(f"rows {look.folded}", lambda: Rows(tape, look.folded))
    at, lines = found.line_of[cursor], len(found.lines)
    first = look.rows_from or max(1, min(at - seen // 2, lines - seen + 1))
    shown, widths = (found.rows[first - 1 : first - 1 + seen], found.widths) if seen else ([], [])
    here = title(moment.naming, tape, tape.events[cursor - 1])
    return TapeView(found.phases, cursor, len(tape), first, shown, lines, at, here, widths)


class Rows:
    """All lines of a tape, and the line of each event by its number; the rest is made once it is seen."""

    def __init__(self, tape: Tape, folded: bool) -> None:
        self.lines = _lines(tape, folded)
        self.line_of = _line_of_events(self.lines)
        self.phases: list[tuple[str, int]] = [*tape.phases()]

    @cached_property
    def rows(self) -> list[TapeRow]:
        """What stands on each line."""
        return [_row(*line) for line in self.lines]

    @cached_property
    def widths(self) -> list[int]:
        """The longest text of each column."""
        return _widths(self.rows)


def _lines(tape: Tape, folded: bool) -> list[Line]:
    """Every event, with None; where asked for, the bookkeeping that is folded into it before it."""
    if not folded:
        return [(event, None) for event in tape.events]
    return [(event, part) for event in tape.events for part in (*event.folded, None)]


def _line_of_events(lines: list[Line]) -> dict[int, int]:
    """By an event's number, the line that it stands on, from 1; the place before the first event is on none."""
    return {0: 0} | {event.number: line for line, (event, part) in enumerate(lines, 1) if part is None}


def _widths(rows: list[TapeRow]) -> list[int]:
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
