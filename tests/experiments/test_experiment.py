from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.errors import DataError, ExperimentError
from engine.experiments.assemble import Assembly, assemble
from engine.experiments.data import load_digits
from engine.experiments.experiment import INITS, OUTPUTS, Experiment, check, defaults, resolve
from engine.experiments.losses import LOSSES
from engine.experiments.networks import ACTIVATIONS, MODELS, WHOLE_SET
from engine.experiments.optimizers import OPTIMIZERS
from engine.experiments.schedules import SCHEDULES


def test_the_defaults_of_the_mlp() -> None:
    assert defaults("mlp") == Experiment(
        model="mlp",
        layers=(784, 32, 16, 10),
        activation="relu",
        output="softmax",
        loss="cross-entropy",
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=0.0,
        batch_size=64,
        epochs=4,
        init="pytorch",
    )


def test_the_defaults_of_the_neuron_are_the_courses() -> None:
    assert defaults("neuron") == Experiment(
        model="neuron",
        layers=(784, 1),
        activation="relu",
        output="sigmoid",
        loss="bce",
        learning_rate=0.01,
        weight_decay=0.0,
        batch_size=WHOLE_SET,
        epochs=4,
        optimizer="sgd",
        init="small-normal",
        classes=(1, 7),
    )


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ({"classes": (1, 7)}, {"layers": (784, 32, 16, 2), "loss": "cross-entropy", "output": "softmax"}),
        ({"classes": (1, 7), "layers": (784, 2, 1)}, {"loss": "bce", "output": "sigmoid"}),
        ({"classes": (1, 2, 3), "loss": "bce"}, {"layers": (784, 32, 16, 3), "output": "sigmoid"}),
        ({"output": "sigmoid"}, {"loss": "bce"}),
        ({"output": "linear"}, {"loss": "mse"}),
        ({"loss": "half-mse"}, {"output": "sigmoid"}),
        ({"loss": "mse", "output": "linear"}, {"loss": "mse", "output": "linear"}),
        ({"model": "convnet"}, {"layers": None, "loss": "cross-entropy"}),
        ({"optimizer": "adam"}, {"learning_rate": 0.001}),
        ({"optimizer": "adamw"}, {"weight_decay": 0.01}),
        ({"optimizer": "adamw", "weight_decay": 0.0}, {"weight_decay": 0.0}),
        ({"model": "neuron", "classes": (3, 8)}, {"layers": (784, 1), "classes": (3, 8)}),
    ],
)
def test_what_is_left_open_follows_from_what_is_given(given: dict[str, Any], resolved: dict[str, Any]) -> None:
    fields = msgspec.structs.asdict(resolve(Experiment(**given)))
    assert {key: fields[key] for key in resolved} == resolved


CLASSES = st.none() | st.lists(st.integers(0, 9), min_size=2, max_size=10, unique=True).map(tuple)
ANY_PARTS = {
    "activation": st.sampled_from(ACTIVATIONS),
    "optimizer": st.sampled_from(sorted(OPTIMIZERS)),
    "init": st.none() | st.sampled_from(sorted(INITS)),
    "schedule": st.sampled_from(sorted(SCHEDULES)),
    "batch_size": st.none() | st.integers(2, 300),
    "seed": st.integers(0, 2**63 - 1),
    "train_size": st.none() | st.integers(20, 300),
    "labels": st.sampled_from(["given", "random", "noisy:20%"]),
    "augment": st.sampled_from(["none", "shift:2"]),
    "valid_shift": st.integers(-27, 27),
}
FITTING = st.one_of(
    st.builds(
        Experiment,
        loss=st.none() | st.sampled_from(sorted(LOSSES)),
        classes=CLASSES,
        dropout=st.sampled_from([0.0, 0.2]),
        batch_norm=st.booleans(),
        **ANY_PARTS,
    ),
    st.builds(
        Experiment,
        model=st.just("neuron"),
        loss=st.sampled_from(sorted(LOSSES.keys() - {"cross-entropy"})),
        classes=st.just((3, 8)),
        **ANY_PARTS,
    ),
    st.builds(
        Experiment,
        model=st.just("convnet"),
        classes=CLASSES,
        channels=st.none() | st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
        kernel=st.none() | st.integers(3, 5),
        stride=st.none() | st.integers(1, 2),
        dilation=st.none() | st.integers(1, 2),
        pool=st.sampled_from([None, "average", "none"]),
        global_pool=st.sampled_from([None, True]),
        **ANY_PARTS,
    ),
)
ANYTHING = st.builds(
    Experiment,
    model=st.sampled_from(sorted(MODELS)),
    layers=st.none() | st.lists(st.integers(0, 12), max_size=4).map(tuple),
    output=st.none() | st.sampled_from(OUTPUTS),
    loss=st.none() | st.sampled_from(sorted(LOSSES)),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    momentum=st.none() | st.floats(),
    learning_rate=st.none() | st.floats(),
    classes=st.none() | st.lists(st.integers(-1, 10), max_size=3).map(tuple),
    dropout=st.sampled_from([0.0, 0.2]),
)


@given(FITTING)
def test_parts_that_fit_train(experiment: Experiment) -> None:
    try:
        parts = assemble(experiment)
    except ExperimentError as error:
        assume("leave one example for the last" not in str(error))  # batch norm rightly refuses these
        assume("too little to be pooled" not in str(error) and "pixels, and" not in str(error))
        raise
    inputs, targets = next(iter(parts.loader))
    before = [parameter.clone() for parameter in parts.model.parameters()]
    loss: Tensor = parts.loss(parts.model(inputs), targets)
    torch.autograd.backward(loss)
    parts.optimizer.step()
    assert loss.ndim == 0
    assert bool(loss.isfinite())
    assert any(not torch.equal(a, b) for a, b in zip(before, parts.model.parameters(), strict=True))


@given(ANYTHING)
def test_resolving_twice_changes_nothing_and_a_refusal_has_a_cure(experiment: Experiment) -> None:
    try:
        resolved = resolve(experiment)
    except ExperimentError as error:
        cure = error.cure
    else:
        cure = "none is needed"
        assert resolve(resolved) == resolved
    assert cure


@pytest.mark.parametrize(
    ("given", "problem", "cure"),
    [
        ({"learning_rate": -0.1}, "learning rate -0.1", "0.01"),
        ({"learning_rate": 0.0}, "learning rate 0", "0.01"),
        ({"learning_rate": float("nan")}, "learning rate nan", "0.01"),
        ({"optimizer": "adm"}, "no optimizer “adm”", "did you mean adam"),
        ({"model": "convent"}, "no model “convent”", "did you mean convnet"),
        ({"activation": "ReLu"}, "no activation “ReLu”", "did you mean relu"),
        ({"output": "soft"}, "no output activation “soft”", "softmax"),
        ({"loss": "crossentropy"}, "no loss “crossentropy”", "did you mean cross-entropy"),
        ({"init": "he"}, "no initialisation “he”", "kaiming"),
        ({"schedule": "cosin"}, "no schedule “cosin”", "did you mean cosine"),
        ({"layers": (784,)}, "layers 784 are fewer than 2", "784,10"),
        ({"layers": (784, 0, 10)}, "layers 784-0-10 have a size below 1", "from 1"),
        ({"layers": ()}, "fewer than 2 sizes", "784,10"),
        ({"layers": (784, 1), "loss": "cross-entropy", "classes": (1, 7)}, "one output, mlp 784-1", "use bce"),
        ({"loss": "bce", "output": "softmax"}, "bce does not go with output softmax", "with bce use output sigmoid"),
        ({"loss": "cross-entropy", "output": "sigmoid"}, "does not go with output sigmoid", "use bce or mse"),
        ({"dropout": 1.0}, "dropout 1", "0.2"),
        ({"dropout": -0.1}, "dropout -0.1", "0.2"),
        ({"dropout": 0.2, "layers": (784, 10)}, "no hidden layer for dropout", "784,32,10"),
        ({"batch_norm": True, "batch_size": 1}, "batch norm .* one example", "from 2"),
        ({"model": "neuron", "batch_norm": True}, "neuron 784-1 has no hidden layer", "mlp"),
        (
            {"classes": (1, 7), "layers": (784, 32, 10)},
            r"784-32-10 gives 10 outputs \(N × 10\) .* 2 classes",
            "784,32,2",
        ),
        ({"layers": (784, 32, 2)}, "gives 2 outputs .* 10 classes", "784,32,10"),
        ({"layers": (784, 1)}, "gives 1 outputs .* 10 classes", "784,10"),
        ({"model": "neuron", "classes": (1, 2, 7)}, "3 classes", "1,7"),
        ({"model": "neuron", "layers": (784, 2)}, "784-2 are not those of one neuron", "mlp"),
        ({"model": "convnet", "layers": (784, 10)}, "no layer sizes 784-10", "mlp"),
        ({"model": "convnet", "loss": "mse"}, "convnet gives logits", "cross-entropy"),
        ({"classes": (1, 1)}, "1,1 name a digit twice", "once"),
        ({"classes": (1, 12)}, "no digit 12", "0 to 9"),
        ({"classes": (1,)}, "nothing to tell apart", "1,7"),
        ({"momentum": 1.0, "optimizer": "sgd"}, "momentum 1", "0.9"),
        ({"momentum": 0.9, "optimizer": "adam"}, "adam has no momentum", "sgd"),
        ({"weight_decay": -1.0}, "weight decay -1", "0.0001"),
        ({"batch_size": -1}, "batch size -1", "64"),
        ({"epochs": 0}, "0 epochs", "from 1"),
        ({"threads": 0}, "0 threads", "from 1"),
        ({"seed": -1}, "seed -1", "0 to"),
    ],
)
def test_what_does_not_fit_is_named_with_its_cure(given: dict[str, Any], problem: str, cure: str) -> None:
    with pytest.raises(ExperimentError, match=problem) as caught:
        check(Experiment(**given))
    assert cure in caught.value.cure


def test_an_experiment_travels_as_json() -> None:
    experiment = resolve(Experiment(classes=(1, 7), layers=(784, 3, 2)))
    assert msgspec.json.decode(msgspec.json.encode(experiment), type=Experiment) == experiment


# What is assembled


def test_input_sizes_that_differ_from_the_images_are_named_with_both_shapes() -> None:
    with pytest.raises(ExperimentError, match=r"100-10 take \(N × 100\).*10000 × 1 × 28 × 28.*\(N × 784\)") as caught:
        assemble(Experiment(layers=(100, 10)))
    assert "784" in caught.value.cure


def test_a_last_batch_of_one_example_is_too_small_for_batch_norm() -> None:
    with pytest.raises(ExperimentError, match="10000 examples in batches of 9 leave one example for the last"):
        assemble(Experiment(batch_norm=True, batch_size=9))


def test_data_that_cannot_be_used_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        assemble(Experiment(data=str(tmp_path)))


@pytest.mark.parametrize(
    ("given", "inputs", "targets", "dtype"),
    [
        ({}, (64, 784), (64,), torch.int64),
        ({"loss": "bce"}, (64, 784), (64, 10), torch.float32),
        ({"classes": (1, 7), "layers": (784, 2, 1)}, (64, 784), (64, 1), torch.float32),
        ({"model": "neuron"}, (2175, 784), (2175, 1), torch.float32),
        ({"model": "convnet"}, (64, 1, 28, 28), (64,), torch.int64),
        ({"batch_size": 20_000}, (10_000, 784), (10_000,), torch.int64),
    ],
)
def test_batches_have_the_shapes_that_model_and_loss_want(
    given: dict[str, Any], inputs: tuple[int, ...], targets: tuple[int, ...], dtype: torch.dtype
) -> None:
    parts = assemble(Experiment(**given))
    x, y = next(iter(parts.loader))
    assert (x.shape, y.shape, y.dtype) == (inputs, targets, dtype)
    assert parts.loader.batch_size == inputs[0]


def test_validation_comes_in_order_in_batches_of_at_most_a_thousand() -> None:
    parts = assemble(Experiment())
    assert [len(x) for x, _ in parts.validation] == [1000, 1000]
    assert torch.equal(torch.cat([y for _, y in parts.validation]), parts.digits.valid.labels)


def test_one_hot_targets_have_their_one_at_the_label() -> None:
    parts = assemble(Experiment(loss="mse"))
    targets = torch.cat([y for _, y in parts.validation])
    assert torch.equal(targets.argmax(dim=1), parts.digits.valid.labels)
    assert torch.equal(targets.sum(dim=1), torch.ones(2000))


def test_a_plain_loop_written_without_the_engine_trains_the_same_bits() -> None:
    parts = assemble(Experiment(epochs=1, seed=11))
    for inputs, targets in parts.loader:
        parts.optimizer.zero_grad()
        torch.autograd.backward(parts.loss(parts.model(inputs), targets))
        parts.optimizer.step()

    train = load_digits().train
    images = train.images.reshape(10_000, 784)
    torch.manual_seed(11)
    layers = [nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10)]
    plain = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    order = torch.randperm(10_000, generator=torch.Generator().manual_seed(11))
    for start in range(0, 10_000, 64):
        rows = order[start : start + 64]
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(plain(images[rows]), train.labels[rows]))
        optimizer.step()
    pairs = list(zip(parts.model.parameters(), plain.parameters(), strict=True))
    assert len(pairs) == 6
    assert all(torch.equal(a, b) for a, b in pairs)


def test_dropout_draws_from_the_seeded_stream() -> None:
    outputs = []
    for _ in range(2):
        parts = assemble(Experiment(dropout=0.5))
        outputs.append(parts.model(next(iter(parts.loader))[0]))
    assert torch.equal(*outputs)


def accuracy(parts: Assembly) -> float:
    """Of a one-output model on the validation partition: class B where ŷ > 0.5."""
    with torch.no_grad():
        right = [((parts.model(x) > 0.5) == (y > 0.5)).double() for x, y in parts.validation]
    return float(torch.cat(right).mean())


def epochs_of(parts: Assembly) -> list[tuple[float, float]]:
    """Train by batch gradient descent: of each epoch the loss before the update, and the accuracy after it."""
    results = []
    for _ in range(parts.epochs):
        inputs, targets = next(iter(parts.loader))
        parts.optimizer.zero_grad()
        loss: Tensor = parts.loss(parts.model(inputs), targets)
        torch.autograd.backward(loss)
        parts.optimizer.step()
        results.append((loss.item(), accuracy(parts)))
    return results


LOSS_BANDS = [(0.540, 0.866), (0.431, 0.626), (0.361, 0.483), (0.313, 0.394)]  # course §4.6, minimum and maximum
ACCURACY_BANDS = [(0.742, 0.988), (0.931, 0.986), (0.947, 0.986), (0.956, 0.982)]


@pytest.mark.parametrize("seed", range(5))
def test_the_neuron_learns_within_the_courses_bands(seed: int) -> None:
    parts = assemble(Experiment(model="neuron", classes=(1, 7), batch_size=WHOLE_SET, learning_rate=0.01, seed=seed))
    assert 0.05 <= accuracy(parts) <= 0.946
    for (loss, accurate), losses, accuracies in zip(epochs_of(parts), LOSS_BANDS, ACCURACY_BANDS, strict=True):
        assert losses[0] - 5e-4 <= loss <= losses[1] + 5e-4
        assert accuracies[0] - 5e-4 <= accurate <= accuracies[1] + 5e-4


def two_layers(**given: Any) -> Assembly:
    return assemble(Experiment(layers=(784, 2, 1), activation="sigmoid", classes=(1, 7), batch_size=WHOLE_SET, **given))


def test_two_layers_with_unscaled_weights_do_not_learn_and_with_scaled_ones_do() -> None:
    stuck = two_layers(init="normal", learning_rate=0.01, epochs=4)
    before = accuracy(stuck)
    assert epochs_of(stuck)[-1][1] == pytest.approx(before, abs=0.02)
    scaled = two_layers(init="scaled-normal", learning_rate=1.0, epochs=20)
    assert epochs_of(scaled)[-1][1] >= 0.985
