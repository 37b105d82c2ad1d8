"""The tensor pane over a real session: every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.protocol.views import TensorView
from nnwalk_tui.colours import theme
from nnwalk_tui.panes.tensor import TensorPane
from nnwalk_tui.render import tensor as render
from tests.support.live import Live, live


def pane(on: Live) -> TensorPane:
    found = on.pane("tensor")
    assert isinstance(found, TensorPane)
    return found


async def test_i_shows_what_the_cursor_makes_and_follows_it(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "o", "o", "i")
        border = on.text("tensor").splitlines()[0]
        assert "tensor Z[1] 100×6 ─" in border
        assert "h follows the cursor" in border
        await on.press("o")
        assert "A[1] 100×6" in on.text("tensor")
        await on.press("i")
        assert on.main.current == "graph"
        assert "layers" in on.main.plan.panes
        assert "tensor" not in on.main.plan.panes


def test_a_vector_stands_in_as_many_columns_as_there_is_room_for() -> None:
    values = [[float(at)] for at in range(1, 33)]
    view = TensorView("b[1]", "b[1]", shape=[32], rows=32, columns=1, values=values)
    assert render.room(view, 60, 10) == (40, 1)
    lines = render.grid(view, render.Window(1, 1, 40, 1), (1, 1), 60, 10)
    shown = ["".join(text for text, _ in line).split() for line in lines]
    assert [line[0] for line in shown] == [f"{at}:" for at in range(1, 11)]
    assert shown[1][::2] == ["2:", "12:", "22:", "32:"]
    assert shown[0][:3] == ["1:", "›", "1.0000"]
    assert shown[9] == ["10:", "10.0000", "20:", "20.0000", "30:", "30.0000"]


async def test_right_goes_to_the_next_column_of_a_vector(tmp_path: Path) -> None:
    async with live(tmp_path, layers=(784, 64, 2)) as on:
        await on.press("b", "i")
        await on.command("inspect b[1]")
        await on.press("enter")
        first = next(line for line in on.text("tensor").splitlines() if " 1: ›" in line)
        await on.press("right")
        at, column = pane(on).chosen
        assert column == 1
        assert f" {at}: " in first
        assert at > 2
        await on.press("left")
        assert pane(on).chosen == (1, 1)


async def test_escape_gives_the_place_back(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("2", "i", "escape")
        assert on.main.current == "layers"


async def test_an_address_is_jumped_to(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        await on.command("inspect W[1][3,301]")
        assert pane(on).chosen == (3, 301)
        assert "›w₃,₃₀₁[1] = " in on.text("tensor")
        assert "301" in on.text("tensor")
        await on.command("inspect [5,17]")
        assert (pane(on).expression, pane(on).chosen) == ("W[1]", (5, 17))
        tape = on.session.tape()
        assert tape is not None
        await on.command(f"inspect z₂[1]({tape.indices[30]})")
        assert (pane(on).expression, pane(on).chosen) == ("Z[1]", (31, 2))


async def test_slash_lets_an_address_be_typed(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "i", "slash")
        assert on.main.command_line.value == "inspect "


async def test_a_name_that_is_none_is_said_and_the_pane_stays(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("inspect W[9]")
        assert "there is no layer 9" in on.status or "no W[9]" in on.status
        assert on.main.current == "graph"


async def test_arrows_choose_an_element_and_the_window_follows(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("inspect W[1]")
        await on.press("enter", "down", "right", "right")
        assert pane(on).chosen == (2, 3)
        assert f"= {_six(on, 'W[1][2,3]')}" in on.text("tensor")
        for _ in range(12):
            await on.press("right")
        assert " 15" in on.text("tensor").splitlines()[4]
        assert "…" not in on.text("tensor")
        await on.press("left", "end", "home", "pagedown", "pageup", "up")
        assert pane(on).chosen == (1, 14)


def _six(on: Live, expression: str) -> str:
    return f"{on.session.do(f'print {expression}').value:.6g}".replace("-", "−")


async def test_only_a_window_of_a_large_tensor_is_asked_for(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        await on.command("inspect X")
        await on.press("pagedown", "pagedown")
        data = pane(on).data
        assert data.rows == 100
        assert len(data.values) * len(data.values[0]) < 3000
        assert "…" not in on.text("tensor")


async def test_v_goes_from_numbers_to_a_heat_map_and_a_picture(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("inspect W[1]")
        await on.press("v")
        assert "v heat map" in on.text("tensor")
        assert "the largest of its block" in on.text("tensor")
        await on.press("v")
        assert "row 1 of W[1], 28×28" in on.text("tensor")
        await on.press("down")
        assert "row 2 of W[1], 28×28" in on.text("tensor")
        await on.press("v")
        assert "v numbers" in on.text("tensor")


async def test_c_compares_with_the_gradient_then_with_one_batch_earlier(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "b")
        await on.command("inspect W[2]")
        await on.press("c")
        assert f"dW[2]: {_six(on, 'dW[2][1,1]')}" in on.text("tensor")
        await on.press("v", "v", "v", "c")
        assert "W[2] at 1:1" in on.text("tensor")
        assert "difference" in on.text("tensor")
        await on.press("c")
        assert "at 1:1" not in on.text("tensor")
        await on.command("inspect W[2] vs start")
        assert "W[2] at 1:0" in on.text("tensor")


async def test_n_finds_the_next_nan_and_shift_n_the_next_zero(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("inspect W[1]")
        await on.press("n")
        assert on.status == "no NaN or infinity in W[1]"
        await on.command("set W[1][4,600] nan")
        await on.command("set W[1][5,700] 0")
        await on.press("n")
        assert pane(on).chosen == (4, 600)
        assert "= nan" in on.text("tensor")
        await on.press("up")
        assert re.search(r"! +nan", on.text("tensor"))
        await on.press("N")
        assert pane(on).chosen == (5, 700)


async def test_h_follows_the_cursor_again(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        await on.command("inspect W[1]")
        await on.press("h")
        assert "tensor b[3] 2 ─" in on.text("tensor")
        assert "h follows the cursor" in on.text("tensor")


async def test_y_copies_what_is_in_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with live(tmp_path) as on:
        copied: list[str] = []
        monkeypatch.setattr(on.app, "copy_to_clipboard", copied.append)
        await on.command("inspect W[3]")
        await on.press("y", "Y")
        numbers = [float(number) for number in copied[0].split()]
        table: Any = on.session.do("print W[3]").value
        assert numbers == pytest.approx([number for row in table for number in row])
        assert [row.count("\t") for row in copied[0].splitlines()] == [3, 3]
        assert float(copied[1]) == on.session.do("print W[3][1,1]").value
        assert "copied w₁,₁[3]" in on.status


async def test_s_begins_a_command_that_saves_it(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("inspect W[2]")
        await on.press("s")
        assert on.main.command_line.value == "write W[2] "
        await on.pilot.press(*str(tmp_path / "w.npy").replace("/", "\0/").replace("\0", ""))
        await on.press("enter")
        assert (tmp_path / "w.npy").exists()


async def test_what_is_not_there_yet_says_so(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("i")
        assert "no batch has run" in on.text("tensor")
        await on.press("b", "o")
        await on.command("inspect dW[1]")
        assert "not computed yet" in on.text("tensor")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("colours", [theme.Colours.FULL, theme.Colours.ANSI, theme.Colours.NONE])
async def test_every_view_is_drawn_at_every_size_and_colour(
    size: tuple[int, int], colours: theme.Colours, tmp_path: Path
) -> None:
    async with live(tmp_path, size) as on:
        theme.use(colours=colours)
        try:
            await on.press("b")
            await on.command("inspect W[1] vs gradient")
            for _ in range(3):
                await on.press("v")
                assert "w₁,₁[1]" in on.text("tensor")
        finally:
            theme.use()
