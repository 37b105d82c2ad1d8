"""The application: every key, with an engine in the test's own process."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from engine.protocol.replies import Answer, Failed, Log, Progress
from nnwalk_tui.actions import KEYS
from nnwalk_tui.app import MOST_PENDING, NNWalkApp
from nnwalk_tui.client.target import EngineDied
from nnwalk_tui.panes.tape import TapePane
from nnwalk_tui.screens.help import HelpScreen
from tests.support.stage import stage

SIZES = [(80, 24), (120, 40), (200, 60), (40, 10), (20, 5)]


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ("o", ["step op"]),
        ("l", ["step layer"]),
        ("p", ["step phase"]),
        ("b", ["step batch"]),
        ("e", ["step epoch"]),
        ("O", ["back op"]),
        ("L", ["back layer"]),
        ("P", ["back phase"]),
        ("B", ["back batch"]),
        ("E", ["back epoch"]),
        ("right left", ["step op", "back op"]),
        ("right_square_bracket right", ["step layer"]),
        ("right_square_bracket right_square_bracket left_square_bracket left", ["back layer"]),
        ("left_square_bracket right", ["step op"]),
        ("space", ["run"]),
        ("home end", ["goto start", "goto last"]),
        ("g 1 colon 3 enter", ["goto 1:3"]),
    ],
)
async def test_a_key_asks_the_engine_for_what_the_table_says(keys: str, asked: list[str], tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press(*keys.split())
        assert on.client.asked == asked


async def test_every_key_of_the_table_is_bound(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("x")  # the log has no keys of its own, which would go before these
        bound = {binding.binding.key: binding.binding.action for binding in on.main.active_bindings.values()}
        for key in KEYS:
            assert bound.get(key.keys) == f"press({key.text!r})" or key.keys in ("ctrl+p", "enter")


PANE_KEYS = {
    "1": "graph",
    "2": "layers",
    "3": "gradients",
    "4": "loss",
    "5": "digits",
    "6": "neurons",
    "7": "landscape",
    "8": "boundary",
    "9": "draw",
    "0": "slide",
    "T": "tape",
    "x": "log",
}


@pytest.mark.parametrize("size", SIZES[:4])
async def test_a_key_focuses_a_pane_at_any_size(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as on:
        for key, pane in PANE_KEYS.items():
            await on.press(key)
            assert on.main.focused is on.main.panes[pane]
            assert on.main.panes[pane].size.area > 100
            assert on.main.panes[pane].looks <= set(on.client.looks[-1].panes)


@pytest.mark.parametrize("size", SIZES[:4])
async def test_tab_goes_round_all_places_and_back(size: tuple[int, int], tmp_path: Path) -> None:
    async with stage(tmp_path, size) as on:
        places = []
        for _ in range(len(on.main.panes)):
            places.append(on.main.current)
            await on.press("tab")
        assert {"graph", "layers", "here", "gradients", "loss", "digits"} <= set(places) or size == (40, 10)
        here = on.main.current
        await on.press("tab", "shift+tab")
        assert on.main.current == here


async def test_the_tape_and_the_log_go_back_to_the_pane_before(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("3", "T", "T")
        assert on.main.current == "gradients"
        await on.press("x", "x")
        assert on.main.current == "gradients"


async def test_zoom_shows_one_pane_alone_and_escape_undoes_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("5", "z")
        assert on.main.plan.panes == ("digits",)
        assert on.main.panes["digits"].size.width == 120
        await on.press("escape")
        assert len(on.main.plan.panes) == 6
        await on.press("escape", "escape")
        assert on.app.is_running


async def test_an_entered_pane_gets_the_arrows_until_escape(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("enter", "right", "home")
        assert on.client.asked == []
        await on.press("escape", "right")
        assert on.client.asked == ["step op"]


async def test_a_row_of_the_tape_is_gone_to(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.main.panes["tape"].post_message(TapePane.Chosen(7))
        await on.pilot.pause()
        assert on.client.asked == ["goto 1:1:7"]
        assert on.app.snapshot is not None
        assert on.app.snapshot.position.event == 7


async def test_space_pauses_what_runs(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("space")
        assert on.app.talk.running
        await on.press("space")
        assert (on.client.asked, on.client.interrupts) == (["run"], 1)


async def test_a_step_during_a_run_stops_it_first(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("space", "o")
        assert on.client.interrupts == 1
        assert on.client.asked == ["run", "step op"]


async def test_each_command_of_a_script_waits_for_the_one_before(tmp_path: Path) -> None:
    async with stage(tmp_path, held=True, script=["run 3 batches", "focus gradients", "step op"]) as on:
        assert on.client.asked == ["run 3 batches"]
        await on.tell(Answer(1, "run 3 batches", None))
        assert on.client.asked == ["run 3 batches", "step op"]
        assert on.main.current == "gradients"


@pytest.mark.parametrize("script", [["print loss", "step op"], ["jump", "step op"]])
async def test_a_script_ends_at_the_command_that_fails(script: list[str], tmp_path: Path) -> None:
    async with stage(tmp_path, held=True, script=script) as on:
        await on.tell(Answer(1, "print loss", None, error="loss is not computed yet"))
        assert "step op" not in on.client.asked
        assert "not computed" in on.status or "no command “jump”" in on.status


async def test_a_pause_ends_a_script(tmp_path: Path) -> None:
    async with stage(tmp_path, held=True, script=["run", "step op"]) as on:
        await on.press("space")
        await on.tell(Answer(1, "run", None))
        assert on.client.asked == ["run"]


async def test_keys_held_down_queue_a_few_steps_only(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.client.held = True
        await on.press(*"oooooooooo")
        assert len(on.client.asked) == MOST_PENDING


async def test_a_slow_step_is_spoken_of_and_a_long_one_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnwalk_tui.parts.conversation.PATIENCE", -1.0)
    async with stage(tmp_path) as on:
        on.client.held = True
        await on.press("o")
        await on.tell(Log("…"))
        assert on.status == "stepping…"
        await on.tell(Progress("replaying", 3, 12))
        assert "replaying" in on.status
        assert "3/12 · Esc cancels" in on.status
        await on.press("escape")
        assert on.client.interrupts == 1
        await on.tell(Progress("replaying", 12, 12), Answer(1, "step op", None))
        assert on.status == ""


async def test_the_next_look_follows_the_painted_frame_and_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        before = len(on.client.looks)
        await on.press("o")
        assert len(on.client.looks) == before + 1
        on.client.held = True
        await on.press("o", "o")
        assert len(on.client.looks) == before + 1


async def test_only_panes_on_screen_are_looked_at(tmp_path: Path) -> None:
    async with stage(tmp_path, (40, 10)) as on:
        assert set(on.client.looks[-1].panes) == {"graph", "tape"}
        await on.press("4")
        assert set(on.client.looks[-1].panes) == {"curves", "tape"}


async def test_before_the_engine_is_ready_the_screen_is_up_and_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path, held=True) as on:
        assert on.status.startswith("starting the engine…")
        await on.press("z", "question_mark")
        assert isinstance(on.app.screen, HelpScreen)


async def test_an_error_stays_until_the_next_key(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("colon")
        await on.type("stepp op")
        await on.press("enter")
        assert "did you mean step?" in on.status
        await on.tell(Log("something else"))
        assert "did you mean step?" in on.status
        await on.press("2")
        assert on.status == ""


async def test_an_answer_of_several_lines_lies_over_the_panes_until_the_next_key(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.client.held = True
        on.app.perform("print W[1]")
        await on.tell(Answer(1, "print W[1]", None, text="1 2 3\n4 5 6\n7 8 9"))
        assert on.main.answer.region.height == 4
        assert "4 5 6" in on.log
        await on.press("2")
        assert on.main.answer.region.height == 0


async def test_the_traceback_of_an_error_goes_to_the_log(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.tell(Answer(9, "step op", None, error="model.py:3 raised — mend it", details="Traceback\n  line 3"))
        assert on.status == "model.py:3 raised — mend it"
        assert "line 3" in on.log


async def test_a_run_that_cannot_start_leaves_the_screen_with_error_and_cure(tmp_path: Path) -> None:
    async with stage(tmp_path, held=True) as on:
        await on.tell(Failed("no file “x.idx” — give a folder", "Traceback"), EngineDied("exit status 1"))
        assert on.status == "no file “x.idx” — give a folder — press r to restart"
        assert "Traceback" in on.log
        await on.press("o")
        assert on.client.asked == []
        await on.press("r")
        await on.app.workers.wait_for_complete()
        assert on.client.restarts == 1


async def test_after_a_death_the_keys_rest_until_r_restarts_the_engine(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("o", "o")
        on.app.perform("set learning_rate 0.5")
        await on.pilot.pause()
        await on.press("o")
        await on.tell(EngineDied("killed by signal 9"))
        assert "killed by signal 9" in on.status
        assert "press r" in on.status
        await on.press("o")
        assert len(on.client.asked) == 4
        await on.press("r")
        await on.app.workers.wait_for_complete()
        await on.pilot.pause()
        assert on.client.restarts == 1
        await on.press("o")
        assert len(on.client.asked) == 5


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_a_key_leaves(key: str, tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press(key)
        assert not on.app.is_running or on.app._exit


async def test_ctrl_c_stops_a_run_before_it_leaves(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.press("space", "ctrl+c")
        assert on.client.interrupts == 1
        assert on.app.is_running
        assert not on.app._exit


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("size", SIZES)
async def test_every_size_is_drawn_in_full(size: tuple[int, int], ascii: bool, tmp_path: Path) -> None:
    async with stage(tmp_path, size, ascii=ascii) as on:
        rows = screen_rows(on.app)
        assert [len(row) for row in rows] == [size[0]] * size[1]
        assert ("too small" in "".join(rows)) == (size == (20, 5))
        if ascii:
            assert "".join(rows).isascii()


async def test_a_storm_of_sizes_leaves_a_whole_screen(tmp_path: Path) -> None:
    dice = random.Random(0)
    async with stage(tmp_path) as on:
        for _ in range(25):
            await on.pilot.resize_terminal(dice.randint(1, 250), dice.randint(1, 80))
        await on.pilot.resize_terminal(120, 40)
        await on.pilot.pause()
        shown = [on.main.panes[name].region for name in on.main.plan.panes]
        assert [tuple(region) for region in shown] == [tuple(on.main.plan.boxes[name]) for name in on.main.plan.panes]


async def test_what_is_said_stays_whole_on_a_terminal_of_another_size(tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(12))  # 81 cells
    async with stage(tmp_path, (120, 40)) as on:
        on.app.status.say(words)
        for size in ((60, 20), (90, 24), (40, 16)):
            await on.pilot.resize_terminal(*size)
            await on.pilot.pause()
            rows = screen_rows(on.app)
            assert all(any(word in row.split() for row in rows) for word in words.split()), size
            assert any("any key closes this" in row for row in rows) == (size[0] < 80)


async def test_a_flood_of_output_is_taken_in_one_go(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.tell(*(Log(f"line {number}") for number in range(20_000)))
        assert on.log.endswith("line 19999")


def screen_rows(app: NNWalkApp) -> list[str]:
    """The screen as text."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def test_the_screen_process_never_imports_torch() -> None:
    code = "import nnwalk_tui.app, sys; print({'torch', 'torchvision', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
