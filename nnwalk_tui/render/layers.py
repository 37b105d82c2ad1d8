"""The table of layers: shapes of what goes in and comes out, and statistics of one quantity."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from engine.views import Layer, Statistics
from nnwalk_tui.render.numbers import MISSING, SIGNED, WIDTH, is_bad, number, percent, shape
from nnwalk_tui.render.text import Line, fit

QUANTITIES = ("A", "Z", "dZ", "dA", "W", "dW", "b", "db")
_SHAPES = ("W", "Z", "A")
_MANY_ZEROS = 0.5


class Column(NamedTuple):
    """A statistic: its heading, its width, and its text."""

    title: str
    width: int
    text: Callable[[Statistics], str]


_COLUMNS = (
    Column("mean", SIGNED, lambda it: number(it.mean, SIGNED, 3)),
    Column("std", WIDTH, lambda it: number(it.std, WIDTH, 3)),
    Column("zero", 5, lambda it: percent(it.zeros, 5)),
    Column("norm", WIDTH + 1, lambda it: number(it.norm, WIDTH + 1, 3)),
    Column("min", SIGNED + 1, lambda it: number(it.min, SIGNED + 1, 3)),
    Column("max", SIGNED + 1, lambda it: number(it.max, SIGNED + 1, 3)),
)
_ORDER = ("mean", "std", "min", "max", "norm", "zero")


class Widths(NamedTuple):
    """Widths of the columns that depend on the model; they only grow."""

    number: int = 2
    kind: int = 4
    W: int = 6
    Z: int = 5
    A: int = 5


def widths(layers: list[Layer], least: Widths) -> Widths:
    """Columns wide enough for these layers, and no narrower than they were."""
    sizes = [max([len(_shape(layer, key)) for layer in layers], default=0) for key in _SHAPES]
    kinds = max([len(_kind(layer)) for layer in layers], default=0)
    wanted = (len(str(len(layers))) + 1, min(kinds, 16), *sizes)
    return Widths(*(max(pair) for pair in zip(least, wanted, strict=True)))


def heading(quantity: str, wide: Widths, width: int) -> Line:
    """The titles of the columns."""
    line: Line = [
        (
            f" {'l':<{wide.number}} {'type':<{wide.kind}}  "
            + "  ".join(fit(key, size) for key, size in zip(_SHAPES, wide[2:], strict=True)),
            "quiet",
        )
    ]
    shown = _shown(wide, width)
    if shown:
        line.append((f"  {quantity + ':':<3}", "title"))
        line += [
            (fit(column.title, column.width - (3 if at == 0 else 0), ">"), "quiet") for at, column in enumerate(shown)
        ]
    return line


def row(layer: Layer, quantity: str, wide: Widths, width: int, here: bool) -> Line:
    """One layer."""
    known = layer.tensors.get(quantity)
    mark = "▸" if here else " "
    line: Line = [
        (f" {fit(f'{layer.index}{mark}', wide.number)} {fit(_kind(layer), wide.kind)}", "here" if here else "text"),
        *[("  " + fit(_shape(layer, key), size), "text") for key, size in zip(_SHAPES, wide[2:], strict=True)],
        ("  ", "text"),
    ]
    if known is None:
        return line + [(fit(MISSING, column.width, ">"), "quiet") for column in _shown(wide, width)]
    line += [(column.text(known), _style(column.title, known)) for column in _shown(wide, width)]
    return line


def _style(title: str, known: Statistics) -> str:
    if title == "zero":
        return "warning" if known.zeros > _MANY_ZEROS and known.name[:1] == "A" else "text"
    return "warning" if known.bad > 0 or is_bad(getattr(known, title)) else "text"


def _shown(wide: Widths, width: int) -> list[Column]:
    """As many statistics as fit, the most telling first, in the order of reading."""
    room = width - (1 + sum(wide) + 1 + 2 * 3) - 3
    chosen = []
    for column in _COLUMNS:
        if column.width > room:
            break
        chosen.append(column)
        room -= column.width
    return sorted(chosen, key=lambda column: _ORDER.index(column.title))


def _kind(layer: Layer) -> str:
    return f"{layer.kind} {layer.activation}".strip()


def _shape(layer: Layer, key: str) -> str:
    return shape(layer.shapes[key]) if key in layer.shapes else MISSING
