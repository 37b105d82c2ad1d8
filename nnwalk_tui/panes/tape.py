"""The tape of the batch, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from engine.views import Snapshot, TapeView
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import tape as render
from nnwalk_tui.render.text import Line


class TapePane(Pane):
    """Every event of the batch; ▶ is the cursor, › the line that Enter goes to."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "choose", "Go there")]
    pane_name = "tape"
    pane_title = "tape"
    about = "every event of this batch in the order of execution; ▶ the cursor; ↑ ↓ choose a line, Enter goes there"
    looks = frozenset({"tape"})

    @dataclass
    class Chosen(Message):
        """The user asks for the place where event `number` is done."""

        number: int

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._choice: int | None = None  # number of the chosen event; None follows the cursor

    def part(self, snapshot: Snapshot) -> object | None:
        """The tape."""
        if self.data and snapshot.tape and snapshot.tape.cursor != self.data.cursor:
            self._choice = None
        return snapshot.tape

    def status(self) -> str:
        """Where the cursor is."""
        return f"{self.data.cursor:>{len(str(self.data.total))}}/{self.data.total}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The heading, and the events in view."""
        tape: TapeView = self.data
        where = render.columns(tape.rows, tape.total, width)
        first = self.window(len(tape.rows), height - 1, self._index(self._chosen()))
        chosen = self._chosen() if self.has_focus else None
        rows = [
            render.row(each, where, tape.cursor, each.number == chosen)
            for each in tape.rows[first : first + max(0, height - 1)]
        ]
        return [render.heading(where), *rows]

    def action_move(self, lines: int) -> None:
        """Choose another event."""
        if self.data and self.data.rows:
            at = (self._index(self._chosen()) or 0) + lines
            rows = self.data.rows
            self._choice = rows[max(0, min(len(rows) - 1, at))].number
            self.redraw()

    def action_choose(self) -> None:
        """Ask for the chosen event."""
        if self.data and self.data.rows:
            self.post_message(self.Chosen(self._chosen()))

    def on_click(self, event: events.Click) -> None:
        """Choose the event under the mouse; a second click goes there."""
        at = self._top + event.y - 2
        if self.data and 0 <= at < len(self.data.rows):
            number = self.data.rows[at].number
            again = number == self._choice
            self._choice = number
            self.redraw()
            if again:
                self.action_choose()

    def _chosen(self) -> int:
        return int(self.data.cursor if self._choice is None else self._choice)

    def _index(self, number: int) -> int | None:
        return next((at for at, row in enumerate(self.data.rows) if row.number == number), None)
