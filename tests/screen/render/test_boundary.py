"""The map of the plane: classes, how sure, and points are told apart by signs alone, whatever the terminal shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.protocol.views import BoundaryView
from nnwalk_tui.colours import theme
from nnwalk_tui.render.boundary import RIGHT, SIGNS, WRONG, draw, map_size
from nnwalk_tui.render.text import Line, measure


@pytest.fixture(params=["full", "ansi", "none", "ascii"])
def terminal(request: pytest.FixtureRequest) -> Iterator[str]:
    ascii_only = request.param == "ascii"
    theme.use(ascii=ascii_only, colours=theme.Colours(request.param if not ascii_only else "none"))
    yield request.param
    theme.use()


def view(**changes: object) -> BoundaryView:
    """Class 0 at the left, class 1 at the right, not sure in the middle; a wrong point above a right one."""
    usual: dict[str, object] = {
        "rows": 1,
        "columns": 3,
        "predicted": bytes([0, 1, 1]),
        "sure": bytes([255, 10, 255]),
        "classes": ["cat", "dog"],
        "low": [-2.0, 0.5],
        "side": 4.0,
        "points": [(0.1, 0.9, False), (0.1, 0.1, True), (0.1, 0.11, True)],
        "about": "training points",
        "right": 2,
        "total": 3,
    }
    return BoundaryView(**usual | changes)  # type: ignore[arg-type]


def text(line: Line) -> str:
    return "".join(part for part, _ in line)


def test_signs_alone_tell_classes_and_points_apart(terminal: str) -> None:
    lines = draw(view(), 80, 18)
    map_of = [text(line)[:36] for line in lines]
    left, middle, right = ("".join(line[start : start + 12] for line in map_of) for start in (0, 12, 24))
    assert SIGNS[0] in left
    assert SIGNS[1] not in left
    assert SIGNS[1] in right
    assert not set(SIGNS) & set(middle)  # not sure
    assert [line.index(WRONG) for line in map_of if WRONG in line] == [3]
    assert [line.index(RIGHT) for line in map_of if RIGHT in line] == [3]
    words = " ".join(text(line) for line in lines)
    for each in ("cat", "dog", "2 right", "1 wrong", "of 3 training points", "−2 … 2", "0.5 … 4.5"):
        assert each in words or theme.to_ascii(each).replace("~", "...") in words, each


def test_in_a_cell_of_many_points_a_wrong_one_is_seen(terminal: str) -> None:
    lines = draw(view(points=[(0.5, 0.5, True), (0.5, 0.5, False), (0.5, 0.5, True)]), 40, 18)
    assert sum(text(line).count(WRONG) for line in lines) == 1
    assert not any(RIGHT in text(line) for line in lines)


def test_no_number_is_no_class(terminal: str) -> None:
    lines = draw(view(predicted=bytes([255] * 3), points=[]), 30, 8)
    assert all(set(text(line).rstrip()) == {"?"} for line in lines)


@pytest.mark.parametrize("size", [(78, 20), (78, 9), (30, 8), (20, 3), (5, 1), (200, 60)])
def test_it_fits(size: tuple[int, int], terminal: str) -> None:
    width, height = size
    lines = draw(view(), *size)
    assert len(lines) <= height
    assert all(measure(line) <= width for line in lines)
    rows, columns = map_size(*size)
    assert columns <= max(width, 2)
    assert rows * (1 if terminal in ("full",) else 2) == 2 * len(lines)


@pytest.mark.parametrize("kind", range(6))
def test_ink_stands_out_from_its_region(kind: int) -> None:
    palette = theme.Palette(theme.DEFAULT, theme.DEFAULT)
    shades = [palette.style(f"region::{kind}.{shade}").bgcolor for shade in range(theme.REGIONS + 1)]
    assert len(set(shades)) == theme.REGIONS + 1
    style = palette.style(f"region:{kind}.{theme.INK}:{kind}.{theme.REGIONS}")
    assert style.color != style.bgcolor
