"""Curves of the loss and pictures of the examples: they take their room, in Unicode and in ASCII."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.views import Curve
from nnwalk_tui.colours import theme
from nnwalk_tui.render import digits, loss
from nnwalk_tui.render.text import measure
from tests.support import fake_views, fakes
from tests.support.fake_views import plain


@pytest.fixture
def ascii_theme() -> Iterator[None]:
    theme.use(ascii=True)
    yield
    theme.use()


@given(st.integers(20, 120), st.integers(1, 40))
def test_plots_take_exactly_their_size(width: int, height: int) -> None:
    for view in (fake_views.curves(), fakes.broken().curves, fakes.before_training().curves):
        assert view is not None
        for lines in (loss.losses(view, width, height), loss.accuracies(view, width, height)):
            assert len(lines) <= height
            assert {measure(line) for line in lines} == {width}


def test_the_plot_s_gutter_stays_for_other_losses() -> None:
    def gutter(scale: float) -> int:
        return plain(loss.losses(fake_views.curves(scale=scale), 60, 10)[0]).index("┤")

    assert gutter(2.31) == gutter(0.00042) == gutter(12345.0)


@pytest.mark.parametrize("low", [1e-6, 1.0e-12, 3e-5, -1.1e-6, 12000.0, 0.5])
def test_no_two_numbers_of_an_axis_read_alike(low: float) -> None:
    view = fake_views.curves()
    low_high = msgspec.structs.replace(view.train, low=[low], high=[low + 0.08 * abs(low)], x=[1.0])
    bare = msgspec.structs.replace(view, train=low_high, smooth=Curve("", [], [], []), branches=[], valid_loss=[])
    gutters = [plain(line).partition("┤")[0] for line in loss.losses(bare, 60, 12) if "┤" in plain(line)]
    assert len(gutters) == len({*gutters}) == 3
    assert {len(text) for text in gutters} == {loss.GUTTER}


def test_the_curve_is_drawn_in_braille_and_the_validation_as_marks() -> None:
    text = "".join(plain(line) for line in loss.losses(fake_views.curves(), 60, 10))
    assert any("\u2800" < character <= "\u28ff" for character in text)
    assert "●" in text


@pytest.mark.parametrize("target", [(14, 14), (7, 14), (28, 28), (5, 10)])
def test_a_resampled_picture_keeps_its_mean_where_boxes_are_equal(target: tuple[int, int]) -> None:
    rows, columns = target
    source = fake_views.pixels(0)
    means = digits.resample(source, 28, 28, rows, columns)
    mean = sum(map(sum, means)) / (rows * columns)
    assert len(means) == rows
    assert mean == pytest.approx(sum(source) / len(source), rel=1e-9 if 28 % rows == 0 == 28 % columns else 0.2)


def test_a_picture_has_at_most_eight_greys() -> None:
    ramp = bytes(range(256)) * 4
    lines = digits.picture(ramp, 4, 256, 28, 14, True, False)
    greys = {level for line in lines for _, style in line for level in style.split(":")[1:] if level}
    assert greys <= {str(level) for level in range(8)}
    assert all(measure(line) == 28 for line in lines)


@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_a_picture_of_any_size_is_drawn_at_the_size_asked_for(height: int, width: int, greys: bool) -> None:
    lines = digits.picture(bytes(height * width), height, width, 14, 7, greys, False)
    assert [measure(line) for line in lines] == [14] * 7


def test_wrong_predictions_differ_by_sign() -> None:
    wrong, right = fake_views.examples()[3], fake_views.examples()[0]
    assert digits.verdict(wrong) == "[4→5 ✗]"
    assert digits.verdict(right) == "1→1 ✓"
    assert digits.verdict(fake_views.examples(predicted=False)[0]) == "1→·"


@given(st.integers(1, 240), st.integers(1, 70))
def test_pictures_stay_within_their_room(width: int, height: int) -> None:
    layout = digits.grid(width, height, fake_views.examples())
    if layout is None:
        assert width < 11 or height < 6
        return
    lines = digits.pictures(fake_views.examples(), layout, width)
    assert len(lines) <= height
    assert max(map(measure, lines)) <= width


def test_pictures_are_full_size_only_where_several_fit() -> None:
    wide, narrow = digits.grid(180, 20, fake_views.examples()), digits.grid(72, 20, fake_views.examples())
    assert wide is not None
    assert narrow is not None
    assert (wide.cells, narrow.cells) == (28, 14)
    assert digits.grid(150, 20, fake_views.examples(pictures=False)) is None


@pytest.mark.usefixtures("ascii_theme")
def test_ascii_pictures_and_plots_are_ascii() -> None:
    picture = digits.picture(fake_views.pixels(1), 28, 28, 14, 7, theme.grey_steps(), theme.ascii_only())
    assert all(plain(line).isascii() for line in picture)
    assert any(character in plain(line) for line in picture for character in "#%@")
    plot = "".join(plain(line) for line in loss.losses(fake_views.curves(), 60, 10))
    assert theme.to_ascii(plot).isascii()
    assert "*" in plot
