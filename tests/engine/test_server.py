"""The engine process's loop, over a session whose model stops working."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

from engine import Session
from engine.protocol.command_table import parse
from engine.protocol.messages import Do, Interrupt, Look
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer, Failed, Frame, Log, Progress, ScriptEnded, Unsaved
from engine.protocol.transport import EngineEnd, Opening
from engine.recordings.autosave import Autosave
from engine.server import Server, main
from tests.support.sessions import small

LOOK = Look(["graph", "here", "layers", "gradients", "curves"], columns=10)


class Quiet:
    """The screen's end of the line: it sends nothing, and keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def waiting(self, seconds: float = 0.0) -> bool:
        return False

    def receive(self) -> Any:
        raise AssertionError("nothing was sent")

    def send(self, message: Any) -> None:
        self.heard.append(message)


CALLS = {"worn": 0}  # of no model, step or loader: nobody puts it back


class Worn(nn.Module):
    """Works a number of times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.left = times

    def forward(self, inputs: Tensor) -> Tensor:
        CALLS["worn"] += 1
        if CALLS["worn"] > self.left:
            raise RuntimeError("worn out")
        outputs: Tensor = self.linear(inputs)
        return outputs


def test_a_model_that_stops_working_is_not_run_for_every_picture_of_its_batch() -> None:
    model = Worn(times=4)
    batches = [(torch.randn(2, 3), torch.tensor([0, 1])) for _ in range(9)]
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), batches)
    assert "worn out" in session.do("run").error
    line = Quiet()
    server = Server(cast(EngineEnd, line))
    first, calls = server._snapshot(session, LOOK), CALLS["worn"]
    assert server._snapshot(session, LOOK) == first
    assert CALLS["worn"] == calls
    assert "worn out" in first.problem
    assert first.curves is not None
    assert len(first.curves.train.x) == 4
    assert first.graph is None
    assert [type(message) for message in line.heard] == [Log]


def test_a_long_jump_tells_how_far_it_is_some_times_a_second_and_not_with_every_batch() -> None:
    line = Quiet()
    server = Server(cast(EngineEnd, line))
    server._began -= 1
    for done in range(2000):
        server._interrupted()
        server._report("training", done, 2000)
    assert 1 <= len([each for each in line.heard if isinstance(each, Progress)]) < 20


def test_pause_stops_a_jump_and_what_only_looks_ends_no_run() -> None:
    server = Server(cast(EngineEnd, Quiet()))
    server._take(Do(1, "pause", parse("pause")))
    assert server._stop
    server._running, server._stop = True, False
    for text in ("branches", "watches", "print loss"):
        server._take(Do(2, text, parse(text)))
    assert not server._stop
    server._take(Do(3, "step", parse("step")))
    assert server._stop


def test_a_frame_with_nan_in_it_is_sent_once() -> None:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.fill_(float("nan"))
    batches = [(torch.randn(2, 3), torch.tensor([0, 1])) for _ in range(3)]
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), batches)
    session.step()
    line = Quiet()
    server = Server(cast(EngineEnd, line))
    for _ in range(3):
        server._look = LOOK
        server._frame(session)
    assert [type(message) for message in line.heard] == [Frame]


class Scripted(Quiet):
    """A screen that sends these messages."""

    def __init__(self, *messages: Any) -> None:
        super().__init__()
        self.messages = list(messages)

    def waiting(self, seconds: float = 0.0) -> bool:
        return bool(self.messages)

    def receive(self) -> Any:
        if not self.messages:
            raise EOFError
        return self.messages.pop(0)


def do(number: int, text: str) -> Do:
    return Do(number, text, parse(text))


def test_a_run_that_is_interrupted_before_it_began_goes_no_further_than_a_batch() -> None:
    session = small()
    line = Scripted(do(1, "step 2"), do(2, "run"), Interrupt(), do(3, "step"))
    server = Server(cast(EngineEnd, line))
    session.interrupted = server._interrupted
    for _ in range(4):
        server._receive()
    for _ in range(3):
        server._carry_out(session, server._queue.popleft())
    assert [answer.id for answer in line.heard if isinstance(answer, Answer)] == [1, 2, 3]
    assert 3 <= session.iteration <= 4


def test_a_run_that_cannot_be_saved_says_so_once_and_tries_again_while_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, line = small(), Scripted(do(1, "step"), do(2, "step"))
    server = Server(cast(EngineEnd, line))
    server._autosave = Autosave(session, tmp_path / "run.json")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for _ in range(2):
        server._receive()
        server._carry_out(session, server._queue.popleft())
    monkeypatch.undo()
    with pytest.raises(EOFError):
        server._serve_next(session)
    told = [message.problem for message in line.heard if isinstance(message, Unsaved)]
    assert len(told) == 2
    assert "No space left" in told[0]
    assert told[1] == ""
    assert (tmp_path / "run.json").exists()


def test_an_engine_that_fails_says_how_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Line(Quiet):
        def when_gone(self, then: object) -> None:
            assert callable(then)

    def fails(server: Server, job: Job) -> None:
        raise OSError(errno.EIO, "Input/output error")

    line = Line()
    monkeypatch.setattr("engine.server.read_opening", lambda _: Opening("", "", Job()))
    monkeypatch.setattr("engine.server.connect", lambda _: line)
    monkeypatch.setattr(Server, "serve", fails)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (said,) = line.heard
    assert isinstance(said, Failed)
    assert said.error == "the engine failed: OSError: [Errno 5] Input/output error"
    assert "Traceback" in said.details


def test_the_end_of_a_script_with_a_loop_of_its_own_is_told_once_with_its_status() -> None:
    session, line = small(), Quiet()
    server = Server(cast(EngineEnd, line))
    ended: list[int | None] = [None, 3, 3]
    with patch.object(type(session.trainer), "exit_status", property(lambda trainer: ended.pop(0))):
        for number in (1, 2, 3):
            server._carry_out(session, Do(number, "step", parse("step")))
    assert [said for said in line.heard if isinstance(said, ScriptEnded)] == [ScriptEnded(3)]
    assert line.heard.index(ScriptEnded(3)) > line.heard.index(next(a for a in line.heard if getattr(a, "id", 0) == 2))
