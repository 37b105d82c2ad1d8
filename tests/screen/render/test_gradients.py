"""The bars of gradients on their scale of decades, and the histograms of their values."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from nnwalk_tui.render import distribution, gradients, numbers
from tests.support import fake_views
from tests.support.fake_views import plain


def test_the_gradient_scale_grows_at_once_and_shrinks_lazily() -> None:
    def at(norm: float) -> tuple[float, float]:
        return norm, norm

    first = gradients.scale(at(0.05), None)
    assert first == (-3, 0)
    assert gradients.scale(at(0.005), first) == first
    assert gradients.scale(at(20.0), first) == (-1, 2)
    assert gradients.scale(at(5e-7), first) == (-9, -6)
    assert gradients.scale(None, first) == first
    assert gradients.scale(None, None) == (-4, 0)


@given(st.floats(1e-3, 1.0, exclude_max=True), st.floats(1.01, 10.0))
def test_a_greater_gradient_has_a_bar_at_least_as_long(norm: float, factor: float) -> None:
    across = gradients.Scale(-4, 2)
    assert len(gradients.bar(norm, 40, across)) <= len(gradients.bar(norm * factor, 40, across)) <= 40


@pytest.mark.parametrize("norm", [0.0, math.nan, math.inf, None])
def test_what_has_no_logarithm_has_no_bar(norm: float | None) -> None:
    assert gradients.bar(norm, 40, gradients.Scale(-4, 0)) == ""


def test_a_bar_ends_at_its_decade() -> None:
    assert gradients.bar(1e-2, 40, gradients.Scale(-4, 0)) == "▄" * 20


@given(st.integers(30, 200), st.integers(-9, 0), st.integers(3, 9))
def test_decades_are_evenly_spaced_and_each_label_is_centred_on_the_line_that_a_bar_of_its_value_ends_at(
    width: int, low: int, decades: int
) -> None:
    across = gradients.Scale(low, low + decades)
    found = fake_views.parameters(6)
    where = gradients.columns("W[1]", width, across)
    heading = plain(gradients.axis(where, across))
    labels = [(match.start(), match.group()) for match in re.finditer("10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", heading)]
    centres = [start + len(label) // 2 for start, label in labels]
    assert heading.startswith(" log ")
    assert len({after - before for before, after in pairwise(centres)}) <= 1
    assert {at for at, sign in enumerate(plain(gradients.between(where, across))) if sign == "▏"} >= {*centres}
    for at, label in zip(centres, (label for _, label in labels), strict=True):
        norm = 10.0 ** next(each for each in range(low, low + decades + 1) if numbers.power(each) == label)
        line = plain(gradients.row(msgspec.structs.replace(found[0], norm=norm), where, across))
        assert "▄" not in line[at : where.label + 2 + where.bar]
        assert norm == 10.0**low or line[at - 1] == "▄"


@given(st.integers(30, 200))
def test_the_heading_of_the_history_is_whole_or_not_there(width: int) -> None:
    across = gradients.Scale(-4, 0)
    where = gradients.columns("W[1]", width, across)
    assert ("seen" in plain(gradients.axis(where, across))) == (where.history > 0)


@pytest.mark.parametrize(("width", "sign"), [(40, "↓"), (74, "least"), (90, "least")])
def test_the_smallest_gradient_is_marked_and_moves_nothing(width: int, sign: str) -> None:
    across = gradients.Scale(-4, 0)
    rows = fake_views.parameters(2)[:6]
    where = gradients.columns("W[1]", width, across)
    lines = [plain(gradients.row(each, where, across, least=each.name == "W[3]")) for each in rows]
    assert [each.name for each, line in zip(rows, lines, strict=True) if sign in line] == ["W[3]"]
    assert len({len(line) for line in lines}) == 1
    assert (sign in " ".join(plain(line) for line in gradients.legend(where, 90))) == (sign == "↓")


def test_what_is_not_computed_yet_has_a_quiet_history_without_this_batch() -> None:
    across = gradients.Scale(-4, 0)
    rows = fake_views.parameters(2)
    where = gradients.columns("W[1]", 90, across)
    waiting, done = (gradients.row(rows[at], where, across) for at in (0, 5))
    assert [style for text, style in waiting if "▇·" in text] == ["quiet"]
    assert [style for text, style in done if text.endswith("▇")] == ["backward"]


@pytest.mark.parametrize(("spare", "expected"), [(0, set()), (1, {0}), (2, {0}), (3, {0, 2, 4}), (9, {0, 2, 4})])
def test_layers_stand_apart_where_there_is_room(spare: int, expected: set[int]) -> None:
    assert gradients.gaps(fake_views.parameters(2)[:6], spare) == expected


def histogram(counts: list[int], width: int = 28, height: int = 8) -> list[str]:
    view = msgspec.structs.replace(fake_views.distribution(), counts=counts)
    return [plain(line) for line in distribution.histogram(view, width, height)]


def test_a_histogram_s_bars_are_as_high_as_the_logarithm_of_their_counts() -> None:
    lines = histogram([0] * 9 + [9, 999] + [0] * 8, height=8)  # 1 and 3 decades in 6 rows
    bars = [[line[7 + at] for line in lines[1:-1]] for at in range(19)]
    assert [sum(cell != " " for cell in column) for column in bars] == [0] * 9 + [2, 6] + [0] * 8
    assert lines[-1].strip().startswith("−0.0200")
    assert lines[-1].rstrip().endswith("0.0200")
    assert [line[:7] for line in lines[1:-1]] == ["      ┤", "   10²┤", "      ┤", "   10¹┤", "      ┤", "   10⁰┤"]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(12, 80), st.integers(3, 40))
def test_a_histogram_shows_every_bin_that_is_not_empty(counts: list[int], width: int, height: int) -> None:
    lines = histogram(counts, width, height)
    bars = lines[-2][7:].ljust(len(counts))
    assert [cell != " " for cell in bars[: width - 7]] == [count > 0 for count in counts[: width - 7]]
    assert all(cell_len(line) <= width for line in lines)


@given(st.integers(1, 400))
def test_a_histogram_has_an_odd_number_of_bins_that_fit(width: int) -> None:
    assert distribution.bins(width) % 2
    assert distribution.bins(width) <= max(1, width - 7)


def test_a_distribution_over_time_has_a_column_a_batch_and_a_row_half_a_decade() -> None:
    lines = [plain(line) for line in distribution.over_time(fake_views.distribution(), 60, 20)]
    cells = [line[7:27] for line in lines[1:]]
    view = fake_views.distribution()
    for batch in range(20):
        shaded = sum(row[batch] != " " for row in cells)
        assert shaded == sum(share > 0 for share in view.past[batch])
    labels = ["10¹", "10⁰", "10⁻¹", "10⁻²", "10⁻³", "10⁻⁴", "10⁻⁵"]
    assert [line[:6].strip() for line in lines[1:] if line[:6].strip()] == labels
    assert cells[-1].strip() == ""
