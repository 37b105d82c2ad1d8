"""What is typed while the engine starts is done; a file that is in the way is asked about."""

from __future__ import annotations

from pathlib import Path

from nnwalk_tui.screens.question import QuestionScreen
from tests.support.live import live
from tests.support.school import School


async def test_all_that_is_typed_ahead_is_asked_for(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test() as pilot:
        await pilot.press(*"bbbbbbbo")
        await pilot.pause()
        assert school.own.asked == ["step batch"] * 7 + ["step op"]


async def test_a_file_in_the_way_is_replaced_at_a_yes_only(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("mine")
    async with live(tmp_path) as on:
        await on.command(f"save {file}")
        assert isinstance(on.app.screen, QuestionScreen)
        assert f"there is a file “{file}” already. Replace it?" in on.app.screen.question
        await on.press("n")
        assert file.read_text() == "mine"
        assert on.status == "nothing was written"
        picture = file.with_suffix(".txt")
        await on.command(f"screenshot {picture}")
        before = picture.read_text()
        picture.write_text("mine")
        await on.command(f"screenshot {picture}")
        await on.press("escape")
        assert picture.read_text() == "mine"
        await on.command(f"screenshot {picture}")
        await on.press("y")
        assert picture.read_text().splitlines()[0] == before.splitlines()[0]
        await on.command(f"save {file}")
        await on.press("y")
        assert file.read_text() != "mine"
        assert on.client.asked[-1] == f"save! {file}"
