from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataError, ExperimentError
from engine.experiments.alterations import altered
from engine.experiments.assemble import assemble
from engine.experiments.data import BatchLoader, Digits, load_digits, moved
from engine.experiments.experiment import Experiment, resolve
from engine.launch import open_experiment, open_job
from engine.protocol.recipe import Job
from engine.recordings.restore import restore


def of(**options: Any) -> Digits:
    return altered(load_digits("subset", options.get("classes")), Experiment(**options))


def test_a_sample_is_drawn_by_the_seed_and_keeps_the_data_sets_order() -> None:
    whole, some = load_digits().train, of(train_size=200, seed=3).train
    assert len(some.labels) == 200
    assert bool((some.indices.diff() > 0).all())
    assert torch.equal(whole.images[some.indices - 1], some.images)
    assert torch.equal(whole.labels[some.indices - 1], some.labels)
    assert not torch.equal(some.indices, of(train_size=200, seed=4).train.indices)


def test_random_labels_are_right_as_often_as_a_blind_guess() -> None:
    drawn, true = of(labels="random").train.labels, load_digits().train.labels
    assert float((drawn == true).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(drawn, of(labels="random").train.labels)


@given(st.integers(0, 100), st.sampled_from([None, (1, 7), (2, 3, 5)]))
def test_of_noisy_labels_just_that_share_is_wrong(percent: int, classes: tuple[int, ...] | None) -> None:
    options: dict[str, Any] = {"train_size": 300, "classes": classes}
    noisy, true = of(labels=f"noisy:{percent}%", **options).train, of(**options).train
    assert torch.equal(noisy.indices, true.indices)
    assert int((noisy.labels != true.labels).sum()) == 3 * percent
    assert int(noisy.labels.max()) < len(classes or range(10))


@given(st.integers(-27, 27), st.integers(-27, 27))
def test_a_picture_is_moved_and_black_comes_in(down: int, right: int) -> None:
    image = load_digits().valid.images[:1]
    black, expected = float(image.min()), image.new_full((28, 28), float(image.min()))
    for row in range(28):
        for column in range(28):
            if 0 <= row - down < 28 and 0 <= column - right < 28:
                expected[row, column] = image[0, 0, row - down, column - right]
    found = moved(image, torch.tensor([[down, right]]))
    assert found.shape == image.shape
    assert torch.equal(found[0, 0], expected)
    assert float(found.min()) == black


def test_only_validation_pictures_are_moved_to_the_right() -> None:
    found, plain = of(valid_shift=4), load_digits()
    assert torch.equal(found.train.images, plain.train.images)
    assert torch.equal(found.valid.images[..., 4:], plain.valid.images[..., :-4])


def test_scrambled_pictures_have_all_their_pixels_in_one_other_order() -> None:
    found, plain = of(scramble=1), load_digits()
    order = torch.randperm(784, generator=torch.Generator().manual_seed(1))
    for part, before in ((found.train, plain.train), (found.valid, plain.valid)):
        assert torch.equal(part.images.flatten(1), before.images.flatten(1)[:, order])


def test_augmented_pictures_are_moved_anew_in_each_epoch_and_by_no_more_than_asked_for() -> None:
    images = load_digits().train.images[:40]
    loader = BatchLoader(images, torch.arange(40), 16, 0, shift=2)
    epochs = [list(loader) for _ in range(2)]
    seen = set()
    for inputs, rows in (batch for epoch in epochs for batch in epoch):
        for image, row in zip(inputs, rows, strict=True):
            by = next(
                (a, b)
                for a in range(-2, 3)
                for b in range(-2, 3)
                if torch.equal(moved(images[row : row + 1], torch.tensor([[a, b]]))[0], image)
            )
            seen.add(by)
    assert len(seen) > 10
    assert not torch.equal(torch.cat([x for x, _ in epochs[0]]), torch.cat([x for x, _ in epochs[1]]))


ALTERED = {"train_size": 150, "labels": "noisy:20%", "augment": "shift:2", "valid_shift": 3, "epochs": 3}


def test_an_altered_run_goes_back_bit_for_bit_and_is_opened_again(tmp_path: Path) -> None:
    session = open_experiment(Experiment(**ALTERED))  # type: ignore[arg-type]
    assert session.description.data == "150 of subset, noisy:20% labels, shift:2, validation moved 3"
    session.do("goto 2:2")
    middle, pictures = session.digest(), session.do("print X").text
    session.do("goto 3:3")
    end = session.digest()
    session.do("goto 2:2")
    assert (session.digest(), session.do("print X").text) == (middle, pictures)
    session.do("goto 3:3")
    assert session.digest() == end
    session.do(f"save {tmp_path / 'run.json'}")
    again, recording = open_job(Job(recording=str(tmp_path / "run.json")))
    assert recording is not None
    assert restore(again, recording) == "the same bits as recorded"
    assert again.recipe == session.recipe


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"train_size": 0}, "0 training pictures teach nothing"),
        ({"labels": "wrong"}, "no labels “wrong”"),
        ({"labels": "noisy:120%"}, "no labels “noisy:120%”"),
        ({"augment": "shift:0"}, "no augmentation “shift:0”"),
        ({"augment": "shift:28"}, "no augmentation “shift:28”"),
        ({"augment": "turn"}, "no augmentation “turn”"),
        ({"scramble": -1}, "seed -1 is out of range"),
        ({"valid_shift": 28}, "moved by 28 of 28 pixels is out of sight"),
        ({"augment": "shift:2", "scramble": 1}, "which scrambled pictures do not have"),
    ],
)
def test_what_cannot_be_is_named_with_its_cure(options: Any, problem: str) -> None:
    with pytest.raises(ExperimentError, match=problem) as caught:
        resolve(Experiment(**options))
    assert caught.value.cure


def test_more_pictures_than_there_are_is_named_with_how_many_there_are() -> None:
    with pytest.raises(DataError, match="subset has 2175 training pictures of these classes, not 3000"):
        assemble(Experiment(classes=(1, 7), train_size=3000))
