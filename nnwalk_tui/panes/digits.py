"""The examples of the batch, and what pictures tell of the network."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.messages import BatchLook
from engine.protocol.views import BatchView, Snapshot
from nnwalk_tui.catalogue import EXAMPLE_KINDS
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import confusion, gallery, reliability
from nnwalk_tui.render import digits as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.scatter import LEAST, scatter
from nnwalk_tui.render.spelled import awaited
from nnwalk_tui.render.text import Line, fit_line, wrap

COUNTED = ("confusion", "reliability")  # over a whole partition
ORDERS = ("batch", "wrong", "least sure", "highest loss", "class")
PARTITIONS = ("validation", "batch")
_SHORT = {"digits": "dig", "pictures": "pict", "tokens": "tok", "points": "pts", "rows": "rows", "examples": "exam"}
_NO_NUMBERS: Line = [(" the targets are no numbers, one for each output", "quiet")]
_LISTED = 52  # cells of a row without a picture; what is beyond them is for the scatter
_TABLE = 64  # examples without pictures to ask for at most


class DigitsPane(Pane):
    """Pictures with label, prediction and probability; a table where there are no pictures."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "pick(-1)", "The example before", show=False),
        Binding("right", "pick(1)", "The next example", show=False),
        ("v", "kind(1)", "Scatter, gradients, first layer, averages, confusion, reliability"),
        Binding("V", "kind(-1)", "The view before", show=False),
        ("f", "order", "Wrong ones, least sure, highest loss, class"),
    ]
    pane_title = "examples"
    about = (
        "examples of this batch: label→prediction ✓, [label→prediction ✗] where wrong, and below or beside "
        "it, 0.41 say, how probable the model holds its prediction; › the one that all panes follow: Enter, then "
        "arrows; of numbers, predictions over targets: exact ones lie on the diagonal"
    )
    looks = frozenset({"batch"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._kind = 0
        self._order = 0
        self._partition = 0
        self._first = 1

    def tab(self, snapshot: Snapshot) -> tuple[str, str]:
        """What the examples are."""
        return snapshot.run.examples, _SHORT[snapshot.run.examples]

    @property
    def kind(self) -> str:
        """What is shown."""
        return EXAMPLE_KINDS[self._kind]

    @property
    def wanted(self) -> int:
        """How many examples of the batch the pane can show: for the engine to send no more."""
        if not self.size or self.data is None:
            return 16
        layout = self._layout(*inner(*self.size))
        return max(1, layout.pictures if layout else _TABLE)

    def asks(self) -> dict[str, Any]:
        """As many examples as can be seen, in the order chosen."""
        order = PARTITIONS[self._partition] if self.kind in COUNTED else ORDERS[self._order]
        return {"digits": self.wanted, "batch": BatchLook(self.kind, order, self._first)}

    def show(self, snapshot: Snapshot | None) -> None:
        """Called by what the examples are, which is known of digits before the first batch."""
        called = self.called if snapshot is None else snapshot.run.examples
        if called != self.called:
            self.called = called
            self.redraw()
        super().show(snapshot)

    def part(self, snapshot: Snapshot) -> object | None:
        """The batch, the picked row and neuron."""
        return None if snapshot.batch is None else (snapshot.batch, snapshot.picked)

    def before_training(self, width: int) -> list[Line]:
        """Where the pictures come from."""
        return [[(" the first batch comes with the first step", "quiet")]]

    def status(self) -> str:
        """How many there are, how many examples are right, and what is shown in which order."""
        batch: BatchView = self.data[0]
        of_examples = self.kind in ("examples", "input gradient")
        if self.kind == "scatter":
            return "v scatter"
        right = f"{batch.right} right" if of_examples and batch.right is not None else ""
        shown = self._shown(batch)
        if self.kind in COUNTED:
            return f"f {PARTITIONS[self._partition]} · v {self.kind}"
        order = f"f {ORDERS[self._order]}" if of_examples else ""
        if ORDERS[self._order] != "batch" and order and not batch.total:
            order += " none"
        return " · ".join(part for part in (order, f"v {self.kind}" if self._kind else "", shown, right) if part)

    def _shown(self, batch: BatchView) -> str:
        """Which of them are in view: "1–4 of 64"."""
        there = len(batch.examples if self.kind == "examples" else batch.gallery.pictures if batch.gallery else [])
        layout = self._layout(*inner(*self.size))
        seen = min(there, layout.pictures) if layout else 0
        return f"{batch.first}–{batch.first + seen - 1} of {batch.total or batch.size}" if seen else str(batch.size)

    def draw(self, width: int, height: int) -> list[Line]:
        """The pictures that fit, or the rows in view."""
        batch, (row, neuron) = self.data
        if batch.problem:
            return [[(f" {part}", "quiet")] for part in wrap(batch.problem, width - 1)]
        if self.kind in COUNTED:
            return self._counted(batch, width, height)
        if self.kind == "scatter":
            return scatter(batch.scatter, row, width, height) if batch.scatter else [_NO_NUMBERS]
        layout = self._layout(width, height)
        if self.kind != "examples":
            if batch.gallery is None or layout is None:
                return [awaited() if batch.gallery is None else [(" no room for a picture", "quiet")]]
            picked = {"first layer": neuron, "input gradient": row}.get(self.kind, 0)
            return gallery.gallery(batch.gallery, layout, width, picked)
        losses = ORDERS[self._order] == "highest loss"
        if layout:
            return render.pictures(batch.examples, layout, width, row, losses)
        if not batch.examples:
            return [[(" none is wrong", "quiet")] if ORDERS[self._order] == "wrong" else awaited()]
        told = any(each.tokens for each in batch.examples)
        if told or batch.scatter is None or not batch.scatter.predictions or width < _LISTED + LEAST:
            return self._table(batch, row, width, height)
        listed = [*self._table(batch, row, width, height), *([[]] * height)]
        plot = scatter(batch.scatter, row, width - _LISTED, height)
        return [[*fit_line(line, _LISTED), *beside] for line, beside in zip(listed, plot, strict=False)]

    def _table(self, batch: BatchView, row: int, width: int, height: int) -> list[Line]:
        place = next((at for at, each in enumerate(batch.examples) if each.row == row), None)
        sizes = render.columns(batch.examples, width)
        head = [render.table_heading(sizes)] if height > 1 else []
        first = self.window(len(batch.examples), height - len(head), place)
        last = first + height - len(head)
        return [*head, *(render.table_row(each, sizes, each.row == row) for each in batch.examples[first:last])]

    def _counted(self, batch: BatchView, width: int, height: int) -> list[Line]:
        if self.kind == "confusion" and batch.confusion is not None:
            head, rows = confusion.heading(batch.confusion, width), confusion.rows(batch.confusion, width)
        elif self.kind == "reliability" and batch.reliability is not None:
            head, rows = reliability.heading(batch.reliability, width), reliability.rows(batch.reliability, width)
        else:
            return [awaited()]
        first = self.window(len(rows), height - len(head))
        return [*head, *rows[first : first + height - len(head)]]

    def _layout(self, width: int, height: int) -> render.Grid | None:
        batch: BatchView = self.data[0]
        if self.kind == "examples":
            return render.grid(width, height, batch.examples, min(render.MANY, batch.size))  # not only those sent
        if batch.gallery is None:
            return None
        many = batch.total if self.kind == "averages" else 0
        return render.grid(width, height - gallery.extra_lines(batch.gallery), batch.gallery.pictures, many)

    # what the keys do

    def look_at(self, kind: str) -> None:
        """Show one of EXAMPLE_KINDS."""
        self.action_kind(EXAMPLE_KINDS.index(kind) - self._kind)

    def action_kind(self, by: int) -> None:
        """Show something else."""
        self._kind = (self._kind + by) % len(EXAMPLE_KINDS)
        if self.kind == "scatter" and abs(by) == 1 and not (self.data and self.data[0].scatter):
            self._kind += by
        self._first = 1
        self.redraw()
        self.post_message(self.Wants())

    def action_order(self) -> None:
        """Sort or filter the examples in another way; what is counted is of another partition."""
        if self.kind in COUNTED:
            self._partition = (self._partition + 1) % len(PARTITIONS)
        else:
            self._order = (self._order + 1) % len(ORDERS)
        self._first = 1
        self.redraw()
        self.post_message(self.Wants())

    def action_move(self, lines: int) -> None:
        """Pick an example a row of pictures further down, or up."""
        layout = self._layout(*inner(*self.size)) if self.data else None
        across = layout.across if layout else 1
        if self.kind == "averages" and layout:
            last = max(0, -(-self.data[0].total // across) - layout.down)
            self._first = max(0, min((self._first - 1) // across + lines, last)) * across + 1
            self.post_message(self.Wants())
        elif self.kind in COUNTED:
            super().action_move(lines)
        else:
            self.action_pick(lines * across)

    def action_page(self, pages: int) -> None:
        """Pick an example a screenful further."""
        layout = self._layout(*inner(*self.size)) if self.data else None
        self.action_move(pages * (layout.down if layout else max(1, inner(*self.size)[1] - 1)))

    def action_pick(self, by: int) -> None:
        """Pick another example, or another first-layer neuron, for all panes."""
        if self.data is None or self.kind in (*COUNTED, "averages"):
            return
        batch, (row, neuron) = self.data
        if self.kind == "first layer":
            number = max(1, min(neuron + by, batch.total))
            self._see(number, batch)
            self.post_message(self.Asked(f"pick {row} {number}", quiet=True))
        elif batch.rows:
            place = batch.rows.index(row) + by if row in batch.rows else batch.first - 1
            place = max(0, min(place, len(batch.rows) - 1))
            self._see(place + 1, batch)
            self.post_message(self.Asked(f"pick {batch.rows[place]}", quiet=True))

    def _see(self, place: int, batch: BatchView) -> None:
        """Bring a place of the order, from 1, into view."""
        layout = self._layout(*inner(*self.size))
        across, seen = (layout.across, layout.pictures) if layout else (1, _TABLE)
        if not batch.first <= place < batch.first + seen:
            line = (place - 1) // across
            down = max(1, seen // across)
            first_line = line if place < batch.first else max(0, line - down + 1)
            self._first = first_line * across + 1
            self.post_message(self.Wants())
