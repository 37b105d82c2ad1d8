"""The one table of commands and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import CommandError
from engine.protocol.commands import COMMANDS, Goto, RunOn, Step
from engine.protocol.positions import Unit
from nnwalk_tui import actions
from nnwalk_tui.actions import ALL_COMMANDS, KEYS, ScreenCommand
from nnwalk_tui.screens.help import help_lines
from tests.support.school import School

NAMES = ["W[1]", "W[2]", "dW[1]", "loss", "learning_rate"]
RESERVED = {"ctrl+b", "ctrl+a", "ctrl+s", "f11", "shift+f3", *(f"alt+{digit}" for digit in range(10))}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.shown)
def test_every_key_means_a_command_that_is_understood(key: actions.Key) -> None:
    text = key.text.format(unit="op")
    actions.parse(f"{text}1:2" if text.endswith("goto ") else text)


def test_no_key_has_two_meanings_and_none_belongs_to_a_multiplexer() -> None:
    keys = [one for key in KEYS for one in key.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert not set(keys) & RESERVED


def test_every_screen_command_is_carried_out_by_the_app_or_one_of_its_parts(tmp_path: Path) -> None:
    app = School(tmp_path).app
    for spec in actions.SCREEN_COMMANDS:
        assert callable(app.carrying_out(spec.name.removesuffix("!")))


def test_every_command_of_the_engine_and_of_the_screen_is_listed_once() -> None:
    names = [spec.name for spec in ALL_COMMANDS]
    assert len(names) == len(set(names))
    assert {spec.name for spec in COMMANDS} <= set(names)
    assert {text for text, _ in actions.palette()} >= set(names)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("zoom", ScreenCommand("zoom")),
        ("focus 3", ScreenCommand("focus", "3")),
        ("unit coarser", ScreenCommand("unit", "coarser")),
        ("command goto ", ScreenCommand("command", "goto ")),
        ("help step", ScreenCommand("help", "step")),
        ("step op 3", Step(Unit.OP, 3)),
        ("run", RunOn()),
        ("goto 1:20", Goto("1:20")),
    ],
)
def test_a_line_is_parsed(text: str, command: object) -> None:
    assert actions.parse(text) == command


@pytest.mark.parametrize(
    ("text", "problem", "cure"),
    [
        ("zom", "zom", "did you mean zoom?"),
        ("stepp op", "stepp", "did you mean step?"),
        ("qqqqqq", "qqqqqq", "lists the commands"),
        ("focus nowhere", "nowhere", "graph"),
        ("unit", "needs a name", "coarser"),
        ("zoom in", "in", "use: zoom"),
        ("step ops 0", "0", "whole number"),
    ],
)
def test_a_wrong_line_is_answered_with_the_word_and_the_cure(text: str, problem: str, cure: str) -> None:
    with pytest.raises(CommandError) as caught:
        actions.parse(text)
    assert problem in caught.value.problem
    assert cure in caught.value.cure


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("st", "step"),
        ("step o", "step op"),
        ("back ep", "back epoch"),
        ("run 3 b", "run 3 batches"),
        ("run u", "run until"),
        ("break ba", "break backward"),
        ("export w", "export weights"),
        ("hide grap", "hide graph"),
        ("layout ne", "layout next"),
        ("goto l", "goto last"),
        ("focus gra", "focus graph"),
        ("unit co", "unit coarser"),
        ("print dW", "print dW[1]"),
        ("print W[1] + lo", "print W[1] + loss"),
        ("set le", "set learning_rate"),
        ("help zo", "help zoom"),
        ("print ", None),
        ("step op", None),
        ("", None),
        ("print nothing", None),
    ],
)
def test_a_line_is_completed(text: str, completed: str | None) -> None:
    assert actions.complete(text, NAMES) == completed


def test_the_keys_of_a_command_are_known() -> None:
    assert actions.keys_of("step") == "o l p b e →"


@pytest.mark.parametrize(("key", "sign"), [("plus", "+"), ("minus", "-"), ("greater_than_sign", ">"), ("up", "↑")])
def test_the_help_names_a_pane_s_key_as_people_do(key: str, sign: str) -> None:
    _, row, *_ = help_lines("graph", "", [(key, "does it")], 80)
    assert "".join(text for text, _ in row).split() == [sign, "does", "it"]
