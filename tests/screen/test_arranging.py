"""Layouts: chosen, changed and kept, by key and by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnwalk_tui.actions import KEYS
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.catalogue import PANES
from nnwalk_tui.places.arrangement import Arrangement, Memory, for_recording, of_recording
from nnwalk_tui.places.layouts import LAYOUTS, NAMES
from tests.support.live import LiveTarget, live
from tests.support.stage import InProcess, stage

SIZES = [(80, 24), (120, 40), (200, 60), (240, 78)]
DIRECT = {f"f{at}": name for at, name in enumerate(NAMES, 2)}


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_key_chooses_a_layout_and_its_panes_are_drawn(size: tuple[int, int], tmp_path: Path) -> None:
    async with live(tmp_path, size) as on:
        await on.press("b")
        for key, name in DIRECT.items():
            if name not in LAYOUTS:
                continue
            await on.press(key)
            layout = LAYOUTS[name]
            assert on.main.current == layout.first[0]
            seen = f"{', '.join(on.main.plan.panes)}; the others are tabs" if size == (80, 24) else layout.about
            assert on.status == f"layout {name}: {seen}"
            for pane in on.main.plan.panes:
                assert on.pane(pane).size == on.main.plan.boxes[pane][2:]
                assert "waiting for the engine" not in on.text(pane)


async def test_one_key_goes_round_all_layouts(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        seen = []
        for _ in LAYOUTS:
            await on.press("Z")
            seen.append(on.main.layout_name)
        assert seen == [*list(LAYOUTS)[1:], "overview"]
        on.app.perform("layout previous")
        assert on.main.layout_name == "plots"


async def test_the_lessons_layout_without_a_lesson_offers_the_lessons(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("f7")
        assert type(on.app.screen).__name__ == "LessonsScreen"


async def test_an_open_lesson_is_left_for_another_layout_and_come_back_to(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.app.perform("lesson network")
        await on.press("f3")
        assert "lesson" not in on.main.plan.boxes
        await on.press("f7")
        assert on.main.layout_name == on.main.current == "lesson"
        await on.press("f4", "t")
        assert on.main.layout_name == on.main.current == "lesson"
        on.app.perform("leave")
        assert on.main.layout_name == "gradients"


async def test_a_layout_without_a_name_says_which_there_are(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.app.perform("layout")
        assert all(name in _said(on.app) for name in NAMES)
        on.app.perform("layout sideways")
        await on.pilot.pause()
        assert "there is no layout “sideways”" in _said(on.app)


@pytest.mark.parametrize("size", SIZES[:3], ids=str)
async def test_a_hidden_pane_is_gone_until_it_is_gone_to(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as on:
        await on.press("2", "H")
        assert on.main.current != "layers"
        assert "layers" not in {*on.main.plan.boxes, *on.main.plan.tabs}
        await on.press(*["tab"] * 12)
        assert "layers" not in on.main.plan.boxes
        await on.press("2")
        assert on.main.current == "layers"
        assert "layers" in on.main.plan.boxes
        on.app.perform("hide digits")
        on.app.perform("hide loss")
        await on.press("A")
        assert {"digits", "loss"} <= {*on.main.plan.boxes, *on.main.plan.tabs}


async def test_a_pane_that_is_hidden_at_once_after_it_was_gone_to_stays_hidden(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        on.app.perform("focus layers")
        on.app.perform("hide")
        await on.settle()
        assert "layers" not in on.main.plan.boxes
        assert on.main.focused is on.main.current_pane


async def test_the_last_pane_cannot_be_hidden(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        for _ in PANES:
            await on.press("H")
        assert len(on.main.plan.panes) == 1
        assert "is the last pane" in on.status


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_pane_grows_and_shrinks_by_key(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as on:
        usual = on.main.panes["graph"].size
        await on.press("right_curly_bracket", "right_parenthesis")
        assert on.main.panes["graph"].size == (usual.width + 4, usual.height + 2)
        await on.press("left_curly_bracket", "left_parenthesis")
        assert on.main.panes["graph"].size == usual


async def test_a_pane_that_cannot_grow_further_says_so_and_shrinks_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.app.perform("wider 999")
        await on.press("right_curly_bracket")
        assert "graph cannot become wider" in on.status
        await on.press("z", "right_curly_bracket")
        assert "z brings the others back" in on.status
        on.app.perform("wider some")
        assert "“some” is no number of cells" in on.status


async def test_the_arrangement_is_kept_between_two_visits_and_reset(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("f3", "right_curly_bracket")
        on.app.perform("hide here")
        await on.pilot.pause()
        before = on.main.plan
    async with stage(tmp_path) as on:
        assert on.main.layout_name == "backprop"
        assert on.main.plan == before
        on.app.perform("layout reset")
        await on.pilot.pause()
        assert on.main.layout_name == "overview"
        await on.press("f3")
        assert "here" in on.main.plan.boxes
        assert on.main.plan.boxes["graph"].width == before.boxes["graph"].width - 4
        await on.press("f2")
    assert Memory(tmp_path / "layouts.json").read() == (Arrangement(), "")
    assert [path.name for path in tmp_path.glob("layouts*")] == ["layouts.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"layout": 3}', '{"changes": {"data": {"sizes": {"a": 1}}}}', "\udcff"])
async def test_a_broken_file_is_told_of_and_the_usual_layouts_are_seen(text: str, tmp_path: Path) -> None:
    (tmp_path / "layouts.json").write_text(text, errors="surrogateescape")
    async with stage(tmp_path) as on:
        assert on.main.layout_name == "overview"
        assert "cannot be read" in _said(on.app)
        await on.press("f6")
    assert Memory(tmp_path / "layouts.json").read()[0].layout == "plots"


async def test_a_folder_that_cannot_be_written_is_told_of_and_the_layout_is_seen(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = NNWalkApp(InProcess(), state=tmp_path / "file")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f4")
        await pilot.pause()
        assert app.main.layout_name == "gradients"
        assert "cannot be kept" in _said(app)


def test_layouts_and_panes_of_another_version_are_passed_over() -> None:
    kept = {"layout": "circus", "changes": {"circus": {}, "data": {"hidden": ["here", "lions"]}}}
    arrangement = of_recording(kept)
    assert arrangement is not None
    assert arrangement.layout == "overview"
    assert arrangement.wishes("data").hidden == {"here"}


async def test_a_recording_keeps_the_layout_and_brings_it_back(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("f5", "right_curly_bracket")
        on.app.perform("hide loss")
        await on.settle()
        await on.command(f"save {tmp_path / 'run.json'}")
        kept = of_recording(json.loads((tmp_path / "run.json").read_text())["layout"])
        assert kept == on.main.arrangement
        before = on.main.plan
    app = NNWalkApp(LiveTarget(on.session), state=tmp_path / "another", arrangement=kept)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert {*app.main.plan.panes} == {*before.panes}
        assert app.main.plan.boxes["digits"] == before.boxes["digits"]


def test_what_a_recording_keeps_is_plain_and_comes_back_the_same() -> None:
    arrangement = Arrangement().with_layout("data").with_hidden("data", "loss", True).with_size("data", "wide:x", 2, -1)
    assert of_recording(json.loads(json.dumps(for_recording(arrangement)))) == arrangement
    assert of_recording({}) is None
    assert of_recording({"panes": ["graph"], "layout": 7}) is None


async def test_commands_given_at_the_start_may_be_the_screens_own(tmp_path: Path) -> None:
    client = InProcess()
    app = NNWalkApp(client, state=tmp_path, script=["step batch 3", "layout plots", "hide landscape"])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert client.asked == ["step batch 3"]
        assert app.main.layout_name == "plots"
        assert "landscape" not in app.main.plan.boxes


def test_every_layout_has_a_key_of_its_own() -> None:
    assert {key.keys: key.text for key in KEYS if key.keys in DIRECT} == {k: f"layout {v}" for k, v in DIRECT.items()}


def _said(app: NNWalkApp) -> str:
    """The status line, and what of it did not fit there."""
    box = app.main.answer
    rows = [box.render_line(y).text.strip() for y in range(box.size.height)]
    return " ".join([*rows, app.main.command_line.status])
