"""The lists over the whole screen say how much of them is out of view, and keep off the right edge."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.course.terms import all_terms
from nnwalk_tui.screens.lessons import LessonsScreen
from nnwalk_tui.screens.terms import TermsScreen
from tests.support.stage import Stage, stage


def rows(on: Stage) -> list[str]:
    """The rows of the list that is on screen."""
    screen = on.app.screen
    assert isinstance(screen, LessonsScreen | TermsScreen)
    return [screen.list.render_line(y).text for y in range(on.app.size.height)]


@pytest.mark.parametrize("size", [(80, 24), (44, 24)], ids=str)
@pytest.mark.parametrize("name", ["terms", "lesson"])
async def test_what_is_out_of_view_is_counted(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as on:
        on.app.perform(name)
        await on.pilot.pause()
        assert "▲" not in rows(on)[-1]
        below = on.app.screen.list.hidden[1]  # type: ignore[attr-defined]
        assert below > 0
        assert f"▼ {below} more" in rows(on)[-1]
        for _ in range(20):
            await on.press("pagedown")
        above = on.app.screen.list.hidden[0]  # type: ignore[attr-defined]
        assert f"▲ {above} more" in rows(on)[-1]
        assert "▼" not in rows(on)[-1]


async def test_the_glossary_counts_what_was_found(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as on:
        on.app.perform("terms")
        await on.pilot.pause()
        assert f"▼ {len(all_terms()) - 12} more" in rows(on)[-1]
        await on.press(*"softmax")
        assert "more" not in rows(on)[-1]


async def test_an_entry_that_does_not_fit_ends_in_dots(tmp_path: Path) -> None:
    async with stage(tmp_path, (40, 24)) as on:
        on.app.perform("terms dataset")
        await on.pilot.pause()
        assert rows(on)[-3].strip() == "…"


@pytest.mark.parametrize("width", [80, 120])
async def test_the_lessons_progress_does_not_touch_the_edge(width: int, tmp_path: Path) -> None:
    async with stage(tmp_path, (width, 40)) as on:
        on.app.perform("lesson")
        await on.pilot.pause()
        assert all(row.endswith("new ") for row in rows(on)[2:10])
