"""An edit that cannot be made says why, and changes nothing."""

from __future__ import annotations

from functools import cache

import pytest

from engine.protocol.positions import Position
from tests.support.sessions import edited, go, plain_digests, small


@cache
def plain() -> list[str]:
    """The digests of a plain loop."""
    return plain_digests(edited())


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("set learning_rate -1", "above 0"),
        ("set learning_rate 0", "above 0"),
        ("set learning_rate nan", "finite"),
        ("set learning_rate foo", "“foo”"),
        ("set learning_rate W[1]", "not one number"),
        ("set batch_size 0", "use 1 to"),
        ("set batch_size 1e9", "use 1 to"),
        ("set batch_size inf", "finite"),
        ("set batch_size many", "“many”"),
        ("set optimizer sdg", "there are sgd"),
        ("set momentum many", "“many”"),
        ("set momentum nan", "finite"),
        ("set W[1] W[2]", "W[1] is 6×784"),
        ("set W[1] Z[1]", "not computed"),
        ("set W[1][9,1] 5", "no place 9"),
        ("set W[1] foo", "“foo”"),
        ("set W[1] 'word'", "word"),
        ("set W[9] 1", "no layer 9"),
        ("set Z[1] 1", "cannot be set"),
        ("set loss 1", "cannot be set"),
        ("set foo 1", "what can be set"),
        ("set W[1]+1 5", "cannot be set"),
        ("set dW[1] 5", "cannot be set"),
        ("freeze 9", "layers are 1 to 3"),
        ("freeze foo", "“foo”"),
        ("unfreeze layers.7", "layers.7"),
    ],
)
def test_an_edit_that_fails_changes_nothing(command: str, says: str, past: bool) -> None:
    expected, session = plain(), edited()
    if past:
        session.run()
    go(session, 6)
    budget = session.timeline.history.budget
    answer = session.do(command)
    assert says in answer.error
    assert "\n" not in answer.error
    assert session.position == Position(1, 6, 6)
    assert session.digest() == expected[6]
    assert [b.name for b in session.branches.all] == ["main"]
    assert not session.timeline.edits
    assert session.timeline.history.budget == budget
    assert session.timeline.furthest == (22 if past else 6)
    assert go(session, 22) == expected[22]
    assert go(session, 7) == expected[7]
    assert not session.timeline.divergence


def test_a_failing_edit_in_the_middle_of_a_batch_leaves_the_cursor_at_its_event() -> None:
    session = edited()
    session.goto("1:4:9")
    before = session.digest(), session.position
    assert session.do("set learning_rate foo").error
    assert (session.digest(), session.position) == before


def test_the_trainer_s_own_note_of_the_rate_cannot_be_set() -> None:
    session = small()
    before = session.learning_rate
    assert session.do("set base_lr 0.5").error
    assert session.learning_rate == before
