"""Networks with attention, and autoencoders: what torch's own come to, and names for what they make of a batch."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import ExperimentError
from engine.experiments.attention import Attention
from engine.experiments.experiment import Experiment, resolve
from engine.launch import open_experiment
from engine.lookup.expressions import evaluate
from engine.session import Session


def torchs_own(model: Attention, width: int, heads: int) -> nn.MultiheadAttention:
    """torch's module with the same parameters, and nothing after the heads."""
    theirs = nn.MultiheadAttention(width, heads, batch_first=True)
    layers = (model.queries, model.keys, model.values)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
        theirs.out_proj.weight.copy_(torch.eye(width))
        theirs.out_proj.bias.zero_()
    return theirs


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(1, 7), st.integers(0, 1000))
def test_attention_and_its_gradients_are_torchs_own(heads: int, each: int, n: int, tokens: int, seed: int) -> None:
    torch.manual_seed(seed)
    width = heads * each
    model, inputs = Attention(width, heads), torch.randn(n, tokens, width)
    theirs = torchs_own(model, width, heads)
    seen: list[Tensor] = []
    model.weights.register_forward_hook(lambda module, args, output: seen.append(output))
    ours, other = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    found = model(ours)
    expected, weights = theirs(other, other, other, average_attn_weights=False)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(seen[0], weights)
    direction = torch.randn(found.shape)
    found.backward(direction)
    expected.backward(direction)
    torch.testing.assert_close(ours.grad, other.grad)
    assert theirs.in_proj_weight.grad is not None
    parts = theirs.in_proj_weight.grad.chunk(3)
    for layer, part in zip((model.queries, model.keys, model.values), parts, strict=True):
        torch.testing.assert_close(layer.weight.grad, part)


def value(session: Session, expression: str) -> Tensor:
    found = evaluate(expression, session.values())
    assert isinstance(found, Tensor)
    return found


def test_what_attention_makes_has_names_and_gradients_that_fit_together() -> None:
    session = open_experiment(Experiment(model="transformer", data="reverse", points=40, heads=2, width=8, blocks=2))
    session.do("step")
    for block in ("1", "2"):
        named = {symbol: value(session, f"{symbol}[{block}]") for symbol in "QKVSPOH"}
        assert [tuple(named[symbol].shape) for symbol in "QKVOH"] == [(40, 8, 8)] * 5
        heads = [named[symbol].unflatten(-1, (2, -1)).transpose(1, 2) for symbol in "QKV"]
        expected = functional.scaled_dot_product_attention(*heads)
        torch.testing.assert_close(named["O"], expected.transpose(1, 2).flatten(2))
        torch.testing.assert_close(named["S"], heads[0] @ heads[1].mT / math.sqrt(4))
        torch.testing.assert_close(named["P"], named["S"].softmax(-1))
        to_weights, of_values = value(session, f"dP[{block}]"), value(session, f"dV[{block}]")
        arrived = value(session, f"dO[{block}]").unflatten(-1, (2, -1)).transpose(1, 2)
        torch.testing.assert_close(to_weights, arrived @ heads[2].mT)
        torch.testing.assert_close(of_values, (named["P"].mT @ arrived).transpose(1, 2).flatten(2))
    tokens, places = (value(session, name) for name in ("embedding.weight", "positions.weight"))
    assert value(session, "H[0]").shape == (40, 8, 8)
    session.do("goto start")
    session.do("step op")
    assert "not computed yet" in session.do("print P[1]").error
    assert tokens.shape == (10, 8)
    assert places.shape == (8, 8)


def test_attention_names_the_layers_it_is_made_of_too() -> None:
    session = open_experiment(Experiment(model="attention", train_size=20, batch_size=20))
    session.do("step")
    query = next(layer for layer in session.naming.layers if layer.path.endswith("queries"))
    assert torch.equal(value(session, f"Z[{query.index}]"), value(session, "Q[1]"))
    assert value(session, "P[1]").shape == (20, 1, 16, 16)


def test_an_autoencoder_s_code_has_a_name_and_its_target_is_its_input() -> None:
    session = open_experiment(Experiment(model="autoencoder", code=2, train_size=20, batch_size=20))
    session.do("step")
    assert value(session, "code").shape == (20, 2)
    assert torch.equal(value(session, "code"), value(session, "Z[2]"))
    assert torch.equal(value(session, "dcode"), value(session, "dZ[2]"))
    assert torch.equal(value(session, "Y"), value(session, "X"))
    watch = session.do("watch norm(code) > 0")
    assert not watch.error


def test_what_is_left_open_is_that_of_the_model() -> None:
    found = resolve(Experiment(model="autoencoder", code=2))
    assert (found.layers, found.loss, found.output, found.optimizer) == ((784, 64, 2, 64, 784), "mse", "linear", "adam")
    assert resolve(Experiment(model="autoencoder", layers=(784, 3, 784))).code == 3
    found = resolve(Experiment(model="transformer"))
    assert (found.heads, found.width, found.blocks, found.patch, found.positions) == (2, 32, 1, 7, "learnt")
    assert (found.optimizer, found.learning_rate) == ("adam", 0.003)
    assert resolve(Experiment(model="transformer", optimizer="sgd")).learning_rate == 0.1
    assert resolve(found) == found


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": "transformer", "width": 10, "heads": 3}, "a width of 10 cannot be shared among 3 heads"),
        ({"model": "transformer", "patch": 5}, "not cut into patches of 5"),
        ({"model": "transformer", "positions": "sines"}, "no positions “sines”"),
        ({"model": "attention", "blocks": 2}, "an attention has no blocks"),
        ({"model": "mlp", "heads": 2}, "an mlp has no heads"),
        ({"model": "convnet", "code": 2}, "a convnet has no code"),
        ({"model": "attention", "data": "spiral"}, "an attention takes digits or tokens, and spiral has points"),
        ({"model": "attention", "data": "marker", "patch": 7}, "of pictures, and these are tokens"),
        ({"model": "autoencoder", "layers": (784, 8, 700)}, "do not lead to a code in their middle and back"),
        ({"model": "autoencoder", "layers": (784, 8, 784), "code": 4}, "have a code of 8 numbers, not 4"),
        ({"model": "autoencoder", "loss": "cross-entropy"}, "pixels of any size, which cross-entropy"),
        ({"model": "autoencoder", "augment": "shift:2"}, "moves inputs away from their targets"),
        ({"model": "autoencoder", "labels": "random"}, "learns without labels"),
    ],
)
def test_what_does_not_fit_is_named_with_its_cure(options: Any, problem: str) -> None:
    with pytest.raises(ExperimentError, match=problem) as caught:
        resolve(Experiment(**options))
    assert caught.value.cure
