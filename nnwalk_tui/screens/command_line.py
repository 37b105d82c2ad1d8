"""The status line, which is the `:` line while a command is typed, with completion and a history.

One widget for both: opening and closing it changes no layout, and so sends one line to the terminal, not a screen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widgets import Input

from engine.files import keep, our_folder
from nnwalk_tui import actions
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import fit
from nnwalk_tui.screens.bars import hints, strip_of

Tone = Literal["quiet", "text", "wrong"]

KEPT = 500


class History:
    """Lines typed before, the latest last; kept in a file as long as that can be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: list[str] = _read(path)

    def add(self, line: str) -> None:
        """Remember a line; one that is there already moves to the end."""
        self.lines = [*(each for each in self.lines if each != line), line][-KEPT:]
        try:
            content = ("\n".join(self.lines) + "\n").encode(errors="replace")
            keep(our_folder(self._path.parent) / self._path.name, content)
        except OSError:
            return  # a full or read-only disk: the history lasts as long as the program


def _read(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()][-KEPT:]


class Completion(Suggester):
    """Suggests the rest of a word, from the command table and the names that the engine knows."""

    def __init__(self, names: Callable[[], list[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._names = names

    async def get_suggestion(self, value: str) -> str | None:
        """The line as it would be when completed."""
        return actions.complete(value, self._names())


class CommandLine(Input):
    """A line that says what is going on; opened, it takes a command.

    Enter carries the command out, Esc leaves it, Tab completes, ↑ ↓ walk through the history.
    """

    DEFAULT_CSS = """
    CommandLine, CommandLine:focus { height: 1; border: none; padding: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", show=False),
        Binding("tab", "complete", show=False),
        Binding("up", "older", show=False),
        Binding("down", "newer", show=False),
    ]

    class Left(Message):
        """The line was left without a command."""

    class Entered(Message):
        """A command was entered."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, history: Callable[[], History], names: Callable[[], list[str]], *, id: str) -> None:
        super().__init__(id=id, suggester=Completion(names), compact=True, select_on_focus=False)
        self._load_history = history
        self._names = names
        self._history: History | None = None
        self._at = 0
        self._status: tuple[str, Tone] = ("", "quiet")
        self._alone = False
        self.close()

    def open(self, text: str) -> None:
        """Take a command, beginning with this text."""
        self._history = self._history or self._load_history()
        self._at = len(self._history.lines)
        self.is_open = self.can_focus = True
        self._write(text)
        self.focus()

    def close(self) -> None:
        """Be the status line again."""
        self.is_open = self.can_focus = False
        self.refresh()

    def say(self, text: str, tone: Tone = "quiet") -> None:
        """Show a status; "" clears it."""
        if (text, tone) != self._status:
            self._status = (text, tone)
            self.refresh()

    @property
    def status(self) -> str:
        """What is said now."""
        return self._status[0]

    def alone(self, alone: bool) -> None:
        """Whether there is no row of keys: then this line shows them while there is nothing to say."""
        if alone != self._alone:
            self._alone = alone
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The command that is typed, or the status, or the keys."""
        if self.is_open:
            return super().render_line(y)
        text, tone = self._status
        if self._alone and not text:
            return strip_of(self, hints(self.size.width))
        return strip_of(self, [(fit(drawn(text), self.size.width), tone)])

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Carry the command out."""
        event.stop()
        text = self.value.strip().lstrip(": ")
        if text and self._history is not None:
            self._history.add(text)
        self.post_message(self.Entered(text) if text else self.Left())

    def action_leave(self) -> None:
        """Leave without a command."""
        self.post_message(self.Left())

    def action_complete(self) -> None:
        """Complete the word."""
        completed = actions.complete(self.value, self._names())
        if completed is not None:
            self._write(completed)

    def action_older(self) -> None:
        """The line before, in the history."""
        self._recall(self._at - 1)

    def action_newer(self) -> None:
        """The line after, in the history."""
        self._recall(self._at + 1)

    def _recall(self, at: int) -> None:
        lines = self._history.lines if self._history is not None else []
        self._at = max(0, min(at, len(lines)))
        self._write(lines[self._at] if self._at < len(lines) else "")

    def _write(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)
