"""The glossary: type to search, read, and open the lesson that explains the word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from engine.course.terms import Found, Term, all_terms, found
from nnwalk_tui.colours import theme
from nnwalk_tui.render.indices import indexed
from nnwalk_tui.render.lesson import WIDEST, wrap
from nnwalk_tui.render.spelled import awaited
from nnwalk_tui.render.text import Line, fit
from nnwalk_tui.screens.list import ListScreen, MarkedList, blank

_ENTRY = 8  # rows of the entry that is read
_NAME = 32  # cells


class TermsScreen(ListScreen["TermList"]):
    """Letters search, ↑ ↓ choose, Enter goes where the word is met; Esc leaves. Gives the command that goes there.

    The words `here`, of what was looked at, stand first while nothing is searched for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "erase", show=False),
        Binding("ctrl+u", "clear", show=False),
    ]

    def __init__(self, words: str = "", here: Sequence[Term] = ()) -> None:
        super().__init__(TermList(words, here, id="terms"))

    def on_key(self, event: events.Key) -> None:
        """A letter is searched for, and no command of the program."""
        if event.is_printable and event.character:
            event.stop()
            self.list.search(self.list.words + event.character)

    def action_erase(self) -> None:
        """Take back a letter."""
        self.list.search(self.list.words[:-1])

    def action_clear(self) -> None:
        """Search anew."""
        self.list.search("")


class TermList(MarkedList[Found]):
    """The words that were found, the marked one told below."""

    FOOT = _ENTRY + 2  # the entry, a blank row, and the keys
    NONE = " no word fits: backspace takes back a letter"

    def __init__(self, words: str, here: Sequence[Term] = (), *, id: str) -> None:
        self.words = words.strip()
        self._here = list(here)
        super().__init__(self._found(), id=id)

    @property
    def opens(self) -> str:
        """The command that goes where the marked word is met; "" where none was found."""
        return self.chosen.term.opens if self.chosen else ""

    def search(self, words: str) -> None:
        """Find others."""
        self.words = words.lstrip()
        self.fill(self._found())

    def _found(self) -> list[Found]:
        if self.words:
            return found(self.words)
        others = [term for term in all_terms() if term not in self._here]
        return [Found(term, True) for term in (*self._here, *others)]

    def head(self) -> Line:
        """What is searched for."""
        words = " Words of this place first — " if self._here and not self.words else " Words — "
        return [(words, "title"), (f"type to search: {self.words}", "text"), ("▏", "here")]

    def row(self, item: Found, here: bool, width: int) -> Line:
        """A word, its lesson and its symbol; of one that only speaks of what is searched for, that it does."""
        brief = _brief(item.term) if item.called else f"  speaks of “{self.words.strip()}”"
        return [(fit(item.term.name, _NAME), "title" if here else "text"), (brief, "quiet")]

    def foot(self, width: int, height: int) -> list[Line]:
        """The marked word in full, and the keys."""
        lines = entry(self.chosen.term, width) if self.chosen else []
        if len(lines) > _ENTRY:
            lines[_ENTRY - 1 :] = [awaited()]
        opens = "enter goes there · " if self.opens else ""
        return [*lines, *blank(height - 1 - len(lines)), self.keys(f"↑ ↓ choose · {opens}esc back", width)]


def _brief(term: Term) -> str:
    return f"  {term.lesson:<13} {_symbol(term)}"


def _symbol(term: Term) -> str:
    return term.ascii if theme.ascii_only() else indexed(term.symbol)


def entry(term: Term, width: int) -> list[Line]:
    """A word in full, in `width` cells."""
    room = max(20, min(width - 2, WIDEST))
    also = f"  ({', '.join(term.also)})" if term.also else ""
    symbol = f"   {_symbol(term)}" if term.symbol else ""
    see = f" · see also {', '.join(term.see)}" if term.see else ""
    lines = [
        *wrap([(term.name, "title"), (also, "quiet"), (symbol, "forward")], room),
        *wrap([(indexed(term.says), "text")], room),
        *wrap([(f"{term.opens}{see}", "quiet")], room),
    ]
    return [[("─" * width, "border")], *([(" ", "blank"), *line] for line in lines)]
