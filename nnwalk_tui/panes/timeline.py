"""The batch's tape as a time line."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from textual import events
from textual.message import Message

from engine.protocol.views import Snapshot, TapeView
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render.text import Line
from nnwalk_tui.render.timeline import event_at, timeline

_EMPTY = TapeView(phases=[], cursor=0, total=0, first=1, rows=[], lines=0, at=0)


class TimelinePane(Pane, can_focus=False):
    """One line: the phases as long as they have events, done heavy, to come thin, the cursor between them."""

    DEFAULT_CSS = "TimelinePane { height: 1; }"
    pane_title = "time line"
    about = "the events of this batch by phase: ━ done, ─ to come, ◉ the cursor; a click moves it"
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
        return [timeline(tape, status, self._unit, width)]

    def on_click(self, event: events.Click) -> None:
        """Ask for the event under the mouse."""
        if self.data:
            at = event_at(self.data[0], event.x, self.size.width)
            if at is not None:
                self._ask(at)

    def _ask(self, event: int) -> None:
        self.post_message(self.CursorMoved(event))
