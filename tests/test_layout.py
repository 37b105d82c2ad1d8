"""Which panes are on screen at which size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnwalk_tui.layout import LEAST_HEIGHT, LEAST_WIDTH, PANE_NAMES, Box, plan

widths, heights = st.integers(1, 400), st.integers(1, 200)
visits = st.permutations(PANE_NAMES)


@given(widths, heights, visits, st.booleans())
def test_boxes_fill_the_terminal_and_never_overlap(width: int, height: int, recent: list[str], zoomed: bool) -> None:
    boxes = plan(width, height, recent, zoomed).boxes.values()
    cells = [(x, y) for box in boxes for x in _columns(box) for y in _rows(box)]
    assert len(cells) == len(set(cells)) == width * height
    assert all(x < width and y < height for x, y in cells)


@given(st.integers(LEAST_WIDTH, 400), st.integers(LEAST_HEIGHT, 200), visits, st.booleans())
def test_the_focused_pane_is_always_on_screen_with_room_to_draw(
    width: int, height: int, recent: list[str], zoomed: bool
) -> None:
    here = plan(width, height, recent, zoomed)
    assert recent[0] in here.boxes
    for name in here.panes:
        assert here.boxes[name].width >= 30
        assert here.boxes[name].height >= 5


@given(st.integers(LEAST_WIDTH, 400), st.integers(LEAST_HEIGHT, 200), visits)
def test_with_room_for_tabs_every_pane_is_on_screen_a_tab_or_behind_one_that_shares_its_place(
    width: int, height: int, recent: list[str]
) -> None:
    here = plan(width, height, recent)
    if height >= 12:
        assert "digits" in {*here.boxes, *here.tabs}
        assert {"layers", "here", "gradients"} <= {*here.boxes, *here.tabs} or {"tensor", "landscape"} & {*here.boxes}
        assert {"graph", "tape", "neurons"} & {*here.boxes, *here.tabs}
        assert {"loss", "log"} & {*here.boxes, *here.tabs}


@pytest.mark.parametrize(
    ("size", "panes"),
    [
        ((200, 60), ("graph", "layers", "here", "gradients", "loss", "digits")),
        ((120, 40), ("graph", "layers", "here", "gradients", "loss", "digits")),
        ((80, 24), ("graph", "layers", "here")),
        ((60, 20), ("graph",)),
        ((40, 10), ("graph",)),
        ((30, 8), ()),
        ((20, 5), ()),
    ],
)
def test_panes_fold_as_the_terminal_gets_smaller(size: tuple[int, int], panes: tuple[str, ...]) -> None:
    assert plan(*size, PANE_NAMES).panes == panes


def test_the_pane_that_was_visited_last_takes_a_shared_place() -> None:
    recent = ["tape", *(name for name in PANE_NAMES if name != "tape")]
    assert "tape" in plan(120, 40, recent).boxes
    assert "graph" not in plan(120, 40, recent).boxes


def test_the_tensor_takes_the_place_of_the_tables_and_gives_it_back() -> None:
    others = [name for name in PANE_NAMES if name != "tensor"]
    for size in ((120, 40), (200, 60)):
        with_tensor, without = (plan(*size, recent) for recent in (["tensor", *others], [*others, "tensor"]))
        assert set(without.panes) - set(with_tensor.panes) == {"layers", "here", "gradients"}
        assert with_tensor.boxes["digits"] == without.boxes["digits"]


def _columns(box: Box) -> range:
    return range(box.x, box.x + box.width)


def _rows(box: Box) -> range:
    return range(box.y, box.y + box.height)
