"""A frame whose panes fail one by one, and an engine that outlives an error of its own."""

from __future__ import annotations

import pytest

from engine.panes import graph_plan, viewer
from engine.protocol.messages import BatchLook, GradientLook, GraphLook, Look, NeuronsLook, TensorLook
from engine.protocol.positions import Unit
from engine.session import Session
from tests.support.sessions import small
from tests.support.zoo import ZOO, make

EVERYTHING = Look(
    ["tape", "here", "graph", "layers", "gradients", "distribution", "curves", "batch", "tensor", "neurons"],
    rows=1000,
    points=5,
    graph=GraphLook("ops", [], rows=1000),
    gradients=GradientLook("dW db", rows=100, points=5, chosen="dW[1]", bins=9),
    batch=BatchLook("examples", "highest loss"),
    tensor=TensorLook("", rows=5, columns=5),
    neurons=NeuronsLook(1, 9),
)


def one_batch() -> Session:
    session = make(next(iter(ZOO))).session()
    session.step()
    return session


def broken(*given: object) -> object:
    raise ZeroDivisionError("no such luck")


def test_a_pane_that_cannot_be_made_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    session = one_batch()
    monkeypatch.setitem(viewer.MAKERS, "here", broken)
    told: list[str] = []
    session.viewer.failed = told.append
    for _ in range(2):
        seen = session.viewer.see(Look(["here", "tape"], rows=5))
        assert seen.failed == {"here": "ZeroDivisionError: no such luck"}
        assert seen.here is None
        assert seen.tape is not None
    assert len(told) == 1
    assert "Traceback" in told[0]


def test_a_command_that_fails_in_the_engine_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    session = one_batch()
    monkeypatch.setattr("engine.session.carry_out", broken)
    answer = session.do("step")
    assert "ZeroDivisionError: no such luck" in answer.error
    assert "Traceback" in answer.details
    monkeypatch.undo()
    assert not session.do("step").error


def forget_what_was_made(session: Session) -> None:
    """Let the next frame be made from nothing that an earlier one left."""
    tape = session.tape()
    assert tape is not None
    tape._computed.clear()
    graph_plan._PLANS.clear()
    session.viewer.inspected = type(session.viewer.inspected)()


def compare_at_every_event(session: Session) -> int:
    """Walk back and on through the cursor's batch; what is seen on the way must be what is seen without a past."""
    seen = {}
    session.viewer.see(EVERYTHING)
    start = session.iteration
    for move in (session.back, session.step):
        while True:
            move(Unit.OP)
            seen[session.position] = session.viewer.see(EVERYTHING)
            if session.event is None:
                break
    assert session.iteration == start
    for position, frame in seen.items():
        session.go_to(position.iteration, position.event)
        if session.iteration:
            forget_what_was_made(session)
        assert session.viewer.see(EVERYTHING) == frame, position
    return len(seen)


def test_frames_made_of_what_is_kept_are_those_that_are_made_anew() -> None:
    session = small()
    session.step(Unit.BATCH, 2)
    assert compare_at_every_event(session) > 15
    session.do("set W[1] W[1] * 2")
    session.step()
    session.do("freeze 1")
    session.step()
    assert compare_at_every_event(session) > 15


@pytest.mark.parametrize("name", ["convnet", "lstm", "in place", "shared weight"])
def test_and_of_models_that_are_no_rows_of_layers(name: str) -> None:
    session = make(name).session()
    session.step(Unit.BATCH, 2)
    assert compare_at_every_event(session) > 15
