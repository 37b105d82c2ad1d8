"""Codes in the plane: each example is its class's sign, in its class's colour."""

from __future__ import annotations

from collections import Counter

from engine.protocol.views import CodesView
from nnwalk_tui.render.numbers import number
from nnwalk_tui.render.spelled import awaited, drawn
from nnwalk_tui.render.text import Line, Span, fit


def draw(view: CodesView, width: int, height: int) -> list[Line]:
    """The plane as wide as there is room, and below it what the axes reach over."""
    if not view.points:
        return [awaited()]
    lines = max(1, height - 1)
    seen = _most_at(view, width - 1, lines)
    plane: list[Line] = [
        [(" ", "blank"), *(_sign(view, seen.get((column, line))) for column in range(width - 1))]
        for line in range(lines)
    ]
    return [*plane, _axes(view, width)][:height]


def _most_at(view: CodesView, columns: int, lines: int) -> dict[tuple[int, int], int]:
    """In each cell the class that most of its points have."""
    found: dict[tuple[int, int], Counter[int]] = {}
    for across, up, kind in view.points:
        at = round(across * (columns - 1)), round((1 - up) * (lines - 1))
        found.setdefault(at, Counter())[kind] += 1
    return {at: counts.most_common(1)[0][0] for at, counts in found.items()}


def _sign(view: CodesView, kind: int | None) -> Span:
    if kind is None:
        return " ", "blank"
    name = view.classes[kind] if kind < len(view.classes) else "•"
    return drawn(name[:1] or "•"), f"class:{kind}"


def _axes(view: CodesView, width: int) -> Line:
    reach = [f"{number(low).strip()} … {number(high).strip()}" for low, high in zip(view.low, view.high, strict=True)]
    told = [f"{sign} code {axis}: {span}" for sign, axis, span in zip("→↑", view.axes, reach, strict=True)]
    return [(fit(drawn(f" {'   '.join(told)}"), width).rstrip(), "quiet")]
