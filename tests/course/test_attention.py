"""The numbers of the course's section 11, held to bands over seeds, and its attention beside torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from engine.course.attention import attend
from engine.course.compute import compute
from engine.course.transformer import joined, patches
from tests.support.headless_lessons import answer, computed

SEEDS = range(1, 5)
SIZES = st.integers(1, 6)


def value(request: str) -> Any:
    return compute(request).value


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, 2**31))
def test_attention_and_its_gradients_are_torchs(n: int, m: int, d: int, e: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    queries, keys, values = (
        torch.randn(2, *shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((n, d), (m, d), (m, e))
    )
    upstream = torch.randn(2, n, e, generator=generator, dtype=torch.float64)
    out, weights = attend(queries, keys, values)
    torchs = functional.scaled_dot_product_attention(queries, keys, values)
    torch.testing.assert_close(out, torchs)
    # Values that are the identity show torch's weights themselves.
    identity = torch.eye(m, dtype=torch.float64).expand(2, m, m)
    torch.testing.assert_close(weights, functional.scaled_dot_product_attention(queries, keys, identity))
    ours = torch.autograd.grad(out, (queries, keys, values), upstream)
    theirs = torch.autograd.grad(torchs, (queries, keys, values), upstream)
    torch.testing.assert_close(ours, theirs)


def test_what_is_worked_out_by_hand_is_what_autograd_says() -> None:
    found = value("attention.by-hand")
    assert float(answer("attention", "score")) == pytest.approx(2)
    assert float(answer("attention", "mean")) == pytest.approx(0.164 * 10 + 0.736 * 20 + 0.1 * 60, abs=0.05)
    assert found["sum_to_scores"] == pytest.approx(float(answer("attention", "sum")), abs=1e-12)
    assert found["to_first"] == pytest.approx(0.16425 * (10 - found["answer"]), abs=1e-3)
    assert found["unscaled"] > found["weights"][1]


def check_marker(found: Any) -> None:
    """All weights alike at first; after about 30 updates the mark has most of it, and after 100 all."""
    assert found["first"] == pytest.approx(1 / 8)
    assert found["first_accuracy"] < 0.2
    assert 15 <= found["known"] <= 45
    assert found["weight_known"] > 0.5
    assert found["last"] > 0.95
    assert found["last_accuracy"] > 0.99


def check_reverse(found: Any) -> None:
    """With positions all of it; without, as much as who knows the symbols but not their places."""
    assert found["with"]["accuracy"] > 0.99
    assert found["with"]["mirror"] > 0.95
    without = found["without"]
    assert without["mirror"] == pytest.approx(1 / 8, abs=0.02)
    assert without["accuracy"] == pytest.approx(without["best"], abs=0.03)


def check_scale(found: Any) -> None:
    """With √d the largest weight and the slope are the same for every d; without, softmax saturates."""
    assert all(found[f"d_{width}"]["slope"] == pytest.approx(0.096, abs=0.003) for width in (4, 16, 64, 256))
    assert found["d_256"]["unscaled_slope"] < 0.015
    assert found["d_256"]["unscaled_largest"] > 0.9


def test_a_query_finds_the_mark_and_positions_let_a_sequence_be_reversed() -> None:
    check_marker(computed("attention", "attention.marker"))
    check_reverse(computed("attention", "attention.reverse"))
    check_scale(computed("attention", "attention.scale"))


def test_without_positions_tokens_in_another_order_have_their_answers_in_that_order() -> None:
    assert computed("attention", "attention.shuffle")["difference"] < 2e-5
    assert computed("attention", "attention.shuffle positions=yes")["difference"] > 1


def check_transformer(found: Any) -> None:
    """A bag of patches cannot tell shuffled digits from whole ones; with positions more is named, but not of those."""
    whole, bag, mean = found["positions"], found["bag"], found["mean"]
    assert (whole["parameters"], bag["parameters"]) == (10986, 10986 - 512)
    assert 0.70 < whole["accuracy"] < 0.88
    assert 0.60 < bag["accuracy"] < 0.74
    assert 0.67 < mean["accuracy"] < 0.79
    assert bag["accuracy"] < whole["accuracy"]
    assert bag["difference"] < 2e-5
    assert bag["shuffled"] == pytest.approx(bag["accuracy"], abs=0.002)
    assert whole["shuffled"] < bag["shuffled"]
    assert found["dense"]["accuracy"] > whole["accuracy"]


def test_a_digit_in_patches_is_a_bag_without_positions() -> None:
    found = computed("transformer", "transformer.table")
    check_transformer(found)
    assert found["bag"]["accuracy"] < found["mean"]["accuracy"] < found["positions"]["accuracy"]  # as the lesson says
    assert int(answer("transformer", "cost")) == found["positions"]["parameters"] - found["bag"]["parameters"]


def test_patches_are_pieces_of_the_picture() -> None:
    pictures = torch.arange(2.0 * 28 * 28).reshape(2, 1, 28, 28)
    cut = patches(pictures)
    assert torch.equal(cut[1, 6].reshape(7, 7), pictures[1, 0, 7:14, 14:21])
    assert torch.equal(joined(cut), pictures)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_every_seed_lies_in_the_bands(seed: int) -> None:
    check_marker(value(f"attention.marker seed={seed}"))
    check_reverse(value(f"attention.reverse seed={seed}"))
    check_scale(value(f"attention.scale seed={seed}"))
    assert value(f"attention.shuffle seed={seed}")["difference"] < 2e-5
    check_transformer(value(f"transformer.table seed={seed}"))
