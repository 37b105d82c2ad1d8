"""Keys that arrive at once, as over a slow line: each goes where it would have gone alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from nnwalk_tui.actions import KEYS, Key
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.screens.help import HelpScreen
from nnwalk_tui.screens.lessons import LessonsScreen
from nnwalk_tui.screens.terms import TermsScreen
from tests.support.school import School
from tests.support.stage import InProcess
from tests.support.terminals import Program

NAMED = {"\r": "enter", "\t": "tab", "\x1b": "escape", "\x10": "ctrl+p"}
OPENING = [row for row in KEYS if row.text.split()[0] == "command"]


async def burst(app: NNWalkApp, pilot: Pilot[None], keys: str) -> None:
    """Press keys with nothing done between them."""
    for key in keys:
        name = NAMED.get(key) or (key if key.isalnum() else _character_to_key(key))
        app.post_message(events.Key(name, key if key.isprintable() else None))
    for _ in range(10):
        await pilot.pause()


@pytest.mark.parametrize("key", OPENING, ids=[row.shown for row in OPENING])
async def test_letters_behind_a_key_that_opens_the_line_are_typed_on_it(key: Key, tmp_path: Path) -> None:
    client = InProcess()
    app = NNWalkApp(client, state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await burst(app, pilot, f"{key.shown}beq?:/ oo")
        assert app.main.command_line.is_open
        assert app.main.command_line.value == key.text.removeprefix("command").lstrip() + "beq?:/ oo"
        assert client.asked == []


async def test_what_follows_enter_in_the_same_burst_are_keys_again(tmp_path: Path) -> None:
    client = InProcess()
    app = NNWalkApp(client, state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await burst(app, pilot, ":print loss\rbo:goto 1:2\r3")
        assert client.asked == ["print loss", "step batch", "step op", "goto 1:2"]
        assert not app.main.command_line.is_open
        assert app.main.current == "gradients"


async def test_escape_in_a_burst_leaves_the_line_before_the_next_key(tmp_path: Path) -> None:
    client = InProcess()
    app = NNWalkApp(client, state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await burst(app, pilot, "wloss\x1bb")
        assert client.asked == ["step batch"]
        assert not app.main.command_line.is_open


async def test_letters_behind_the_palette_s_key_are_typed_into_it(tmp_path: Path) -> None:
    client = InProcess()
    app = NNWalkApp(client, state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await burst(app, pilot, "\x10step")
        assert app.screen.query_one(Input).value == "step"
        assert client.asked == []


@pytest.mark.parametrize(
    ("keys", "screen"),
    [
        ("?", HelpScreen),
        ("t", LessonsScreen),
        ("K", TermsScreen),
    ],
)
async def test_a_key_behind_one_that_opens_a_screen_is_that_screen_s(
    keys: str, screen: Callable[..., object], tmp_path: Path
) -> None:
    client = InProcess()
    app = NNWalkApp(client, state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await burst(app, pilot, keys)
        assert type(app.screen) is screen
        await burst(app, pilot, f"\x1b{keys}\x1b{keys}b")
        assert type(app.screen) is screen
        assert client.asked == []
        await burst(app, pilot, f"\x1b{keys}\x1bb")
        assert app.screen is app.main
        assert client.asked == ["step batch"]


async def test_letters_behind_the_key_of_the_terms_look_for_a_term(tmp_path: Path) -> None:
    app = NNWalkApp(InProcess(), state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await burst(app, pilot, "Kepoch")
        assert isinstance(app.screen, TermsScreen)
        assert app.screen.list.words == "epoch"


async def test_a_key_pressed_twice_at_once_does_its_work_twice(tmp_path: Path) -> None:
    client = InProcess()
    app = NNWalkApp(client, state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await burst(app, pilot, "zz")
        assert not app.main.zoomed
        await burst(app, pilot, "]]")
        assert app.navigator.unit == "phase"
        await burst(app, pilot, "HH")
        assert app.main.arrangement.wishes(app.main.layout_name).hidden == {"graph", "here"}
        await burst(app, pilot, "??")
        assert app.screen is app.main
        await burst(app, pilot, "qq")
    assert app.return_code == 0


async def test_an_answer_in_one_burst_is_the_lesson_s(tmp_path: Path) -> None:
    school = School(tmp_path, "similarity")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await burst(school.app, pilot, ".\rb\r")
        assert "✗ an 8 and a 0 have about as much ink" in school.page()
        await burst(school.app, pilot, "a\r")
        assert "✓ right" in school.page()


async def test_pasted_text_behind_a_colon_goes_onto_the_line(tmp_path: Path) -> None:
    app = NNWalkApp(InProcess(), state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(events.Key("colon", ":"))
        app.post_message(events.Paste("print loss"))
        for _ in range(5):
            await pilot.pause()
        assert app.main.command_line.value == "print loss"


@pytest.mark.parametrize("lesson", ["", "overfit"])
def test_a_command_written_to_the_terminal_at_once_is_carried_out(lesson: str, tmp_path: Path) -> None:
    program = Program("neuron", "--classes", "1,7", state=tmp_path, columns=120, rows=40, fake=True)
    program.until((1, 1))
    if lesson:
        program.type(f":lesson {lesson}\r")
        program.until(f"{lesson} · 1 of")
    program.type(":print 123 * 3\r")
    program.until("print 123 * 3 = 42")  # as the engine's stand-in counts
    assert program.place == (1, 1)
    program.type(":quit\r")
    assert program.ended() == 0
