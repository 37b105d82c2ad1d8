"""Back is exact: the same values at the same position, whatever way led there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.errors import ExpressionError
from engine.lookup.expressions import evaluate
from engine.protocol.positions import Position, Unit
from engine.session import Session
from tests.support.sessions import plain_digests, small
from tests.support.zoo import ZOO, make

UNITS = list(Unit)


def fingerprint(session: Session) -> dict[str, Any]:
    """Every value that can be seen at the cursor, and those that cannot."""
    seen: dict[str, Any] = {"digest": session.digest(), "loss": session.loss, "accuracy": session.accuracy}
    values = session.values()
    for name in values.names():
        try:
            value = evaluate(name, values)
        except ExpressionError as error:
            value = str(error)
        seen[name] = hash(value.numpy().tobytes()) if isinstance(value, Tensor) else value
    return seen


class Walked:
    """A session, the digests that it must pass through, and what was seen where."""

    def __init__(self) -> None:
        self.session = small()
        self.digests = plain_digests(small())
        self.seen: dict[Position, Any] = {}

    def __repr__(self) -> str:
        return "Walked()"


moves = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["step", "back"]), st.sampled_from(UNITS), st.integers(1, 4)),
        st.tuples(st.just("goto"), st.integers(1, 2), st.integers(1, 11)),
    ),
    min_size=5,
    max_size=25,
)


@pytest.fixture(scope="module")
def walked() -> Walked:
    """A session whose positions remember what was seen at them, over all walks of this module."""
    return Walked()


@given(walk=moves)
def test_every_walk_sees_the_same_values_at_the_same_position(walked: Walked, walk: list[Any]) -> None:
    session, digests, seen = walked.session, walked.digests, walked.seen
    for verb, what, count in walk:
        command = f"goto {what}:{count}" if verb == "goto" else f"{verb} {what} {count}"
        answer = session.do(command)
        assert not answer.error, command
        now = fingerprint(session)
        assert seen.setdefault(session.position, now) == now, (command, session.position)
        if session.event is None:
            assert now["digest"] == digests[session.iteration]
    assert not session.timeline.divergence


def test_five_hundred_random_steps_over_two_epochs_end_in_the_bits_of_a_plain_loop() -> None:
    import random

    choose = random.Random(5)
    session, digests = small(), plain_digests(small())
    seen: dict[Position, str] = {}
    for _ in range(500):
        verb = choose.choice(["step", "step", "back"])
        session.do(f"{verb} {choose.choice(UNITS[:4])} {choose.randint(1, 9)}")
        now = session.digest()
        assert seen.setdefault(session.position, now) == now
        if session.event is None:
            assert now == digests[session.iteration]
    session.goto("end")
    assert session.digest() == digests[-1]


@pytest.mark.parametrize("unit", UNITS)
def test_a_step_back_undoes_a_step_where_it_began_at_a_border(unit: Unit) -> None:
    session = small(epochs=4)
    session.goto("1:11")
    for _ in range(3):
        before = fingerprint(session), session.position
        session.step(unit)
        assert session.position != before[1]
        session.back(unit)
        assert (fingerprint(session), session.position) == before
        session.step(unit)


@pytest.mark.parametrize("name", ZOO)
def test_any_model_goes_back_and_forth_to_the_same_bits(name: str) -> None:
    session = make(name).session()
    session.step(Unit.BATCH, 2)
    last, middle = session.digest(), None
    session.back(Unit.OP, 7)
    middle = session.digest()
    session.back(Unit.BATCH)
    first = session.digest()
    session.back(Unit.EPOCH)
    assert session.position == Position(1, 0, 0)
    session.step(Unit.BATCH)
    assert session.digest() == first
    session.step(Unit.BATCH)
    assert session.digest() == last
    session.back(Unit.OP, 7)
    assert session.digest() == middle
    assert not session.timeline.divergence


def test_a_small_history_budget_thins_and_still_goes_anywhere() -> None:
    session, digests = small(), plain_digests(small())
    session.timeline.history.budget = 200_000
    session.run()
    assert session.timeline.history.bytes <= 400_000
    for iteration in (3, 17, 9, 22, 1):
        session.goto(f"{(iteration - 1) // 11 + 1}:{(iteration - 1) % 11 + 1}")
        assert session.digest() == digests[iteration]


def test_looking_changes_nothing() -> None:
    looked, plain = small(), small()
    names = looked.values().names()
    for _ in range(13):
        looked.step(Unit.OP, 5)
        fingerprint(looked)
        for name in names:
            looked.do(f"stats {name}")
        looked.timeline.validate()
    looked.step(Unit.BATCH, 2)
    plain.goto(f"{looked.position.epoch}:{looked.position.batch}")
    assert looked.digest() == plain.digest()


def test_a_parameter_is_old_until_its_update_event_is_done() -> None:
    session = small()
    session.step(Unit.BATCH)
    session.goto("1:2")
    after = session.do("print W[2]").value
    session.back(Unit.PHASE)
    before = session.do("print W[2]").value
    assert before != after
    numbers = session.tape().updates()  # type: ignore[union-attr]
    update = numbers["layers.1.linear.weight"]
    session.goto(f"1:2:{update - 1}")
    assert session.do("print W[2]").value == before
    session.goto(f"1:2:{update}")
    assert session.do("print W[2]").value == after


@pytest.mark.parametrize(
    ("start", "command", "end"),
    [
        ("goto start", "step op", (1, 1, 1)),
        ("goto start", "step phase", (1, 1, 1)),
        ("goto 1:1:1", "step layer", (1, 1, 4)),
        ("goto 1:1:2", "step phase", (1, 1, 8)),
        ("goto 1:1:2", "step batch", (1, 1, None)),
        ("goto 1:1", "step batch", (1, 2, None)),
        ("goto 1:11", "step batch", (2, 1, None)),
        ("goto 1:3", "step epoch", (1, 11, None)),
        ("goto 1:11", "step epoch", (2, 11, None)),
        ("goto 1:3:4", "back batch", (1, 2, None)),
        ("goto 1:3", "back batch", (1, 2, None)),
        ("goto 1:1:1", "back op", (1, 0, None)),
        ("goto 2:1", "back batch", (1, 11, None)),
        ("goto 2:3", "back epoch", (1, 11, None)),
        ("goto 1:11", "back epoch", (1, 0, None)),
        ("goto start", "back op", (1, 0, None)),
        ("goto 2:11", "step batch", (2, 11, None)),
        ("goto 1:3:4", "step batch 2", (1, 4, None)),
    ],
)
def test_the_cursor_stands_where_the_rules_say(start: str, command: str, end: tuple[int, int, int | None]) -> None:
    session = small()
    assert not session.do(start).error
    place = session.do(command).position
    assert place is not None
    assert (place.epoch, place.batch, place.event) == end


def test_random_draws_of_dropout_are_the_same_on_the_way_back() -> None:
    session = small()
    session.goto("1:4:6")
    first = session.do("print D[1]").value
    torch.rand(100)
    session.goto("2:4")
    session.goto("1:4:6")
    assert session.do("print D[1]").value == first


def test_validation_at_an_epoch_s_end_is_there_however_it_was_reached() -> None:
    session, straight = small(), small()
    session.goto("1:11:5")
    session.back(Unit.BATCH, 4)
    session.tape()
    session.goto("1:11")
    straight.step(Unit.EPOCH)
    assert session.validation() == straight.validation() is not None
    assert session.do("print valid_loss").value != session.timeline.validations[0]["loss"]


@pytest.mark.parametrize("place", ["1:0:0", "1:0:5"])
def test_before_training_there_is_no_event_to_go_to(place: str) -> None:
    session = small()
    assert "is not in this run" in session.do(f"goto {place}").error
    assert not session.do("step op").error
