"""Pictures made larger or smaller: each place is a mean of the nearest ones of {self}, weighted by a matrix a side."""

from __future__ import annotations

import itertools
import math
from functools import reduce

import torch
from torch import Tensor

from engine.tape.rules.evaluation import MissingError
from engine.tape.rules.numbers import bracketed, joined, number
from engine.tape.rules.rule import Call, Index, MakesRule, Rule, Shown, Sketch

_SHOWN = 4


def _weights(size: int, out: int, scale: float | None, *, linear: bool, corners: bool) -> Tensor:
    """How much of each place goes into each that comes out, out × size; as torch places them."""
    ratio = 1 / scale if scale else size / out
    if corners:
        ratio = (size - 1) / (out - 1) if out > 1 else 0.0
    found = torch.zeros(out, size, dtype=torch.float64)
    for at in range(out):
        place = at * ratio if corners or not linear else max(0.0, (at + 0.5) * ratio - 0.5)
        low = min(math.floor(place), size - 1)
        part = min(place - low, 1.0) if linear else 0.0
        found[at, low] += 1 - part
        found[at, min(low + 1, size - 1)] += part
    return found


def _sides(call: Call, n: int, *, linear: bool) -> list[Tensor]:
    names = ("scales_d", "scales_h", "scales_w")[-n:] if n > 1 else ("scales",)
    corners = bool(call.get("align_corners", False))
    sizes = zip(call.shape("self")[-n:], call.out[-n:], names, strict=True)
    return [_weights(size, out, call.get(name), linear=linear, corners=corners) for size, out, name in sizes]


def _weighted(values: Tensor, sides: list[Tensor]) -> Shown:
    """The sum of some values, weighted by the product of what each side has of them."""
    shares = reduce(lambda whole, side: whole.unsqueeze(-1) * side, sides[1:], sides[0])
    places = [tuple(place) for place in itertools.product(*(side.nonzero()[:, 0].tolist() for side in sides))]
    terms = [(float(shares[place]), float(values[place])) for place in places]
    shown = [number(value) if share == 1 else f"{number(share)}·{bracketed(number(value))}" for share, value in terms]
    size = sum(abs(share * value) for share, value in terms)
    return Shown(joined(shown[:_SHOWN], len(shown)), sum(share * value for share, value in terms), size)


def _resized(n: int, *, linear: bool) -> MakesRule:
    def forward(call: Call, index: Index) -> Shown:
        sides = [side[at] for side, at in zip(_sides(call, n, linear=linear), index[-n:], strict=True)]
        return _weighted(_needed(call, "self")[index[:-n]], sides)

    def backward(call: Call, index: Index) -> Shown:
        sides = [side[:, at] for side, at in zip(_sides(call, n, linear=linear), index[-n:], strict=True)]
        return _weighted(_needed(call, "dout")[index[:-n]], sides)

    def rule(call: Call) -> Rule | None:
        words = "the nearest places of {self}, weighted by how near they are" if linear else "the nearest of {self}"
        return Rule(
            Sketch(words, forward),
            {
                "self": Sketch(
                    "Σ {dout} of the places that it goes to" + (", weighted alike" if linear else ""), backward
                )
            },
            note="corners on corners (align_corners)" if call.get("align_corners") else "",
        )

    return rule


def _needed(call: Call, name: str) -> Tensor:
    found = call.tensor(name)
    if found is None:
        raise MissingError(name)
    return found.double()


RESIZINGS: dict[str, tuple[str, MakesRule]] = {
    "upsample_nearest1d": ("upsample", _resized(1, linear=False)),
    "upsample_nearest2d": ("upsample", _resized(2, linear=False)),
    "upsample_nearest3d": ("upsample", _resized(3, linear=False)),
    "upsample_linear1d": ("upsample", _resized(1, linear=True)),
    "upsample_bilinear2d": ("upsample", _resized(2, linear=True)),
    "upsample_trilinear3d": ("upsample", _resized(3, linear=True)),
}
