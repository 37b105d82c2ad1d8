"""The glossary: type to search, read, and open the lesson that explains the word."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.course.terms import Term, search
from nnwalk_tui import theme
from nnwalk_tui.render.lesson import WIDEST, wrap
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit
from nnwalk_tui.screens.bars import Bar

_ENTRY = 8  # rows of the entry that is read
_NAME = 32  # cells


class TermsScreen(Screen[str | None]):
    """Letters search, ↑ ↓ choose, Enter opens the word's lesson; Esc leaves. Gives the lesson's name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("backspace", "erase", show=False),
        Binding("ctrl+u", "clear", show=False),
        Binding("enter", "choose", show=False),
    ]

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self.list = TermList(words, id="terms")

    def compose(self) -> ComposeResult:
        """One list, and the entry under it."""
        yield self.list

    def on_key(self, event: events.Key) -> None:
        """A letter is searched for, and no command of the program."""
        if event.is_printable and event.character:
            event.stop()
            self.list.search(self.list.words + event.character)

    def action_move(self, by: int) -> None:
        """Go up or down."""
        self.list.move(by)

    def action_erase(self) -> None:
        """Take back a letter."""
        self.list.search(self.list.words[:-1])

    def action_clear(self) -> None:
        """Search anew."""
        self.list.search("")

    def action_choose(self) -> None:
        """Open the lesson of the marked word, if it has one."""
        if self.list.chosen is not None and self.list.chosen.lesson:
            self.dismiss(self.list.chosen.lesson)

    def action_leave(self) -> None:
        """Open none."""
        self.dismiss(None)


class TermList(Bar):
    """The words that were found, the marked one told below."""

    DEFAULT_CSS = "TermList { height: 100%; }"

    def __init__(self, words: str, *, id: str) -> None:
        super().__init__(id=id)
        self.words = words.strip()
        self._found = search(self.words)
        self._at = self._top = 0

    @property
    def chosen(self) -> Term | None:
        """The marked word."""
        return self._found[self._at] if self._found else None

    def search(self, words: str) -> None:
        """Find others."""
        self.words = words.lstrip()
        self._found = search(self.words)
        self._at = self._top = 0
        self._draw()

    def move(self, by: int) -> None:
        """Mark another."""
        self._at = max(0, min(self._at + by, len(self._found) - 1))
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the new size."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Mark what is under the mouse."""
        row = event.y - 2 + self._top
        if 0 <= row < len(self._found):
            self.move(row - self._at)

    def _draw(self) -> None:
        width, height = self.size
        rows = max(1, height - 4 - _ENTRY)
        self._top = max(min(self._top, self._at), self._at - rows + 1)
        lines: list[Line] = [
            [(" Words — ", "title"), (f"type to search: {self.words}", "text"), ("▏", "here")],
            [],
        ]
        for at, term in list(enumerate(self._found))[self._top : self._top + rows]:
            here = at == self._at
            name = fit(term.name, _NAME)
            lines.append(
                [(" ▶ " if here else "   ", "here"), (name, "title" if here else "text"), (_brief(term), "quiet")]
            )
        if not self._found:
            lines.append([(" no word fits: backspace takes back a letter", "text")])
        lines += [[] for _ in range(rows + 2 - len(lines))]
        lines += entry(self.chosen, width)[:_ENTRY] if self.chosen else []
        lines += [[] for _ in range(height - 1 - len(lines))]
        opens = "enter opens its lesson · " if self.chosen and self.chosen.lesson else ""
        lines.append([(drawn(f" ↑ ↓ choose · {opens}esc back"), "quiet")])
        self.put(lines)


def _brief(term: Term) -> str:
    return f"  {term.lesson or '–':<13} {_symbol(term)}"


def _symbol(term: Term) -> str:
    return term.ascii if theme.ascii_only() else term.symbol


def entry(term: Term, width: int) -> list[Line]:
    """A word in full, in `width` cells."""
    room = max(20, min(width - 2, WIDEST))
    also = f"  ({', '.join(term.also)})" if term.also else ""
    symbol = f"   {_symbol(term)}" if term.symbol else ""
    see = f" · see also {', '.join(term.see)}" if term.see else ""
    lines = [
        *wrap([(term.name, "title"), (also, "quiet"), (symbol, "forward")], room),
        *wrap([(term.says, "text")], room),
        *wrap([(f"{term.where}{see}", "quiet")], room),
    ]
    return [[("─" * width, "border")], *([(" ", "blank"), *line] for line in lines)]
