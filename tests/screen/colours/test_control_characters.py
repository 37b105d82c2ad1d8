"""No control character that came from outside reaches the terminal or a picture, whatever way it takes."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.segment import Segment
from textual.color import Color
from torch import Tensor, nn

from engine.protocol.replies import Log
from engine.session import Session
from nnwalk_tui import headless, terminal
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.catalogue import EVERY_PANE, LESSON
from nnwalk_tui.colours.filters import PlainFilter
from nnwalk_tui.shots.pictures import picture_of
from tests.support.hostile import CONTROLS, MARKER
from tests.support.live import LiveTarget

HOSTILE = "".join(f"{control}{MARKER}" for control in CONTROLS)


class Net(nn.Module):
    """Whoever wrote it has named its layers to take over a terminal."""

    def __init__(self) -> None:
        super().__init__()
        for at in range(2):
            self.add_module(f"{at}{HOSTILE}", nn.Linear(3, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        for module in self.children():
            inputs = module(inputs)
        return inputs


def hostile() -> Session:
    model = Net()
    batches = [(torch.randn(4, 3), torch.tensor([0, 1, 2, 0])) for _ in range(3)]
    return Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), batches)


def harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_a_line_keeps_its_width_and_loses_what_steers_a_terminal() -> None:
    for text in ("plain ✓ 漢", HOSTILE, "\x1b", "a\x00b", "\u200d\u202e\ud800"):
        (segment,) = PlainFilter().apply([Segment(text)], Color(0, 0, 0))
        assert segment.text.isprintable()
        assert segment.cell_length == Segment(text).cell_length


async def test_no_pane_no_message_and_no_picture_carries_any(tmp_path: Path) -> None:
    target = LiveTarget(hostile())
    app = NNWalkApp(target, state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        for line in (
            "step",
            "step op 3",
            "name here",
            *(f"focus {pane}" for pane in EVERY_PANE if pane != LESSON),
            "names",
        ):
            app.perform(line)
            await pilot.pause()
            seen = picture_of(app)
            assert harmless(seen.text)
            assert harmless(seen.svg)
        target.tell(Log(HOSTILE))
        app.perform("log")
        for line in (f"print {HOSTILE}", f"find {HOSTILE}", f"command {HOSTILE}"):
            app.perform(line)
            await pilot.pause()
            seen = picture_of(app)
            assert MARKER in seen.text
            assert harmless(seen.text)
            assert harmless(seen.svg)


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_printed_without_a_screen_carries_none(as_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    terminal.guard_output()
    session = hostile()
    lines = ["step", "names", "print layers", f"print {HOSTILE}"]
    with contextlib.redirect_stdout(sys.stdout):
        for line in lines:
            headless._say(sys.stdout, session.do(line), as_json)
        print(HOSTILE, file=sys.stderr)  # noqa: T201 – as the user's code may
    for text in (out.getvalue(), err.getvalue()):
        assert MARKER in text
        assert harmless(text)
        assert not re.search(rf"[\x00-\x1f\x7f-\x9f]\S*{MARKER}", text.replace("\n", " "))
    if as_json:
        answers = [json.loads(line) for line in out.getvalue().splitlines()]
        assert HOSTILE in answers[-1]["command"]  # escaped, and nothing of it lost


@pytest.mark.parametrize("value", [HOSTILE, {"a": [1, None, HOSTILE]}, "\ud800", "😀\x9b", "plain"])
def test_json_escapes_what_cannot_be_printed(value: Any) -> None:
    line = terminal.json_line(value)
    assert line.isprintable()
    assert json.loads(line) == value
