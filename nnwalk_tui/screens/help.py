"""`?`: all keys and commands on one screen, those of the focused pane first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.keys import key_to_character
from textual.screen import Screen
from textual.strip import Strip

from nnwalk_tui import actions
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render.spelled import drawn, key_names
from nnwalk_tui.render.text import Line, fit_line, measure, wrap
from nnwalk_tui.screens.bars import Bar

KEY = 10  # cells of a key
COLUMN = 40
_DASH = 5  # cells of an indent and of a dash
_SIGNS = {"up": "↑", "down": "↓", "left": "←", "right": "→", "plus": "+", "minus": "-"}  # Textual knows no character


class HelpScreen(Screen[None]):
    """The help in place of the panes; Esc, q or ? leaves it, ↑ ↓ scroll where it does not fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,space,ctrl+c", "dismiss", show=False),
        Binding("down,j,pagedown", "scroll(3)", show=False),
        Binding("up,k,pageup", "scroll(-3)", show=False),
    ]

    def __init__(self, pane: Pane, active: Iterable[ActiveBinding]) -> None:
        super().__init__()
        self._text = HelpText(pane.pane_title, pane.about, _own_keys(pane, active), id="help-text")

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
            more = drawn("↑ ↓ more · ") if len(self._lines) >= self.size.height else ""
            return self.strip([(f" {more}esc back", "quiet")])
        return super().render_line(y + self._top)

    def on_resize(self, event: events.Resize) -> None:
        """Fill the columns that fit."""
        self.put(help_lines(*self._pane, width=event.size.width))
        self.scroll_rows(0)


def help_lines(title: str, about: str, own_keys: list[tuple[str, str]], width: int) -> list[Line]:
    """The pane's part, then all keys, then all commands, in `width` cells."""
    table = actions.key_table()
    own = [_row(_shown(keys), does) for keys, does in own_keys]
    groups = {name: [_row(key.shown, key.summary) for key in table if key.group == name] for name in _groups(table)}
    cell = max([COLUMN, *(measure(row) + 1 for rows in (own, *groups.values()) for row in rows)])
    lines: list[Line] = [[(f" {title} — the focused pane", "here")]]
    lines += [[(text, "text")] for text in wrap(drawn(f" {about}"), width - 1)] if about else []
    lines += _columns(own, cell, width)
    for name, rows in groups.items():
        lines += [[(f" {name}", "title")], *_columns(rows, cell, width)]
    lines.append([(" commands after :", "title")])
    return lines + [line for spec in actions.ALL_COMMANDS for line in _command(spec.usage, spec.summary, width)]


def _groups(table: Iterable[actions.Key]) -> Iterable[str]:
    return dict.fromkeys(key.group for key in table)


def _own_keys(pane: Pane, active: Iterable[ActiveBinding]) -> list[tuple[str, str]]:
    """A pane's keys and what they do; what all panes do comes last."""
    own = [(each.binding.key, each.binding.description) for each in active if each.node is pane and each.enabled]
    general = {binding.description for binding in Pane.BINDINGS if isinstance(binding, Binding)}
    return sorted(own, key=lambda key: key[1] in general)


def _shown(key: str) -> str:
    """A pane's key as people name it."""
    if key in _SIGNS:
        return _SIGNS[key]
    character = key_to_character(key)
    return character if character and not character.isspace() else key


def _row(keys: str, does: str) -> Line:
    return [(f"  {key_names(keys):<{KEY}}", "text"), (drawn(does), "quiet")]


def _command(usage: str, summary: str, width: int) -> list[Line]:
    """A command's line; where it is narrow, what it does stands below."""
    usage, summary = drawn(usage), drawn(summary)
    if cell_len(usage) + cell_len(summary) + _DASH <= width:
        return [[(f"  {usage}", "text"), (f" — {summary}", "quiet")]]
    below = [[(f"    {line}", "quiet")] for line in wrap(summary, width - 4)]
    return [*([(f"  {line}", "text")] for line in wrap(usage, width - 2)), *below]


def _columns(rows: list[Line], cell: int, width: int) -> list[Line]:
    """Rows poured into as many columns of `cell` cells as fit, read downwards."""
    columns = max(1, width // cell)
    depth = -(-len(rows) // columns)
    return [[span for row in rows[at::depth] for span in fit_line(row, cell)] for at in range(depth)]
