"""The table of layers: shapes of what goes in and comes out, statistics and history of one quantity, and badges.

A column is a row of _COLUMNS. As many are shown as fit, the most telling first, in the order of reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len

from engine.protocol.views import Layer, Statistics
from nnwalk_tui.render.numbers import SIGNED, WIDTH, is_bad, missing, number, percent, shape
from nnwalk_tui.render.spark import seen, sparkline
from nnwalk_tui.render.spelled import spelled
from nnwalk_tui.render.text import Line, Span, fit, wrap

QUANTITIES = ("A", "Z", "dZ", "dA", "W", "dW", "b", "db")
SHAPES = ("W", "b", "Z", "A")
_BADGE, _MORE_BADGE = 15, 4  # cells, and so many more where there is room: "vanishing 1/10¹⁰ +1"
_LEAST_HISTORY, MOST_HISTORY = 5, 24
_WIDEST_TYPE = 18


class Widths(NamedTuple):
    """Widths of the columns that depend on the model; they only grow."""

    number: int = 2
    type: int = 4
    W: int = 6
    b: int = 3
    Z: int = 5
    A: int = 5
    short_type: int = 4
    brief_type: int = 4
    form: int = 0  # of types, as in _FORMS
    badges: int = 0  # all of a layer's, in full

    @property
    def brief(self) -> bool:
        """Whether types are short, so that columns which tell more stay."""
        return self.form > 0


class Column(NamedTuple):
    """A column: its heading, how wide it is at least, and its cell, of which nothing is known where it is None."""

    title: str
    width: int
    cell: Callable[[Layer, str, int], Span | None]
    align: str = ">"
    statistic: bool = False


Table = list[Column]


_Number = Callable[[Statistics], float]


def _statistic(title: str, width: int, text: Callable[[Statistics], str], value: _Number) -> Column:
    def cell(layer: Layer, quantity: str, _: int) -> Span | None:
        known = layer.tensors.get(quantity)
        return (text(known), "warning" if is_bad(value(known)) else "text") if known else None

    return Column(title, width, cell, statistic=True)


def _bad(layer: Layer, quantity: str, width: int) -> Span | None:
    known = layer.tensors.get(quantity)
    return (percent(known.bad, width), "warning" if known.bad else "text") if known else None


def _shape(key: str) -> Callable[[Layer, str, int], Span | None]:
    return lambda layer, quantity, width: (_shape_text(layer, key), "text") if key in layer.shapes else None


def _history(layer: Layer, quantity: str, width: int) -> Span | None:
    known = quantity in layer.tensors
    style = "quiet" if not known else "backward" if quantity.startswith("d") else "forward"
    return (sparkline(layer.history, width, known), style) if layer.history else None


def _every_badge(layer: Layer) -> int:
    return cell_len(", ".join(each.text for each in layer.badges))


def _badge(layer: Layer, quantity: str, width: int) -> Span | None:
    if not layer.badges:
        return ("", "text")
    first, *others = layer.badges
    more = f" +{len(others)}"  # never left out: what is not named is at least counted
    every = (", ".join(each.text for each in layer.badges), ", ".join(each.name for each in layer.badges))
    forms = (*every, first.text + more, f"{first.text}+", first.name + more) if others else (first.text,)
    return (next((form for form in forms if cell_len(form) <= width), first.text), "warning")


_COLUMNS: dict[str, Column] = {
    "W": Column("W", 6, _shape("W"), "<"),
    "b": Column("b", 3, _shape("b"), "<"),
    "Z": Column("Z", 5, _shape("Z"), "<"),
    "A": Column("A", 5, _shape("A"), "<"),
    "params": Column("params", 6, lambda layer, _, width: (count(layer.parameters), "text")),
    "memory": Column("memory", 6, lambda layer, _, width: (size(layer.memory), "text")),
    "mean": _statistic("mean", SIGNED, lambda it: number(it.mean, SIGNED, 3), lambda it: it.mean),
    "std": _statistic("std", WIDTH, lambda it: number(it.std, WIDTH, 3), lambda it: it.std),
    "min": _statistic("min", SIGNED, lambda it: number(it.min, SIGNED, 3), lambda it: it.min),
    "max": _statistic("max", SIGNED, lambda it: number(it.max, SIGNED, 3), lambda it: it.max),
    "norm": _statistic("norm", WIDTH, lambda it: number(it.norm, WIDTH, 3), lambda it: it.norm),
    "zero": _statistic("zero", 4, lambda it: percent(it.zeros, 4), lambda it: it.zeros),
    "NaN": Column("NaN", 4, _bad, statistic=True),
    "history": Column("seen", _LEAST_HISTORY, _history),
    "badge": Column("badge", _BADGE, _badge, "<"),
}  # fmt: skip
_IMPORTANCE = (  # A comes late, as its shape is mostly that of Z
    "W", "Z", "mean", "std", "badge", "history", "norm", "A", "zero", "NaN", "params", "b", "memory", "min", "max",
)  # fmt: skip
_TELLING = _IMPORTANCE[: _IMPORTANCE.index("A")]
_FORMS = range(3)  # of a type: "linear relu", "lin+relu", "relu"
_BRIEF = {"conv1d": "conv", "conv2d": "conv", "batchnorm1d": "norm", "batchnorm2d": "norm",
          "layernorm": "norm", "groupnorm": "norm", "embedding": "embed", "multiheadattention": "attn"}  # fmt: skip


def widths(layers: list[Layer], least: Widths) -> Widths:
    """Columns wide enough for these layers, and no narrower than they were."""
    sizes = [max((len(_shape_text(layer, key)) for layer in layers), default=0) for key in SHAPES]
    full, *shorter = (
        min(_WIDEST_TYPE, max((len(_type(layer, form)) for layer in layers), default=0)) for form in _FORMS
    )
    number = len(str(max((layer.index for layer in layers), default=0))) + 1
    wanted = (number, full, *sizes, *shorter, 0, max(map(_every_badge, layers), default=0))
    return Widths(*(max(pair) for pair in zip(least, wanted, strict=True)))


def fitted(wide: Widths, width: int) -> Widths:
    """The same with the longest form of types that costs no column which tells more."""
    forms = [
        wide._replace(type=cells, form=form)
        for form, cells in zip(_FORMS, (wide.type, wide.short_type, wide.brief_type), strict=True)
    ]
    most = {*_TELLING} & _chosen(forms[-1], width)[0]
    return next(each for each in forms if {*_TELLING} & _chosen(each, width)[0] == most)


def table(wide: Widths, width: int, looked_at: int = 0, batches: int = 0) -> Table:
    """The columns that fit beside a layer's number and type; the history is of the batches that were looked at."""
    chosen, room = _chosen(wide, width)
    wide_badge = _BADGE + (min(room, max(_MORE_BADGE, wide.badges - _BADGE)) if "badge" in chosen else 0)
    room -= wide_badge - _BADGE
    wide_history = _LEAST_HISTORY + min(room, MOST_HISTORY - _LEAST_HISTORY)
    title = seen(looked_at, batches, wide_history)
    sized = _sized(wide)
    sized["history"] = sized["history"]._replace(title=title, width=wide_history)
    sized["badge"] = sized["badge"]._replace(width=wide_badge)
    return [column for name, column in sized.items() if name in chosen]


def _chosen(wide: Widths, width: int) -> tuple[set[str], int]:
    """The columns that fit, the most telling first, and the cells that are left."""
    sized = _sized(wide)
    room = width - (1 + wide.number + 1 + wide.type)
    chosen: set[str] = set()
    for name in _IMPORTANCE:
        need = sized[name].width + _gap(sized[name], bool(chosen & _STATISTICS))
        if need > room:
            break
        chosen.add(name)
        room -= need
    return chosen, room


def _sized(wide: Widths) -> dict[str, Column]:
    return {name: column._replace(width=getattr(wide, name, column.width)) for name, column in _COLUMNS.items()}


_STATISTICS = {name for name, column in _COLUMNS.items() if column.statistic}


def _gap(column: Column, follows_statistic: bool) -> int:
    return 1 if column.statistic and follows_statistic else 2


def heading(quantity: str, wide: Widths, columns: Table) -> Line:
    """The titles of the columns; the first statistic says of which quantity they all are."""
    line: Line = [(f" {'l':<{wide.number}} {'type':<{wide.type}}", "quiet")]
    named = False
    for column in columns:
        gap = _gap(column, named)
        if column.statistic and not named:
            room = column.width - len(column.title)
            line += [("  ", "quiet"), (fit(f"{quantity}:", room), "title"), (column.title, "quiet")]
            named = True
            continue
        line.append((" " * gap + fit(column.title, column.width, column.align), "quiet"))
    return line


def row(layer: Layer, quantity: str, wide: Widths, columns: Table, here: bool, chosen: bool = False) -> Line:
    """One layer. `here`: the cursor is in it; `chosen`: what is said of it is read below."""
    mark = "▸" if here else " "
    line: Line = [
        ("›" if chosen else " ", "here"),
        (
            f"{fit(f'{layer.index}{mark}', wide.number)} {fit(_type(layer, wide.form), wide.type)}",
            "here" if here else "text",
        ),
    ]
    named = False
    for column in columns:
        text, style = column.cell(layer, quantity, column.width) or (missing(), "quiet")
        line += [(" " * _gap(column, named), "text"), (fit(text, column.width, column.align), style)]
        named = named or column.statistic
    return line


def unknown(index: int, wide: Widths) -> Line:
    """A layer of which nothing has been sent yet."""
    return [(f" {fit(f'{index}', wide.number)} {spelled('…')}", "quiet")]


def about(layer: Layer, width: int) -> list[Line]:
    """What is to be said of a layer, and why it has its badges, in as many lines as that takes."""
    sizes = " · ".join(f"{key} {shape(layer.shapes[key])}" for key in SHAPES if key in layer.shapes)
    facts = f" {layer.index} {layer.path}: {count(layer.parameters)} parameters · {size(layer.memory)} · {sizes}"
    lines: list[Line] = [[(text, "quiet")] for text in wrap(facts, width)]
    for badge in layer.badges:
        first, *rest = wrap(f" {badge.text}: {badge.why}", width)
        lines.append([(first[: len(badge.text) + 2], "warning"), (first[len(badge.text) + 2 :], "text")])
        lines += [[(text, "text")] for text in rest]
    return lines if layer.badges else [*lines, [(" no badge: nothing in it is beyond its limit", "quiet")]]


def explained(layer: Layer) -> str:
    """The same in one line, for where there is no room for more."""
    return f"layer {layer.index}: " + ("; ".join(f"{it.text}: {it.why}" for it in layer.badges) or "no badge")


def count(value: int) -> str:
    """A number of things in at most six cells: "25818", "25.6M"."""
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**5, "k")):
        if value >= limit:
            return f"{value / (limit if unit != 'k' else 1000):.1f}{unit}"
    return str(value)


def size(value: int) -> str:
    """A number of bytes in at most six cells: "98.4K", "1.2M"."""
    for power, unit in ((30, "G"), (20, "M"), (10, "K")):
        if value >= 1 << power:
            return f"{value / (1 << power):.1f}{unit}"
    return f"{value}B"


def _type(layer: Layer, form: int) -> str:
    """ "linear relu"; where that is too long "lin+relu", or "relu", as most layers with an activation are linear."""
    full, short, _ = _FORMS
    if form == full:
        return f"{layer.kind} {layer.activation}".strip()
    if layer.kind == "linear":
        return f"lin+{layer.activation}" if layer.activation and form == short else layer.activation or "linear"
    return "+".join(part for part in (_BRIEF.get(layer.kind, layer.kind), layer.activation) if part)


def _shape_text(layer: Layer, key: str) -> str:
    return shape(layer.shapes[key]) if key in layer.shapes else ""
