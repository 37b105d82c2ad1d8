"""The optimizers: what torch.optim calls them, their state's symbols, and their update rules as text.

Importing this loads no torch. A new optimizer is a row of OPTIMIZERS; the tests evaluate the text of its rule beside
torch.optim. In the rules g is the gradient, θ the parameter, η the learning rate, t the number of the step from 1,
λ the weight decay; products, roots and powers are element-wise, and a state that is not there yet is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from engine.errors import ExperimentError


class Stepped(Protocol):
    """What is asked of a torch optimizer here, where torch is not imported."""

    param_groups: list[dict[str, Any]]


class Symbol(NamedTuple):
    """How a value of the optimizer's state is written."""

    unicode: str
    ascii: str


class OptimizerSpec(msgspec.Struct, frozen=True):
    """One optimizer: how to make it, and how to explain it.

    `symbols` maps the keys of torch's state to symbols. `rule` has one to three lines, and before them one for each of
    weight decay and maximisation where `spec_of` finds them switched on.
    """

    name: str
    torch_class: str
    learning_rate: float  # the default one
    rule: tuple[str, ...]
    source: str
    symbols: Mapping[str, Symbol] = {}
    options: Mapping[str, Any] = {}  # where they differ from torch's defaults
    takes_momentum: bool = False
    takes_weight_decay: bool = True
    weight_decay: float = 0.0  # the default one


_STEP = {"step": Symbol("t", "t")}
_BUFFER = {"momentum_buffer": Symbol("u", "u")}
_MOMENTS = {"exp_avg": Symbol("m", "m"), "exp_avg_sq": Symbol("v", "v")} | _STEP
_SQUARES = {"square_avg": Symbol("v", "v")} | _STEP
_LARGEST = {"max_exp_avg_sq": Symbol("v̂", "vhat")}

_MEAN = "m ← β₁·m + (1 − β₁)·g"
_SQUARE = "v ← β₂·v + (1 − β₂)·g²"
_LARGEST_SQUARE = f"{_SQUARE}; v̂ ← max(v̂, v)"
_ADAM_STEP = "m/(1 − β₁ᵗ)/(√(v/(1 − β₂ᵗ)) + ε)"
_AMSGRAD_STEP = _ADAM_STEP.replace("v/", "v̂/")
_COUPLED = "g ← g + λ·θ"
_DECOUPLED = "θ ← θ − η·λ·θ"

_ROWS = (
    OptimizerSpec(
        "sgd",
        "SGD",
        0.1,
        ("θ ← θ − η·g",),
        "Robbins & Monro 1951, A stochastic approximation method",
        takes_momentum=True,
    ),
    OptimizerSpec(
        "momentum",
        "SGD",
        0.01,
        ("u ← μ·u + g", "θ ← θ − η·u"),
        "Polyak 1964, Some methods of speeding up the convergence of iteration methods",
        _BUFFER,
        {"momentum": 0.9},
        takes_momentum=True,
    ),
    OptimizerSpec(
        "nesterov",
        "SGD",
        0.01,
        ("u ← μ·u + g", "θ ← θ − η·(g + μ·u)"),
        "Nesterov 1983, in the form of Sutskever et al. 2013, On the importance of initialization and momentum",
        _BUFFER,
        {"momentum": 0.9, "nesterov": True},
        takes_momentum=True,
    ),
    OptimizerSpec(
        "adagrad",
        "Adagrad",
        0.01,
        ("G ← G + g²", "θ ← θ − η·g/(√G + ε)"),
        "Duchi, Hazan & Singer 2011, Adaptive subgradient methods",
        {"sum": Symbol("G", "G")} | _STEP,
    ),
    OptimizerSpec(
        "adadelta",
        "Adadelta",
        1.0,
        ("v ← ρ·v + (1 − ρ)·g²", "δ ← g·√(Δ̄ + ε)/√(v + ε); Δ̄ ← ρ·Δ̄ + (1 − ρ)·δ²", "θ ← θ − η·δ"),
        "Zeiler 2012, ADADELTA: an adaptive learning rate method",
        _SQUARES | {"acc_delta": Symbol("Δ̄", "Dbar")},
    ),
    OptimizerSpec(
        "rmsprop",
        "RMSprop",
        0.001,
        ("v ← α·v + (1 − α)·g²", "θ ← θ − η·g/(√v + ε)"),
        "Tieleman & Hinton 2012, Neural networks for machine learning, lecture 6.5",
        _SQUARES | _BUFFER | {"grad_avg": Symbol("ḡ", "gbar")},
        takes_momentum=True,
    ),
    OptimizerSpec(
        "adam",
        "Adam",
        0.001,
        (_MEAN, _SQUARE, f"θ ← θ − η·{_ADAM_STEP}"),
        "Kingma & Ba 2015, Adam: a method for stochastic optimization",
        _MOMENTS,
    ),
    OptimizerSpec(
        "amsgrad",
        "Adam",
        0.001,
        (_MEAN, _LARGEST_SQUARE, f"θ ← θ − η·{_AMSGRAD_STEP}"),
        "Reddi, Kale & Kumar 2018, On the convergence of Adam and beyond",
        _MOMENTS | _LARGEST,
        {"amsgrad": True},
    ),
    OptimizerSpec(
        "adamw",
        "AdamW",
        0.001,
        (_MEAN, _SQUARE, f"θ ← θ − η·{_ADAM_STEP}"),
        "Loshchilov & Hutter 2019, Decoupled weight decay regularization",
        _MOMENTS | _LARGEST,
        weight_decay=0.01,
    ),
    OptimizerSpec(
        "adamax",
        "Adamax",
        0.002,
        (_MEAN, "u ← max(β₂·u, |g| + ε)", "θ ← θ − η·m/(1 − β₁ᵗ)/u"),
        "Kingma & Ba 2015, Adam: a method for stochastic optimization, §7.1",
        {"exp_avg": Symbol("m", "m"), "exp_inf": Symbol("u", "u")} | _STEP,
    ),
    OptimizerSpec(
        "nadam",
        "NAdam",
        0.002,
        (
            f"{_MEAN}; {_SQUARE}",
            "μ ← β₁·(1 − 0.5·0.96^(ψ·t)); μ⁺ ← β₁·(1 − 0.5·0.96^(ψ·(t + 1))); P ← P·μ",
            "θ ← θ − η·(μ⁺·m/(1 − P·μ⁺) + (1 − μ)·g/(1 − P))/(√(v/(1 − β₂ᵗ)) + ε)",
        ),
        "Dozat 2016, Incorporating Nesterov momentum into Adam",
        _MOMENTS | {"mu_product": Symbol("P", "P")},
    ),
    OptimizerSpec(
        "radam",
        "RAdam",
        0.001,
        (
            f"{_MEAN}; {_SQUARE}",
            "ρ∞ ← 2/(1 − β₂) − 1; ρ ← ρ∞ − 2·t·β₂ᵗ/(1 − β₂ᵗ); r² ← (ρ − 4)·(ρ − 2)·ρ∞/((ρ∞ − 4)·(ρ∞ − 2)·ρ)",
            "θ ← θ − η·m/(1 − β₁ᵗ)·(√(r²·(1 − β₂ᵗ))/(√v + ε) if ρ > 5 else 1)",
        ),
        "Liu et al. 2020, On the variance of the adaptive learning rate and beyond",
        _MOMENTS,
    ),
    OptimizerSpec(
        "rprop",
        "Rprop",
        0.01,
        ("s ← clip(s·(η⁺ where g·p > 0, η⁻ where g·p < 0, else 1)); g ← 0 where g·p < 0", "θ ← θ − s·sign(g)", "p ← g"),
        "Riedmiller & Braun 1993, A direct adaptive method for faster backpropagation learning; s starts as η",
        {"prev": Symbol("p", "p"), "step_size": Symbol("s", "s")} | _STEP,
        takes_weight_decay=False,
    ),
    OptimizerSpec(
        "asgd",
        "ASGD",
        0.01,
        (
            "θ ← (1 − κ·η)·θ − η·g",
            "θ̄ ← θ̄ + μ·(θ − θ̄)",
            "η ← η₀/(1 + κ·η₀·t)^α; μ ← 1/max(1, t − t₀)",
        ),
        "Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging; η starts as η₀, μ as 1",
        {"eta": Symbol("η", "eta"), "mu": Symbol("μ", "mu"), "ax": Symbol("θ̄", "theta_bar")} | _STEP,
    ),
    OptimizerSpec(
        "adafactor",
        "Adafactor",
        0.01,
        (
            "R ← R + t^τ·(mean₁(g²) − R); C ← C + t^τ·(mean₀(g²) − C); v ← R·C/mean(R) [vector: v ← v + t^τ·(g² − v)]",
            "s ← g/√v; s ← s/max(1, rms(s)/d)",
            "θ ← θ − max(ε₂, rms(θ))·min(η, 1/√t)·s",
        ),
        "Shazeer & Stern 2018, Adafactor: adaptive learning rates with sublinear memory cost; τ = −0.8, d = 1",
        {"row_var": Symbol("R", "R"), "col_var": Symbol("C", "C"), "variance": Symbol("v", "v")} | _STEP,
    ),
)

OPTIMIZERS: dict[str, OptimizerSpec] = {row.name: row for row in _ROWS}


def check_options(spec: OptimizerSpec, momentum: float | None, weight_decay: float | None) -> None:
    """Raise ExperimentError where an optimizer is given an option that it does not have, or cannot use."""
    if momentum is not None and not spec.takes_momentum:
        takers = ", ".join(row.name for row in _ROWS if row.takes_momentum)
        raise ExperimentError(f"{spec.name} has no momentum {momentum:g}", f"leave it out, or use one of {takers}")
    if weight_decay and not spec.takes_weight_decay:
        raise ExperimentError(f"{spec.name} has no weight decay", "leave it out, or use sgd or adamw")
    if momentum == 0 and spec.options.get("nesterov"):
        raise ExperimentError(f"{spec.name} needs a momentum above 0", "0.9 is usual; without momentum it is sgd")


def spec_of(optimizer: Stepped, group: int = 0) -> OptimizerSpec | None:
    """The row that explains how `optimizer` updates the parameters of its parameter group number `group` (from 0).

    The rule is that of the options in use: momentum, Nesterov, AMSGrad, weight decay and the like. None for an
    optimizer that is not in the table: a class outside torch.optim may do anything, even if derived from one there.
    """
    return spec_for(type(optimizer), optimizer.param_groups[group])


def spec_for(kind: type, options: Mapping[str, Any]) -> OptimizerSpec | None:
    """The same for a class and the options of a parameter group, as they were at some update."""
    if not kind.__module__.startswith("torch.optim."):
        return None
    row = _row_for(kind.__name__, options)
    return row and msgspec.structs.replace(row, rule=(*_lines_before(row, options), *_rule_in_use(row, options)))


def _row_for(torch_class: str, options: Mapping[str, Any]) -> OptimizerSpec | None:
    if torch_class == "SGD":
        plain = "momentum" if options["momentum"] else "sgd"
        return OPTIMIZERS["nesterov" if options["nesterov"] else plain]
    if torch_class == "Adam" and not options.get("decoupled_weight_decay"):
        return OPTIMIZERS["amsgrad" if options["amsgrad"] else "adam"]
    if torch_class == "Adam":
        return OPTIMIZERS["adamw"]
    return next((row for row in _ROWS if row.torch_class == torch_class), None)


def _lines_before(row: OptimizerSpec, options: Mapping[str, Any]) -> list[str]:
    lines = ["g ← −g"] if options.get("maximize") else []
    decoupled = options.get("decoupled_weight_decay") or row.name in ("adamw", "adafactor")
    if options.get("weight_decay"):
        lines.append(_DECOUPLED if decoupled else _COUPLED)
    return lines


def _rule_in_use(row: OptimizerSpec, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The row's rule, or what it becomes under options that have no row of their own."""
    if row.name == "adamw" and options["amsgrad"]:
        return OPTIMIZERS["amsgrad"].rule
    if row.name == "adagrad" and options["lr_decay"]:
        return ("G ← G + g²", "θ ← θ − η/(1 + (t − 1)·κ)·g/(√G + ε)")
    if row.torch_class == "SGD" and options["momentum"] and options["dampening"]:
        return ("u ← μ·u + (1 − τ)·g, u ← g at t = 1", *row.rule[1:])
    if row.name == "rmsprop":
        return _rmsprop_rule(centered=options["centered"], momentum=options["momentum"] > 0)
    return row.rule


def _rmsprop_rule(*, centered: bool, momentum: bool) -> tuple[str, ...]:
    average, step = "v ← α·v + (1 − α)·g²", "g/(√v + ε)"
    if centered:
        average, step = f"{average}; ḡ ← α·ḡ + (1 − α)·g", "g/(√(v − ḡ²) + ε)"
    if momentum:
        return (average, f"u ← μ·u + {step}", "θ ← θ − η·u")
    return (average, f"θ ← θ − η·{step}")
