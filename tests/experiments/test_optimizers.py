"""Every rule's text is followed beside torch.optim, in float64."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.errors import ExperimentError
from engine.experiments.assemble import make_optimizer
from engine.experiments.optimizers import OPTIMIZERS, OptimizerSpec, spec_of
from engine.experiments.updates import follow

STEPS = 8
RATE = 0.05


def by_the_text(spec: OptimizerSpec, group: dict[str, Any], start: Tensor, gradients: list[Tensor]) -> Tensor:
    """The parameter after these gradients, by the rule's text; states start at zero."""
    symbols = ["θ", *(symbol.unicode for symbol in spec.symbols.values())]
    now: dict[str, Any] = {"θ": start.clone()}
    for t, gradient in enumerate(gradients, 1):
        found = follow(spec, group, now | {"g": gradient, "t": t})
        now = {symbol: found[symbol] for symbol in symbols if symbol in found}
    theta: Tensor = now["θ"]
    return theta


def by_torch(optimizer: torch.optim.Optimizer, parameter: Tensor, gradients: list[Tensor]) -> Tensor:
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


def start_and_gradients(*shape: int) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(STEPS + 1)]
    return draws[0], draws[1:]


def parameter_like(start: Tensor) -> Tensor:
    return start.clone().requires_grad_()


@pytest.fixture(autouse=True)
def float64_states() -> Any:
    """torch keeps step counts and the like in the default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


WITHOUT_TEXT_TEST = {"rprop", "adafactor"}  # their texts use words; they are written out below


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() - WITHOUT_TEXT_TEST))
def test_the_rules_text_is_what_torch_computes(name: str, weight_decay: float) -> None:
    start, gradients = start_and_gradients(4, 3)
    parameter = parameter_like(start)
    optimizer = make_optimizer(name, [parameter], RATE, weight_decay=weight_decay)
    spec = spec_of(optimizer)
    assert spec is not None
    assert spec.name == name
    expected = by_torch(optimizer, parameter, gradients)
    torch.testing.assert_close(
        by_the_text(spec, optimizer.param_groups[0], start, gradients), expected, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
    ("torch_class", "options", "name"),
    [
        ("SGD", {"momentum": 0.5}, "momentum"),
        ("SGD", {"momentum": 0.5, "nesterov": True}, "nesterov"),
        ("SGD", {"maximize": True}, "sgd"),
        ("RMSprop", {"momentum": 0.5}, "rmsprop"),
        ("RMSprop", {"centered": True}, "rmsprop"),
        ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.1}, "rmsprop"),
        ("Adagrad", {"lr_decay": 0.3}, "adagrad"),
        ("Adam", {"amsgrad": True, "weight_decay": 0.1}, "amsgrad"),
        ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}, "adamw"),
        ("AdamW", {"amsgrad": True}, "adamw"),
        ("NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1}, "nadam"),
        ("RAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1, "betas": (0.8, 0.9)}, "radam"),
    ],
)
def test_a_users_own_options_change_the_rule(torch_class: str, options: dict[str, Any], name: str) -> None:
    start, gradients = start_and_gradients(4, 3)
    parameter = parameter_like(start)
    optimizer = getattr(torch.optim, torch_class)([parameter], lr=RATE, **options)
    spec = spec_of(optimizer)
    assert spec is not None
    assert spec.name == name
    expected = by_torch(optimizer, parameter, gradients)
    torch.testing.assert_close(
        by_the_text(spec, optimizer.param_groups[0], start, gradients), expected, rtol=1e-10, atol=1e-12
    )


def test_dampening_is_in_the_rule() -> None:
    spec = spec_of(torch.optim.SGD([torch.zeros(1)], momentum=0.9, dampening=0.5))
    assert spec is not None
    assert spec.rule == ("u ← μ·u + (1 − τ)·g, u ← g at t = 1", "θ ← θ − η·u")


def test_rprop_written_out_is_what_torch_computes() -> None:
    start, gradients = start_and_gradients(4, 3)
    theta, p, s = start.clone(), torch.zeros_like(start), torch.full_like(start, RATE)
    for gradient in gradients:
        factor = torch.where(gradient * p > 0, 1.2, torch.where(gradient * p < 0, 0.5, 1.0))
        g = torch.where(gradient * p < 0, 0.0, gradient)
        s = (s * factor).clip(1e-6, 50)
        theta, p = theta - s * g.sign(), g
    parameter = parameter_like(start)
    expected = by_torch(make_optimizer("rprop", [parameter], RATE), parameter, gradients)
    torch.testing.assert_close(theta, expected)


@pytest.mark.parametrize("shape", [(4, 3), (5,)])
def test_adafactor_written_out_is_what_torch_computes(shape: tuple[int, ...]) -> None:
    start, gradients = start_and_gradients(*shape)
    theta, rows, columns, v = start.clone(), torch.zeros(1), torch.zeros(1), torch.zeros(1)
    for t, g in enumerate(gradients, 1):
        weight = t**-0.8
        if len(shape) == 2:
            rows = rows + weight * (g.square().mean(1, keepdim=True) - rows)
            columns = columns + weight * (g.square().mean(0, keepdim=True) - columns)
            v = rows * columns / rows.mean()
        else:
            v = v + weight * (g.square() - v)
        s = g / v.sqrt()
        s = s / max(1.0, float(s.square().mean().sqrt()))
        theta = theta - max(1e-3, float(theta.square().mean().sqrt())) * min(RATE, 1 / math.sqrt(t)) * s
    parameter = parameter_like(start)
    expected = by_torch(make_optimizer("adafactor", [parameter], RATE), parameter, gradients)
    torch.testing.assert_close(theta, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_value_of_the_state_has_a_symbol(name: str) -> None:
    matrix, vector = torch.ones(2, 3, requires_grad=True), torch.ones(3, requires_grad=True)
    optimizer = make_optimizer(name, [matrix, vector], RATE)
    for parameter in (matrix, vector):
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    symbols = OPTIMIZERS[name].symbols
    present = {
        key for parameter in (matrix, vector) for key, value in optimizer.state[parameter].items() if value is not None
    }
    assert present <= symbols.keys()
    assert all(symbol.ascii.isascii() and symbol.unicode for symbol in symbols.values())


def test_every_dense_first_order_optimizer_of_torch_is_in_the_table() -> None:
    others = {"Optimizer", "LBFGS", "SparseAdam", "Muon"}  # a closure; sparse gradients; matrices only
    classes = {name for name, kind in vars(torch.optim).items() if isinstance(kind, type)} - others
    assert {spec.torch_class for spec in OPTIMIZERS.values()} == classes


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rule_has_a_source_and_at_most_three_lines(name: str) -> None:
    spec = OPTIMIZERS[name]
    assert 1 <= len(spec.rule) <= 3
    assert re.search(r"\b(19|20)\d\d\b", spec.source)


def test_groups_may_have_rules_of_their_own() -> None:
    groups: list[dict[str, Any]] = [{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)], "momentum": 0.9}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    first, second = spec_of(optimizer), spec_of(optimizer, group=1)
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("sgd", "momentum")


class Doubled(torch.optim.SGD):
    """Derived from one of torch's, yet with a rule of its own."""

    def step(self, closure: Any = None) -> Any:
        super().step(closure)
        return super().step(closure)


def test_an_optimizer_that_is_not_in_the_table_has_no_rule() -> None:
    assert spec_of(Doubled([torch.zeros(1)], lr=0.1)) is None
    assert spec_of(torch.optim.LBFGS([torch.zeros(1)])) is None


def test_adamw_decays_by_its_own_default_unless_told() -> None:
    decays = [
        make_optimizer("adamw", [torch.zeros(1)], 0.1, weight_decay=d).defaults["weight_decay"]
        for d in (None, 0.0, 0.3)
    ]
    assert decays == [0.01, 0.0, 0.3]


def test_a_given_momentum_reaches_torch() -> None:
    optimizer = make_optimizer("sgd", [torch.zeros(1)], 0.1, momentum=0.7)
    assert optimizer.param_groups[0]["momentum"] == 0.7
    spec = spec_of(optimizer)
    assert spec is not None
    assert spec.name == "momentum"


@pytest.mark.parametrize(
    ("name", "momentum", "weight_decay", "problem"),
    [
        ("adam", 0.9, None, "adam has no momentum 0.9"),
        ("rprop", None, 0.1, "rprop has no weight decay"),
        ("nesterov", 0.0, None, "nesterov needs a momentum above 0"),
    ],
)
def test_an_option_that_an_optimizer_lacks_is_named(
    name: str, momentum: float | None, weight_decay: float | None, problem: str
) -> None:
    with pytest.raises(ExperimentError, match=problem):
        make_optimizer(name, [torch.zeros(1)], 0.1, momentum, weight_decay)
