"""Any tensor at the cursor."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from rich.cells import cell_len
from textual.binding import Binding, BindingType

from engine.protocol.messages import TensorLook
from engine.protocol.views import Snapshot, TensorView
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import tensor as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.spelled import awaited, drawn
from nnwalk_tui.render.text import Line, wrap

VIEWS = ("numbers", "heat map", "picture")
_BORDER = 7  # cells of the border that no title takes
AGAINST = ("", "gradient", "before")


class TensorPane(Pane):
    """A tensor as numbers, heat map or picture; only the part in view is asked of the engine."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "across(-1)", "Left", show=False),
        Binding("right", "across(1)", "Right", show=False),
        ("v", "view", "Numbers, heat map, picture"),
        ("c", "compare", "Beside its gradient, or one batch earlier"),
        ("n", "find('bad')", "Next NaN or infinity"),
        ("N", "find('zero')", "Next zero"),
        ("slash", "jump", "Jump to an element: [17,3], z₃[5](6123)"),
        ("h", "follow", "What the cursor's event makes"),
        ("y", "copy", "Copy what is in view"),
        ("Y", "copy_value", "Copy the chosen value"),
        ("s", "save", "Save as .npy, .safetensors, .csv"),
    ]
    about = (
        "any tensor at the cursor, places from 1; ▸ the picked example, ! NaN or infinity, 0 exactly; v heat map; "
        "statistics are over all elements, NaN too, std ÷ n"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.expression = ""  # "" follows the cursor
        self.against = ""
        self.chosen = (1, 1)
        self._first = (1, 1)
        self._view = 0

    @property
    def subject(self) -> str:
        """The expression that is shown; of what follows the cursor, its name."""
        return self.expression or (self.data.name if self.data else "")

    @property
    def wanted(self) -> TensorLook:
        """What to ask for: the part in view and a screenful around it, or the whole in as many blocks as fit."""
        look = TensorLook(self.expression, self.against, at_row=self.chosen[0], at_column=self.chosen[1])
        width, height = self._grid()
        if VIEWS[self._view] == "heat map":
            rows, columns = render.map_size(self.data, width, height, bool(self.against))
            return msgspec.structs.replace(look, rows=rows, columns=columns, whole=True)
        if VIEWS[self._view] == "picture":
            return msgspec.structs.replace(look, picture=True)
        rows, columns = render.room(self.data or TensorView("", ""), width, height)
        row, column = max(1, self._first[0] - rows), max(1, self._first[1] - columns)
        return msgspec.structs.replace(look, row=row, column=column, rows=3 * rows, columns=3 * columns)

    def inspect(self, expression: str, row: int = 1, column: int = 1, against: str | None = None) -> None:
        """Show another expression, or another element of it."""
        if against is not None or expression != self.expression:
            self.against = against or ""
        self.expression, self.chosen, self._first = expression, (row, column), (row, column)
        self.post_message(self.Wants())

    def asks(self) -> dict[str, Any]:
        """The window in view."""
        return {"tensor": self.wanted}

    def part(self, snapshot: Snapshot) -> object | None:
        """The window; one of another tensor begins at its first element."""
        view = snapshot.tensor
        if view is not None and not view.problem:
            row, column = self.chosen
            self.chosen = max(1, min(row, view.rows)), max(1, min(column, view.columns))
        return view

    def heading(self, width: int) -> str:
        """Name and shape of what is shown, where they fit."""
        view: TensorView = self.data
        named = f"{self.pane_title} {render.title(view)}"
        return named if not view.problem and cell_len(named) <= width - _BORDER else self.pane_title

    def status(self) -> str:
        """Whether it follows the cursor, and how it is shown."""
        view: TensorView = self.data
        follows = [] if self.expression else ["h follows the cursor"]
        return " · ".join([*follows, *([] if view.problem else [view.dtype, f"v {VIEWS[self._view]}"])])

    def draw(self, width: int, height: int) -> list[Line]:
        """The chosen element and statistics, then the part in view."""
        view: TensorView = self.data
        if view.problem:
            said = [[(f" {part}", "quiet")] for part in wrap(drawn(view.problem), width - 2)]
            return [*said, [], [(" / another expression · h what the cursor makes", "quiet")]]
        head = render.head(view, width, height)
        return [*head, *self._body(view, width, height - len(head))]

    def _body(self, view: TensorView, width: int, height: int) -> list[Line]:
        if VIEWS[self._view] == "picture":
            return render.picture(view, width, height)
        if VIEWS[self._view] == "heat map":
            if not view.whole:
                return [awaited()]
            return render.heat_map(view, width, height)
        rows, columns = render.room(view, width, height)
        self._first = (
            _into_view(self.chosen[0], self._first[0], rows, view.rows),
            _into_view(self.chosen[1], self._first[1], columns, view.columns),
        )
        self._beyond = (self._first[0] - 1, max(0, view.rows - self._first[0] - rows + 1))
        self._aside = (self._first[1] - 1, max(0, view.columns - self._first[1] - columns + 1))
        if view.whole:
            return [awaited()]
        return render.grid(view, render.Window(*self._first, rows, columns), self.chosen, width, height)

    def _grid(self) -> tuple[int, int]:
        """The room below the head."""
        width, height = inner(*self.size)
        return width, max(1, height - (1 + (height >= 7) + (height >= 10)))

    # what the keys do

    def action_move(self, lines: int) -> None:
        """Choose a row further down, or up."""
        self._choose(self.chosen[0] + lines, self.chosen[1])

    def action_page(self, pages: int) -> None:
        """Choose a row a page further."""
        rows = render.room(self.data, *self._grid())[0] if self.data else 1
        self.action_move(pages * max(1, rows - 1))

    def action_across(self, columns: int) -> None:
        """Choose a column further right, or left."""
        if self.data and render.is_vector(self.data):
            self._choose(self.chosen[0] + columns * render.column_lines(self.data, self._grid()[1]), 1)
        else:
            self._choose(self.chosen[0], self.chosen[1] + columns)

    def _choose(self, row: int, column: int) -> None:
        if self.data is None or self.data.problem:
            return
        self.chosen = max(1, min(row, self.data.rows)), max(1, min(column, self.data.columns))
        self.redraw()
        self.post_message(self.Wants())

    def action_view(self) -> None:
        """Show it as numbers, as a heat map, or the chosen row as a picture."""
        self._view = (self._view + 1) % len(VIEWS)
        self.redraw()
        self.post_message(self.Wants())

    def action_compare(self) -> None:
        """Compare with its gradient, with itself one batch earlier, or with nothing."""
        at = AGAINST.index(self.against) if self.against in AGAINST else 0
        self.against = AGAINST[(at + 1) % len(AGAINST)]
        self.post_message(self.Wants())

    def action_find(self, what: str) -> None:
        """Go to the next NaN or infinity, or to the next exact zero."""
        if self.data is None or self.data.problem:
            return
        found = self.data.next_bad if what == "bad" else self.data.next_zero
        if not found:
            self.post_message(self.Said(f"no {'NaN or infinity' if what == 'bad' else 'zero'} in {self.data.name}"))
        else:
            self._choose(*found)

    def action_jump(self) -> None:
        """Let an address be typed."""
        self.post_message(self.Asked("command inspect "))

    def action_follow(self) -> None:
        """Show what the cursor's event makes, from now on."""
        self.inspect("", against="")

    def action_save(self) -> None:
        """Let a file be named."""
        self.post_message(self.Asked(f"command write {self.subject} "))

    def action_copy(self) -> None:
        """Copy the numbers in view, a tab between columns."""
        if self.data is not None and not self.data.problem:
            values = self.data.values if self.data.whole else self._in_view(self.data)
            text = "\n".join("\t".join(f"{value:.9g}" for value in row) for row in values)
            self.post_message(self.Copied(text, f"{len(values)} rows of {self.data.name}"))

    def _in_view(self, view: TensorView) -> list[list[float]]:
        rows, columns = render.room(view, *self._grid())
        top, left = self._first[0] - view.first_row, self._first[1] - view.first_column
        return [row[max(0, left) : left + columns] for row in view.values[max(0, top) : top + rows]]

    def action_copy_value(self) -> None:
        """Copy the chosen value."""
        if self.data is not None and self.data.value is not None:
            self.post_message(self.Copied(f"{self.data.value!r}", self.data.address))


def _into_view(chosen: int, first: int, room: int, total: int) -> int:
    """The first row, or column, of a window with the chosen one in it."""
    first = min(max(first, chosen - room + 1), chosen)
    return max(1, min(first, total - room + 1))
