"""The batch's tape as a time line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.protocol.views import Snapshot, TapeView
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render.text import Line
from nnwalk_tui.render.timeline import event_at, timeline

_EMPTY = TapeView(phases=[], cursor=0, total=0, first=1, rows=[], lines=0, at=0)


class TimelinePane(Pane, can_focus=True):
    """One line: the phases as long as they have events, done heavy, to come thin, the cursor between them."""

    DEFAULT_CSS = "TimelinePane { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "go(-1)", "Event back", show=False),
        Binding("right", "go(1)", "Event on", show=False),
        Binding("home", "edge(False)", "Start of batch", show=False),
        Binding("end", "edge(True)", "End of batch", show=False),
    ]
    pane_name = "timeline"
    pane_title = "time line"
    about = "the events of this batch by phase: ━ done, ─ to come, ◉ the cursor; click, ← → Home End move it"
    looks = frozenset({"tape"})
    bordered = False

    @dataclass
    class CursorMoved(Message):
        """The user asks for the place where `event` events of the batch are done."""

        event: int

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._unit = "op"

    @property
    def unit(self) -> str:
        """The grain of the next step."""
        return self._unit

    @unit.setter
    def unit(self, unit: str) -> None:
        self._unit = str(unit)
        self.redraw()

    def part(self, snapshot: Snapshot) -> object | None:
        """The tape's phases and cursor, and the status."""
        tape = snapshot.tape or (_EMPTY if snapshot.position.iteration == 0 else None)
        return tape and (msgspec.structs.replace(tape, first=1, rows=[]), snapshot.status)

    def draw(self, width: int, height: int) -> list[Line]:
        """The line."""
        tape, status = self.data
        return [timeline(tape, status, self._unit, width, self.has_focus)]

    def action_go(self, events_on: int) -> None:
        """Ask for the next event or the one before."""
        if self.data:
            tape = self.data[0]
            self._ask(max(0, min(tape.total, tape.cursor + events_on)))

    def action_edge(self, end: bool) -> None:
        """Ask for the start or end of the batch."""
        if self.data:
            self._ask(self.data[0].total if end else 0)

    def on_click(self, event: events.Click) -> None:
        """Ask for the event under the mouse."""
        if self.data:
            at = event_at(self.data[0], event.x, self.size.width)
            if at is not None:
                self._ask(at)

    def _ask(self, event: int) -> None:
        self.post_message(self.CursorMoved(event))
