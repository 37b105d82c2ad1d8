"""A confusion matrix has its columns whole: they move together, and what is left out is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.views import Confusion
from nnwalk_tui.render import confusion
from nnwalk_tui.render.text import Line, measure


def matrix(classes: int, largest: int, name: str = "") -> Confusion:
    counts = [[largest if row == column else row % 3 for column in range(classes)] for row in range(classes)]
    return Confusion("validation", [f"{name}{at}" for at in range(classes)], counts)


def text(line: Line) -> str:
    return "".join(part for part, _ in line)


@pytest.mark.parametrize("largest", [9, 198, 1000])
@pytest.mark.parametrize("name", ["", "cat"])
def test_ten_classes_fit_the_pane_at_120_cells(largest: int, name: str) -> None:
    view = matrix(10, largest, name)
    title = text(confusion.heading(view, 73)[1])
    lines = [text(row) for row in confusion.rows(view, 73)]
    assert "+" not in title
    assert title.endswith("right")
    assert all(f"[{largest}]" in line and line.endswith("%") for line in lines)


def test_columns_without_room_are_counted() -> None:
    view = matrix(30, 1000)
    title = text(confusion.heading(view, 73)[1])
    shown = confusion.columns(view, 73).shown
    assert f"+{30 - shown}  right" in title
    lines = [text(row) for row in confusion.rows(view, 73)]
    assert all("…   " in line and "%" in line for line in lines)


@given(st.integers(1, 40), st.integers(0, 10**6), st.integers(30, 200), st.sampled_from(["", "longer name "]))
def test_no_line_is_wider_than_its_room(classes: int, largest: int, width: int, name: str) -> None:
    view = matrix(classes, largest, name)
    lines = [confusion.heading(view, width)[1], *confusion.rows(view, width)]
    assert all(measure(line) <= width for line in lines)
    assert confusion.columns(view, width).shown + confusion.columns(view, width).more == classes
