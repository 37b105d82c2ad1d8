"""Commands that are typed, completed, remembered or chosen from the palette; help on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.command import Command, CommandList, CommandPalette
from textual.widgets.option_list import Option

from nnwalk_tui.catalogue import PANE_NAMES
from tests.support.stage import Stage, stage, until


async def test_a_command_is_completed_by_tab_and_from_the_names_the_engine_knows(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("colon")
        await on.type("pri")
        await on.press("tab")
        assert on.main.command_line.value == "print"
        await on.type(" dW")
        await on.press("tab", "enter")
        assert on.client.asked == ["print dW[1]"]
        assert on.status == "print dW[1] = 42"


async def test_commands_are_remembered_from_one_session_to_the_next(tmp_path: Path) -> None:
    for text in ("step op 2", "print loss"):
        async with stage(tmp_path) as on:
            await on.press("colon")
            await on.type(text)
            await on.press("enter")
    async with stage(tmp_path) as on:
        await on.press("colon", "up", "up", "up", "down", "enter")
        assert on.client.asked == ["print loss"]
        await on.press("colon", "up", "up")
        assert on.main.command_line.value == "step op 2"
        await on.press("down", "down")
        assert on.main.command_line.value == ""
        await on.press("escape")
        assert on.main.focused is on.main.panes["graph"]


async def test_a_history_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    async with stage(tmp_path / "state") as on:
        await on.press("colon")
        await on.type("step")
        await on.press("enter", "colon", "up")
        assert on.main.command_line.value == "step"


async def test_letters_typed_into_a_command_are_no_keys(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("colon")
        await on.type("oqz")
        await on.press("left", "home")
        assert on.client.asked == []
        assert on.main.command_line.value == "oqz"
        assert not on.main.zoomed


async def test_the_palette_carries_out_a_command(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("ctrl+p")
        assert isinstance(on.app.screen, CommandPalette)
        await choose(on, "step layer")
        assert on.client.asked == ["step layer"]


async def test_the_palette_hands_a_command_that_takes_arguments_to_the_command_line(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("ctrl+p")
        await choose(on, "stats")
        assert on.main.command_line.is_open
        assert on.main.command_line.value == "stats "


async def test_help_begins_with_the_focused_pane_and_any_way_out_leads_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        for out in ("escape", "q", "question_mark"):
            await on.press("4", "question_mark")
            help = on.app.screen.query_one("#help-text")
            assert help.render_line(0).text.startswith(" loss — ")
            await on.press(out)
            assert on.app.screen is on.main


@pytest.mark.parametrize("name", PANE_NAMES)
async def test_help_says_in_full_what_the_focused_pane_shows_and_which_keys_it_has(name: str, tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as on:
        on.app.perform(f"focus {name}")
        await on.pilot.pause()
        pane = on.main.current_pane
        await on.press("question_mark")
        help = on.app.screen.query_one("#help-text")
        said = " ".join(" ".join(help.render_line(y).text for y in range(23)).split())
        assert f"{pane.pane_title} — the focused pane {pane.about}" in said
        for _, _, description in (each for each in pane.BINDINGS if isinstance(each, tuple) and len(each) == 3):
            assert description in said


async def test_help_of_one_command_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.app.perform("help zoom")
        assert "keys: z" in on.status
        on.app.perform("help zom")
        assert "did you mean zoom?" in on.status


async def choose(on: Stage, text: str) -> None:
    """Type a text into the palette, and choose the row that begins the results."""
    await on.type(text)
    rows = on.app.screen.query_one(CommandList)
    await until(on.pilot, lambda: rows.option_count > 0 and hit_text(rows.get_option_at_index(0)) == text)
    rows.highlighted = 0
    await on.press("enter")
    await until(on.pilot, lambda: on.app.screen is on.main)
    await on.pilot.pause()


def hit_text(option: Option) -> str | None:
    """The command of a row of the palette."""
    return option.hit.text if isinstance(option, Command) else None
