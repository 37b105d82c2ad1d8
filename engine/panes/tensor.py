"""Any tensor at the cursor as a table of which a window is seen, beside its gradient or itself at another position.

What is evaluated is held until the cursor moves, so that scrolling through a large tensor costs the window alone.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import torch
from torch import Tensor

from engine.errors import CommandError, EngineError, NotComputedYetError
from engine.lookup.expressions import evaluate, parse
from engine.lookup.moment import Moment
from engine.lookup.names import INDEXED
from engine.lookup.values import Values
from engine.panes import tables
from engine.panes.equations import writes
from engine.panes.examples import token_names
from engine.panes.worked import subscript
from engine.protocol.messages import TensorLook
from engine.protocol.positions import Phase
from engine.protocol.views import Statistics, TensorView
from engine.statistics import statistics
from engine.tape.calls import made
from engine.tape.tape import Event

_BINS = 48
_MOST = 60_000  # numbers in one window
_POSITION = re.compile(r"start|\d+:\d+(:\d+)?")


class PlaceView(msgspec.Struct, frozen=True):
    """An element of a tensor's table, or its first."""

    expression: str
    row: int = 1
    column: int = 1


@dataclass
class Held:
    """A tensor as numbers, and what was computed from it; `key` says for which cursor."""

    key: tuple[object, ...] = ()
    name: str = ""
    shape: list[int] = field(default_factory=list)
    dtype: str = ""
    table: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    statistics: Statistics | None = None
    histogram: tuple[list[int], float, float, int] = ([], 0.0, 0.0, 1)
    scale: float = 0.0
    problem: str = ""
    other: Held | None = None
    blocks: dict[tuple[int, int], list[list[float]]] = field(default_factory=dict)

    @cached_property
    def bad(self) -> tables.Places:
        """Where NaN and infinities stand."""
        return tables.Places(self.table.reshape(-1), tables.is_bad)

    @cached_property
    def zeros(self) -> tables.Places:
        """Where exact zeros stand."""
        return tables.Places(self.table.reshape(-1), tables.is_zero)


class Inspected:
    """What was looked at last, and is not computed again as long as the cursor stays."""

    def __init__(self) -> None:
        self.held = Held()


def tensor_view(moment: Moment, look: TensorLook, inspected: Inspected, row: int) -> TensorView:
    """What is seen of the tensor that is looked at; where it cannot be had, why. `row` is the picked example's."""
    held = _held(moment, look, inspected)
    if held.problem:
        return TensorView(look.expression, held.name, held.problem)
    view = _with_element(_window_view(held, look), moment, held, look, row)
    return view if held.other is None else _beside(view, held.other, look)


def column_view(moment: Moment, at: int, first: int, count: int) -> TensorView:
    """What the cursor's event has made, all its values in one column, of which the window begins with the `first`.

    The chosen one is addressed by its own indices. Where there are maps, its picture has them beside each other.
    """
    name, made_here = _just_made(moment)
    if made_here is None:
        return TensorView("", name, f"{name} makes no numbers")
    held = _numbers(name, made_here.reshape(-1))
    if held.problem:
        return TensorView("", name, held.problem)
    view = _window_view(held, TensorLook(row=first, rows=count, columns=1))
    at = max(1, min(at, view.rows))
    shape = list(made_here.shape)
    row, column = divmod(at - 1, math.prod(shape[1:]))
    place = tables.indices(shape, row + 1, column + 1)
    picture = tables.as_picture(tables.as_numbers(made_here.detach())[0]) if len(shape) > 1 else None
    return msgspec.structs.replace(
        view,
        shape=shape,
        at_row=at,
        at=place,
        address=_address(moment, name, place),
        value=_element(held, at, 1),
        picture=[] if picture is None else list(picture.shape),
        pixels=[] if picture is None else picture.reshape(-1).tolist(),
    )


def _window_view(held: Held, look: TensorLook) -> TensorView:
    """The part in view, and what is said of the whole tensor."""
    first_row, first_column, values = _window(held, look)
    assert held.statistics is not None
    bins, low, high, every = held.histogram
    return TensorView(
        look.expression,
        held.name,
        dtype=held.dtype,
        shape=held.shape,
        rows=held.table.shape[0],
        columns=held.table.shape[1],
        statistics=held.statistics,
        bins=bins,
        low=low,
        high=high,
        every=every,
        scale=held.scale,
        whole=look.whole,
        first_row=first_row,
        first_column=first_column,
        values=values,
    )


def _with_element(view: TensorView, moment: Moment, held: Held, look: TensorLook, row: int) -> TensorView:
    """The view with the chosen element, its row as a picture where one is looked at, and where to go on from it."""
    at_row, at_column = max(1, min(look.at_row, view.rows)), max(1, min(look.at_column, view.columns))
    at = tables.indices(held.shape, at_row, at_column)
    height, width = _picture(held)
    known, here = held.statistics, (at_row - 1) * view.columns + at_column - 1
    assert known is not None
    return msgspec.structs.replace(
        view,
        at_row=at_row,
        at_column=at_column,
        at=at,
        address=_address(moment, held.name, at),
        value=_element(held, at_row, at_column),
        picture=[height, width] if height else [],
        pixels=held.table[at_row - 1].tolist() if height and look.picture else [],
        tokens=_tokens(moment, held, at_row) if height and look.picture else [],
        next_bad=_row_and_column(held, held.bad.after(here) if known.bad else None),
        picked_row=row if _is_of_examples(moment, held) else 0,
        next_zero=_row_and_column(held, held.zeros.after(here) if known.zeros else None),
    )


def _beside(view: TensorView, other: Held, look: TensorLook) -> TensorView:
    """The view with what it is compared with."""
    if other.problem:
        return msgspec.structs.replace(view, against=other.name, against_problem=other.problem)
    return msgspec.structs.replace(
        view,
        against=other.name,
        other=_window(other, look)[2],
        other_value=_element(other, view.at_row, view.at_column),
        other_pixels=other.table[view.at_row - 1].tolist() if view.pixels else [],
        other_scale=other.scale,
    )


# ── what is looked at ─────────────────────────────────────────────────────────────────────────────────────────────────


def _held(moment: Moment, look: TensorLook, inspected: Inspected) -> Held:
    key, held = (*moment.key, look.expression, look.against), inspected.held
    if held.key != key:
        held = _evaluate(moment, moment.values, look.expression)
        if look.against and not held.problem:
            held.other = _other(moment, held, look)
        held.key = key
        inspected.held = held
    return held


def _evaluate(moment: Moment, values: Values, expression: str, name: str = "") -> Held:
    try:
        found, value = _just_made(moment) if not expression else (expression, evaluate(expression, values))
    except EngineError as error:
        return Held(name=name or expression, problem=str(error))
    if isinstance(value, str) or value is None:
        return Held(name=name or found, problem=f"{found or 'this event'} makes no numbers")
    return _numbers(name or found, value if isinstance(value, Tensor) else torch.tensor(value))


def _numbers(name: str, tensor: Tensor) -> Held:
    table = tables.as_table(tables.as_numbers(tensor.detach()))
    if table.numel() == 0:
        return Held(name=name, problem=f"{name} is empty: {'×'.join(map(str, tensor.shape))}")
    known = statistics(name, tensor.detach())
    dtype = str(tensor.dtype).removeprefix("torch.")
    return Held((), name, list(tensor.shape), dtype, table, known, tables.histogram(table, _BINS), _scale(table, known))


def _scale(table: Tensor, known: Statistics) -> float:
    if not known.bad:
        return max(abs(known.min), abs(known.max))
    return float(table.nan_to_num(0.0, 0.0, 0.0).abs().amax())


def _just_made(moment: Moment) -> tuple[str, Tensor | None]:
    """What the cursor's event has made, by name."""
    tape = moment.tape
    if tape is None:
        raise NotComputedYetError("no batch has run", "step, or name a parameter: inspect W[1]")
    event = tape.events[moment.done - 1]
    name, tensor = _product(moment, event)
    return name or f"event {event.number}, {event.op.name}", tensor


def _product(moment: Moment, event: Event) -> tuple[str, Tensor | None]:
    if event.phase is Phase.UPDATE:
        return moment.naming.short_name[event.parameter], moment.values.parameter(event.parameter)
    if event.phase is Phase.BACKWARD:
        gradient = next((g for _, g in event.gradients_out if g is not None), None)
        return writes(event).partition(", ")[0], gradient
    tape = moment.tape
    outputs = () if tape is None else (made(tape, value, event.number) for value in event.outputs)
    return writes(event).partition(", ")[0], next((tensor for tensor in outputs if tensor is not None), None)


def _other(moment: Moment, held: Held, look: TensorLook) -> Held:
    """What the tensor is compared with, of the same shape."""
    name = look.expression or held.name
    try:
        if look.against == "gradient":
            other = _evaluate(moment, moment.values, f"grad({name})", f"d{name}")
        elif look.against == "before" or _POSITION.fullmatch(look.against):
            where, values = _elsewhere(moment, look.against)
            other = _evaluate(moment, values, name, f"{name} at {where}")
        else:
            other = _evaluate(moment, moment.values, look.against)
    except EngineError as error:
        return Held(name=look.against, problem=str(error))
    if not other.problem and other.shape != held.shape:
        shapes = " and ".join("×".join(map(str, each.shape)) or "one number" for each in (held, other))
        other.problem = f"{held.name} and {other.name} differ in shape: {shapes}"
    return other


def _elsewhere(moment: Moment, where: str) -> tuple[str, Values]:
    """The values at another position that the run has reached; "before" is one batch earlier."""
    if where == "before":
        if moment.iteration < 1:
            raise CommandError("there is no batch before this place", "step on first")
        iteration, event = moment.iteration - 1, moment.event if moment.iteration > 1 else None
    else:
        iteration, event = (0, None) if where == "start" else moment.calendar.parse(where)
    if iteration > moment.timeline.furthest:
        raise CommandError(f"{where} has not run yet", "compare with a position that the run has reached")
    epoch, batch = moment.calendar.place(iteration)
    name = f"{epoch}:{batch}" + (f":{event}" if event is not None else "")
    there = moment.at(iteration, event).values
    there.scalars = moment.at(iteration).scalars_at_end()
    return name, there


def place_of(moment: Moment, text: str) -> PlaceView:
    """The tensor that an expression looks into: `z₃[5](6123)` is Z[5] at a row and column; others are at their first.

    Raises ExpressionError where it cannot be computed, now or later in the batch.
    """
    values = moment.values
    tree = parse(text, values.is_named, values.row_of)
    base, found = _element_of(tree)
    try:
        value = evaluate(base, values)
        evaluate(text, values)  # names the index that does not exist
    except NotComputedYetError:
        value = None
    if not isinstance(value, Tensor) or len(found) != value.dim():
        whole = value is not None or not found
        return PlaceView(text if whole else base, *(() if whole else (found[0], found[-1] if len(found) > 1 else 1)))
    return PlaceView(base, *tables.place(list(value.shape), found))


def _element_of(tree: ast.expr) -> tuple[str, list[int]]:
    """Expression and indices of `Z[5][17,3]`; no indices where it is not a single element."""
    if isinstance(tree, ast.Subscript) and not (isinstance(tree.value, ast.Name) and tree.value.id in INDEXED):
        parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
        found = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, int)]
        if len(found) == len(parts):
            return _text(tree.value), found
    return _text(tree), []


def _text(tree: ast.expr) -> str:
    return tree.value if isinstance(tree, ast.Constant) and isinstance(tree.value, str) else ast.unparse(tree)


# ── what is seen of it ────────────────────────────────────────────────────────────────────────────────────────────────


def _window(held: Held, look: TensorLook) -> tuple[int, int, list[list[float]]]:
    """First row and column, and the values; rows and columns that are not there are left out."""
    if look.whole:
        size = (max(1, look.rows), max(1, look.columns))
        if size not in held.blocks:
            held.blocks.clear()
            held.blocks[size] = tables.blocks(held.table, *size)
        return 1, 1, held.blocks[size]
    rows, columns = held.table.shape
    row, column = max(1, min(look.row, rows)), max(1, min(look.column, columns))
    height = min(look.rows, _MOST // max(1, look.columns))
    part = held.table[row - 1 : row - 1 + height, column - 1 : column - 1 + look.columns]
    return row, column, part.tolist()


def _element(held: Held, row: int, column: int) -> float:
    return float(held.table[row - 1, column - 1])


def _row_and_column(held: Held, place: int | None) -> list[int]:
    return [] if place is None else [part + 1 for part in divmod(place, held.table.shape[1])]


def _picture(held: Held) -> tuple[int, int]:
    """Height and width of a row as a picture; (0, 0) where it is none."""
    shape, columns = held.shape, held.table.shape[1]
    if len(shape) >= 3 and min(shape[-2:]) > 1:
        return math.prod(shape[1:-1]), shape[-1]  # channels stand below each other
    side = math.isqrt(columns)
    return (side, side) if len(shape) == 2 and side * side == columns and side > 7 else (0, 0)


def _tokens(moment: Moment, held: Held, row: int) -> list[str]:
    """Of scores or weights of attention (N, heads, n, n): its tokens, or the numbers of an example's patches."""
    of_attention = re.fullmatch(r"d?[SP]\[\d+\]", held.name) is not None and len(held.shape) == 4
    if not of_attention or held.shape[2] != held.shape[3] or moment.tape is None:
        return []
    tokens = token_names(moment, moment.tape, row - 1)
    return tokens if len(tokens) == held.shape[3] else [str(at + 1) for at in range(held.shape[3])]


def _is_of_examples(moment: Moment, held: Held) -> bool:
    """Whether its rows are examples; those of parameters are neurons."""
    tape = moment.tape
    of_examples = re.fullmatch(r"d?[ZAXYND](\[\d+\])?|d?[QKVSPOH]\[\d+\]|d?code|out\[\d+\]", held.name) is not None
    return tape is not None and of_examples and held.shape[:1] == [tape.size]


def _address(moment: Moment, name: str, at: list[int]) -> str:
    """An element in the course's notation, z₃[5](6123), else by its indices: W[1][3,5]."""
    plain = f"{name}[{','.join(map(str, at))}]" if at else name
    found = re.fullmatch(r"(d?)([ZAWb])\[(\d+)\]", name)
    if found is None:
        return plain
    sign, symbol, layer = found.groups()
    lower = sign + symbol.lower()
    if symbol == "b" and len(at) == 1:
        return f"{lower}{subscript(at[0])}[{layer}]"
    if len(at) != 2:
        return plain
    if symbol == "W":
        return f"{lower}{subscript(at[0])},{subscript(at[1])}[{layer}]"
    return f"{lower}{subscript(at[1])}[{layer}]({example_at(moment, at[0])})"


def example_at(moment: Moment, row: int) -> int:
    """The place in the data set of a row of the cursor's batch; the row itself where it is not known."""
    tape = moment.tape
    return tape.indices[row - 1] if tape is not None and row <= len(tape.indices) else row
