"""The tape of the batch, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from engine.protocol.views import Snapshot, TapeRow, TapeView
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import tape as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line


class TapePane(Pane):
    """Every event of the batch; ▶ is the cursor, › the line that Enter goes to.

    Only the lines around those in view are asked of the engine: a tape may have thousands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter", "choose", "Go there"),
        ("f", "fold", "Bookkeeping, too"),
    ]
    about = "this batch's events in the order of execution; ▶ the cursor; ↑ ↓ choose a line, Enter goes there; f: all"

    @dataclass
    class Chosen(Message):
        """The user asks for the place where event `number` is done."""

        number: int

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.folded = False  # whether bookkeeping is shown
        self._choice: int | None = None  # the chosen line, counts from 1; None follows the cursor
        self._widths: list[int] = []  # of what is listed, and no less than they were

    def asks(self) -> dict[str, Any]:
        """A screenful of lines before and after those in view; from 0: around the cursor."""
        height = self._height()
        first = 0 if self._choice is None else max(1, self._top + 1 - height)
        return {"rows_from": first, "rows": 3 * height, "folded": self.folded}

    def show(self, snapshot: Snapshot | None) -> None:
        """Another run's columns have widths of their own."""
        if snapshot is None:
            self._widths = []
        super().show(snapshot)

    def part(self, snapshot: Snapshot) -> object | None:
        """The tape."""
        if self.data and snapshot.tape and snapshot.tape.cursor != self.data.cursor:
            self._choice = None
        return snapshot.tape

    def before_training(self, width: int) -> list[Line]:
        """What the tape will hold."""
        return [[(" before training: the tape lists the events of a batch that is stepped to", "quiet")]]

    def status(self) -> str:
        """What is listed, and where the cursor is."""
        shown = "all" if self.folded else "operations"
        return f"f {shown} · {self.data.cursor:>{len(str(self.data.total))}}/{self.data.total}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The heading, and the lines in view; blank ones where the engine has not sent them yet."""
        tape: TapeView = self.data
        self._widths = [max(pair) for pair in zip_longest(self._widths, tape.widths, fillvalue=0)]
        where = render.named(render.columns(self._widths, tape.total, width), tape.rows)
        chosen = self._chosen()
        first = self.window(tape.lines, height - 1, chosen - 1 if chosen else None)
        rows: list[Line] = []
        for line in range(first + 1, min(first + height, tape.lines + 1)):
            row = self._row(line)
            rows.append(render.row(row, where, tape.cursor, self.has_focus and line == chosen) if row else [])
        return [render.heading(where), *rows]

    def action_move(self, lines: int) -> None:
        """Choose another line."""
        if self.data and self.data.lines:
            self._choice = max(1, min(self.data.lines, self._chosen() + lines))
            self._scroll()

    def action_choose(self) -> None:
        """Ask for the place where the chosen line's event is done."""
        row = self._row(self._chosen()) if self.data else None
        if row:
            self.post_message(self.Chosen(row.number))

    def action_fold(self) -> None:
        """Show bookkeeping, or hide it."""
        self.folded = not self.folded
        self._choice = self._followed = None
        self._widths = []
        self._scroll()

    def on_click(self, event: events.Click) -> None:
        """Choose the line under the mouse; a second click goes there."""
        line = self._top + event.y - 1
        if self.data and event.y >= 2 and self._row(line):
            again = line == self._choice
            self._choice = line
            self._scroll()
            if again:
                self.action_choose()

    def _scroll(self) -> None:
        self.redraw()
        self.post_message(self.Wants())

    def _chosen(self) -> int:
        return int(self.data.at if self._choice is None else self._choice)

    def _row(self, line: int) -> TapeRow | None:
        at = line - self.data.first
        return self.data.rows[at] if 0 <= at < len(self.data.rows) else None

    def _height(self) -> int:
        return max(1, inner(*self.size)[1] - 1)
