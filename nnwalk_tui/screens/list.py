"""A list over the whole screen, one of its items marked: moving, clicking, scrolling and drawing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from nnwalk_tui.render.frame import beyond
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line
from nnwalk_tui.screens.bars import Bar

_HEAD = 2  # rows above the items: the title and a blank one

Item = TypeVar("Item")
ListT = TypeVar("ListT", bound="MarkedList[Any]")


class ListScreen(Screen[str | None], Generic[ListT]):
    """Mark an item with ↑ ↓ and choose it with Enter; Esc leaves. Gives what the item opens."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("home", "move(-999)", show=False),
        Binding("end", "move(999)", show=False),
        Binding("enter", "choose", show=False),
    ]

    def __init__(self, shown: ListT) -> None:
        super().__init__()
        self.list = shown

    def compose(self) -> ComposeResult:
        """One list."""
        yield self.list

    def action_move(self, by: int) -> None:
        """Go up or down."""
        self.list.move(by)

    def action_choose(self) -> None:
        """Open what the marked item opens, if anything."""
        if self.list.opens:
            self.dismiss(self.list.opens)

    def action_leave(self) -> None:
        """Open none."""
        self.dismiss(None)


class MarkedList(Bar, Generic[Item]):
    """The items, the marked one kept in view, between a title and what is said under them."""

    DEFAULT_CSS = "MarkedList { height: 100%; }"
    FOOT: ClassVar[int]  # rows under the items
    NONE: ClassVar[str] = ""  # said where there is no item

    def __init__(self, items: Sequence[Item], at: int = 0, *, id: str) -> None:
        super().__init__(id=id)
        self.items = items
        self._at = at
        self._top = 0

    @property
    def chosen(self) -> Item | None:
        """The marked item."""
        return self.items[self._at] if self.items else None

    @property
    def opens(self) -> str:
        """What the marked item opens, a lesson's name or a command; "" where it opens nothing."""
        raise NotImplementedError

    @property
    def hidden(self) -> tuple[int, int]:
        """How many items there are above and below those in view."""
        return self._top, max(0, len(self.items) - self._top - self._rows)

    def head(self) -> Line:
        """The title."""
        raise NotImplementedError

    def row(self, item: Item, here: bool, width: int) -> Line:
        """An item's row after the mark, `here` the marked one's."""
        raise NotImplementedError

    def foot(self, width: int, height: int) -> list[Line]:
        """What stands under the items, down to the last row."""
        raise NotImplementedError

    def keys(self, keys: str, width: int) -> Line:
        """The last row: the keys, and how many items are out of view; that first where there is no room for both."""
        keys, more = drawn(keys), beyond(*self.hidden)
        row = f" {' · '.join([keys, *more])}"
        return [(row if cell_len(row) <= width else f" {' · '.join([*more, keys])}", "quiet")]

    def fill(self, items: Sequence[Item]) -> None:
        """List other items, the first one marked."""
        self.items = items
        self._at = self._top = 0
        self._draw()

    def move(self, by: int) -> None:
        """Mark another."""
        self._at = max(0, min(self._at + by, len(self.items) - 1))
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the new size."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Mark what is under the mouse."""
        row = event.y - _HEAD
        if 0 <= row < min(self._rows, len(self.items) - self._top):
            self.move(self._top + row - self._at)

    @property
    def _rows(self) -> int:
        return max(1, self.size.height - _HEAD - self.FOOT)

    def _draw(self) -> None:
        width, height = self.size
        rows = self._rows
        self._top = max(min(self._top, self._at), self._at - rows + 1)
        lines: list[Line] = []
        for at, item in enumerate(self.items[self._top : self._top + rows], self._top):
            here = at == self._at
            lines.append([(" ▶ " if here else "   ", "here"), *self.row(item, here, width)])
        if not self.items:
            lines.append([(self.NONE, "text")])
        lines += blank(rows - len(lines))
        self.put([self.head(), [], *lines, *self.foot(width, height - _HEAD - rows)])


def blank(rows: int) -> list[Line]:
    """So many empty rows; none where the number is negative."""
    return [[] for _ in range(rows)]
