"""The numbers of the course's section 10, held to bands that were measured over seeds in a plain PyTorch loop."""

from __future__ import annotations

from typing import Any

import pytest

from engine.course.compute import compute
from tests.support.headless_lessons import computed, lines

SEEDS = range(1, 5)


def value(request: str) -> Any:
    return compute(request).value


def check_flow(found: Any) -> None:
    """Of an RNN next to nothing comes through at first, of an LSTM a little; an epoch opens the way."""
    rnn, lstm, wide = found["rnn"], found["lstm"], found["open"]
    assert 1e-10 < rnn["before"] < 2e-7
    assert 5e-6 < lstm["before"] < 1e-4
    assert 2e-3 < wide["before"] < 2e-2
    assert 1e-3 < rnn["after"] < 0.3
    assert 0.1 < lstm["after"] < 2
    assert 0.42 <= rnn["accuracy"] <= 0.60
    assert 0.64 <= lstm["accuracy"] <= 0.82
    assert 0.76 <= wide["accuracy"] <= 0.88


def check_radii(found: Any) -> None:
    """Below ρ = 1 the share is ρ²⁷ to two digits; far above, tanh stops it."""
    for rho in ("0.5", "0.9", "1"):
        assert found[rho]["ratio"] == pytest.approx(found[rho]["expected"], rel=0.02)
    assert 11 < found["1.1"]["ratio"] < 13.2
    assert 300 < found["1.5"]["ratio"] < 1000 < found["1.5"]["expected"]


def check_memory(found: Any) -> None:
    """As drawn an LSTM guesses; with its forget gate open it remembers."""
    assert found["drawn"]["accuracy"] < 0.33
    assert found["one"]["accuracy"] > 0.4
    assert found["five"]["accuracy"] > 0.98
    assert 5e-5 < found["drawn"]["ratio"] < 3e-4 < found["one"]["ratio"] < 0.1 < 1.5 < found["five"]["ratio"] < 3


def test_the_gradient_on_its_way_back_through_the_rows_lies_in_the_bands() -> None:
    check_flow(computed("recurrence", "recurrence.compared"))
    check_radii(computed("recurrence", "recurrence.radii"))


def test_a_forget_gate_that_begins_open_remembers() -> None:
    check_memory(computed("memory", "memory.table"))


def test_the_live_run_shows_the_numbers_that_the_text_computes() -> None:
    norms = [line["value"] for line in lines("recurrence") if str(line.get("command")).startswith("print norm(dH[")]
    found = computed("recurrence", "recurrence.flow")
    assert norms[:3] == pytest.approx([found["last"], found["middle"], found["first"]], rel=1e-4)
    shares = [line["value"] for line in lines("memory") if line.get("command") == "print norm(dC[1]) / norm(dC[28])"]
    expected = [value(f"recurrence.flow model=lstm bias={bias}")["ratio"] for bias in ("default", "1")]
    assert shares == pytest.approx(expected, rel=1e-4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_every_seed_lies_in_the_bands(seed: int) -> None:
    check_flow(value(f"recurrence.compared seed={seed}"))
    check_radii(value(f"recurrence.radii seed={seed}"))
    check_memory(value(f"memory.table seed={seed}"))
