"""The compute graph from top to bottom: one column for the main path, parameters entering from the left.

What is made of parameters alone, as W[1]ᵀ is, stands on their side.

The rows depend on the graph alone, so the picture stays put while stepping; only marks change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rich.cells import cell_len

from engine.protocol.positions import Mark
from engine.protocol.views import GraphView, Node
from nnwalk_tui.colours import theme
from nnwalk_tui.render.numbers import is_bad, number, shape
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, Span, fit, fit_line, shorten, told_apart

MARKS = {Mark.TODO: "○", Mark.DONE: "●", Mark.HERE: "◉", Mark.UPDATED: "✓"}
_NODE = re.compile(r" [·.] \w+")  # "linear · AddmmBackward0"
_LEAVES = ("parameter", "target", "constant")
_SIDE = "side"
_LONGEST_LABEL = 24
_SHORTEST_LABEL = 8
_GRADIENT = 8  # "▲ 0.0311"
_LONGEST_EDGE = 6


class Row(NamedTuple):
    """A line of the graph: a value, or what enters the operation that makes it."""

    node: Node  # the value itself, or the one that the operation makes
    side: Node | None = None  # a parameter or target entering here
    edge: bool = False  # a line between two values
    source: Node | None = None  # the value above, where this edge comes from it, or passes by
    op: str = ""  # the operation's name, on its last line


class Columns(NamedTuple):
    """Where things stand: cells from the left."""

    side: int  # labels of what enters end before this cell
    dash: int  # how long the edge that enters is
    axis: int  # the main path
    label: int  # how wide the labels of values are
    shape: int
    gradient: int  # where the gradient's way back stands; its number beside it if there is room
    sides: Mapping[str, str] = {}  # the labels of what enters, as they are shown, where they are too long
    labels: Mapping[str, str] = {}  # and those of values


def rows(view: GraphView) -> list[Row]:
    """The lines of those values of a graph that were sent, the first being line `view.first`."""
    known = {node.id: node for node in (*view.nodes, *view.others)}
    lines: list[Row] = []
    above: Node | None = None
    for node in view.nodes:
        if node.kind in _LEAVES:
            continue
        if node.op or node.inputs:
            lines += _entering(node, above, known)
        if node.kind == _SIDE:
            lines.append(Row(node, source=above))
        else:
            lines.append(Row(node))
            above = node
    return lines


def _entering(node: Node, above: Node | None, known: dict[str, Node]) -> list[Row]:
    inputs = [known[each] for each in node.inputs if each in known]
    sides = [each for each in inputs if each.kind in _LEAVES]
    values = [each for each in inputs if each.kind not in (*_LEAVES, _SIDE)]
    main, extra = (values[0], values[1:]) if values else (None, [])
    joined = above is not None and main is not None and main.id == above.id
    op = node.op + "".join(f" + {each.label}" for each in extra)
    if main is not None and not joined:
        op += f" ← {main.label}"
    source = above if joined or node.kind == _SIDE else None
    last = len(sides) - 1
    if not sides:
        return [Row(node, edge=True, source=source, op=op)]
    return [Row(node, side, True, source, op if at == last else "") for at, side in enumerate(sides)]


def needed_width(widths: list[int]) -> int:
    """The cells that a graph takes with all its labels in full and edges of a comfortable length."""
    side, label, sizes, more = _sizes(widths)
    return side + label + sizes + more + _FIXED + _LONGEST_EDGE


def columns(widths: list[int], width: int) -> Columns:
    """Where things stand in `width` cells; `widths` are those of the view. Long labels give way."""
    side, label, sizes, more = _sizes(widths)
    more = max(0, min(more, width - side - label - sizes - _FIXED))
    while side + label + sizes + _FIXED >= width and max(side, label) > _SHORTEST_LABEL:
        side, label = (side - 1, label) if side >= label else (side, label - 1)
    need = side + label + sizes + more + _FIXED
    dash = max(1, min(_LONGEST_EDGE, width - need))
    slack = max(0, width - need - dash)
    axis = 2 + min(4, slack // 2) + side + 2 + dash
    gradient = min(axis - 1 + label + 3 + sizes + 2 + more, width - _GRADIENT if need <= width else width - 2)
    return Columns(axis - dash - 2, dash, axis, label, sizes, max(axis + 4, gradient))


_FIXED = 2 + 2 + 5 + _GRADIENT  # the cursor's mark, a mark and its blank, gaps, the gradient


def _sizes(widths: list[int]) -> tuple[int, int, int, int]:
    """Cells for labels of what enters and of values, for shapes, and what an operation takes beyond the last two."""
    side, label, sizes, op = widths or (0, 0, 0, 0)
    side, label, sizes = max(4, min(side, _LONGEST_LABEL)), max(4, min(label, _LONGEST_LABEL)), max(8, sizes)
    return side, label, sizes, max(0, min(op, _LONGEST_LABEL) - label - sizes)


def named(where: Columns, view: GraphView) -> Columns:
    """The same with labels that are told apart where they are cut."""
    nodes = [*view.nodes, *view.others]
    aside = [node.label for node in nodes if node.kind in (*_LEAVES, _SIDE)]
    values = [node.label for node in nodes if node.kind not in (*_LEAVES, _SIDE)]
    return where._replace(sides=told_apart(aside, where.side - 2), labels=told_apart(values, where.label))


def key(width: int, direction: str = "forward") -> Line:
    """What signs mean, in as many words as there is room for; in the update, which parameters are updated."""
    gradients = "right: ▲ ‖gradient‖  △ not yet  ╌ none"
    forms = [f" ● done  ○ to come   {gradients}", f" {gradients}", " ▲ ‖gradient‖  △ not yet  ╌ none", " ▲ ‖gradient‖"]
    if direction == "update":
        updated = "✓ updated parameter"
        forms = [f" {updated}   {gradients}", f" {updated}   ▲ ‖gradient‖", f" {updated}", " ✓ updated"]
    return [(next((form for form in map(drawn, forms) if cell_len(form) <= width), ""), "quiet")]


def _is_here(node: Node, row: Row) -> bool:
    return (not row.edge or row.side is not None) and Mark.HERE in (node.mark, node.gradient_mark)


def draw(row: Row, graph: GraphView, loss: float | None, where: Columns, width: int, chosen: bool = False) -> Line:
    """One line, in exactly `width` cells."""
    if row.node.kind == _SIDE:
        left = _beside(row, where) if row.edge else _side_value(row, where)
    else:
        left = _edge(row, where) if row.edge else _value(row.node, loss, where)
    way = _way(row, graph.direction) if row.edge else _gradient(row.node, graph.direction)
    if way and sum(cell_len(text) for text, _ in way) > width - where.gradient:
        way = _without_blanks(way, width - where.gradient)
    line = fit_line([*fit_line(left, where.gradient), *way], width)
    return [("›", "here"), *_without(line, 1)] if chosen else line


def _without_blanks(way: Line, room: int) -> Line:
    """A gradient's arrow and number where they fit without blanks; else the arrow alone: no part of a number."""
    arrow, *numbers = way
    close = [(text.strip(), style) for text, style in numbers]
    return [arrow, *close] if sum(cell_len(text) for text, _ in [arrow, *close]) <= room else [arrow]


def _without(line: Line, cells: int) -> Line:
    """The line without its first blank cells."""
    (text, style), *rest = line
    return [(text[cells:], style), *rest]


def panned(line: Line, by: int, width: int) -> Line:
    """`width` cells of a longer line, from cell `by` on."""
    cut: Line = []
    for text, style in line:
        size = len(text)
        cut.append((text[min(by, size) :], style))
        by = max(0, by - size)
    return fit_line(cut, width, mark=False)


def _sign(mark: Mark) -> str:
    """A mark; in ASCII, where a joint and a folded module are +, an updated parameter's is a letter."""
    return "u" if mark is Mark.UPDATED and theme.ascii_only() else MARKS[mark]


def _value(node: Node, loss: float | None, where: Columns) -> Line:
    here = _is_here(node, Row(node))
    style = "here" if here else "quiet" if node.mark is Mark.TODO else "text"
    sign = _sign(Mark.HERE if here else node.mark)
    sign_style = "here" if here else "quiet" if node.mark is Mark.TODO else "forward"
    size = shape(node.shape)
    if node.kind == "loss" and node.mark is not Mark.TODO and loss is not None:
        size = number(loss).strip()
    label = f"+{node.label}" if node.closed else node.label
    return [
        (fit("▶" if here else "", where.axis - 2, ">") + " ", "here"),
        (fit(where.labels.get(label) or shorten(label, where.label), where.label), style),
        (f" {sign} ", sign_style),
        (fit(size, where.shape), "warning" if node.kind == "loss" and is_bad(loss) else style),
    ]


def _edge(row: Row, where: Columns) -> Line:
    style = "quiet" if row.node.mark is Mark.TODO else "forward"
    op = _operation_line(row, where)
    if row.side is None:
        return [(" " * where.axis, "text"), (_passing(row.source) if row.source else "╷", style), *op]
    return [*_side_label(row.side, row, style, where), *_entry(row.side, row, style, where), *op]


def _beside(row: Row, where: Columns) -> Line:
    """An operation beside the main path: what enters it, the main path passing by."""
    style = "quiet" if row.node.mark is Mark.TODO else "forward"
    label = _side_label(row.side, row, style, where) if row.side else [(" " * (where.side + 2), "text")]
    return [*label, (" " * where.dash, "text"), _main(row), *_operation_line(row, where)]


def _side_value(row: Row, where: Columns) -> Line:
    """A value beside the main path, which enters it below."""
    style = "quiet" if row.node.mark is Mark.TODO else "forward"
    label = _side_label(row.node, row, style, where)
    size: Line = [(" " * (where.label + 2), "text"), (fit(shape(row.node.shape), where.shape), label[0][1])]
    return [*label, *_entry(row.node, row, style, where), *size]


def _main(row: Row) -> Span:
    """The main path passing by what stands beside it."""
    ahead = row.source is None or row.node.mark is Mark.TODO
    return (_passing(row.source) if row.source else " ", "quiet" if ahead else "forward")


def _passing(source: Node) -> str:
    return "┊" if source.gradient_mark is None else "│"


def _side_label(side: Node, row: Row, style: str, where: Columns) -> Line:
    """The name and mark of what stands at the side."""
    here = _is_here(side, row)
    label_style = "here" if here else "text" if side.mark is not Mark.TODO else "quiet"
    label = where.sides.get(side.label) or shorten(side.label, where.side - 2)
    return [
        (fit(f"{'▶ ' if here else ''}{label}", where.side, ">") + " ", label_style),
        (_sign(Mark.HERE if here else side.mark), "here" if here else style),
    ]


def _entry(side: Node, row: Row, style: str, where: Columns) -> Line:
    """The edge from the side to the main path."""
    arrived = side.gradient is not None
    dashes = "═" if arrived else "╌" if side.gradient_mark is None else "─"
    joint = "╡" if arrived else "┤" if row.source else "╮"
    edge_style = "here" if _is_here(side, row) else "backward" if arrived else style
    return [(dashes * where.dash, edge_style), (joint, edge_style if arrived else style)]


def _operation_line(row: Row, where: Columns) -> Line:
    runs = row.op and _runs(row)
    look = "here" if runs else "quiet" if row.node.mark is Mark.TODO else "text"
    return [(f"{'▸' if runs else ' '}{_operation(row.op, where.gradient - where.axis - 3)}", look)]


def _runs(row: Row) -> bool:
    """Whether the cursor's event is this operation, on its way forward or back."""
    sent = (each.gradient_mark for each in (row.source, row.side) if each)
    return row.node.mark is Mark.HERE or Mark.HERE in sent


def _operation(op: str, room: int) -> str:
    """An operation and what else enters it; where there is no room its node's name in autograd goes first."""
    op = drawn(op)
    if cell_len(op) > room:
        op = _NODE.sub("", op)
    return fit(op, room).rstrip() if cell_len(op) > room else op


def _gradient(node: Node, direction: str) -> Line:
    if node.gradient_mark is None:
        return [("╌" if direction in ("backward", "update") else "", "quiet")]
    if node.gradient is None:
        return [("△" if direction == "backward" else "", "quiet")]
    here = node.gradient_mark is Mark.HERE
    style = "here" if here else "backward"
    return [("▲", style), (number(node.gradient, _GRADIENT - 1), "warning" if is_bad(node.gradient) else style)]


def _way(row: Row, direction: str) -> Line:
    """The gradient of what enters, or, where it is the main path's turn, that one came by."""
    if row.side and row.side.gradient_mark is not None:
        return _gradient(row.side, direction)
    passed = row.source is not None and row.source.gradient is not None and row.node.gradient is not None
    return [("║", "backward")] if passed else []
