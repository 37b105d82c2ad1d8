"""Every rule, forward and backward, gives what torch gave: at random arguments, and at corners and ties.

Each case runs under an Onlooker; every event of its tape that has a rule is worked out element by element in float64
and compared with what was recorded. Inputs are float64, so that what differs is the rule.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.panes.equations import text_of
from engine.panes.worked import agree
from engine.protocol.positions import Phase
from engine.tape.calls import edges, rule_of
from engine.tape.operations import FOLDED, OPERATIONS, VIEWS
from engine.tape.rules.evaluation import work_out
from engine.tape.rules.formula import parse
from engine.tape.rules.rule import Call, Right, Rule
from engine.tape.tape import Event, Tape
from tests.support.calls import RULES, G, lstm, lstm_weights, normal
from tests.support.steps import Program

EPSILON = 2.3e-16
ELEMENTS = 20  # of each tensor


def record(function: Callable[..., Any], *tensors: Tensor) -> Tape:
    """The tape of ℒ = Σ weights ∗ function(…); floating tensors are parameters."""
    module = nn.Module()
    for place, tensor in enumerate(tensors):
        if tensor.is_floating_point():
            module.register_parameter(f"p{place}", nn.Parameter(tensor))
    given = [getattr(module, f"p{place}", tensor) for place, tensor in enumerate(tensors)]

    def step(batch: Any) -> Tensor:
        found = function(*given)
        out: Tensor = found if isinstance(found, Tensor) else found[0]
        out = out.double() if out.dtype == torch.bool else out
        weights = torch.linspace(-1.0, 2.0, out.numel(), dtype=out.dtype).reshape(out.shape)
        loss = (out * weights).sum()
        loss.backward()
        return loss

    return Program({"": module}, {}, step).record({"x": torch.zeros(2)})


def places(tensor: Tensor) -> list[tuple[int, ...]]:
    """Some elements, or all of them."""
    every = list(itertools.product(*map(range, tensor.shape)))
    return random.Random(3).sample(every, min(ELEMENTS, len(every)))


def check(rule: Rule, call: Call, result: str, right: Right, held: Tensor, epsilon: float = EPSILON) -> None:
    for index in places(held):
        found = work_out(rule, call, result, right, index)
        recorded = float(held[index])
        assert agree(found, recorded, epsilon), (result, index, found, recorded, text_of(right))
        assert found.text


def check_event(tape: Tape, event: Event, epsilon: float = EPSILON) -> tuple[set[str], set[str]]:
    """Check an event; the aten operators and the arguments whose rules were compared."""
    compared: set[str] = set()
    if event.phase is Phase.BACKWARD and event.twin is not None:
        rule, call = rule_of(tape, event.twin, event)
        for edge in edges(rule, event):
            if rule is not None and edge.right:
                gradient = edge.gradient.mT if edge.turned else edge.gradient
                check(rule, call, edge.argument, edge.right, gradient, epsilon)
                compared.add(edge.argument)
        return set(), {f"{event.twin.aten}.{name}" for name in compared}
    rule, call = rule_of(tape, event)
    held = event.outputs[0].tensor if event.outputs else None
    if rule is None or held is None:
        return set(), set()
    check(rule, call, "out", rule.forward, held, epsilon)
    return {event.aten.rstrip("_")}, set()


@pytest.mark.parametrize(("aten", "function", "tensors", "no"), RULES, ids=[each[0] for each in RULES])
def test_a_rule_gives_what_was_recorded_forward_and_backward(
    aten: str, function: Callable[..., Any], tensors: Callable[[], list[Tensor]], no: str
) -> None:
    G.manual_seed(len(aten))
    torch.manual_seed(1)
    tape = record(function, *tensors())
    forward, backward = set[str](), set[str]()
    for event in tape.events:
        found = check_event(tape, event, 1.2e-7 if event.op.name == "cast" else EPSILON)
        forward |= found[0]
        backward |= found[1]
    assert aten in forward
    assert no or any(name.rpartition(".")[0].rstrip("_") == aten for name in backward), backward


_STOPPING: list[Callable[[Tensor], Tensor]] = [
    torch.relu,
    nn.functional.relu6,
    nn.functional.hardsigmoid,
    nn.functional.softshrink,
    nn.functional.hardshrink,
    lambda x: torch.clamp(x, -1.0, 1.0),
    lambda x: torch.clamp_min(x, 0.0),
    lambda x: nn.functional.threshold(x, 0.2, 0.0),
]


@pytest.mark.parametrize("function", _STOPPING)
def test_where_a_gradient_is_stopped_a_nan_that_comes_back_is_stopped_too(function: Callable[..., Tensor]) -> None:
    given = torch.tensor([-7.0, -0.4, 0.0, 0.1, 1.0, 9.0, torch.nan if function is torch.relu else 3.0])
    came = torch.tensor([torch.nan, torch.inf, torch.nan, 1.0, torch.nan, torch.nan, -torch.inf])
    tape = record(lambda x: function(x) * came.double(), given.double())
    compared = [each for event in tape.events for each in check_event(tape, event)[1]]
    assert len(compared) > 1


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_the_rule_of_a_recurrent_layer_gives_what_was_recorded(sides: int, bias: bool) -> None:
    G.manual_seed(1)
    states = [normal(sides, 2, 3).float() for _ in range(2)]
    tape = record(lstm(bias, sides == 2), normal(4, 2, 2).float(), *states, *lstm_weights(sides, bias))
    layers = [event for event in tape.events if event.aten == "mkldnn_rnn_layer"]
    found = [check_event(tape, event, 1.2e-7) for event in tape.events if event.op.name == "rnn"]
    assert len(layers) == sides
    compared = {name.partition(".")[2] for _, names in found for name in names}
    assert compared >= {"input", "weight1", "hx_", "cx_"}


def test_every_operation_with_a_rule_is_among_the_cases() -> None:
    tried = {each[0] for each in RULES} | {"mkldnn_rnn_layer", "dropout"}
    assert set(OPERATIONS) - tried - FOLDED - VIEWS == set()


@pytest.mark.parametrize("text", ["{self} +", "exp {self}", "Σ", "1[{a}", "{a} {b}", "foo"])
def test_what_is_not_in_the_language_of_rules_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="stuck"):
        parse(text)
