"""The row of tabs on a small terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnwalk_tui.actions import PANES
from nnwalk_tui.layouts import LAYOUTS
from tests.test_app import stage


@pytest.mark.parametrize("size", [(80, 24), (72, 24), (60, 20)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_the_chosen_tab_and_those_beside_it_have_their_names_and_all_their_keys(
    layout: str, size: tuple[int, int], tmp_path: Path
) -> None:
    async with stage(tmp_path, size) as on:
        on.app.perform(f"layout {layout}")
        for _ in range(11):
            await on.press("tab")
            tabs = on.main.plan.tabs
            chosen = next(at for at, name in enumerate(tabs) if name in on.main.plan.boxes)
            row = on.main.tab_bar.render_line(0).text
            assert f"▶{PANES[tabs[chosen]]} {tabs[chosen]} ".replace("▶ ", "▶") in row
            for at, name in enumerate(tabs):
                assert PANES[name] in row.split() or f"▶{PANES[name]}" in row
                assert name in row or abs(at - chosen) > 1 or size[0] < 72


async def test_few_names_come_or_go_when_the_next_tab_is_chosen(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as on:
        await on.press("2")
        before = on.main.tab_bar.render_line(0).text.replace("▶", " ").split()
        assert "loss" in before
        await on.press("3")
        after = on.main.tab_bar.render_line(0).text.replace("▶", " ").split()
        assert before == after


async def test_a_click_on_a_shortened_tab_chooses_it(tmp_path: Path) -> None:
    async with stage(tmp_path, (60, 20)) as on:
        row = on.main.tab_bar.render_line(0).text
        await on.pilot.click("#tabs", offset=(row.index(" x ") + 1, 0))
        await on.pilot.pause()
        assert on.main.current == "log"
