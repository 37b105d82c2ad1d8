"""The shape of networks with attention: their options, and whether they fit. It loads no torch."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.errors import ExperimentError
from engine.experiments.kinds import DIGITS

POSITIONS = ("learnt", "none")
PATCHES = (2, 4, 7, 14)  # pixels, into which 28 can be cut
_PATCH = 7  # where nothing is said
_MOST_HEADS, _MOST_WIDTH, _MOST_BLOCKS = 16, 1024, 20  # a slip of the finger, or a hostile file


class OneAttention(NamedTuple):
    """One layer of attention; its fields are an experiment's."""

    heads: int = 1
    width: int = 32  # numbers for a token
    positions: str = "learnt"  # of POSITIONS: whether something is added to a token that tells its place
    patch: int | None = None  # × patch pixels are a token; None of what has tokens of its own

    @classmethod
    def of(cls, given: dict[str, Any], kind: str) -> OneAttention:
        """With what is not given chosen. Raises ExperimentError."""
        return cls(**_checked({"heads": 1, **given}, kind))


class Blocks(NamedTuple):
    """Blocks of a transformer, each of attention and a network for each token; its fields are an experiment's."""

    heads: int = 2
    width: int = 32
    positions: str = "learnt"
    patch: int | None = None
    blocks: int = 1

    @classmethod
    def of(cls, given: dict[str, Any], kind: str) -> Blocks:
        """With what is not given chosen. Raises ExperimentError."""
        return cls(**_checked({"heads": 2, **given}, kind))


def _checked(given: dict[str, Any], kind: str) -> dict[str, Any]:
    """What is given, and the usual patch where the examples are pictures. Raises ExperimentError."""
    heads, width, blocks = given["heads"], given.get("width", 32), given.get("blocks", 1)
    _require(1 <= heads <= _MOST_HEADS, f"{heads} heads are too few or too many", f"use 1 to {_MOST_HEADS}")
    _require(1 <= width <= _MOST_WIDTH, f"the width {width} is not in 1 … {_MOST_WIDTH}", "use for example 32")
    _require(
        width % heads == 0,
        f"a width of {width} cannot be shared among {heads} heads",
        f"use for example a width of {heads * max(1, round(width / heads))}",
    )
    _require(1 <= blocks <= _MOST_BLOCKS, f"{blocks} blocks are too few or too many", f"use 1 to {_MOST_BLOCKS}")
    positions = given.get("positions", "learnt")
    _require(positions in POSITIONS, f"there are no positions “{positions:.40}”", f"use {' or '.join(POSITIONS)}")
    patch = given.get("patch")
    if kind != DIGITS:
        _require(patch is None, f"a patch of {patch} pixels is of pictures, and these are {kind}", "leave it out")
        return given
    _require(
        patch is None or patch in PATCHES,
        f"28 × 28 pixels are not cut into patches of {patch} × {patch}",
        f"use {', '.join(map(str, PATCHES))}",
    )
    return {"patch": _PATCH, **given}


def _require(holds: bool, problem: str, cure: str) -> None:
    if not holds:
        raise ExperimentError(problem, cure)
