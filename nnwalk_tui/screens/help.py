"""`?`: all keys and commands on one screen, those of the focused pane first."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.strip import Strip

from nnwalk_tui import actions
from nnwalk_tui.render.text import Line, fit_line, measure, wrap
from nnwalk_tui.screens.bars import Bar

KEY = 10  # cells of a key
COLUMN = 40
_SHOWN = {  # as people name them, by what Textual calls them
    "up": "↑", "down": "↓", "left": "←", "right": "→", "plus": "+", "minus": "-", "equals_sign": "=", "slash": "/",
    "greater_than_sign": ">", "less_than_sign": "<", "question_mark": "?", "full_stop": ".", "comma": ",",
}  # fmt: skip


class HelpScreen(Screen[None]):
    """The help in place of the panes; Esc, q or ? leaves it, ↑ ↓ scroll where it does not fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,space,ctrl+c", "dismiss", show=False),
        Binding("down,j,pagedown", "scroll(3)", show=False),
        Binding("up,k,pageup", "scroll(-3)", show=False),
    ]

    def __init__(self, title: str, about: str, own_keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._text = HelpText(title, about, own_keys, id="help-text")

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._text

    def action_scroll(self, rows: int) -> None:
        """Scroll by rows."""
        self._text.scroll_rows(rows)


class HelpText(Bar):
    """The text, in as many columns as fit."""

    DEFAULT_CSS = "HelpText { height: 100%; }"

    def __init__(self, title: str, about: str, own_keys: list[tuple[str, str]], *, id: str) -> None:
        super().__init__(id=id)
        self._pane = (title, about, own_keys)
        self._top = 0

    def scroll_rows(self, rows: int) -> None:
        """Scroll, as far as there is text."""
        self._top = max(0, min(self._top + rows, len(self._lines) - self.size.height))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The strip that stands at a line; the last says how to leave."""
        if y == self.size.height - 1:
            more = "↑ ↓ more · " if len(self._lines) >= self.size.height else ""
            return self.strip([(f" {more}esc back", "quiet")])
        return super().render_line(y + self._top)

    def on_resize(self, event: events.Resize) -> None:
        """Fill the columns that fit."""
        self.put(help_lines(*self._pane, width=event.size.width))
        self.scroll_rows(0)


def help_lines(title: str, about: str, own_keys: list[tuple[str, str]], width: int) -> list[Line]:
    """The pane's part, then all keys, then all commands, in `width` cells."""
    lines: list[Line] = [[(f" {title} — the focused pane", "here")]]
    lines += [[(text, "text")] for text in wrap(f" {about}", width - 1)] if about else []
    lines += _columns([_row(keys, does) for keys, does in own_keys], width)
    for group in dict.fromkeys(key.group for key in actions.KEYS):
        lines.append([(f" {group}", "title")])
        lines += _columns([_row(key.shown, key.summary) for key in actions.KEYS if key.group == group], width)
    lines.append([(" commands after :", "title")])
    return lines + [_command(spec.usage, spec.summary) for spec in actions.ALL_COMMANDS]


def _row(keys: str, does: str) -> Line:
    return [(f"  {_SHOWN.get(keys, keys):<{KEY}}", "text"), (does, "quiet")]


def _command(usage: str, summary: str) -> Line:
    return [(f"  {usage}", "text"), (f" — {summary}", "quiet")]


def _columns(rows: list[Line], width: int) -> list[Line]:
    """Rows poured into as many columns as fit, read downwards."""
    cell = max([COLUMN, *(measure(row) + 1 for row in rows)])
    columns = max(1, width // cell)
    depth = -(-len(rows) // columns)
    return [[span for row in rows[at::depth] for span in fit_line(row, cell)] for at in range(depth)]
