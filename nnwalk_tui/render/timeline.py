"""The second line: the batch's tape as a time line, its phases as long as they have events."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from engine.protocol.positions import Status
from engine.protocol.views import TapeView
from nnwalk_tui.render.text import Line, Span, fit_line, measure

_SIGNS = {Status.PAUSED: "‖", Status.RUNNING: "▶", Status.TRAVELLING: "»", Status.ENDED: "■"}
_STATUS = max(map(len, Status))
_STYLES = {"forward": "forward", "loss": "forward", "backward": "backward"}
_NAME_ROOM = 2  # cells of a phase beside its name
_SHORT_NAMES = {"load": "ld", "forward": "fw", "loss": "ls", "backward": "bw", "between": "bt", "update": "up"}
_LETTERS = {"load": "l", "forward": "f", "loss": "L", "backward": "b", "between": "·", "update": "u"}
_TITLE, _SHORT = 22, 11  # cells of the event's name; without its phase, which the track shows
_TITLED = 110  # cells of the line from which there is room for the whole of it, and for the status in words


class Segment(NamedTuple):
    """A phase on the track: its name, as far as there is room for those of all, then its events."""

    phase: str
    name: str
    start: int  # first cell
    rail: int  # first cell after the name
    end: int  # the cell after the last
    before: int  # events of the phases before
    events: int

    def cell(self, done: int) -> int:
        """The cell of the cursor when `done` events of this phase are done, one at least."""
        return max(self.start, self.rail + ceil(done * (self.end - self.rail) / max(1, self.events)) - 1)


def timeline(tape: TapeView, status: Status, unit: str, width: int) -> Line:
    """The line in exactly `width` cells."""
    beside = _beside(tape, status, unit, width)
    track = width - 1 - measure(beside)
    if track < 1:
        return fit_line([(f" {_SIGNS[status]} {status}  {_where(tape)}", "text")], width)
    return [(" ", "text"), *_track(tape, track), *beside]


def _beside(tape: TapeView, status: Status, unit: str, width: int) -> Line:
    """What stands at the right of the track, as long for every status and unit: the event, the status, and the unit."""
    style = "quiet" if status in (Status.PAUSED, Status.ENDED) else "forward"
    gap: Span = ("  ", "text")
    if width >= _TITLED:
        state = (f"{_SIGNS[status]} {status:<{_STATUS}}", style)
        by: Line = [("  unit ", "quiet"), (f"{unit:<5}  {_where(tape)}", "text")]
        return [gap, *fit_line([(tape.title, "here")], _TITLE), gap, state, *by]
    # The operation is wanted while it stands still, the word for what goes on while it does.
    operation = tape.title.rpartition(" · ")[2] if status is Status.PAUSED else ""
    word = (operation, "here") if operation else (str(status), style)
    # What no step changes stands last: on a slow line it is not sent again.
    by = [(f"  {_where(tape)}", "text"), (" by ", "quiet"), (f"{unit:<5}", "text")]
    return [gap, (f"{_SIGNS[status]} ", style), *fit_line([word], _SHORT), *by]


def _where(tape: TapeView) -> str:
    return f"◀ {tape.cursor:>{len(str(tape.total))}}/{tape.total} ▶ "


def event_at(tape: TapeView, x: int, width: int) -> int | None:
    """How many events are done at a cell of the line; None beside the track."""
    track = width - 1 - measure(_beside(tape, Status.PAUSED, "op", width))
    if x == 1 <= track and tape.total:
        return 0
    for segment in _segments(tape.phases, track):
        if segment.start <= x - 1 < segment.end:
            done = (x - segment.rail) * segment.events / max(1, segment.end - segment.rail)
            return segment.before + max(0, min(segment.events, round(done)))
    return None


def _track(tape: TapeView, width: int) -> Line:
    segments = _segments(tape.phases, width)
    cursor = 0
    for segment in segments:
        if tape.cursor > segment.before:
            cursor = segment.cell(min(tape.cursor - segment.before, segment.events))
    if not segments:
        return [("before training ".ljust(width, "─")[:width], "quiet")]
    spans: Line = [("─", "quiet")]
    for segment in segments:
        cells = segment.name + "━" * (segment.end - segment.rail)
        done = max(0, min(cursor - segment.start, len(cells)))
        spans += [(cells[:done], _STYLES.get(segment.phase, "text")), (cells[done:].replace("━", "─"), "quiet")]
    return _with_cursor(spans, cursor)


def _segments(phases: list[tuple[str, int]], width: int) -> list[Segment]:
    """The phases side by side after one cell for the start: room for each name first, the rest by events."""
    total = sum(events for _, events in phases)
    names = _names([phase for phase, _ in phases], width)
    room = _NAME_ROOM if names == [phase for phase, _ in phases] else 1
    least = [len(name) + room if name else 0 for name in names]
    rest = width - 1 - sum(least)
    segments, start, before = [], 1, 0
    for (phase, events), name, cells in zip(phases, names, least, strict=True):
        share = round((before + events) * rest / max(1, total)) - round(before * rest / max(1, total))
        end = start + cells + share
        segments.append(Segment(phase, name, start, start + len(name), end, before, events))
        start, before = end, before + events
    return segments


def _names(phases: list[str], width: int) -> list[str]:
    """The longest names of the phases that fit side by side: whole, of two letters, of one, or none."""
    short = [_SHORT_NAMES.get(phase, phase[:2]) for phase in phases]
    letters = [_LETTERS.get(phase, phase[:1]) for phase in phases]
    for names, room in ((phases, _NAME_ROOM), (short, 1), (letters, 1)):
        if sum(len(name) + room for name in names) < width:
            return names
    return [""] * len(phases)


def _with_cursor(spans: Line, cursor: int) -> Line:
    line: Line = []
    at = 0
    for text, style in spans:
        if at <= cursor < at + len(text):
            cut = cursor - at
            line += [(text[:cut], style), ("◉", "here"), (text[cut + 1 :], style)]
        else:
            line.append((text, style))
        at += len(text)
    return line
