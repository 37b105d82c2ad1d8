"""The kernel's window and its cell are seen by signs alone, at any size, and no number is cut."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from engine.protocol.views import Picture, SlideGrid, SlideView
from nnwalk_tui.colours import theme
from nnwalk_tui.render.slide import draw, places
from nnwalk_tui.render.text import measure


@pytest.fixture(params=["full", "none", "ascii"])
def terminal(request: pytest.FixtureRequest) -> Iterator[str]:
    ascii_only = request.param == "ascii"
    theme.use(ascii=ascii_only, colours=theme.Colours(request.param if not ascii_only else "none"))
    yield request.param
    theme.use()


def view(side: int = 28, taps: int = 3, scale: float = 1.0) -> SlideView:
    """A map of middling values, the window at 5, 6, the cell at 7, 8."""
    levels = bytes([160] * side * side)
    values = [[scale * (row - column) for column in range(taps)] for row in range(taps)]
    return SlideView(
        title="W[1] 8×1×3×3",
        row=8,
        column=9,
        rows=side,
        columns=side,
        channels=8,
        maps=[Picture(1, "A[0]", "", side, side, levels, 1.0), Picture(1, "Z[1]", "", side, side, levels, 1.0)],
        down=[5 + tap for tap in range(taps)],
        across=[6 + tap for tap in range(taps)],
        at=[7, 8],
        grids=[SlideGrid(title, values) for title in ("patch", "∗ kernel", "= products")],
        sums=[("products", 0.25), ("b[1]", 0.5), ("Z[1]", 0.75)],
    )


def _marked(lines: list[list[tuple[str, str]]], start: int, width: int) -> int:
    """Cells of a map that are marked."""
    count = 0
    for line in lines[1:-2]:
        at = 0
        for text, style in line:
            here = style.startswith("heat:h") or ":h" in style or text in ("○", "◉")
            count += here and start <= at < start + width
            at += len(text)
    return count


@pytest.mark.parametrize("side", [28, 14, 11, 40])
@pytest.mark.parametrize("size", [(78, 18), (118, 34), (60, 12)])
def test_window_and_cell_are_marked_however_the_maps_are_drawn(side: int, size: tuple[int, int], terminal: str) -> None:
    shown = view(side)
    where = places(shown, *size)
    lines = draw(shown, *size)
    assert [_marked(lines, place.x, place.columns) > 0 for place in where] == [True, True]
    assert _marked(lines, where[0].x, where[0].columns) > _marked(lines, where[1].x, where[1].columns)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e4])
@pytest.mark.parametrize("taps", [1, 3, 5])
@pytest.mark.parametrize("size", [(78, 18), (78, 7), (118, 34), (30, 10)])
def test_what_is_drawn_fits_and_says_what_comes_of_it(
    size: tuple[int, int], taps: int, scale: float, terminal: str
) -> None:
    lines = draw(view(taps=taps, scale=scale), *size)
    assert len(lines) <= size[1]
    text = "\n".join("".join(part for part, _ in line) for line in lines)
    assert "= Z[1] 0.75" in text
    if size == (118, 34):
        assert all(measure(line) <= size[0] for line in lines)
        assert scale == 1.0 or "×10" in text or "e" in text or scale > 1


@pytest.mark.parametrize(("taps", "size"), [(5, (78, 18)), (7, (78, 18)), (11, (78, 18)), (5, (78, 7)), (3, (78, 7))])
def test_patch_kernel_and_products_of_a_wide_kernel_are_seen_whole_in_a_low_pane(
    taps: int, size: tuple[int, int]
) -> None:
    """As numbers, or as colours with their scale: each of the three has all its rows."""
    lines = draw(view(taps=taps), *size)
    assert all(measure(line) <= size[0] for line in lines)
    text = "\n".join("".join(part for part, _ in line) for line in lines)
    assert all(title in text for title in ("patch", "∗ kernel", "= products"))
    assert "more" not in text
    where = places(view(taps=taps), *size)
    right = list(_right_of(lines, where[1].x + where[1].columns if where else 0))
    rows = [part.split() for part, style in right if style == "text"]
    numbers = sum(len(row) for row in rows if len(row) == taps)
    coloured = sum(len(part) for part, style in right if style.startswith("heat:"))
    assert numbers / taps**2 + coloured / (2 * taps * math.ceil(taps / 2)) == 3


def test_what_is_left_out_is_told() -> None:
    lines = draw(view(taps=11), 78, 7)
    assert any("more, in a taller pane" in part for line in lines for part, _ in line)


def _right_of(lines: list[list[tuple[str, str]]], left: int) -> Iterator[tuple[str, str]]:
    for line in lines:
        at = 0
        for part, style in line:
            if at >= left:
                yield part, style
            at += len(part)


def test_a_click_on_the_map_is_the_value_that_is_drawn_there() -> None:
    shown = view(14)
    place = places(shown, 78, 18)[1]
    assert (place.rows, place.columns) == (28, 28)
    assert place.find(shown.maps[1], place.x + 5, place.y + 3) == (3, 2)
    assert place.find(shown.maps[1], place.x - 1, place.y) is None
