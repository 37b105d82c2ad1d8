"""Points of the plane: drawn by the seed, where they are said to be, learnt, and written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.errors import DataError, ExperimentError
from engine.experiments.assemble import assemble
from engine.experiments.experiment import Experiment, resolve
from engine.experiments.planes import PLANES
from engine.experiments.points import SETS, load_points
from engine.launch import open_experiment, open_job
from engine.protocol.recipe import Job
from engine.recordings.restore import restore
from tests.support.scripts import printed_here


def _turned_back(points: Tensor) -> Tensor:
    """How far, in half turns, the spiral has wound at these points, beyond their radius."""
    radii = points.norm(dim=1)
    wound: Tensor = torch.atan2(points[:, 1], points[:, 0]) / math.pi - 2 * (radii - 0.2) / 1.8
    return wound


WHERE: dict[str, Callable[[Tensor], Tensor]] = {  # of points without noise, what their class is told by
    "xor": lambda x: (x[:, 0] * x[:, 1] < 0).long(),
    "circles": lambda x: (x.norm(dim=1) > 1.3).long(),
    "moons": lambda x: ((x / 1.25 + torch.tensor([0.5, 0.25])).norm(dim=1).sub(1).abs() > 1e-4).long(),
    "spiral": lambda x: _turned_back(x).round().long() % 2,
    "blobs": lambda x: (torch.atan2(x[:, 1], x[:, 0]) / math.pi * 1.5 - 0.75).round().long() % 3,
}


@pytest.mark.parametrize("name", PLANES)
def test_without_noise_each_point_lies_where_its_class_is_and_the_classes_are_as_many(name: str) -> None:
    train = load_points(name, 300, 0.0, seed=3).train
    assert (train.images.shape, train.images.dtype) == ((300, 2), torch.float32)
    assert torch.equal(WHERE[name](train.images), train.labels)
    assert train.labels.bincount().tolist() == [300 // PLANES[name].classes] * PLANES[name].classes
    assert float(train.images.abs().max()) <= 2.001


def test_every_set_has_its_function_and_its_row() -> None:
    assert list(SETS) == list(PLANES)


def test_points_are_drawn_by_the_seed_those_for_validation_after_those_for_training() -> None:
    one, again, other = (load_points("moons", 40, 0.1, seed) for seed in (0, 0, 1))
    assert torch.equal(one.train.images, again.train.images)
    assert torch.equal(one.valid.images, again.valid.images)
    assert not torch.equal(one.train.images, other.train.images)
    assert not torch.equal(one.train.images, one.valid.images)


def test_noise_moves_each_coordinate_by_its_deviation() -> None:
    still, moved = (load_points("spiral", 5000, noise, 0).train.images for noise in (0.0, 0.25))
    assert float((moved - still).std()) == pytest.approx(0.25, rel=0.05)


def test_what_is_left_open_is_that_of_points() -> None:
    found = resolve(Experiment(data="spiral"))
    assert (found.layers, found.points, found.noise, found.epochs) == ((2, 32, 16, 2), 500, 0.1, 40)
    assert resolve(Experiment(data="blobs")).layers == (2, 32, 16, 3)
    assert resolve(Experiment(data="moons", model="neuron")).layers == (2, 1)
    assert resolve(Experiment()).points is None
    assert resolve(found) == found


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"data": "spiral", "model": "convnet"}, "takes digits, and spiral has points"),
        ({"data": "spiral", "layers": (784, 2)}, r"784-2 take \(N × 784\) but the points of spiral give \(N × 2\)"),
        ({"data": "spiral", "points": 1}, "1 points are too few"),
        ({"data": "spiral", "noise": -1.0}, "the noise -1 is not from 0 on"),
        ({"data": "spiral", "classes": (1, 7)}, "classes is of pictures"),
        ({"data": "spiral", "train_size": 100}, "train-size is of pictures"),
        ({"data": "spiral", "augment": "shift:2"}, "augment is of pictures"),
        ({"data": "blobs", "model": "neuron"}, "3 classes"),
        ({"noise": 0.1}, "noise is of points of the plane, and subset has pictures"),
        ({"points": 100}, "points is of points or sequences"),
    ],
)
def test_what_does_not_go_with_points_is_named_with_its_cure(options: Any, problem: str) -> None:
    with pytest.raises(ExperimentError, match=problem) as caught:
        resolve(Experiment(**options))
    assert caught.value.cure


def test_an_unknown_set_is_refused_with_the_list() -> None:
    with pytest.raises(DataError, match="no data set or folder “sprial”") as caught:
        assemble(Experiment(data="sprial"))
    assert all(name in caught.value.cure for name in PLANES)


def test_a_run_over_points_goes_back_is_written_out_and_is_opened_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = open_experiment(Experiment(data="spiral", points=60, labels="noisy:20%", epochs=3))
    assert session.description.data == "spiral, 60 points, noise 0.1, noisy:20% labels"
    session.do("goto 2:2")
    middle = session.digest()
    session.do("goto 3:2")
    session.do("goto 2:2")
    assert session.digest() == middle
    assert not session.do(f"export script {tmp_path / 'plain.py'}").error
    assert printed_here(tmp_path / "plain.py", capsys) == middle
    session.do(f"save {tmp_path / 'run.json'}")
    again, recording = open_job(Job(recording=str(tmp_path / "run.json")))
    assert recording is not None
    assert restore(again, recording) == "the same bits as recorded"
    assert again.recipe == session.recipe


@pytest.mark.parametrize("options", [{"data": "blobs", "loss": "mse"}, {"data": "moons", "model": "neuron"}])
def test_other_sets_models_and_losses_are_written_out_too(
    options: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = open_experiment(Experiment(points=60, **options))
    session.do("step 2")
    assert not session.do(f"export script {tmp_path / 'plain.py'}").error
    assert printed_here(tmp_path / "plain.py", capsys) == session.digest()
