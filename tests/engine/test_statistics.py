"""A tensor in numbers: right to six digits at any size, and the language's own functions say the same."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.lookup.functions import FUNCTIONS
from engine.statistics import norm, statistics

SIX_DIGITS = 5e-7


def tensor(n: int, shift: float = 0.0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(n)
    return (torch.randn(n, generator=generator) + shift).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize(("n", "shift"), [(7, 0), (16_385, 3), (100_352, 0.1), (4_000_000, 0.3), (1_000_003, -5)])
def test_norm_mean_and_deviation_are_right_to_six_digits(n: int, shift: float, dtype: torch.dtype) -> None:
    values = tensor(n, shift, dtype)
    exact, found = values.double(), statistics("W", values)
    assert found.norm == pytest.approx(float(exact.norm()), rel=SIX_DIGITS)
    assert found.mean == pytest.approx(float(exact.mean()), rel=SIX_DIGITS, abs=SIX_DIGITS * float(exact.abs().mean()))
    assert found.std == pytest.approx(float(exact.std(correction=0)), rel=SIX_DIGITS)


@pytest.mark.parametrize("n", [10, 300_000, 4_000_000])
def test_the_functions_of_the_language_agree_with_the_statistics_and_with_each_other(n: int) -> None:
    values = tensor(n, 0.5)
    found = statistics("W", values)
    for name, expected in (("norm", found.norm), ("mean", found.mean), ("std", found.std), ("sum", found.mean * n)):
        assert FUNCTIONS[name].compute(values) == pytest.approx(expected, rel=SIX_DIGITS)
    squares = FUNCTIONS["sum"].compute(values * values)
    assert math.sqrt(squares) == pytest.approx(found.norm, rel=SIX_DIGITS)


def test_a_norm_is_that_of_numbers_whose_squares_are_too_great_and_of_a_transposed_tensor() -> None:
    assert norm(torch.full((20_000,), 1e30)) == pytest.approx(1e30 * math.sqrt(20_000))
    values = tensor(60_000).view(200, 300)
    assert norm(values.T) == pytest.approx(float(values.double().norm()), rel=SIX_DIGITS)


@pytest.mark.parametrize("n", [10, 100_000])
def test_what_is_not_finite_is_seen_in_norm_and_share(n: int) -> None:
    values = tensor(n)
    values[3] = math.nan
    assert math.isnan(norm(values))
    assert statistics("W", values).bad == pytest.approx(1 / n)
    values[3] = math.inf
    assert norm(values) == math.inf
    assert statistics("W", values).bad == pytest.approx(1 / n)
