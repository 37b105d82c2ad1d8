"""Rectangles of character cells, and how a length is shared by those that stand along it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle of character cells."""

    x: int
    y: int
    width: int
    height: int


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box around others, of which there is at least one."""
    every = list(boxes)
    x, y = min(box.x for box in every), min(box.y for box in every)
    return Box(x, y, max(box.x + box.width for box in every) - x, max(box.y + box.height for box in every) - y)


def shared(cells: int, least: Sequence[int], wanted: Sequence[int], stretch: Sequence[int] = ()) -> list[int]:
    """`cells` for things in a row: each its least, then more in turn up to what it wants, the rest by `stretch`.

    Without a stretch the last takes the rest. There are at least as many cells as the least of all.
    """
    shares = list(least)
    spare = cells - sum(shares)
    while spare > 0 and (hungry := [at for at, want in enumerate(wanted) if shares[at] < want]):
        for at in hungry[:spare]:
            shares[at] += 1
        spare = cells - sum(shares)
    more = split(spare, stretch) if any(stretch) else [*[0] * (len(shares) - 1), spare]
    return [share + extra for share, extra in zip(shares, more, strict=True)]


def split(cells: int, weights: Sequence[int]) -> list[int]:
    """`cells` by weight, whole ones, all of them given out."""
    borders = [cells * until // sum(weights) for until in accumulate(weights)]
    return [border - before for before, border in zip((0, *borders), borders, strict=False)]


def moved(sizes: Sequence[int], least: Sequence[int], by: Sequence[int]) -> list[int]:
    """Sizes after each has grown `by` some cells at its neighbours' cost, or shrunk; none becomes less than its least.

    What comes after gives first, then what comes before.
    """
    now = list(sizes)
    for at, cells in enumerate(by):
        others = [*range(at + 1, len(now)), *range(at - 1, -1, -1)]
        for other in others:
            gain = max(min(cells, now[other] - least[other]), min(0, least[at] - now[at]))
            now[at], now[other] = now[at] + gain, now[other] - gain
            cells -= gain
            if cells < 0:
                break  # a neighbour takes as many as there are to give
    return now
