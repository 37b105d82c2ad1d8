"""The engine process's loop, over a session whose model stops working."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from engine import Session
from engine.protocol.command_table import parse
from engine.protocol.messages import Do, Look
from engine.protocol.replies import Log, Progress
from engine.protocol.transport import EngineEnd
from engine.server import Server

LOOK = Look(["graph", "here", "layers", "gradients", "curves"], columns=10)


class Quiet:
    """The screen's end of the line: it sends nothing, and keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def waiting(self) -> bool:
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
