"""The tensor pane's numbers: one notation for a whole tensor, and marks for what is not in view."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.protocol.views import TensorView
from nnwalk_tui.panes.tensor import TensorPane
from nnwalk_tui.render import tensor as render
from nnwalk_tui.render.frame import Frame, framed
from nnwalk_tui.render.numbers import notation
from nnwalk_tui.render.text import Line, measure
from tests.support.live import live


def plain(line: Line) -> str:
    return "".join(text for text, _ in line)


def table(values: list[list[float]], name: str = "W[1]", against: str = "", other: float = 0.0) -> TensorView:
    scale = max((abs(value) for row in values for value in row if math.isfinite(value)), default=0.0)
    beside = [[other for _ in row] for row in values] if against else []
    shape = [len(values), len(values[0])]
    return TensorView(
        name, name, shape=shape, rows=shape[0], columns=shape[1], values=values, scale=scale,
        against=against, other=beside, other_scale=abs(other),
    )  # fmt: skip


def shown(view: TensorView, width: int = 60, height: int = 20) -> list[str]:
    rows, columns = render.room(view, width, height)
    return [plain(line) for line in render.grid(view, render.Window(1, 1, rows, columns), (1, 1), width, height)]


@given(st.floats(1e-38, 1e38), st.floats(-1, 1))
def test_every_number_up_to_the_greatest_fits_and_is_in_the_same_unit(greatest: float, share: float) -> None:
    written = notation(greatest, 8)
    for value in (greatest, -greatest, greatest * share):
        text = written.text(value, 8)
        assert len(text) == 8
        digits = text.strip().replace("−", "-")
        assert float(digits) * 10.0**written.exponent == pytest.approx(value, abs=greatest * 6e-4)
        assert (digits == "0") == (value == 0)
        assert value == 0 or len(digits.partition(".")[2]) == written.decimals


@pytest.mark.parametrize(
    ("greatest", "unit", "texts"),
    [
        (1.8481, "", ["1.8481", "−0.0010"]),
        (0.0168, "×10⁻³", ["16.8000", "−1.0000"]),
        (9e-6, "×10⁻⁶", ["9.0000", "−1000.0000"]),
        (42_123.0, "", ["42123.0", "−0.0"]),
        (3e7, "×10⁶", ["30.0000", "−0.0000"]),
        (0.0, "", ["0", "−0.0010"]),
    ],
)
def test_small_and_large_tensors_are_in_a_power_of_ten(greatest: float, unit: str, texts: list[str]) -> None:
    written = notation(greatest, 8)
    assert written.unit == unit
    assert [written.text(value, 1) for value in (greatest, -1e-3)] == texts


def test_the_power_of_ten_is_said_once_above_the_numbers() -> None:
    head, *rows = shown(table([[0.0168, -0.001], [0.0, math.nan], [math.inf, 2e-9]]))
    assert head.split() == ["×10⁻³", "1", "2"]
    assert [row.split() for row in rows] == [
        ["1", "›", "16.800", "−1.000"],
        ["2", "0!", "nan"],
        ["3", "!", "inf", "0.000"],
    ]
    assert head.index("2") == rows[0].index("−1.000") + len("−1.000") - 1


def test_a_gradient_beside_its_tensor_has_its_own_power_of_ten_and_an_earlier_value_the_same() -> None:
    _, own, other = shown(table([[0.5, 0.25]], against="dW[1]", other=0.002))
    assert own.split() == ["1", "›", "0.5000", "0.2500"]
    assert other.split() == ["d", "×10⁻³", "2.0000", "2.0000"]
    _, own, other = shown(table([[0.05, 0.025]], against="W[1] at 1:12", other=0.2))
    assert own.split() == ["1", "›", "0.0500", "0.0250"]
    assert other.split() == ["≈", "0.2000", "0.2000"]


def test_a_vector_s_indices_are_told_from_its_values_without_colour() -> None:
    head, *rows = shown(table([[value / 1000] for value in range(-16, 16)], "db[1]"), height=11)
    assert head.split() == ["×10⁻³"]
    assert rows[5].split() == ["6:", "−11.000", "16:", "−1.000", "26:", "9.000"]
    assert re.search(r"\d {2,}16: ", rows[5])


@given(st.integers(20, 120), st.integers(2, 30), st.sampled_from(["", "dW[1]", "W[1] at 1:12"]), st.booleans())
def test_the_grid_keeps_to_its_room(width: int, height: int, against: str, vector: bool) -> None:
    values = [[0.001 * (row - column) for column in range(1 if vector else 40)] for row in range(120)]
    view = table(values, against=against, other=3e-8)
    lines = shown(view, width, height)
    assert len(lines) <= max(height, 3)
    assert all(cell_len(line) == width for line in lines)
    assert not any("…" in line for line in lines)


def test_columns_out_of_view_are_counted_in_the_border() -> None:
    lines = framed(Frame("tensor", below=44, left=3, right=776), [], 60, 5)
    assert " ◀ 3 more  ▶ 776 more  ▼ 44 more ─╯" in plain(lines[-1])
    for width in range(4, 60):
        lines = framed(Frame("tensor", above=2, below=44, left=3, right=776), [], width, 5)
        assert {measure(line) for line in lines} == {width}
    assert " ◀ 3 ▶ 776 ▲ 2 ▼ 44 ─╯" in plain(framed(Frame("tensor", "", 2, 44, False, 3, 776), [], 30, 5)[-1])


async def test_the_pane_says_how_many_columns_there_are_beside_those_in_view(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        await on.command("inspect W[1]")
        await on.press("enter")
        found = re.search(r"▶ (\d+) more", on.text("tensor"))
        assert found is not None
        head = on.text("tensor").splitlines()[4]
        assert int(found[1]) + len(re.findall(r"\d+(?!\S)", head.replace("×10⁻³", ""))) == 784
        assert "◀" not in on.text("tensor")
        for _ in range(20):
            await on.press("right")
        pane = on.pane("tensor")
        assert isinstance(pane, TensorPane)
        first = pane._first[1]
        assert f"◀ {first - 1} more  ▶" in on.text("tensor")
        await on.press("v")
        assert "◀" not in on.text("tensor")


async def test_the_notation_stays_while_scrolling(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        await on.command("inspect dW[1]")
        await on.press("enter")
        units = set()
        for _ in range(6):
            await on.press("pagedown", *["right"] * 9)
            units.add(tuple(re.findall("×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", on.text("tensor"))))
        assert len(units) == 1
