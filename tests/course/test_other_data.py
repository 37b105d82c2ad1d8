"""Lessons compute on digits of the reader's: a folder of IDX files, as full MNIST is one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from engine.course.compute import compute
from engine.course.findings import Finding
from engine.experiments.data import MEAN, STD, Partition, load_digits
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from nnwalk_tui.cli import commands
from nnwalk_tui.lessons.library import find, on_data
from nnwalk_tui.lessons.trust import reaches

TRAIN, VALID = 400, 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled digits' last, in the four files of MNIST."""
    made, digits = tmp_path_factory.mktemp("digits"), load_digits()
    for name, part, count in (("train", digits.train, TRAIN), ("t10k", digits.valid, VALID)):
        (made / f"{name}-images-idx3-ubyte").write_bytes(idx(pixels(part)[-count:]))
        (made / f"{name}-labels-idx1-ubyte").write_bytes(idx(part.labels.numpy().astype(np.uint8)[-count:]))
    return made


def pixels(part: Partition) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return ((part.images[:, 0] * STD + MEAN) * 255).round().clamp(0, 255).numpy().astype(np.uint8)


def idx(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


def value(found: Finding) -> dict[str, object]:
    assert isinstance(found.value, dict)
    return found.value


def test_computations_are_of_the_chosen_digits_and_forget_those_of_others(folder: Path) -> None:
    """A cached average or training of the bundled ones would be wrong here, and the other way round."""
    requests = ("similarity.accuracy", "neuron.train", "overfit.train size=50 epochs=2")
    bundled = [value(compute(request)) for request in requests]
    chosen = [value(compute(request, str(folder))) for request in requests]
    assert all(own != other for own, other in zip(bundled, chosen, strict=True))
    assert [value(compute(request)) for request in requests] == bundled
    train, valid = (load_digits(str(folder)).__dict__[name] for name in ("train", "valid"))
    means = [train.images[train.labels == digit].mean(0) for digit in range(10)]
    nearest = np.argmin([[float((one - mean).abs().mean()) for mean in means] for one in valid.images], 1)
    assert chosen[0]["accuracy"] == pytest.approx(float((nearest == valid.labels.numpy()).mean()))
    assert value(compute("data.shapes", str(folder)))["n_train"] == TRAIN


def test_beside_a_run_on_other_digits_lessons_compute_on_these(folder: Path) -> None:
    session = open_experiment(Experiment(model="neuron", data=str(folder)))
    assert f"{TRAIN}×784" in session.do("compute data.shapes").text
    assert "10000×784" in open_experiment(Experiment(data="moons")).do("compute data.shapes").text


def test_a_lesson_takes_data_for_its_experiments_and_computations(folder: Path) -> None:
    ran = CliRunner().invoke(commands, ["lesson", "chain-rule", "--data", str(folder), "--headless", "--json"])
    assert ran.exit_code == 0, ran.output[-1000:]
    ran = CliRunner().invoke(commands, ["lesson", "neuron-train", "--data", str(folder), "--headless", "--json"])
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert not [line for line in lines if "error" in line]
    assert {line["experiment"]["data"] for line in lines if line["kind"] == "experiment"} == {str(folder)}
    wanted = value(compute("neuron.train", str(folder)))["last"]
    assert any(line.get("answer") == pytest.approx(wanted) for line in lines if line["kind"] == "question")


def test_only_what_the_reader_chose_is_opened_unasked(folder: Path) -> None:
    lesson = find("neuron-train")
    assert on_data(lesson, None) is lesson
    assert not list(reaches(lesson))
    assert list(reaches(on_data(lesson, str(folder))))
