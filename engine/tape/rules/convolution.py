"""Convolutions in any number of dimensions, with stride, padding, dilation and groups, and transposed ones.

A convolution ties a long side to a short one: `place in long = place in short · stride − padding + tap · dilation`. Of
a plain one the long side goes in; of a transposed one the short side does, and what is backward to one is forward to
the other. Weights are short channels × long channels of a group × taps, either way.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.tape.rules.evaluation import MissingError, products
from engine.tape.rules.numbers import bracketed, number
from engine.tape.rules.rule import Call, Index, MakesRule, Rule, Shown, Sketch, letters

_Pairs = tuple[Tensor, Tensor]


def times(sizes: list[int]) -> str:
    """[3, 3] → 3×3"""
    return "×".join(map(str, sizes))


class _Geometry:
    def __init__(self, call: Call) -> None:
        n = len(call.shape("weight")) - 2
        self.taps = call.shape("weight")[2:]
        self.stride, self.padding, self.dilation = (
            list(call[name]) * (n if len(call[name]) == 1 else 1) for name in ("stride", "padding", "dilation")
        )
        self.groups = call["groups"]

    def note(self, transposed: bool) -> str:
        usual = {"stride": (self.stride, 1), "padding": (self.padding, 0), "dilation": (self.dilation, 1)}
        said = [f"{name} {times(sizes)}" for name, (sizes, plain) in usual.items() if set(sizes) != {plain}]
        said += [f"{self.groups} groups"] if self.groups != 1 else []
        return ", ".join((["transposed"] if transposed else []) + said)

    def in_long(self, short: int, dim: int, tap: int) -> int:
        return int(short * self.stride[dim] - self.padding[dim] + tap * self.dilation[dim])

    def in_short(self, long: int, dim: int, tap: int) -> int | None:
        """The place in the short side that a place in the long one is tied to by a tap; None for none."""
        place = long + self.padding[dim] - tap * self.dilation[dim]
        return place // self.stride[dim] if place % self.stride[dim] == 0 else None


def _tied(places: list[list[tuple[int, int]]]) -> tuple[list[Tensor], list[Tensor]]:
    """For each dimension the places and the taps that are tied, as indices."""
    return (
        [torch.tensor([place for place, _ in each], dtype=torch.long) for each in places],
        [torch.tensor([tap for _, tap in each], dtype=torch.long) for each in places],
    )


def _needed(call: Call, name: str) -> Tensor:
    found = call.tensor(name)
    if found is None or found.is_complex():
        raise MissingError(name)
    return found.double()


def _at_short(call: Call, index: Index, long: Tensor) -> _Pairs:
    """What one element of the short side is a sum of products of."""
    geometry, weight = _Geometry(call), _needed(call, "weight")
    each = weight.shape[1]
    first = index[1] // (weight.shape[0] // geometry.groups) * each
    tied = [
        [
            (at, tap)
            for tap in range(taps)
            if 0 <= (at := geometry.in_long(index[dim + 2], dim, tap)) < long.shape[dim + 2]
        ]
        for dim, taps in enumerate(geometry.taps)
    ]
    places, taps = _tied(tied)
    return _part(long[index[0], first : first + each], places), _part(weight[index[1]], taps)


def _at_long(call: Call, index: Index, short: Tensor) -> _Pairs:
    """What one element of the long side is a sum of products of."""
    geometry, weight = _Geometry(call), _needed(call, "weight")
    own, each = weight.shape[0] // geometry.groups, weight.shape[1]
    first = index[1] // each * own
    tied = []
    for dim, taps in enumerate(geometry.taps):
        found = ((geometry.in_short(index[dim + 2], dim, tap), tap) for tap in range(taps))
        tied.append([(at, tap) for at, tap in found if at is not None and 0 <= at < short.shape[dim + 2]])
    places, taps_ = _tied(tied)
    return _part(short[index[0], first : first + own], places), _part(
        weight[first : first + own, index[1] % each], taps_
    )


def _at_weight(call: Call, index: Index, short: Tensor, long: Tensor) -> _Pairs:
    """What the gradient of one weight is a sum of products of."""
    geometry, shape = _Geometry(call), call.shape("weight")
    channel = index[0] // (shape[0] // geometry.groups) * shape[1] + index[1]
    shorts, longs = [], []
    for dim, tap in enumerate(index[2:]):
        found = ((at, geometry.in_long(at, dim, tap)) for at in range(short.shape[dim + 2]))
        tied = [(at, place) for at, place in found if 0 <= place < long.shape[dim + 2]]
        shorts.append(torch.tensor([at for at, _ in tied], dtype=torch.long))
        longs.append(torch.tensor([place for _, place in tied], dtype=torch.long))
    return _part(short[:, index[0]], shorts), _part(long[:, channel], longs)


def _part(tensor: Tensor, places: list[Tensor]) -> Tensor:
    """The places chosen in the last dimensions, as one row."""
    for dim, chosen in enumerate(places):
        tensor = tensor.index_select(tensor.dim() - len(places) + dim, chosen)
    return tensor.reshape(-1)


def _shown(pairs: _Pairs, bias: float | None = None) -> Shown:
    left, right = pairs
    value = float(left @ right)
    text = f"{products(left, right)} ({left.numel()} products)" if left.numel() else "0 (only padding)"
    if bias is not None:
        text = f"{number(value)} + {bracketed(number(bias))}; {text}"
    return Shown(text, value + (bias or 0.0), float(left.abs() @ right.abs()))


def _forward(call: Call, index: Index) -> Shown:
    given = _needed(call, "input")
    pairs = _at_long(call, index, given) if call["transposed"] else _at_short(call, index, given)
    bias = float(_needed(call, "bias")[index[1]]) if call.is_tensor("bias") else None
    return _shown(pairs, bias)


def _to_input(call: Call, index: Index) -> Shown:
    arrived = _needed(call, "dout")
    return _shown(_at_short(call, index, arrived) if call["transposed"] else _at_long(call, index, arrived))


def _to_weight(call: Call, index: Index) -> Shown:
    sides = _needed(call, "dout"), _needed(call, "input")
    short, long = reversed(sides) if call["transposed"] else sides
    return _shown(_at_weight(call, index, short, long))


def _convolution(call: Call) -> Rule | None:
    transposed = bool(call["transposed"])
    star, back = ("⋆ᵀ", "⋆") if transposed else ("⋆", "⋆ᵀ")
    others = letters(tuple(dim for dim in range(len(call.out)) if dim != 1))
    return Rule(
        Sketch(f"{{input}} {star} {{weight}}" + (" + {bias}" if call.is_tensor("bias") else ""), _forward),
        {
            "input": Sketch(f"{{dout}} {back} {{weight}}", _to_input),
            "weight": Sketch("{input} ⋆ {dout}", _to_weight),
            "bias": f"Σ{others} {{dout}}",
        },
        align={"bias": (1,)},
        note=_Geometry(call).note(transposed),
    )


CONVOLUTIONS: dict[str, tuple[str, MakesRule]] = {"convolution": ("conv", _convolution)}
