"""The named layouts: which panes stand where, as data; `layout.plan` gives them their cells.

A new layout is a row of LAYOUTS; they have the keys F2, F3 … in this order.
"""

from __future__ import annotations

from typing import NamedTuple

from nnwalk_tui.catalogue import LESSON

Place = tuple[str, ...]  # panes that share a place: the one that was visited last is seen


class Row(NamedTuple):
    """Places abreast, each with a share of the width; `stretch`: its share of the rows that nobody needs."""

    places: tuple[Place, ...]
    stretch: int = 0
    shares: tuple[int, ...] = ()  # equal ones where none are given


class Column(NamedTuple):
    """Rows from top to bottom. It is as wide as its graph needs, between two shares of the terminal, in per cent."""

    rows: tuple[Row, ...]
    least: int = 0
    most: int = 100


class Layout(NamedTuple):
    """One way to share the screen."""

    about: str
    columns: tuple[Column, ...]  # from left to right; the last takes the rest
    abreast: tuple[Column, ...]  # the same for a very wide terminal
    upper: tuple[Place, ...]  # on a small terminal, above the tabs
    upper_share: int  # per cent of the rows
    first: tuple[str, ...]  # the panes that it is about, what matters most first: they come to the front
    guests: tuple[str, ...]  # the places that give way to a pane which has none here


GRAPH: Place = ("graph", "tape", "neurons")
CURVES: Place = ("loss", "log")
_DIGITS = Row((("digits",),), 1)

OVERVIEW = Layout(
    "everything at a glance",
    columns=(
        Column((Row((GRAPH,)), Row((CURVES,), 1)), 38, 40),
        Column((Row((("layers",),)), Row((("here",),)), Row((("gradients",),)), _DIGITS)),
    ),
    abreast=(
        Column((Row((GRAPH,)), Row((CURVES,), 1)), 30, 38),
        Column((Row((("layers",), ("gradients",)), 0, (3, 2)), Row((("here",),)), _DIGITS)),
    ),
    upper=(GRAPH, ("here",)),
    upper_share=50,
    first=("graph", "here", "layers", "gradients", "loss", "digits"),
    guests=("layers", "here", "gradients"),
)

_BACKWARD = (
    Column((Row((("graph", "neurons"),), 1),), 38, 46),
    Column((Row((("here",),)), Row((("gradients",),)), Row((("tape", "log"),), 1))),
)
BACKPROP = Layout(
    "the graph in full, the rule, the tape",
    columns=_BACKWARD,
    abreast=(
        Column((Row((("graph", "neurons"),), 1),), 34, 45),
        Column((Row((("here",),)), Row((("gradients",), ("tape", "log")), 1, (11, 13)))),
    ),
    upper=(("graph", "neurons"), ("here",)),
    upper_share=65,
    first=("graph", "here", "tape", "gradients"),
    guests=("gradients", "tape"),
)

_TABLES = (Column((Row((("layers",),)), Row((("gradients",), ("tensor",)), 1, (1, 1)))),)
GRADIENTS = Layout(
    "how large they are, and one of them value by value",
    columns=_TABLES,
    abreast=_TABLES,
    upper=(("gradients",),),
    upper_share=55,
    first=("gradients", "tensor", "layers"),
    guests=("tensor",),
)

_PICTURES = (
    Column((Row((("digits",),), 1),), 56, 56),
    Column((Row((("neurons", "graph"),), 1), Row((CURVES,)))),
)
DATA = Layout(
    "the batch, and what the network makes of one example",
    columns=_PICTURES,
    abreast=_PICTURES,
    upper=(("digits",),),
    upper_share=60,
    first=("digits", "neurons", "loss"),
    guests=("neurons",),
)

_CURVES = (Column((Row((("loss",),), 3), Row((("landscape",), ("gradients",)), 2))),)
PLOTS = Layout(
    "curves of the run, and the landscape it walks in",
    columns=_CURVES,
    abreast=_CURVES,
    upper=(("loss",),),
    upper_share=50,
    first=("loss", "landscape", "gradients"),
    guests=("landscape",),
)

LAYOUTS: dict[str, Layout] = {
    "overview": OVERVIEW,
    "backprop": BACKPROP,
    "gradients": GRADIENTS,
    "data": DATA,
    "plots": PLOTS,
}
HOMED = frozenset(  # panes that have a place in one of them; the others stand among the tabs only while one is there
    name
    for layout in LAYOUTS.values()
    for column in (*layout.columns, *layout.abreast)
    for row in column.rows
    for place in (*row.places, *layout.upper)
    for name in place
)
NAMES = (*LAYOUTS, LESSON)  # the lesson's own is reckoned from what its page wants beside it
