"""A frame whose panes fail one by one, and an engine that outlives an error of its own."""

from __future__ import annotations

import pytest

from engine.panes import viewer
from engine.protocol.messages import Look
from engine.session import Session
from tests.support.zoo import ZOO, make


def one_batch() -> Session:
    session = make(next(iter(ZOO))).session()
    session.step()
    return session


def broken(*given: object) -> object:
    raise ZeroDivisionError("no such luck")


def test_a_pane_that_cannot_be_made_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    session = one_batch()
    monkeypatch.setitem(viewer.VIEWS, "here", broken)
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
