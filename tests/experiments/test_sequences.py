"""Sequences of tokens: drawn by the seed, with the answers that they are said to have, learnt, and written out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.errors import ExperimentError
from engine.experiments.experiment import Experiment, resolve
from engine.experiments.sequences import SEQUENCES
from engine.experiments.tokens import SETS, load_sequences
from engine.launch import open_experiment, open_job
from engine.protocol.recipe import Job
from engine.recordings.restore import restore
from tests.support.scripts import printed_here

ANSWERS: dict[str, Callable[[list[int]], int | list[int]]] = {  # by hand
    "recall": lambda row: row[0],
    "marker": lambda row: next(token - 10 for token in row if token >= 10),
    "reverse": lambda row: row[::-1],
    "greater-than": lambda row: int(row[0] > row[-1]),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_each_sequence_has_the_answer_that_its_set_asks_for(name: str) -> None:
    found = load_sequences(name, 200, 5, seed=3)
    for part in (found.train, found.valid):
        assert (part.images.shape, part.images.dtype, part.labels.dtype) == ((200, 5), torch.int64, torch.int64)
        assert [ANSWERS[name](row) for row in part.images.tolist()] == part.labels.tolist()
        assert int(part.images.max()) < len(found.tokens)
        assert int(part.labels.max()) < len(found.classes)
    assert not torch.equal(found.train.images, found.valid.images)
    again, other = (load_sequences(name, 200, 5, seed).train.images for seed in (3, 4))
    assert torch.equal(again, found.train.images)
    assert not torch.equal(other, again)


def test_every_set_has_its_function_and_its_row_and_marks_one_symbol() -> None:
    assert list(SETS) == list(SEQUENCES)
    marked = load_sequences("marker", 50, 6, 0).train.images >= 10
    assert marked.sum(1).tolist() == [1] * 50


def test_what_is_left_open_is_that_of_sequences() -> None:
    found = resolve(Experiment(model="lstm", data="recall"))
    assert (found.layers, found.points, found.length, found.epochs) == ((8, 32, 10), 2000, 10, 20)
    assert resolve(Experiment(model="gru", data="greater-than")).layers == (8, 32, 2)
    assert resolve(found) == found


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": "mlp", "data": "marker"}, "an mlp takes digits or points, and marker has tokens"),
        ({"model": "lstm", "data": "reverse"}, "an answer at each token, and an lstm gives one at the end"),
        ({"model": "autoencoder", "data": "recall"}, "an autoencoder takes digits, and recall has tokens"),
        ({"model": "lstm", "data": "recall", "length": 1}, "1 tokens are too few"),
        ({"model": "lstm", "data": "recall", "points": 1}, "1 sequences are too few"),
        ({"model": "lstm", "data": "recall", "noise": 0.1}, "noise is of points of the plane, and recall has tokens"),
        ({"model": "lstm", "data": "recall", "scramble": 1}, "scramble is of pictures, and recall has tokens"),
        ({"model": "lstm", "length": 4}, "length is of sequences, and subset has pictures"),
        ({"model": "lstm", "data": "recall", "layers": (8, 10)}, "which takes a token a step"),
    ],
)
def test_what_does_not_go_with_sequences_is_named_with_its_cure(options: Any, problem: str) -> None:
    with pytest.raises(ExperimentError, match=problem) as caught:
        resolve(Experiment(**options))
    assert caught.value.cure


@pytest.mark.parametrize(
    "options",
    [
        {"model": "attention", "data": "reverse", "length": 5, "labels": "noisy:20%"},
        {"model": "lstm", "data": "recall", "init": "xavier", "forget_bias": 1.0},
        {"model": "transformer", "data": "marker", "positions": "none", "init": "scaled-normal"},
    ],
)
def test_a_run_over_sequences_goes_back_is_written_out_and_is_opened_again(
    options: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = open_experiment(Experiment(points=60, batch_size=20, **options))
    session.do("goto 2:1")
    middle = session.digest()
    session.do("goto 2:3")
    session.do("goto 2:1")
    assert session.digest() == middle
    assert not session.do(f"export script {tmp_path / 'plain.py'}").error
    assert printed_here(tmp_path / "plain.py", capsys) == middle
    session.do(f"save {tmp_path / 'run.json'}")
    again, recording = open_job(Job(recording=str(tmp_path / "run.json")))
    assert recording is not None
    assert restore(again, recording) == "the same bits as recorded"
    assert again.recipe == session.recipe


def test_one_attention_learns_to_find_the_marked_symbol() -> None:
    session = open_experiment(Experiment(model="attention", data="marker", points=640, epochs=10))
    session.do("run")
    assert (session.moment.accuracy or 0) > 0.9
    weights = session.values().tape
    assert weights is not None
    looked: Tensor = weights.values["P[1]"].tensor  # type: ignore[assignment]
    marked = weights.inputs[0] >= 10
    assert float(looked[:, 0].mean(1)[marked].mean()) > 0.8
