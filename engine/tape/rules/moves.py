"""Operations that only choose, repeat, join or rearrange elements.

Where each element comes from is found by moving the numbers of the places themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.tape.rules.evaluation import MissingError
from engine.tape.rules.numbers import joined, number
from engine.tape.rules.rule import Call, Index, MakesRule, Rule, Shape, Shown, Sketch
from engine.tape.rules.running import whole_median

_FILLED = -1  # an element that comes from nowhere
_SHOWN = 3

Move = Callable[[Call, Tensor], Tensor]


def _needed(call: Call, name: str) -> Tensor:
    found = call.tensor(name)
    if found is None:
        raise MissingError(name)
    return found


def _places(shape: Shape, begin: int = 0) -> Tensor:
    return torch.arange(begin, begin + math.prod(shape)).reshape(shape)


def _unravelled(flat: int, shape: Shape) -> Index:
    found: list[int] = []
    for size in reversed(shape):
        found.append(flat % size)
        flat //= size
    return tuple(reversed(found))


def _written(index: Index) -> str:
    return "[" + ",".join(str(at + 1) for at in index) + "]"


def _flat(index: Index, shape: Shape) -> int:
    flat = 0
    for at, size in zip(index, shape, strict=True):
        flat = flat * size + at
    return flat


def _sum_of(arrived: Tensor, chosen: Tensor) -> Shown:
    terms = arrived[chosen].double()
    text = joined([number(float(term)) for term in terms[:_SHOWN]], terms.numel()) if terms.numel() else "0"
    return Shown(
        f"{text} ({terms.numel()} {'place' if terms.numel() == 1 else 'places'})",
        float(terms.sum()),
        float(terms.abs().sum()),
    )


def _moved(source: str, text: str, move: Move, back: str = "Σ {dout} of the places that it went to") -> MakesRule:
    """The rule of an operation that moves elements of one argument."""

    def forward(call: Call, index: Index) -> Shown:
        place = int(move(call, _places(call.shape(source)))[index])
        if place == _FILLED:
            value = float(call.get("value", 0) or 0)
            return Shown(f"{number(value)}, filled in", value)
        at = _unravelled(place, call.shape(source))
        value = float(_needed(call, source)[at])
        return Shown(f"{getattr(call[source], 'name', '') or source}{_written(at)}", value, abs(value))

    def backward(call: Call, index: Index) -> Shown:
        if _is_padding(call, index):
            return Shown("0, the padding's", 0.0)
        flat = _flat(index, call.shape(source))
        return _sum_of(_needed(call, "dout"), move(call, _places(call.shape(source))) == flat)

    def rule(call: Call) -> Rule | None:
        scaled = call.get("scale_grad_by_freq")
        return Rule(Sketch(text, forward), {source: "" if scaled else Sketch(back, backward)})

    return rule


def _is_padding(call: Call, index: Index) -> bool:
    """Whether the gradient is that of the row which an embedding holds for padding."""
    return "padding_idx" in call.arguments and call["padding_idx"] == index[0]


def _index(call: Call, places: Tensor) -> Tensor:
    at = [
        slice(None) if item is None else _needed(call, f"indices[{number}]")
        for number, item in enumerate(call["indices"])
    ]
    return places[tuple(at)]


def _along(call: Call) -> Tensor:
    """The places that were chosen along a dimension, with that dimension in them."""
    chosen = _needed(call, "out1")
    if chosen.dim() < len(call.shape("self")):
        chosen = chosen.unsqueeze(call["dim"])
    return chosen


def _chosen(call: Call, places: Tensor) -> Tensor:
    return places.gather(call["dim"], _along(call)).reshape(call.out)


def _joined(join: Callable[[list[Tensor], int], Tensor]) -> MakesRule:
    """cat and stack, of several tensors."""

    def places(call: Call) -> tuple[list[int], Tensor]:
        begins, parts = [0], []
        for part in call["tensors"]:
            parts.append(_places(part.shape, begins[-1]))
            begins.append(begins[-1] + parts[-1].numel())
        return begins, join(parts, call.get("dim", 0))

    def forward(call: Call, index: Index) -> Shown:
        begins, moved = places(call)
        place = int(moved[index])
        part = max(number for number, begin in enumerate(begins[:-1]) if begin <= place)
        name = f"tensors[{part}]"
        at = _unravelled(place - begins[part], call.shape(name))
        value = float(_needed(call, name)[at])
        return Shown(f"{call[name].name or f'part {part + 1}'}{_written(at)}", value, abs(value))

    def backward(part: int) -> Callable[[Call, Index], Shown]:
        def at(call: Call, index: Index) -> Shown:
            begins, moved = places(call)
            flat = begins[part] + _flat(index, call.shape(f"tensors[{part}]"))
            return _sum_of(_needed(call, "dout"), moved == flat)

        return at

    def rule(call: Call) -> Rule | None:
        count = len(call["tensors"])
        shown = ", ".join(f"{{tensors[{part}]}}" for part in range(min(count, 3))) + (", …" if count > 3 else "")
        gradients = {f"tensors[{part}]": Sketch("its part of {dout}", backward(part)) for part in range(count)}
        note = f"along {'ijklmn'[call.dims('tensors[0]', call.get('dim', 0))[0]]}" if join is torch.cat else ""
        return Rule(Sketch(f"[{shown}]", forward), gradients, note=note)

    return rule


def _median(call: Call) -> Rule | None:
    along = _moved("self", "median of {self}", _chosen)
    return along(call) if call.arguments.get("dim") is not None else whole_median(call)


MOVES: dict[str, tuple[str, MakesRule]] = {
    "embedding": (
        "embedding",
        _moved(
            "weight",
            "{weight}[{indices}]",
            lambda call, places: places[_needed(call, "indices")],
            "Σ {dout} where {indices} is the row",
        ),
    ),
    "index": ("index", _moved("self", "{self}[…]", _index)),
    "index_select": (
        "index-select",
        _moved(
            "self", "{self}[{index}]", lambda call, places: places.index_select(call["dim"], _needed(call, "index"))
        ),
    ),
    "gather": (
        "gather",
        _moved("self", "{self} at {index}", lambda call, places: places.gather(call["dim"], _needed(call, "index"))),
    ),
    "topk": ("topk", _moved("self", "the first of {self} in order", _chosen)),
    "sort": ("sort", _moved("self", "{self} in order", _chosen)),
    "median": ("median", _median),
    "constant_pad_nd": (
        "pad",
        _moved(
            "self",
            "{self}, and {value} around it",
            lambda call, places: functional.pad(places, call["pad"], value=_FILLED),
            "{dout} without its edges",
        ),
    ),
    "flip": ("flip", _moved("self", "{self}, turned round", lambda call, places: places.flip(call["dims"]))),
    "roll": (
        "roll",
        _moved("self", "{self}, shifted", lambda call, places: places.roll(call["shifts"], call.get("dims", ()))),
    ),
    "repeat": ("repeat", _moved("self", "{self}, repeated", lambda call, places: places.repeat(call["repeats"]))),
    "tril": (
        "tril",
        _moved("self", "{self}, 0 above the diagonal", lambda call, places: (places + 1).tril(call["diagonal"]) - 1),
    ),
    "triu": (
        "triu",
        _moved("self", "{self}, 0 below the diagonal", lambda call, places: (places + 1).triu(call["diagonal"]) - 1),
    ),
    "cat": ("cat", _joined(torch.cat)),
    "stack": ("stack", _joined(torch.stack)),
}
