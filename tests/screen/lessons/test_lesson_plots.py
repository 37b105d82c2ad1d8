"""Plots and tables of lessons: curves are told apart without colour, ticks are round, and no number is cut."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.course.findings import Cell, Finding, Plot, Series, Table, number_text
from nnwalk_tui.colours import theme
from nnwalk_tui.lessons.document import Equation, Lesson, Verbatim
from nnwalk_tui.lessons.library import lessons
from nnwalk_tui.render.findings import finding_lines
from nnwalk_tui.render.lesson import equation
from nnwalk_tui.render.plot import plot_lines, round_ticks
from nnwalk_tui.render.table import table_lines
from nnwalk_tui.render.text import measure

BESIDE = 62  # cells of a page that has panes beside it, 120 cells across
XS = [k / 10 for k in range(-60, 61)]
RISING, FALLING = Series("rising", XS, XS), Series("falling", XS, [-x for x in XS])


@pytest.fixture
def in_ascii() -> Iterator[None]:
    theme.use(ascii=True, colours=theme.Colours.NONE)
    yield
    theme.use(ascii=False, colours=theme.Colours.FULL)


def _text(plot: Plot, width: int = 80) -> list[str]:
    return ["".join(part for part, _ in line) for line in plot_lines(plot, width)]


def _inked(lines: list[str]) -> int:
    return sum(0x2800 < ord(sign) < 0x2900 for line in lines for sign in line)


def test_of_two_curves_the_second_is_dashed_and_the_legend_says_so() -> None:
    legend = _text(Plot([RISING, FALLING], "x", "y"))[-1]
    assert legend == "── rising   ╌╌ falling   → x  ↑ y"
    plain = _text(Plot([RISING]))
    dashed = _text(Plot([Series("", [-6.0, 6.0], [math.nan, math.nan]), RISING]))
    assert 0.3 < _inked(dashed) / _inked(plain) < 0.85


def test_more_than_two_curves_carry_their_numbers() -> None:
    flat = [Series(f"at {k}", XS, [float(k)] * len(XS)) for k in range(4)]
    lines = _text(Plot(flat))
    for number in "1234":
        assert any(number in line.partition("│")[2] + line.partition("┤")[2] for line in lines[:-2])
        assert f"{number} at {int(number) - 1}" in lines[-1]


def test_a_point_with_a_name_of_one_character_is_marked_by_it_and_needs_no_legend() -> None:
    lines = _text(Plot([Series(str(k), [float(k)], [float(k)], marks=True) for k in range(10)], "x", "y"))
    assert lines[-1] == "→ x  ↑ y"
    inside = "".join(line.partition("│")[2] + line.partition("┤")[2] for line in lines[:-2])
    assert all(inside.count(str(k)) == 1 for k in range(10))


def test_without_unicode_curves_are_drawn_with_their_numbers(in_ascii: None) -> None:
    lines = _text(Plot([RISING, Series("here", [0.0], [0.0], marks=True)]))
    assert sum(line.count("1") for line in lines) > 30
    assert "1 rising   o here" in lines[-1]


@pytest.mark.parametrize("width", [30, 48, 64, 92])
def test_a_plot_and_its_legend_keep_to_their_width(width: int) -> None:
    many = [Series(f"the curve number {k}", XS, [k * x for x in XS]) for k in range(8)]
    assert all(measure(line) <= width for line in plot_lines(Plot(many, "steps", "loss"), width))


def test_points_that_are_no_numbers_are_left_out_and_no_points_are_no_error() -> None:
    holes = Series("holes", [0.0, 1.0, 2.0, 3.0], [1.0, math.nan, math.inf, 2.0])
    assert _inked(_text(Plot([holes]))) > 0
    assert "none" in _text(Plot([Series("none", [], [])]))[-1]
    assert _inked(_text(Plot([Series("one", [1.0], [1.0])]))) == 1


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(4, 9))
def test_ticks_are_few_round_and_inside(low: float, span: float, most: int) -> None:
    high = low + span
    ticks = round_ticks(low, high, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in ticks)


def test_the_ticks_of_a_sigmoid_are_those_one_would_write() -> None:
    assert round_ticks(0.0025, 0.9975, 7) == [0.2, 0.4, 0.6, 0.8]
    assert round_ticks(-6, 6, 9) == [-6, -4, -2, 0, 2, 4, 6]


def test_a_value_without_a_table_is_read_as_one_and_a_note_is_shown() -> None:
    finding = Finding({"passes": False, "index": [1, 2], "by_hand": 0.25}, note="look there")
    shown = ["".join(part for part, _ in line) for line in finding_lines(finding, 60)]
    assert [line.split() for line in shown] == [
        ["passes", "index", "by", "hand"],
        ["no", "1,", "2", "0.25"],
        ["look", "there"],
    ]
    assert "{" not in finding.text


def _cells(lines: list[str]) -> list[str]:
    return [word for line in lines for word in line.split()]


@pytest.mark.parametrize("width", [24, 46, 62, 92])
def test_a_table_without_room_wraps_words_and_cuts_no_number(width: int) -> None:
    columns = ["how it is done", *(f"the column number {k}" for k in range(5))]
    rows: list[list[Cell]] = [["one long matrix product", *(10.0**-k * 1.2345 for k in range(5))], ["loop", *[0.5] * 5]]
    shown = table_lines(Table(columns, rows), width)
    texts = ["".join(part for part, _ in line) for line in shown]
    assert all(measure(line) <= width for line in shown)
    assert not any("…" in text for text in texts)
    for number in rows[0][1:]:
        assert _cells(texts).count(number_text(number)) == 1
    for word in ("matrix", "product", "loop"):
        assert word in _cells(texts)


def test_a_table_with_room_has_a_line_for_each_row() -> None:
    shown = table_lines(Table(["name", "value"], [["a", 1.5], ["longer", 20.25]]), 60)
    assert ["".join(part for part, _ in line) for line in shown] == ["name    value", "a        1.5", "longer  20.25"]


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.slug)
def test_figures_listings_and_equations_of_the_course_fit_beside_panes(lesson: Lesson) -> None:
    for page in lesson.pages:
        for block in page.blocks:
            if isinstance(block, Verbatim):
                room = BESIDE - 4 if block.kind == "code" else BESIDE
                assert all(cell_len(row) <= room for row in block.rows), f"line {block.line}"
            if isinstance(block, Equation):
                assert all(measure(line) <= BESIDE for line in equation(block, BESIDE)), f"line {block.line}"
