"""A run for use elsewhere: the exported script, run by plain Python, ends in the same digest."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, load_model
from torch import nn

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment, open_script
from engine.protocol.recipe import Script
from engine.session import Session
from tests.support.scripts import printed_by_plain_python, printed_here
from tests.support.users_models import MODELS

EDITS = ["set learning_rate 0.3", "step 3", "set W[1][3, 5] 0.5", "set b[2] W[2][:,1]*2", "freeze 1", "step 2"]


def exported(session: Session, folder: Path) -> Path:
    answer = session.do(f"export script {folder / 'plain.py'}")
    assert not answer.error
    return folder / "plain.py"


@pytest.mark.parametrize(
    ("options", "commands"),
    [
        ({}, ["step 4", *EDITS, "set batch_size 500", "goto 2:3", "set optimizer adam", "step 3"]),
        (
            {"dropout": 0.2, "batch_norm": True, "optimizer": "adam", "schedule": "cosine", "batch_size": 500},
            ["goto 2:5"],
        ),
        ({"model": "neuron", "epochs": 3}, ["run"]),
        ({"model": "convnet", "classes": (1, 7), "batch_size": 250}, ["step 3"]),
        ({"train_size": 300, "labels": "noisy:20%", "augment": "shift:2", "classes": (1, 2, 7)}, ["goto 2:2"]),
        ({"train_size": 300, "labels": "random", "scramble": 1, "valid_shift": 2, "model": "convnet"}, ["step 3"]),
        ({"model": "rnn", "classes": (1, 7), "activation": "relu"}, ["step 2"]),
        ({"model": "lstm", "train_size": 200, "init": "xavier", "forget_bias": 1.0}, ["step 2"]),
        ({"model": "gru", "train_size": 200}, ["step 2"]),
        (
            {"model": "convnet", "channels": (4, 6, 8), "kernel": 5, "pool": "average", "global_pool": True}
            | {"train_size": 200, "activation": "linear"},
            ["step 2"],
        ),
        (
            {"model": "convnet", "channels": (5,), "stride": 2, "padding": 0, "dilation": 3, "pool": "none"}
            | {"train_size": 200},
            ["step 2"],
        ),
        ({"model": "autoencoder", "code": 2, "train_size": 200, "dropout": 0.1, "batch_norm": True}, ["step 2"]),
        ({"model": "autoencoder", "layers": (784, 4, 784), "train_size": 200, "loss": "mae"}, ["step 2"]),
        ({"model": "attention", "train_size": 200, "positions": "none", "init": "xavier"}, ["step 2"]),
        ({"model": "transformer", "train_size": 200, "blocks": 2, "patch": 14, "heads": 4}, ["step 2"]),
        ({"init": "xavier", "activation": "tanh", "loss": "half-mse", "output": "sigmoid"}, ["step 2"]),
    ],
)
def test_an_exported_script_ends_in_the_same_digest(
    options: Any,
    commands: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = open_experiment(Experiment(**options))
    for command in commands:
        assert not session.do(command).error, command
    assert printed_here(exported(session, tmp_path), capsys) == session.digest()


def test_an_exported_script_needs_nothing_of_this_program(tmp_path: Path) -> None:
    session = open_experiment(Experiment())
    session.do("step 2")
    assert printed_by_plain_python(exported(session, tmp_path)) == session.digest()


@pytest.mark.parametrize("function", ["autoencoder", "listed"])
def test_the_script_of_a_user_s_model_ends_in_the_same_digest(
    function: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "their_models.py"
    path.write_text(MODELS)
    session = open_script(Script(str(path), function, 2))
    session.do("goto 2:2")
    assert printed_here(exported(session, tmp_path), capsys) == session.digest()


def test_weights_are_those_at_the_cursor(tmp_path: Path) -> None:
    session = open_experiment(Experiment())
    session.do("step 3")
    session.do("goto 1:2")
    session.do(f"export weights {tmp_path / 'w.safetensors'}")
    tensors = session.values().tensors()
    found = load_file(tmp_path / "w.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_metrics_have_a_row_a_batch_and_validation_where_it_was_taken(tmp_path: Path) -> None:
    session = open_experiment(Experiment(batch_size=500, epochs=2))
    session.do("run")
    session.do(f"export metrics {tmp_path / 'm.csv'}")
    rows = list(csv.DictReader((tmp_path / "m.csv").read_text().splitlines()))
    assert [int(row["iteration"]) for row in rows] == list(range(session.total + 1))
    assert [float(row["loss"]) for row in rows[1:]] == list(session.timeline.losses)
    taken = {int(row["iteration"]) for row in rows if row["valid_loss"]}
    assert taken == {0, session.batches, session.total}


def test_an_edit_that_plain_code_cannot_make_is_named(tmp_path: Path) -> None:
    session = open_experiment(Experiment())
    session.do("step 2")
    session.do("set learning_rate dead(W[1]) + 0.1")
    answer = session.do(f"export script {tmp_path / 'plain.py'}")
    assert "cannot be written as plain code" in answer.error
    assert not (tmp_path / "plain.py").exists()


def tied() -> nn.Module:
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    return nn.Sequential(first, nn.ReLU(), second)


def test_exported_weights_name_a_shared_tensor_as_safetensors_does(tmp_path: Path) -> None:
    model = tied()
    session = Session(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.1), [(torch.ones(2, 3),) * 2] * 2)
    session.step()
    assert not session.do(f"export weights {tmp_path / 'w.safetensors'}").error
    other = tied()
    assert not any(load_model(other, tmp_path / "w.safetensors"))  # neither missing nor unexpected
    assert torch.equal(other.state_dict()["2.weight"], model.state_dict()["0.weight"])
    with safe_open(tmp_path / "w.safetensors", "pt") as file:
        assert file.metadata() == {"2.weight": "0.weight"}


def test_a_dtype_that_safetensors_lacks_is_named_with_the_parameter(tmp_path: Path) -> None:
    model = nn.Linear(3, 2, dtype=torch.complex128)
    batch = torch.ones(2, 3, dtype=torch.complex128), torch.zeros(2, 2)
    loss = lambda output, targets: (output.abs() - targets).square().mean()  # noqa: E731
    session = Session(model, loss, torch.optim.Adam(model.parameters(), 0.1), [batch])
    session.step()
    said = session.do(f"export weights {tmp_path / 'w.safetensors'}").error
    assert said == "weight is torch.complex128, which safetensors does not know — torch.save keeps it"
