"""What of the table of gradients is looked at, and what is said of the rest."""

from __future__ import annotations

import math

from engine.protocol.messages import GradientLook
from engine.protocol.views import Gradient, Gradients

_KINDS = {"dW": "W", "db": "b", "dZ": "Z"}  # by mode


def table(found: list[Gradient], look: GradientLook) -> Gradients:
    """The rows that are looked at, and what is said of all those that are not."""
    rows, parameters = _of_mode(found, look.mode), _of_mode(found, "dW db")
    return Gradients(
        look.mode,
        len(rows),
        look.first,
        rows[look.first : look.first + look.rows],
        len(parameters),
        max((gradient.name for gradient in found), key=len, default=""),
        _smallest(rows),
        _span(rows if look.mode == "dZ" else parameters),
    )


def _of_mode(gradients: list[Gradient], mode: str) -> list[Gradient]:
    wanted = _KINDS.get(mode)
    return [each for each in gradients if (each.kind == wanted if wanted else each.kind != "Z")]


def _smallest(rows: list[Gradient]) -> str:
    known = [each for each in rows if each.norm is not None and math.isfinite(each.norm)]
    return min(known, key=lambda each: each.norm or 0.0).name if len(known) > 1 else ""


def _span(rows: list[Gradient]) -> tuple[float, float] | None:
    norms = [each.norm for each in rows if each.norm and math.isfinite(each.norm)]
    return (min(norms), max(norms)) if norms else None
