"""The row of tabs on a small terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnwalk_tui.actions import key_to_pane
from nnwalk_tui.catalogue import BY_NAME, PANE_NAMES
from nnwalk_tui.places.layouts import LAYOUTS
from tests.support.school import School
from tests.support.stage import Stage, stage


def row(on: Stage) -> str:
    """The row of tabs."""
    return on.main.tab_bar.render_line(0).text


def labels(name: str) -> tuple[str, str]:
    """What a pane's tab may say: its key and name, or its key and short name."""
    key = key_to_pane(name)
    return f"{key} {name}".strip(), f"{key} {BY_NAME[name].short or name}".strip()


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_at_80_columns_every_tab_has_its_key_and_a_name_in_one_order_everywhere(
    layout: str, tmp_path: Path
) -> None:
    async with stage(tmp_path, (80, 24)) as on:
        on.app.perform(f"layout {layout}")
        for _ in range(len(PANE_NAMES)):
            await on.press("tab")
            tabs = on.main.plan.tabs
            assert list(tabs) == [name for name in PANE_NAMES if name in tabs]
            places = [max(row(on).find(f"{side}{label}") for label in labels(n) for side in " [") for n in tabs]
            assert -1 not in places
            assert places == sorted(places)
            assert "…" not in row(on)


@pytest.mark.parametrize(
    ("layout", "size"),
    [*(("overview", size) for size in ((72, 24), (60, 20), (40, 14))), *((each, (60, 20)) for each in [*LAYOUTS][1:])],
    ids=str,
)
async def test_where_not_all_fit_the_open_one_does_and_the_rest_are_dots(
    layout: str, size: tuple[int, int], tmp_path: Path
) -> None:
    async with stage(tmp_path, size) as on:
        on.app.perform(f"layout {layout}")
        for _ in range(len(PANE_NAMES)):
            await on.press("tab")
            tabs = on.main.plan.tabs
            seen = [each for each in tabs if any(label in row(on) for label in labels(each))]
            chosen = next(name for name in tabs if name in on.main.plan.boxes)
            assert any(f"[{label}]" in row(on) for label in labels(chosen))
            first = tabs.index(seen[0])
            assert tuple(seen) == tabs[first : first + len(seen)]
            assert row(on).startswith(" … ") is (first > 0)
            assert row(on).rstrip().endswith("…") is (seen[-1] != tabs[-1])


async def test_only_the_pane_with_the_keys_has_the_sign_for_it(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as on:
        assert "[2 layers]" in row(on)
        assert "▶" not in row(on)
        assert "▶ 1 graph" in on.main.panes["graph"].render_line(0).text


async def test_the_tabs_stay_where_they_are_when_another_is_chosen(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as on:
        await on.press("2")
        before = row(on)
        await on.press("3")
        assert row(on).translate(str.maketrans("[]", "  ")) == before.translate(str.maketrans("[]", "  "))


async def test_a_click_on_a_shortened_tab_chooses_it(tmp_path: Path) -> None:
    async with stage(tmp_path, (60, 20)) as on:
        await on.pilot.click("#tabs", offset=(row(on).index("3 grad") + 1, 0))
        await on.pilot.pause()
        assert on.main.current == "gradients"


async def test_a_click_on_the_dots_chooses_the_next_tab_that_did_not_fit(tmp_path: Path) -> None:
    async with stage(tmp_path, (60, 20)) as on:
        for _ in range(len(PANE_NAMES)):
            await on.pilot.click("#tabs", offset=(len(row(on).rstrip()) - 1, 0))
            await on.pilot.pause()
        assert on.main.current == PANE_NAMES[-1]
        assert row(on).rstrip().endswith("[x log]")


async def test_tabs_that_come_back_have_their_room(tmp_path: Path) -> None:
    school = School(tmp_path, "backprop-2")
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        school.app.perform("page 6")  # alone
        await pilot.pause()
        await pilot.press("t", "down", "enter")  # laid out anew under the list
        for _ in range(4):
            await pilot.pause()
        bar = school.app.main.tab_bar
        assert bar.render_line(0).text.split() == ["[t", "lesson]", "1", "graph", "here"]
