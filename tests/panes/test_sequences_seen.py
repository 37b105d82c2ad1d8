"""Sequences, weights of attention and rebuilt pictures as the panes show them: as what ran has them."""

from __future__ import annotations

import msgspec
import pytest
import torch

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.panes.examples import greys
from engine.protocol.messages import Look, TensorLook
from engine.protocol.views import BatchView, TensorView
from engine.session import Session
from engine.tape.tape import Tape
from nnwalk_tui.render import digits as render
from nnwalk_tui.render import tensor as tensor_render
from nnwalk_tui.render.text import Line
from tests.support.looks import batch as look


def batch(session: Session, order: str = "batch") -> BatchView:
    return look(session, order=order, count=8)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def tape_of(session: Session) -> Tape:
    tape = session.tape()
    assert tape is not None
    return tape


def test_a_sequence_s_tokens_stand_beside_its_answer_at_each_of_them() -> None:
    session = open_experiment(Experiment(model="attention", data="reverse", points=40, batch_size=20, length=5))
    session.do("step batch 30")
    view, tape = batch(session), tape_of(session)
    assert tape.output is not None
    assert isinstance(tape.targets, torch.Tensor)
    guesses = tape.output.argmax(1)
    for example in view.examples:
        row = example.row - 1
        assert example.tokens == " ".join(map(str, tape.inputs[0][row].tolist()))
        assert example.label == "".join(map(str, tape.targets[row].tolist()))
        assert example.prediction == "".join(map(str, guesses[row].tolist()))
        assert example.right == bool((guesses[row] == tape.targets[row]).all())
    right = guesses.eq(tape.targets)
    assert view.right == int(right.all(1).sum())
    assert session.moment.accuracy == pytest.approx(float(right.float().mean()))
    wrong = batch(session, "wrong").rows
    assert wrong == [row + 1 for row in (~right.all(1)).nonzero()[:, 0].tolist()]
    assert session.viewer.see(Look([])).run.examples == "tokens"


def test_a_marked_symbol_is_shown_with_its_mark() -> None:
    session = open_experiment(Experiment(model="gru", data="marker", points=20))
    session.do("step")
    example = batch(session).examples[0]
    marked = [token for token in example.tokens.split() if token.endswith("*")]
    assert marked == [f"{example.label}*"]


def test_a_picture_stands_beside_what_an_autoencoder_makes_of_it() -> None:
    session = open_experiment(Experiment(model="autoencoder", code=2, train_size=20, batch_size=10, classes=(1, 7)))
    session.do("step batch 3")
    view, tape = batch(session), tape_of(session)
    loader = session.trainer.loader
    assert tape.output is not None
    for example in view.examples:
        row = example.row - 1
        assert example.rebuilt == greys(session.moment, tape.output[row].reshape(28, 28))
        assert example.prediction == ""
        at = loader.indices.tolist().index(example.index)  # type: ignore[attr-defined]
        assert example.label == "17"[int(loader.labels[at])]  # type: ignore[attr-defined]
    layout = render.grid(80, 20, view.examples)
    assert layout is not None
    assert layout.of_each == 2
    lines = render.pictures(view.examples, layout, 80)
    assert all(len(text_of(line)) <= 80 for line in lines)
    session.do("goto 1:1")
    session.do("step op")
    assert [example.rebuilt for example in batch(session).examples] == [b""] * 8


def weights(session: Session, row: int) -> TensorView:
    view = session.viewer.see(Look(["tensor"], tensor=TensorLook("P[1]", at_row=row, picture=True))).tensor
    assert view is not None
    return view


def test_weights_of_attention_stand_between_the_tokens_that_ask_and_those_that_are_asked() -> None:
    session = open_experiment(Experiment(model="transformer", data="marker", points=20, heads=2, length=5))
    session.do("step")
    view = weights(session, 3)
    assert " ".join(view.tokens) == batch(session).examples[2].tokens
    lines = [text_of(line) for line in tensor_render.picture(view, 60, 10)]
    assert lines[0].split() == [*view.tokens, *view.tokens]
    assert [line.split()[0] for line in lines[1:6]] == view.tokens
    narrow = [text_of(line) for line in tensor_render.picture(view, 30, 14)]
    assert [line.split()[0] for line in (*narrow[1:6], *narrow[7:12])] == [*view.tokens, *view.tokens]
    low = [text_of(line) for line in tensor_render.picture(view, 60, 5)]
    assert not any(token in line for token in view.tokens if "*" in token for line in low)


def test_patches_of_a_picture_are_numbered_and_other_pictures_have_no_tokens() -> None:
    session = open_experiment(Experiment(model="attention", train_size=20, patch=14))
    session.do("step")
    assert weights(session, 1).tokens == ["1", "2", "3", "4"]
    other = session.viewer.see(Look(["tensor"], tensor=TensorLook("X", picture=True))).tensor
    assert other is not None
    assert other.tokens == []
    assert msgspec.structs.replace(weights(session, 1), tokens=[]).picture == [4, 4]
