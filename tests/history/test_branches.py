"""Edits and branches: each edit is what a plain loop with the same edit gives, and every future is kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.protocol.positions import Position, Unit
from engine.training.state import capture_optimizer, capture_tensors, digest
from engine.training.trainer import Trainer
from tests.support.sessions import edited, go

Change = Callable[[Trainer], None]


def _rate(trainer: Trainer) -> None:
    trainer.optimizer.param_groups[0]["lr"] = 0.05


def _momentum(trainer: Trainer) -> None:
    trainer.optimizer.param_groups[0]["momentum"] = 0.5


def _batch_size(trainer: Trainer) -> None:
    trainer.loader.batch_size = 500  # type: ignore[attr-defined]


def _weight(trainer: Trainer) -> None:
    with torch.no_grad():
        trainer.model.layers[0].linear.weight[2, 4] = 0.5  # type: ignore[index,union-attr]


def _row(trainer: Trainer) -> None:
    with torch.no_grad():
        trainer.model.layers[0].linear.weight[1] *= 2  # type: ignore[index,union-attr]


def _bias(trainer: Trainer) -> None:
    with torch.no_grad():
        trainer.model.layers[1].linear.bias.zero_()  # type: ignore[index,union-attr]


def _optimizer(trainer: Trainer) -> None:
    trainer.optimizers[""] = torch.optim.RMSprop(trainer.model.parameters(), lr=0.001)


def _freeze(trainer: Trainer) -> None:
    for parameter in trainer.model.layers[0].parameters():  # type: ignore[index,union-attr]
        parameter.requires_grad_(False)


EDITS: dict[str, Change] = {
    "set learning_rate 0.05": _rate,
    "set momentum 0.5": _momentum,
    "set batch_size 500": _batch_size,
    "set W[1][3,5] 0.5": _weight,
    "set W[1][2] W[1][2] * 2": _row,
    "set b[2] 0": _bias,
    "set optimizer rmsprop": _optimizer,
    "freeze 1": _freeze,
}


def plain_loop(changes: dict[int, list[Change]], **recipe: Any) -> list[str]:
    """The digest after each batch, and the edits made there, of a loop as anyone would write it."""
    session = edited(**recipe)
    trainer = session.trainer
    digests: list[str] = []

    def border() -> None:
        for change in changes.get(len(digests), []):
            change(trainer)
        digests.append(
            digest(trainer.model, capture_tensors(trainer.model), {"": capture_optimizer(trainer.optimizer).state})
        )

    border()
    for _ in range(session.epochs):
        for inputs, targets in trainer.loader:
            trainer.optimizer.zero_grad()
            trainer.loss(trainer.model(inputs), targets).backward()
            trainer.optimizer.step()
            border()
    return digests


@cache
def plain(border: int = -1, command: str = "") -> list[str]:
    """The digests of a plain loop with one edit, or none."""
    return plain_loop({border: [EDITS[command]]} if command else {})


@pytest.mark.parametrize("border", [0, 5, 11])
@pytest.mark.parametrize("command", EDITS)
def test_an_edit_is_that_of_a_plain_loop_and_is_replayed(command: str, border: int) -> None:
    expected = plain(border, command)
    session = edited()
    go(session, border)
    assert not session.do(command).error
    assert len(session.branches.all) == 1
    assert session.total == len(expected) - 1
    for _ in range(border, session.total):
        session.step()
        assert session.digest() == expected[session.iteration]
    order = random.Random(border).sample(range(session.total + 1), 9)
    assert [go(session, iteration) for iteration in order] == [expected[iteration] for iteration in order]
    assert not session.timeline.divergence


def test_many_edits_one_after_another_are_those_of_a_plain_loop() -> None:
    def thaw(trainer: Trainer) -> None:
        for parameter in trainer.model.layers[0].parameters():  # type: ignore[index,union-attr]
            parameter.requires_grad_(True)

    changes: dict[int, list[Change]] = {
        0: [_bias],
        3: [_freeze, _rate],
        4: [_batch_size],
        6: [thaw, _weight],
        9: [_optimizer],
        11: [_row],
    }
    commands = {
        0: ["set b[2] 0"],
        3: ["freeze layers.0", "set η 0.05"],
        4: ["set batch_size = 250 * 2"],
        6: ["unfreeze 1", "set W[1][3, 5] = 1/2"],
        9: ["set optimizer rmsprop"],
        11: ["set W[1][2,:] 2*W[1][2]"],
    }
    expected, session = plain_loop(changes, epochs=3), edited(epochs=3)
    for border, lines in commands.items():
        go(session, border)
        for line in lines:
            assert not session.do(line).error, line
    session.run()
    assert session.digest() == expected[-1]
    for iteration in (10, 3, 11, 4, 5, 0, 9, 12, 6, 20):
        assert go(session, iteration) == expected[iteration], iteration
    assert not session.timeline.divergence


def test_an_edit_is_in_force_only_from_where_it_was_made() -> None:
    session = edited()
    go(session, 4)
    old = session.do("print W[1][3,5]").value
    session.do("set W[1][3,5] 7")
    session.do("set learning_rate 0.25")
    assert session.do("print W[1][3,5]").value == 7.0
    session.step()
    assert session.do("print learning_rate").value == 0.25
    session.goto("1:4")
    assert session.do("print W[1][3,5]").value == 7.0
    last = len(session.tape() or ())
    session.goto(f"1:4:{last - 1}")
    assert session.do("print W[1][3,5]").value == old
    assert session.do("print learning_rate").value == 0.1
    session.goto("1:5:1")
    assert session.do("print W[1][3,5]").value == 7.0


@pytest.mark.parametrize("command", EDITS)
def test_an_edit_in_the_past_forks_and_both_futures_keep_their_digests(command: str) -> None:
    main, other = plain(), plain(6, command)
    session = edited()
    session.run()
    go(session, 6)
    assert not session.do(command).error
    assert session.branches.current.name == "branch-2"
    assert session.iteration == 6
    session.run()
    assert session.digest() == other[-1]
    session.do("switch main")
    assert session.iteration == 6
    assert [go(session, i) for i in (22, 3, 6, 7, 15)] == [main[i] for i in (22, 3, 6, 7, 15)]
    session.do("switch branch-2")
    assert session.iteration == len(other) - 1
    places = [len(other) - 1, 3, 6, 7, 12]
    assert [go(session, i) for i in places] == [other[i] for i in places]
    assert not session.timeline.divergence


def test_forks_of_forks_keep_all_their_futures() -> None:
    session = edited()
    session.run()
    digests = {"main": session.digest()}
    for at, rate in ((10, 0.2), (5, 0.3), (3, 0.4)):
        go(session, at)
        session.do(f"set learning_rate {rate}")
        session.run()
        digests[session.branches.current.name] = session.digest()
    assert [b.name for b in session.branches.all] == ["main", "branch-2", "branch-3", "branch-4"]
    assert [b.parent for b in session.branches.all] == ["", "main", "branch-2", "branch-3"]
    assert len(set(digests.values())) == 4
    for name in ("branch-3", "main", "branch-4", "branch-2"):
        session.do(f"switch {name}")
        session.goto("start")
        session.goto("end")
        assert session.digest() == digests[name]


def test_where_nothing_lies_ahead_an_edit_forks_nothing() -> None:
    session = edited()
    session.step(Unit.BATCH, 4)
    session.do("set learning_rate 0.2")
    session.step(Unit.OP, 7)
    session.do("set learning_rate 0.3")
    assert len(session.branches.all) == 1
    session.step()
    session.back(Unit.OP)
    session.do("set learning_rate 0.4")
    assert len(session.branches.all) == 2


@pytest.mark.parametrize("event", [1, 13, 22])
@pytest.mark.parametrize("command", [*EDITS])
def test_an_edit_in_the_middle_of_a_batch_keeps_the_event_and_holds_from_the_batchs_start(
    command: str, event: int
) -> None:
    expected = plain(11, command)
    session = edited()
    session.goto(f"2:1:{event}")
    assert not session.do(command).error
    last = len(session.tape() or ())
    assert session.position == Position(2, 1, 12, min(event, last - 1))
    assert len(session.branches.all) == 1
    session.step()
    assert session.digest() == expected[12]
    session.goto("end")
    assert session.digest() == expected[-1]


def test_compare_names_the_first_batch_that_differs() -> None:
    session = edited()
    session.run()
    main = list(session.timeline.losses)
    go(session, 6)
    session.do("set b[2] 0.3")
    session.run()
    other = list(session.timeline.losses)
    differs = next(i for i in range(22) if main[i] != other[i])
    assert differs == 6
    view = session.compare("main")
    assert view.differs == Position(1, 7, 7)
    assert (view.first_loss, view.second_loss) == (main[6], other[6])
    assert (view.first_last, view.second_last) == (main[21], other[21])
    assert "1:7" in session.do("compare main branch-2").text
    same = session.compare("main", "main")
    assert same.differs is None
    assert "are the same" in session.do("compare main main").text


def test_compare_is_of_what_both_have_run() -> None:
    session = edited()
    session.goto("1:9")
    go(session, 2)
    session.do("set learning_rate 0.9")
    assert session.compare("main").batches == 2
    assert session.compare("main").differs is None
    session.step(Unit.BATCH, 3)
    # The rate changes batch 3's update, and so the loss of batch 4.
    assert session.compare("main").differs == Position(1, 4, 4)
    assert session.compare("main").batches == 5


def test_a_batch_size_counts_from_the_next_epoch_and_survives_going_back_and_forth() -> None:
    session = edited(epochs=4)
    examples = len(session.trainer.loader.inputs)  # type: ignore[attr-defined]
    session.goto("1:5")
    session.do("set batch_size 500")
    assert (session.batches, session.total) == (11, 11 + 3 * 5)
    session.goto("2:2")
    assert session.batches == 5
    assert session.do("print shape(X)").value == [500, 784]
    session.do("set batch_size all")
    assert session.total == 11 + 5 + 2
    session.goto("3:1")
    assert session.do("print shape(X)").value == [examples, 784]
    end = session.do("digest").value
    for place, size in (("1:3", 200), ("1:7", 200), ("2:4", 500), ("1:11", examples - 2000), ("2:1", 500)):
        session.goto(place)
        assert session.do("print shape(X)").value == [size, 784], place
    session.goto("3:1")
    assert session.digest() == end
    assert session.do("goto 3:2").error
    session.back(Unit.EPOCH, 2)
    assert session.position == Position(1, 11, 11)


def test_branches_with_other_batch_sizes_do_not_mix_their_epochs() -> None:
    session = edited()
    session.run()
    main = session.digest()
    session.goto("1:2")
    session.do("set batch_size 500")
    session.run()
    assert session.iteration == 16
    other = session.digest()
    for _ in range(2):
        session.do("switch main")
        assert session.do("goto 2:9").error == ""
        session.goto("end")
        assert (session.iteration, session.digest()) == (22, main)
        session.do("switch branch-2")
        assert session.do("goto 2:9").error
        session.goto("2:1")
        session.goto("end")
        assert (session.iteration, session.digest()) == (16, other)


def test_branches_are_named_and_wrong_names_are_told() -> None:
    session = edited()
    session.goto("1:5")
    go(session, 2)
    session.do("set learning_rate 0.2")
    assert not session.do("name high-rate").error
    session.goto("1:6")
    go(session, 3)
    session.do("set learning_rate 0.3")
    assert session.do("name main").error
    assert "there are main, high-rate" in session.do("switch lowrate").error
    assert "there are main, high-rate" in session.do("compare lowrate").error
    rows = session.do("branches").value
    assert [(row["name"], row["parent"], row["border"], row["current"]) for row in rows] == [  # type: ignore[attr-defined]
        ("main", "", 0, False),
        ("high-rate", "main", 2, False),
        (session.branches.current.name, "high-rate", 3, True),
    ]
    assert rows[1]["edits"] == ["set learning_rate 0.2 (after batch 2)"]  # type: ignore[index]


actions = st.lists(
    st.one_of(
        st.tuples(st.just("goto"), st.integers(0, 22), st.integers(0, 20)),
        st.tuples(st.just("edit"), st.sampled_from([*EDITS, "unfreeze 1"]), st.just(0)),
        st.tuples(st.just("run"), st.integers(1, 9), st.just(0)),
        st.tuples(st.just("switch"), st.integers(0, 5), st.just(0)),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=12)
@example([("edit", "set optimizer rmsprop", 0), ("goto", 1, 0), ("edit", "set momentum 0.5", 0), ("run", 1, 0)])
@given(walk=actions)
def test_whatever_is_edited_where_every_place_of_every_branch_keeps_its_bits(walk: list[Any]) -> None:
    session = edited()
    seen: dict[tuple[str, int, int | None], str] = {}

    def look() -> None:
        place = (session.branches.current.name, session.iteration, session.event)
        assert seen.setdefault(place, session.digest()) == session.digest()

    for kind, what, event in walk:
        if kind == "goto":
            iteration = min(what, session.total)
            session.go_to(iteration, event if iteration and event > 0 else None)
        elif kind == "run":
            session.run(what)
        elif kind == "switch":
            session.switch(session.branches.all[what % len(session.branches.all)].name)
        else:
            name, border = session.branches.current.name, session.finished
            assert not session.do(what).error
            if session.branches.current.name == name:
                seen = {p: d for p, d in seen.items() if p[0] != name or p[1] < border or (p[1], p[2]) == (border, 0)}
        look()
    for branch, iteration, event in sorted(seen, key=lambda p: (p[1], p[0], p[2] or 0)):
        session.switch(branch)
        session.go_to(iteration, event)
        look()
    assert not session.timeline.divergence
