"""A tensor of any shape as a table: a row for each index of its first dimension, the others side by side."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from engine.statistics import plain

_STRETCH = 65_536  # values
_HISTOGRAM_OF = 4_000_000  # values; of larger tensors every n-th is counted


def as_table(tensor: Tensor) -> Tensor:
    """(rows, columns): a scalar is 1 × 1, a vector n × 1."""
    if tensor.dim() < 2:
        return tensor.reshape(-1, 1)
    return tensor.reshape(tensor.shape[0], -1)


def as_numbers(tensor: Tensor) -> Tensor:
    """Floating-point values: a complex number's magnitude, true and false as 1 and 0, all of a sparse tensor's."""
    tensor = plain(tensor)
    return tensor if tensor.is_floating_point() else tensor.double()


def indices(shape: Sequence[int], row: int, column: int) -> list[int]:
    """The tensor's own indices of a place of its table, all from 1."""
    if not shape:
        return []
    found, rest = [], column - 1
    for size in reversed(shape[1:]):
        found.append(rest % size + 1)
        rest //= size
    return [row, *reversed(found)]


def place(shape: Sequence[int], found: Sequence[int]) -> tuple[int, int]:
    """Row and column of the table, from 1, of an element by its own indices, from 1."""
    column = 0
    for size, index in zip(shape[1:], found[1:], strict=True):
        column = column * size + index - 1
    return (found[0] if found else 1), column + 1


class Places:
    """The places of a long row of values at which something holds; the stretches that have one are found once."""

    def __init__(self, flat: Tensor, holds: Callable[[Tensor], Tensor], stretch: int = _STRETCH) -> None:
        self._flat, self._holds, self._stretch = flat, holds, stretch
        starts = range(0, flat.numel(), stretch)
        self._having = [start for start in starts if bool(holds(flat[start : start + stretch]).any())]

    def after(self, place: int) -> int | None:
        """The next one after a place, counted from 0 and going round; None where there is none."""
        later = bisect_right(self._having, place)
        for start in (place + 1, *self._having[later:], *self._having[:later]):
            end = start - start % self._stretch + self._stretch
            mask = self._holds(self._flat[start:end])
            if bool(mask.any()):
                return start + int(mask.to(torch.uint8).argmax())
        return None


def is_bad(values: Tensor) -> Tensor:
    """Where NaN or an infinity stands."""
    return ~torch.isfinite(values)


def is_zero(values: Tensor) -> Tensor:
    """Where exactly zero stands."""
    return values == 0


def blocks(table: Tensor, rows: int, columns: int) -> list[list[float]]:
    """The table in at most rows × columns blocks: of each the value of greatest magnitude, NaN where one is in it."""
    return [line.tolist() for line in _extremes(_extremes(table, rows, 0), columns, 1)]


def _extremes(table: Tensor, count: int, axis: int) -> Tensor:
    size = table.shape[axis]
    if size <= count:
        return table
    edges = torch.linspace(0, size, count + 1).long().tolist()
    parts = [table.narrow(axis, a, b - a) for a, b in pairwise(edges)]
    return torch.stack([_extreme(part, axis) for part in parts], axis)


def _extreme(part: Tensor, axis: int) -> Tensor:
    low, high = part.amin(axis), part.amax(axis)
    return torch.where(-low > high, low, high)


def as_picture(one: Tensor, side: int = 28) -> Tensor | None:
    """What is of the form of a picture, (side²,) or maps (channels, height, width), which stand beside each other."""
    if one.dim() == 1 and one.numel() == side * side:
        return one.reshape(side, side)
    if one.dim() == 2 and min(one.shape) > 1:
        return one
    if one.dim() != 3 or min(one.shape[1:]) < 2:
        return None
    across = math.ceil(math.sqrt(len(one)))
    rows = [torch.cat([*functional.pad(part, (0, 1, 0, 1))], 1) for part in one.split(across)]
    wide = rows[0].shape[1]
    return torch.cat([functional.pad(row, (0, wide - row.shape[1])) for row in rows])[:-1, :-1]


def histogram(values: Tensor, bins: int) -> tuple[list[int], float, float, int]:
    """Counts of the finite values in equal bins, the span, and which n-th value was counted."""
    flat = values.reshape(-1)
    step = max(1, math.ceil(flat.numel() / _HISTOGRAM_OF))
    finite = flat[::step]
    finite = finite[torch.isfinite(finite)].float()
    if finite.numel() == 0:
        return [], 0.0, 0.0, step
    low, high = float(finite.min()), float(finite.max())
    counts = torch.histc(finite, bins, low, high) if high > low else torch.tensor([finite.numel()])
    return [int(count) for count in counts], low, high, step
