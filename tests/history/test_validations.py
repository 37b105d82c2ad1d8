"""Validation is of the state that a border holds, edits included."""

from __future__ import annotations

import pytest

from tests.support.sessions import small


def test_the_validation_at_a_border_is_that_of_the_edited_weights() -> None:
    session = small()
    before = session.do("print valid_loss").value
    session.do("set W[1] 0*W[1]")
    edited = session.do("print valid_loss").value
    assert edited != before
    session.do("step batch")
    session.do("goto start")
    assert session.do("print valid_loss").value == edited


def test_an_edit_that_leaves_the_model_as_it_is_validates_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    session = small()
    session.do("print valid_loss")
    taken: list[int] = []
    monkeypatch.setattr(session.trainer, "validate", lambda *_: taken.append(1))
    session.do("set learning_rate 0.5")
    assert not taken
    session.do("set W[1] 0*W[1]")
    assert taken
