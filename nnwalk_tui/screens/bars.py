"""The bars around the panes: the tabs, the row of keys, and the box of a long answer."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from nnwalk_tui.actions import UNITS, key_table, key_to_pane
from nnwalk_tui.catalogue import BY_NAME
from nnwalk_tui.colours import theme
from nnwalk_tui.render.spelled import drawn, key_names
from nnwalk_tui.render.text import Line, fit_line, measure

_STEPS = tuple(f"step {unit}" for unit in UNITS)
_BACK = tuple(f"back {unit}" for unit in UNITS)
_ARROWS = ("←", "→", "↑", "↓")
_MORE = " … "  # in place of tabs that do not fit
_LITERAL = ("↑", "↓", ":leave")  # no keys of the table


class Hint(NamedTuple):
    """Commands whose keys stand in the row of keys, what they do, and how soon they go when the terminal is narrow."""

    commands: tuple[str, ...]
    does: str
    goes: int

    @property
    def keys(self) -> str:
        """The first key of each command, as people name it; "" where none has a key."""
        table = {key.text: key.shown for key in reversed(key_table())}
        shown = [each if each in _LITERAL else table.get(each, "") for each in self.commands]
        return ("" if all(key in _ARROWS for key in shown) else " ").join(key for key in shown if key)


HINTS: tuple[Hint, ...] = (
    Hint(_STEPS, "step", 2),
    Hint(_BACK, "back", 6),
    Hint(("back {unit}", "step {unit}"), "walk", 9),
    Hint(("toggle",), "run", 4),
    Hint(("command goto ",), "goto", 8),
    Hint(("zoom",), "zoom", 5),
    Hint(("focus next",), "pane", 7),
    Hint(("command",), "command", 3),
    Hint(("help",), "help", 1),
    Hint(("quit",), "quit", 0),
)
LESSON_HINTS: tuple[Hint, ...] = (
    Hint(("enter",), "go on", 0),
    Hint(("page previous", "page next"), "page", 2),
    Hint(("command answer ",), "answer", 3),
    Hint(("↑", "↓"), "scroll", 5),
    Hint(("focus next",), "pane", 4),
    Hint(_STEPS, "step", 7),
    Hint(("lesson",), "lessons", 1),
    Hint(("word",), "words", 6),
    Hint((":leave",), "", 8),
    Hint(("help",), "help", 6),
    Hint(("quit",), "quit", 1),
)


class Bar(Widget):
    """Lines of styled text, drawn anew only when they differ."""

    DEFAULT_CSS = "Bar { height: 1; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []

    def put(self, lines: list[Line]) -> None:
        """Show these lines."""
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The strip that stands at a line."""
        return self.strip(self._lines[y] if y < len(self._lines) else [])

    def strip(self, line: Line) -> Strip:
        """A line over the whole width."""
        return strip_of(self, line)


class TabBar(Bar):
    """The panes that share a place, the chosen one in brackets: ▶ is kept for what has the keys."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._starts: list[tuple[int, str]] = []
        self._shown: tuple[tuple[str, ...], str] = ((), "")
        self._called: dict[str, tuple[str, str]] = {}

    def call(self, called: dict[str, tuple[str, str]]) -> None:
        """What panes are called now, in a wide row and in a narrow one."""
        if called != self._called:
            self._called = called
            self.on_resize()

    def tabs(self, names: tuple[str, ...], chosen: str) -> None:
        """Show these tabs: with short names where the row is narrow, and "…" for those for which it has no room."""
        self._shown = names, chosen
        self.on_resize()

    def on_resize(self) -> None:
        """Fit the width, which a bar that was hidden learns when it is laid out again."""
        (names, chosen), width = self._shown, self.size.width
        labels, short = ([self._label(name, form) for name in names] for form in range(2))
        for at in sorted(range(len(names)), key=lambda at: len(short[at]) - len(labels[at])):
            if _cells(labels) > width:
                labels[at] = short[at]
        seen = _window(labels, names.index(chosen) if chosen in names else 0, width)
        self.put([self._line(names, labels, chosen, seen)])

    def _label(self, pane: str, form: int) -> str:
        """A tab's key and name."""
        usual = (pane, BY_NAME[pane].short or pane)
        return f"{key_to_pane(pane)} {self._called.get(pane, usual)[form]}".strip()

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        under = [name for start, name in self._starts if start <= event.x]
        if under:
            self.post_message(self.Chosen(under[-1]))

    def _line(self, names: tuple[str, ...], labels: list[str], chosen: str, seen: range) -> Line:
        line: Line = []
        self._starts = []
        if seen and seen[0] > 0:
            self._starts.append((0, names[seen[0] - 1]))
            line.append((drawn(_MORE), "quiet"))
        for at in seen:
            self._starts.append((measure(line), names[at]))
            is_open = names[at] == chosen
            line.append((f"[{labels[at]}]", "here") if is_open else (f" {labels[at]} ", "quiet"))
        if seen and seen[-1] < len(names) - 1:
            self._starts.append((measure(line), names[seen[-1] + 1]))
            line.append((drawn(_MORE), "quiet"))
        return line


def _cells(labels: Sequence[str]) -> int:
    """The cells of tabs side by side."""
    return sum(len(label) + 2 for label in labels)


def _window(labels: list[str], at: int, width: int) -> range:
    """Which tabs fit, the one `at` a place among them: from the first on, as far as there is room."""
    more = len(drawn(_MORE))
    for start in range(at + 1):
        end = len(labels)
        while end > at and _cells(labels[start:end]) + more * ((start > 0) + (end < len(labels))) > width:
            end -= 1
        if end > at:
            return range(start, end)
    return range(at, min(at + 1, len(labels)))


class KeysBar(Bar):
    """The keys that matter, as many as fit."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._hints = HINTS

    def use(self, hints: tuple[Hint, ...]) -> None:
        """Show other keys."""
        self._hints = hints
        self.on_resize()

    def on_resize(self) -> None:
        """Fit the new width."""
        self.put([hints(self.size.width, self._hints)])


class AnswerBox(Bar):
    """An answer of several lines, over the panes, until the next key."""

    MOST: ClassVar[float] = 0.6  # of the terminal's height
    LONGEST: ClassVar[int] = 20_000  # characters; more fit on no screen

    def lines_of(self, text: str, width: int, height: int) -> int:
        """Show a text; how many rows it takes. What does not fit is said to be in the log."""
        room = max(1, width - 2)
        rows = [part for line in text[: self.LONGEST].splitlines() for part in textwrap.wrap(line, room) or [""]]
        most = max(2, int(height * self.MOST))
        if len(rows) > most:
            rows = [*rows[: most - 1], drawn(f"… {len(rows) - most + 1} more lines: x shows the log")]
        rule: Line = [("─" * width, "border")]
        self.put([rule, *([(f" {row}", "text")] for row in rows)])
        return len(rows) + 1


def strip_of(widget: Widget, line: Line) -> Strip:
    """A line over a widget's whole width, in the theme's colours."""
    base = widget.rich_style
    palette = theme.Palette(base.color or theme.DEFAULT, base.bgcolor or theme.DEFAULT)
    spans = fit_line(line, widget.size.width)
    return Strip([Segment(_glyphs(text), base + palette.style(style)) for text, style in spans], widget.size.width)


def hints(width: int, of: tuple[Hint, ...] = HINTS) -> Line:
    """The row of keys: on a narrow terminal those go first that matter least."""
    shown = [(key_names(hint.keys), hint.does, hint.goes) for hint in of if hint.keys]
    while len(shown) > 1 and _width(shown) > width:
        shown.remove(max(shown, key=lambda hint: hint[2]))
    line: Line = []
    for keys, does, _ in shown:
        line += [(f" {keys}", "text"), (f" {does}  ", "quiet")]
    return line


def _width(hints: list[tuple[str, str, int]]) -> int:
    return sum(len(keys) + len(does) + 4 for keys, does, _ in hints) - 2


def _glyphs(text: str) -> str:
    return theme.to_ascii(text) if theme.ascii_only() else text
