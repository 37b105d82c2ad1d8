"""The user's own model: stepped, walked back, and told clearly where it cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.launch import open_script
from engine.protocol.recipe import Script
from engine.recordings.recording import read_recording
from engine.session import Session
from tests.support.forked import cli
from tests.support.users_models import MODELS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "their_models.py"
    file.write_text(MODELS)
    return file


def opened(path: Path, function: str, epochs: int = 2) -> Session:
    return open_script(Script(str(path), function, epochs))


@pytest.mark.parametrize("function", ["autoencoder", "dict_out", "talks"])
def test_a_model_is_walked_forward_and_back_to_the_same_bits(path: Path, function: str) -> None:
    session = opened(path, function)
    for command in ("step 3", "step op 4", "back op 6", "step batch 2"):
        assert not session.do(command).error
    there = session.digest()
    session.do("goto start")
    session.do("run")
    session.do("goto 1:4")
    assert session.digest() == there
    assert not session.timeline.divergence


@pytest.mark.parametrize(("function", "what"), [("raises", "ValueError: odd"), ("exits", "sys.exit(3)")])
def test_a_model_that_raises_is_named_at_its_line_and_the_cursor_stays(path: Path, function: str, what: str) -> None:
    session = opened(path, function)
    session.do("step 2")
    before = session.digest()
    answer = session.do("step")
    line = next(
        n
        for n, text in enumerate(MODELS.splitlines(), 1)
        if ("# here" if function == "raises" else "sys.exit(") in text
    )
    assert what in answer.error
    assert f"their_models.py:{line}" in answer.error
    assert "engine" not in answer.details.replace(str(path), "")
    assert (session.iteration, session.digest()) == (2, before)
    assert not session.do("back op 3").error


def test_a_loader_that_is_not_seeded_is_said_not_hidden(path: Path) -> None:
    session = opened(path, "unseeded")
    session.do("run 35")
    session.timeline.history.forget_from(1)
    session.do("goto start")
    answers = [session.do("goto 1:20"), session.do("print W[1][1,1]"), session.do("print A[1]"), session.do("step 1")]
    assert any("was replayed with" in answer.warning for answer in answers)


@pytest.mark.parametrize(
    ("function", "word"),
    [("nothing", "model"), ("no_loader", "loader"), ("wrong_model", "str"), ("nowhere", "has no function")],
)
def test_what_cannot_be_used_is_named(path: Path, function: str, word: str) -> None:
    with pytest.raises(ModelError, match=word):
        opened(path, function)


def test_what_the_model_prints_is_not_among_the_answers(path: Path) -> None:
    made = cli("run", f"{path}:talks", "--headless", "--json", "-c", "step 2")
    assert made.returncode == 0
    answers: list[Any] = [json.loads(line) for line in made.stdout.splitlines()]
    assert [answer["command"] for answer in answers] == ["step 2"]
    assert "a line of the user's" in made.stderr


def arguing(tmp_path: Path) -> Path:
    """A file that parses its arguments, as scripts do."""
    file = tmp_path / "arguing.py"
    file.write_text(
        "import argparse\n"
        "import torch\n"
        "def main():\n"
        "    parser = argparse.ArgumentParser()\n"
        "    parser.add_argument('--lr', type=float, required=True)\n"
        "    rate = parser.parse_args().lr\n"
        "    model = torch.nn.Linear(3, 2)\n"
        "    optimizer = torch.optim.SGD(model.parameters(), rate)\n"
        "    return model, torch.nn.MSELoss(), optimizer, [(torch.ones(4, 3), torch.zeros(4, 2))] * 3\n"
    )
    return file


def test_a_script_s_arguments_are_given_kept_and_exported(tmp_path: Path) -> None:
    script = Script(str(arguing(tmp_path)), "main", arguments=("--lr", "0.25"))
    before = list(sys.argv)
    session = open_script(script)
    assert session.learning_rate == 0.25
    assert sys.argv == before
    session.step()
    session.do(f"save {tmp_path / 'run.json'}")
    kept = read_recording(tmp_path / "run.json").script
    assert kept == script
    session.do(f"export script {tmp_path / 'plain.py'}")
    assert "sys.argv[1:] = ['--lr', '0.25']" in (tmp_path / "plain.py").read_text()


def test_arguments_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"give its arguments after --, as in: nnwalk-tui run FILE.py:FUNCTION -- "):
        open_script(Script(str(arguing(tmp_path)), "main"))


def test_more_things_than_the_model_takes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "weighted.py"
    file.write_text(
        "import torch\n"
        "def main():\n"
        "    model = torch.nn.Linear(3, 2)\n"
        "    batches = [(torch.ones(4, 3), torch.zeros(4, 2), torch.ones(4))] * 3\n"
        "    return model, torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.1), batches\n"
    )
    said = open_script(Script(str(file), "main")).do("step").error
    assert said.startswith("the loader yields 3 things, and the model does not take 2 of them")
    assert "a step(batch) of your own" in said
