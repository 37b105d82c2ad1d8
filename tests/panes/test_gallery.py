"""What stands under and above the digits pane's pictures: what is counted, which are wrong, and each one's scale."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.protocol.views import Gallery, Picture
from engine.session import Session
from nnwalk_tui.render import digits, gallery
from nnwalk_tui.render.numbers import scientific
from nnwalk_tui.render.text import Line
from tests.support.live import live
from tests.support.looks import batch as look
from tests.support.sessions import small

GREY = Picture(1, "0", "mean of 991", 28, 28, bytes(784))


@pytest.fixture
def session() -> Session:
    session = small(dropout=0.0)
    session.do("step batch 3")
    return session


def captions(picture: Picture, cells: int, lines: int, own: bool = False, picked: int = 0) -> list[Line]:
    layout = digits.Grid(cells, 1, lines, 1, 1)
    drawn = gallery.gallery(Gallery("about", picture.scale, [picture], own), layout, 40, picked)
    return [[(text.strip(), style) for text, style in line if text.strip()] for line in drawn[2 : 2 + lines]]


@pytest.mark.parametrize(
    ("cells", "lines", "said"),
    [(18, 1, ["0 · mean of 991"]), (14, 1, ["0"]), (14, 2, ["0", "mean of 991"]), (10, 2, ["0", ""])],
)
def test_an_average_says_of_how_many_it_is_the_mean(cells: int, lines: int, said: list[str]) -> None:
    found = captions(GREY, cells, lines)
    assert ["".join(text for text, _ in line) for line in found] == said


def test_each_input_gradient_has_its_own_scale_and_says_whether_it_is_right(session: Session) -> None:
    found = look(session, "input gradient", count=50).gallery
    examples = look(session, count=50).examples
    assert found is not None
    assert found.own_scales
    assert found.scale == max(picture.scale for picture in found.pictures)
    assert [picture.right for picture in found.pictures] == [example.right for example in examples]
    assert len({picture.scale for picture in found.pictures}) > 40
    for picture in found.pictures:
        levels = torch.frombuffer(bytearray(picture.levels), dtype=torch.uint8).int() - 128
        assert int(levels.abs().max()) == 127


def test_the_first_layer_s_pictures_share_one_scale(session: Session) -> None:
    found = look(session, "first layer", count=6).gallery
    assert found is not None
    assert not found.own_scales
    assert {picture.scale for picture in found.pictures} == {found.scale}


def test_a_wrong_one_is_marked_as_among_the_digits_with_its_greatest_value_where_there_is_room() -> None:
    wrong = Picture(3, "8→9", "", 28, 28, bytes([255] * 784), 2e-3, right=False)
    assert captions(wrong, 18, 1, own=True) == [[("[8→9 ✗] ±2·10⁻³", "wrong")]]
    assert captions(wrong, 14, 1, own=True, picked=3) == [[("›", "here"), ("[8→9 ✗]", "wrong")]]
    assert captions(wrong, 14, 2, own=True) == [[("[8→9 ✗]", "wrong")], [("±2·10⁻³", "quiet")]]


def test_a_small_picture_is_as_bright_as_a_large_one_and_says_what_its_brightest_cell_is() -> None:
    levels = bytes([128] * 783 + [255])  # one value among zeros: half of it where two pixels make a cell
    picture = Picture(1, "7→7", "", 28, 28, levels, 8e-3, right=True)
    layout = digits.Grid(28, 7, 1, 1, 1)
    *lines, caption, _ = gallery.gallery(Gallery("about", 8e-3, [picture], own_scales=True), layout, 40, 0)
    assert any(style == "heat:0:5" for line in lines for _, style in line)
    assert "".join(text for text, _ in caption).strip() == "7→7 ✓ ±4·10⁻³"


async def test_right_ones_are_counted_only_where_examples_are_shown(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "5", "z")
        for counted in (True, True, False, False, False):
            assert (" right " in on.text("digits").splitlines()[0]) is counted
            await on.press("v")


async def test_the_input_gradient_s_pictures_say_their_scale(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "5", "z", "v")
        text = on.text("digits")
        found = look(on.session, "input gradient", count=2).gallery
        assert found is not None
        assert all(f"±{scientific(picture.scale)}" in text for picture in found.pictures)
        assert "each picture's greatest" in text
        assert " ✓" in text
