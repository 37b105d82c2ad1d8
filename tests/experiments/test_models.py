from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

from engine.experiments import experiment, networks
from engine.experiments.losses import LOSSES
from engine.experiments.models import (
    ACTIVATIONS,
    INITIALISATIONS,
    MLP,
    ConvNet,
    HalfMSELoss,
    Layer,
    Neuron,
    initialise,
    make_loss,
)

SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=5)


def weights_and_biases(model: nn.Module) -> list[tuple[Tensor, Tensor]]:
    return [(m.weight, m.bias) for m in model.modules() if isinstance(m, nn.Linear)]


@given(SIZES, st.integers(1, 5), st.sampled_from(sorted(ACTIVATIONS)), st.sampled_from(experiment.OUTPUTS))
def test_an_mlp_computes_what_plain_modules_compute(sizes: list[int], n: int, activation: str, output: str) -> None:
    inputs = torch.randn(n, sizes[0])
    torch.manual_seed(3)
    model = MLP(sizes, activation, output)
    torch.manual_seed(3)
    plain = nn.Sequential()
    functions: dict[str, Callable[[], nn.Module]] = {
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "leaky-relu": nn.LeakyReLU,
        "linear": nn.Identity,
        "softmax": nn.Identity,  # logits
    }
    for i in range(1, len(sizes)):
        plain.append(nn.Linear(sizes[i - 1], sizes[i]))
        plain.append(functions[activation if i < len(sizes) - 1 else output]())
    assert torch.equal(model(inputs), plain(inputs))
    assert model.output_activation == ("softmax" if output == "softmax" else "")


def test_only_hidden_layers_have_norm_and_dropout() -> None:
    model = MLP((5, 4, 3, 2), "relu", "softmax", dropout=0.5, batch_norm=True)
    parts = [[name for name, _ in layer.named_children()] for layer in model.layers]
    assert parts == [["linear", "norm", "activation", "dropout"]] * 2 + [["linear"]]


def test_a_layer_applies_its_parts_in_order() -> None:
    torch.manual_seed(0)
    layer = Layer(3, 4, "tanh", batch_norm=True, dropout=0.5)
    inputs = torch.randn(6, 3)
    linear, norm, activation, dropout = layer
    assert [name for name, _ in layer.named_children()] == ["linear", "norm", "activation", "dropout"]
    torch.manual_seed(1)
    expected = dropout(activation(norm(linear(inputs))))
    torch.manual_seed(1)
    assert torch.equal(layer(inputs), expected)
    assert bool((expected == 0).any())


def test_a_neuron_is_a_sigmoid_of_one_weighted_sum() -> None:
    neuron = Neuron(4)
    inputs = torch.randn(5, 4)
    (weight, bias), *none = weights_and_biases(neuron)
    torch.testing.assert_close(neuron(inputs), torch.sigmoid(inputs @ weight.T + bias))
    assert not none
    assert neuron.output_activation == ""


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_convnet_gives_one_logit_for_each_class(activation: str) -> None:
    model = ConvNet(3, activation)
    assert model(torch.randn(2, 1, 28, 28)).shape == (2, 3)
    assert model.output_activation == "softmax"


# Losses


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_formula(name: str) -> None:
    torch.manual_seed(0)
    z, labels = torch.randn(7, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    p, y = torch.sigmoid(z), nn.functional.one_hot(labels, 4).double()
    by_hand = {
        "bce": -(y * p.log() + (1 - y) * (1 - p).log()).mean(),
        "cross-entropy": -z.softmax(dim=1).log()[range(7), labels].mean(),
        "mse": ((p - y) ** 2).mean(),
        "half-mse": ((p - y) ** 2).mean() / 2,
        "mae": (p - y).abs().mean(),
    }
    module = make_loss(name)
    found = module(z, labels) if LOSSES[name].class_indices else module(p, y)
    torch.testing.assert_close(found, by_hand[name])


def test_the_gradient_of_half_mse_has_no_two() -> None:
    predictions = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    targets = torch.randn(5, 3, dtype=torch.float64)
    HalfMSELoss()(predictions, targets).backward()
    torch.testing.assert_close(predictions.grad, (predictions - targets).detach() / 15)


# First parameters


def seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)


@given(SIZES, st.integers(0, 1000))
def test_pytorchs_own_parameters_are_those_of_modules_built_under_the_seed(sizes: list[int], seed: int) -> None:
    model = MLP(sizes, "relu", "linear")
    initialise(model, "pytorch", seeded(seed))
    torch.manual_seed(seed)
    for i, (weight, bias) in enumerate(weights_and_biases(model)):
        linear = nn.Linear(sizes[i], sizes[i + 1])
        assert torch.equal(weight, linear.weight)
        assert torch.equal(bias, linear.bias)


def test_pytorchs_own_parameters_of_a_convnet_are_those_of_the_seed() -> None:
    model = ConvNet(10)
    initialise(model, "pytorch", seeded(5))
    torch.manual_seed(5)
    plain = ConvNet(10)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


BY_HAND: dict[str, Callable[[int, int], Tensor]] = {
    "zeros": lambda n_out, n_in: torch.zeros(n_out, n_in),
    "small-normal": lambda n_out, n_in: 0.01 * torch.randn(n_out, n_in),
    "scaled-normal": lambda n_out, n_in: torch.randn(n_out, n_in) / math.sqrt(n_in),
    "xavier": lambda n_out, n_in: nn.init.xavier_uniform_(torch.empty(n_out, n_in)),
    "kaiming": lambda n_out, n_in: nn.init.kaiming_normal_(torch.empty(n_out, n_in), nonlinearity="relu"),
}


@given(SIZES, st.integers(0, 1000), st.sampled_from(sorted(BY_HAND)))
def test_a_plain_loop_draws_the_same_parameters(sizes: list[int], seed: int, name: str) -> None:
    model = MLP(sizes, "relu", "linear")
    initialise(model, name, seeded(seed))
    torch.manual_seed(seed)
    for i, (weight, bias) in enumerate(weights_and_biases(model)):
        assert torch.equal(weight, BY_HAND[name](sizes[i + 1], sizes[i]))
        assert not bias.any()


def test_unscaled_parameters_are_drawn_in_the_order_of_the_listing() -> None:
    model = MLP((784, 2, 1), "sigmoid", "sigmoid")
    initialise(model, "normal", seeded(0))
    torch.manual_seed(0)
    listing = [torch.randn(2, 784), torch.randn(2), torch.randn(1, 2), torch.randn(1)]
    assert all(torch.equal(p, drawn) for p, drawn in zip(model.parameters(), listing, strict=True))


@pytest.mark.parametrize(
    ("name", "std"),
    [
        ("pytorch", 1 / math.sqrt(3 * 400)),
        ("small-normal", 0.01),
        ("normal", 1.0),
        ("scaled-normal", 1 / math.sqrt(400)),
        ("xavier", math.sqrt(2 / 500)),
        ("kaiming", math.sqrt(2 / 400)),
    ],
)
def test_the_spread_of_the_weights_is_the_named_one(name: str, std: float) -> None:
    model = MLP((400, 100), "relu", "linear")
    initialise(model, name, seeded(0))
    weight, _ = weights_and_biases(model)[0]
    assert float(weight.detach().std()) == pytest.approx(std, rel=0.02)


def test_drawing_parameters_leaves_the_global_random_stream_alone() -> None:
    model = MLP((4, 3, 2), "relu", "linear")
    before = torch.get_rng_state()
    for name in INITIALISATIONS:
        initialise(model, name, seeded(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_batch_norm_keeps_its_own_parameters() -> None:
    model = MLP((4, 3, 2), "relu", "linear", batch_norm=True)
    initialise(model, "normal", seeded(0))
    norm = model.layers[0].norm
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.weight.tolist() == [1, 1, 1]
    assert norm.bias.tolist() == [0, 0, 0]


def test_every_name_that_an_experiment_knows_is_built() -> None:
    assert set(networks.ACTIVATIONS) == ACTIVATIONS.keys()
    assert experiment.INITS.keys() == INITIALISATIONS.keys()
