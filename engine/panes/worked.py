"""One addressed element of an event, worked out with its numbers and compared with what the tape holds (course §5.1).

Where the event made a NaN or an infinity and the addressed element is none, it is the first of them.

Neurons, examples and places count from 1; the number in round brackets is the example's place in the data set, or its
row in the batch where that is not known.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from engine.lookup.moment import Moment
from engine.lookup.nonfinite import bad_place
from engine.panes.between import between_numbers
from engine.panes.updates import update
from engine.protocol.positions import Phase
from engine.tape.calls import Edge, edges, is_added, made, rule_of, total
from engine.tape.rules.evaluation import MissingError, Worked, work_out
from engine.tape.rules.numbers import number
from engine.tape.rules.rule import Call, Index, Right, Rule
from engine.tape.tape import Event, Tape, Value

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_EDGES = 3  # gradients that are worked out
_ROUNDINGS = 64  # of the largest number on the way: what a sum of many may be off by
_FINEST = 2e-9  # torch keeps constants such as 1/6 in float32, whatever the type
_FLOATS = {"float16", "bfloat16", "float32", "float64"}


class Numbers(NamedTuple):
    """Lines of what was worked out, and whether it is what the tape holds."""

    lines: list[str]
    agrees: bool = True


def worked(moment: Moment, tape: Tape, event: Event, picked: tuple[int, int]) -> Numbers:
    """One element worked out; no lines for events whose arithmetic has no short form."""
    if event.phase is Phase.LOAD:
        return Numbers(_loaded(tape.indices, moment.description.seed))
    if event.phase is Phase.UPDATE:
        return Numbers(*update(tape, event))
    if event.phase is Phase.BETWEEN and event.changed:
        return Numbers(between_numbers(tape, event))
    return _backward(tape, event, picked) if event.phase is Phase.BACKWARD else _forward(tape, event, picked)


def _loaded(indices: list[int], seed: int) -> list[str]:
    """Which examples of the data set were loaded, where that is known."""
    if not indices:
        return []
    shown = ", ".join(str(index) for index in indices[:3]) + (f" … {indices[-1]}" if len(indices) > 3 else "")
    return [f"rows {shown} of the data set", f"{len(indices)} examples, shuffled with seed {seed}"]


def subscript(number: int) -> str:
    """3 → ₃"""
    return str(number).translate(_SUBSCRIPTS)


# ── forward and backward ──────────────────────────────────────────────────────────────────────────────────────────────


def _forward(tape: Tape, event: Event, picked: tuple[int, int]) -> Numbers:
    out = event.outputs[0] if event.outputs else None
    held = None if out is None else made(tape, out, event.number)
    if out is None or held is None or not _is_shown(held):
        return Numbers([])
    rule, call = rule_of(tape, event)
    index = bad_place(tape, event, held, _index(held, picked, tape))
    address = _address(tape, out, index)
    right = "" if rule is None else rule.forward
    found = _element(rule, call, "out", right, index, held, address)
    symbolic = _linear(event, address, index) if found.agrees and found.lines else []
    return Numbers([*symbolic, *found.lines], found.agrees)


def formula_at(tape: Tape, event: Event, index: Index) -> str:
    """The right side of a forward event's rule with the numbers of one element; "" where that is not what was made."""
    rule, call = rule_of(tape, event)
    held = made(tape, event.outputs[0], event.number) if event.outputs else None
    if rule is None or held is None or len(index) != held.dim():
        return ""
    try:
        found = work_out(rule, call, "out", rule.forward, index)
    except MissingError:
        return ""
    return found.text if agree(found, float(held[index]), _rounding(held, call)) else ""


def _backward(tape: Tape, event: Event, picked: tuple[int, int]) -> Numbers:
    twin = event.twin
    if twin is None:
        return Numbers([])
    rule, call = rule_of(tape, twin, event)
    lines: list[str] = []
    agrees = True
    for edge in list(edges(rule, event))[:_EDGES]:
        gradient = edge.gradient.mT if edge.turned else edge.gradient
        if not _is_shown(gradient):
            continue
        index = _index(gradient, picked, tape, parameter=bool(edge.target.root().parameter))
        if not edge.turned:
            index = bad_place(tape, event, gradient, index)
        address = "d" + _address(tape, edge.target, index, turned=edge.turned)
        found = _element(rule, call, edge.argument, edge.right, index, gradient, address)
        lines += _added(tape, event, edge, index, found.lines, address)
        agrees = agrees and found.agrees
    return Numbers(lines, agrees)


def _added(tape: Tape, event: Event, edge: Edge, index: Index, lines: list[str], address: str) -> list[str]:
    """Lines of one element, which say so where it is a part of the gradient, and with the last part the whole."""
    if not is_added(tape, event, edge.target):
        return lines
    lines = [lines[0].replace(f"{address} = ", f"{address} += ", 1), *lines[1:]]
    whole, part = total(tape, event, edge.target), edge.gradient.mT if edge.turned else edge.gradient
    if whole is not None and edge.turned and not edge.target.root().parameter:
        whole = whole.mT
    if whole is None or not _is_shown(whole) or whole.shape != part.shape:
        return lines
    return [*lines, f"  {address} is then {number(float(whole[index]))}"]


def _is_shown(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_complex() and tensor.numel() > 0


def _element(
    rule: Rule | None, call: Call, result: str, right: Right, index: Index, held: Tensor, address: str
) -> Numbers:
    """The lines of one element: its formula with numbers, the sums in it, and how far off the tape is, if it is."""
    recorded = float(held[index])
    if rule is None or not right:
        return Numbers([f"{address} = {number(recorded)}"])
    try:
        found = work_out(rule, call, result, right, index)
    except MissingError:
        return Numbers([f"{address} = {number(recorded)}"])
    except (RuntimeError, LookupError, ValueError):  # a call that the rule was not written for: it cannot be checked
        return Numbers([f"{address} = {number(recorded)}"], False)
    agrees = agree(found, recorded, _rounding(held, call))
    if not agrees:
        off = abs(found.value - recorded)
        missed = f"misses by {number(off)}" if math.isfinite(off) else f"gives as {number(found.value)}"
        return Numbers([f"{address} = {number(recorded)}, which the formula {missed}"], False)
    return Numbers([_equation(address, found, recorded), *(f"  {line}" for line in found.lines)])


def _equation(address: str, found: Worked, recorded: float) -> str:
    value, held = number(found.value), number(recorded)
    text = f"{address} = {found.text}"
    if found.text != value:
        text += f" = {value}"
    return text if value == held else f"{text}; the tape has {held}, {number(abs(found.value - recorded))} off"


def agree(found: Worked, recorded: float, rounding: float) -> bool:
    """Whether a value worked out in float64 is the recorded one, but for rounding."""
    if not math.isfinite(found.value) or not math.isfinite(recorded):
        return str(found.value) == str(recorded) or math.isinf(recorded)
    size = max(abs(recorded), found.largest, abs(found.value))
    return abs(found.value - recorded) <= _ROUNDINGS * max(rounding, _FINEST) * size


def _rounding(held: Tensor, call: Call) -> float:
    """The coarsest of the types that took part."""
    types = {str(getattr(item, "dtype", "")) for item in call.arguments.values()} & _FLOATS
    found = [torch.finfo(getattr(torch, name)).eps for name in types]
    own = torch.finfo(held.dtype).eps if held.is_floating_point() else 0.0
    return max([own, *found])


# ── which element ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _index(tensor: Tensor, picked: tuple[int, int], tape: Tape, *, parameter: bool = False) -> Index:
    """The picked row and neuron, as far as there are as many; in further dimensions the place of the greatest size."""
    row, neuron = (number - 1 for number in picked)
    alone = parameter or (tensor.dim() == 1 and tensor.shape[0] != tape.size)
    first = [neuron] if alone else [row, neuron]
    index = tuple(min(at, size - 1) for at, size in zip(first, tensor.shape, strict=False))
    rest = tensor[index]
    if rest.dim() == 0:
        return index
    flat, further = _busiest(rest), list[int]()
    for size in reversed(rest.shape):
        further.insert(0, flat % size)
        flat //= size
    return (*index, *further)


def _busiest(tensor: Tensor) -> int:
    sizes = tensor.abs().nan_to_num(torch.inf) if tensor.is_floating_point() else tensor.double().abs()
    return int(sizes.reshape(-1).argmax())


def _address(tape: Tape, value: Value, index: Index, *, turned: bool = False) -> str:
    """z₃[1](17) for a neuron of a layer, Z[2][1,3,5] for an element of anything else, ℒ for a number.

    A layer whose rows are no examples, its neurons or its tokens, has no place in the data set to name.
    """
    of_examples = len(index) == 2 and not turned and tape.size in (0, value.shape[0])  # 0 where it is not known
    if of_examples and value.symbol and "[" in value.name:
        symbol, _, rest = value.name.partition("[")
        row = index[0]
        place = tape.indices[row] if row < len(tape.indices) else row + 1
        return f"{symbol.lower()}{subscript(index[1] + 1)}[{rest}({place})"
    name = value.name or "out"
    if turned:
        name = name.removesuffix("ᵀ") if name.endswith("ᵀ") else name + "ᵀ"
    return name + ("[" + ",".join(str(at + 1) for at in index) + "]" if index else "")


def _linear(event: Event, address: str, index: Index) -> list[str]:
    """A neuron's sum in letters, where both factors have them."""
    given = event.arguments.get("mat1")
    if (
        event.aten != "addmm"
        or len(index) != 2
        or "(" not in address
        or not getattr(given, "name", "").startswith("A[")
    ):
        return []
    layer, j, before = event.layer, subscript(index[1] + 1), given.name.removeprefix("A")  # type: ignore[union-attr]
    return [f"{address} = Σₖ aₖ{before}·w{j}ₖ[{layer}] + b{j}[{layer}]"]
