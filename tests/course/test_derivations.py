"""The hand-derived factors against autograd, in float64, on random networks (course §5.2)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.course.dense import PAIRS, Criterion, Network, autograd, forward, network
from engine.course.derivation_check import TOLERANCE, compare, error_between, first_wrong
from engine.course.derivations import Factor, Kind, Values, derive
from engine.errors import ExperimentError, ExpressionError

HIDDEN = ("sigmoid", "tanh", "relu", "leaky-relu", "linear")
LARGEST_SCORE = 30.0  # course.md: beyond it Ŷ rounds to 0 or 1


def drawn(
    widths: list[int], n: int, activation: str, output: str, loss: str, seed: int
) -> tuple[Network, Tensor, Tensor]:
    """A random network with inputs and targets that suit its loss."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    weights = [randn(after, before) / before**0.5 for before, after in pairwise(widths)]
    biases = [randn(width) for width in widths[1:]]
    if loss == "bce":
        targets = torch.randint(0, 2, (n, widths[-1]), generator=generator).double()
    elif loss == "cross-entropy":
        targets = torch.eye(widths[-1], dtype=torch.float64)[torch.randint(0, widths[-1], (n,), generator=generator)]
    else:
        targets = randn(n, widths[-1])
    return network(weights, biases, activation, output, loss), randn(n, widths[0]), targets


def factors_of(net: Network, X: Tensor, Y: Tensor) -> list[Factor]:
    return derive(net.weights, net.biases, X, Y, net.activation, net.output, net.loss)


networks = st.builds(
    lambda widths, n, activation, pair, seed: drawn(widths, n, activation, pair[0], pair[1], seed),
    st.lists(st.integers(1, 20), min_size=2, max_size=6),
    st.integers(1, 17),
    st.sampled_from(HIDDEN),
    st.sampled_from(PAIRS),
    st.integers(0, 2**31),
)


@settings(max_examples=120, deadline=None)
@given(networks, st.sampled_from(Criterion))
def test_every_factor_equals_autograds(drawn_net: tuple[Network, Tensor, Tensor], criterion: Criterion) -> None:
    net, X, Y = drawn_net
    assume(float(forward(net, X)[f"Z[{net.depth}]"].abs().max()) < LARGEST_SCORE)
    compared = compare(factors_of(net, X, Y), autograd(net, X, Y, criterion))
    for row in compared:
        if row.error is None:
            assert net.loss == "cross-entropy"
            assert criterion is Criterion.TORCH
            assert row.factor.ascii == f"dA[{net.depth}]"
        else:
            assert row.error < TOLERANCE, f"{row.factor.name} is off by {row.error}"


@settings(max_examples=40, deadline=None)
@given(networks)
def test_an_undisturbed_factor_is_not_called_wrong(drawn_net: tuple[Network, Tensor, Tensor]) -> None:
    factors = factors_of(*drawn_net)
    for factor in factors:
        assert first_wrong(factors, factor.ascii, factor.value) is None


@settings(max_examples=40, deadline=None)
@given(networks, st.data())
def test_a_factor_made_wrong_is_found_and_named_with_what_it_spoils(
    drawn_net: tuple[Network, Tensor, Tensor], data: st.DataObject
) -> None:
    factors = factors_of(*drawn_net)
    factor = data.draw(st.sampled_from(factors))
    assume(float(factor.value.norm()) > 0)
    found = first_wrong(factors, factor.name, factor.value * 1.5)
    assert found is not None
    assert found.name == factor.name
    assert factor.name in found.message
    later = [each.name for each in factors[factors.index(factor) + 1 :]]
    assert set(found.spoilt) <= set(later)
    if factor.rule.kind is Kind.PARAMETER:
        assert not found.spoilt  # nothing is computed from a parameter's gradient


def wrong_signal(values: Values) -> Tensor:
    return values["A[2]"] - values["Y"] + 1


def test_a_wrong_output_signal_spoils_all_four_gradients_of_the_two_layer_network() -> None:
    factors = factors_of(*drawn([3, 2, 3], 7, "sigmoid", "sigmoid", "bce", 1))
    found = first_wrong(factors, "dZ[2]", wrong_signal)
    assert found is not None
    assert {"∂ℒ/∂W[2]", "∂ℒ/∂b[2]", "∂ℒ/∂W[1]", "∂ℒ/∂b[1]"} <= set(found.spoilt)


def test_a_factor_of_another_shape_says_both_shapes() -> None:
    factors = factors_of(*drawn([3, 2, 3], 7, "sigmoid", "sigmoid", "bce", 1))
    found = first_wrong(factors, "dW[1]", factors[0].value.T)
    assert found is not None
    assert found.message == "∂ℒ/∂W[1] is 2×3, yours is 3×7"
    assert found.error == float("inf")


def test_an_unknown_factor_lists_the_known_ones() -> None:
    factors = factors_of(*drawn([3, 2], 4, "sigmoid", "sigmoid", "bce", 1))
    with pytest.raises(ExpressionError, match=r"no factor “dQ”.*dZ\[1\]"):
        first_wrong(factors, "dQ", factors[0].value)


@pytest.mark.parametrize(
    ("loss", "output", "signal", "parameter"),
    [
        ("bce", "sigmoid", "N·n_y", "n_y"),
        ("cross-entropy", "softmax", "N", "1"),
        ("mse", "linear", "N·n_y/2", "n_y/2"),
        ("half-mse", "linear", "N·n_y", "n_y"),
    ],
)
def test_torchs_means_are_converted_by_the_factor_that_is_shown(
    loss: str, output: str, signal: str, parameter: str
) -> None:
    net, X, Y = drawn([4, 3, 5], 6, "tanh", output, loss, 2)
    rows = {row.factor.ascii: row for row in compare(factors_of(net, X, Y), autograd(net, X, Y))}
    assert rows["dZ[2]"].conversion == signal
    assert rows["dW[1]"].conversion == parameter
    assert rows["dA[1]/dZ[1]"].conversion == "1"


def test_softmaxs_output_gradient_has_no_twin_in_torch_and_says_why() -> None:
    net, X, Y = drawn([4, 5], 6, "relu", "softmax", "cross-entropy", 2)
    row = compare(factors_of(net, X, Y), autograd(net, X, Y))[0]
    assert row.error is None
    assert "taken on Z[L]" in row.why


def test_the_two_layer_sigmoid_network_has_the_courses_factors_in_its_order() -> None:
    names = [factor.ascii for factor in factors_of(*drawn([3, 2, 3], 7, "sigmoid", "sigmoid", "bce", 1))]
    assert names == [
        "dA[2]",
        "dA[2]/dZ[2]",
        "dZ[2]",
        "dZ[2]/dW[2]",
        "dW[2]",
        "dZ[2]/db[2]",
        "db[2]",
        "dZ[2]/dA[1]",
        "dA[1]",
        "dA[1]/dZ[1]",
        "dZ[1]",
        "dZ[1]/dW[1]",
        "dW[1]",
        "dZ[1]/db[1]",
        "db[1]",
    ]


def test_formulas_have_ascii_twins() -> None:
    factors = {f.ascii: f for f in factors_of(*drawn([3, 2, 3], 7, "sigmoid", "sigmoid", "bce", 1))}
    assert factors["dZ[2]"].ascii_formula == "A[2] - Y"
    assert factors["dZ[1]"].ascii_formula == "(dZ[2] @ W[2]) * A[1] * (1 - A[1])"
    assert factors["dW[1]"].ascii_formula == "1/N * dZ[1].T @ A[0]"
    assert all(f.ascii_formula.isascii() for f in factors.values())


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: drawn([3, 2], 4, "swish", "sigmoid", "bce", 1), "no activation “swish”"),
        (lambda: drawn([3, 2], 4, "relu", "softmax", "bce", 1), "softmax outputs do not go with the loss bce"),
        (lambda: network([torch.ones(2, 3)], [], "relu", "linear", "mse"), "1 weights and 0 biases"),
        (
            lambda: network(
                [torch.ones(2, 3), torch.ones(1, 3)], [torch.ones(2), torch.ones(1)], "relu", "linear", "mse"
            ),
            r"W\[2\] wants the shape 1×2",
        ),
    ],
)
def test_what_does_not_fit_is_named(build: Callable[[], object], said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        build()


def test_the_error_is_relative_and_knows_zero() -> None:
    zero, one = torch.zeros(2), torch.ones(2)
    assert error_between(zero, zero) == 0
    assert error_between(one, zero) == float("inf")
    assert error_between(one * 1.5, one) == pytest.approx(0.5)
    assert error_between(one, torch.ones(3)) == float("inf")
