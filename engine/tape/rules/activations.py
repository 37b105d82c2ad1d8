"""Activations: what comes out of a neuron, and the slope there."""

from __future__ import annotations

import torch

from engine.tape.rules.elementwise import elementwise, is_bad_in, unary
from engine.tape.rules.rule import Call, MakesRule, Rule, letters

_ABOVE = "{self} > 0"


def _relu(call: Call) -> Rule | None:
    """The gradient is stopped where {self} ≤ 0: of a NaN that is not so."""
    slope = "0 if {self} ≤ 0 else {dout}" if is_bad_in(call, "self") else "{dout} ∗ 1[{self} > 0]"
    return elementwise("max(0, {self})", self=slope)(call)


def _elu(call: Call) -> Rule | None:
    alpha, scale, inner = (call.get(name, 1) for name in ("alpha", "scale", "input_scale"))
    whole, given = ("" if scale == 1 else "{scale}·"), ("{self}" if inner == 1 else "{input_scale}·{self}")
    below = ("" if alpha == 1 else "{alpha}·") + whole
    slope = below + ("" if inner == 1 else "{input_scale}·")
    return elementwise(
        f"{whole}{{self}} if {_ABOVE} else {below}(exp({given}) − 1)",
        self=f"{whole}{{dout}} if {_ABOVE} else {{dout}} ∗ {slope}exp({given})",
    )(call)


def _celu(call: Call) -> Rule | None:
    given, below = ("{self}", "") if call.get("alpha", 1) == 1 else ("{self} / {alpha}", "{alpha}·")
    return elementwise(
        f"{{self}} if {_ABOVE} else {below}(exp({given}) − 1)",
        self=f"{{dout}} if {_ABOVE} else {{dout}} ∗ exp({given})",
    )(call)


def _gelu(call: Call) -> Rule | None:
    if call.get("approximate", "none") == "none":
        return unary("{self} ∗ Φ({self})", "(Φ({self}) + {self} ∗ φ({self}))")(call)
    inner = "tanh(0.7978845608028654·({self} + 0.044715·{self}³))"
    slope = "(0.5·(1 + {t}) + 0.5·{self} ∗ (1 − {t}²) ∗ 0.7978845608028654·(1 + 0.134145·{self}²))"
    return elementwise("0.5·{self} ∗ (1 + {t})", (("t", inner),), self=f"{{dout}} ∗ {slope}")(call)


def _softplus(call: Call) -> Rule | None:
    beta = call.get("beta", 1)
    given, scaled = ("{self}", "") if beta == 1 else ("{beta}·{self}", " / {beta}")
    small = f"{given} ≤ {{threshold}}"
    return elementwise(
        f"log(1 + exp({given})){scaled} if {small} else {{self}}",
        self=f"{{dout}} ∗ σ({given}) if {small} else {{dout}}",
    )(call)


def _softmax(call: Call) -> Rule | None:
    over = _over(call)
    return Rule(
        f"exp({{self}}) / Σ{over} exp({{self}})", {"self": f"{{out}} ∗ ({{dout}} − Σ{over} {{dout}} ∗ {{out}})"}
    )


def _safe_softmax(call: Call) -> Rule | None:
    """softmax, but for rows that are masked throughout: they give 0."""
    given = call.tensor("self")
    if given is not None and not (given == -torch.inf).all(call["dim"]).any():
        return _softmax(call)
    over = _over(call)
    forward = f"0 if Σ{over} exp({{self}}) = 0 else exp({{self}}) / Σ{over} exp({{self}})"
    return Rule(forward, {"self": f"{{out}} ∗ ({{dout}} − Σ{over} {{dout}} ∗ {{out}})"})


def _log_softmax(call: Call) -> Rule | None:
    over = _over(call)
    return Rule(f"{{self}} − log(Σ{over} exp({{self}}))", {"self": f"{{dout}} − exp({{out}}) ∗ Σ{over} {{dout}}"})


def _over(call: Call) -> str:
    """Letters of the one dimension that the sum runs over; always written, since all of a row is not all of it."""
    return letters(call.dims("self", call["dim"]))


ACTIVATIONS: dict[str, tuple[str, MakesRule]] = {
    "relu": ("relu", _relu),
    "sigmoid": ("sigmoid", unary("σ({self})", "{out} ∗ (1 − {out})")),
    "tanh": ("tanh", unary("tanh({self})", "(1 − {out}²)")),
    "leaky_relu": (
        "leaky-relu",
        elementwise(
            f"{{self}} if {_ABOVE} else {{negative_slope}}·{{self}}",
            self=f"{{dout}} if {_ABOVE} else {{negative_slope}}·{{dout}}",
        ),
    ),
    "_prelu_kernel": (
        "prelu",
        elementwise(
            f"{{self}} if {_ABOVE} else {{weight}} ∗ {{self}}",
            self=f"{{dout}} if {_ABOVE} else {{weight}} ∗ {{dout}}",
            weight=f"0 if {_ABOVE} else {{dout}} ∗ {{self}}",
        ),
    ),
    "gelu": ("gelu", _gelu),
    "silu": (
        "silu",
        elementwise("{self} ∗ {s}", (("s", "σ({self})"),), self="{dout} ∗ ({s} + {self} ∗ {s} ∗ (1 − {s}))"),
    ),
    "mish": (
        "mish",
        elementwise(
            "{self} ∗ {t}",
            (("t", "tanh(log(1 + exp({self})))"),),
            self="{dout} ∗ ({t} + {self} ∗ σ({self}) ∗ (1 − {t}²))",
        ),
    ),
    "elu": ("elu", _elu),
    "celu": ("celu", _celu),
    "hardtanh": ("hardtanh", unary("min(max({self}, {min_val}), {max_val})", "1[{min_val} < {self} < {max_val}]")),
    "hardswish": (
        "hardswish",
        elementwise(
            "{self} ∗ min(max({self} + 3, 0), 6) / 6",
            self="{dout} ∗ ({self} / 3 + 0.5) if −3 < {self} < 3 else {dout} ∗ 1[{self} ≥ 3]",
        ),
    ),
    "hardsigmoid": ("hardsigmoid", unary("min(max({self} + 3, 0), 6) / 6", "1[−3 < {self} < 3] / 6")),
    "softplus": ("softplus", _softplus),
    "log_sigmoid_forward": ("log-sigmoid", unary("log(σ({self}))", "σ(−{self})")),
    "threshold": (
        "threshold",
        elementwise("{self} if {self} > {threshold} else {value}", self="{dout} ∗ 1[{self} > {threshold}]"),
    ),
    "softshrink": (
        "softshrink",
        elementwise(
            "{self} − sign({self}) ∗ {lambd} if |{self}| > {lambd} else 0", self="{dout} ∗ 1[|{self}| > {lambd}]"
        ),
    ),
    "hardshrink": ("hardshrink", unary("{self} ∗ 1[|{self}| > {lambd}]", "1[|{self}| > {lambd}]")),
    "_softmax": ("softmax", _softmax),
    "_safe_softmax": ("softmax", _safe_softmax),
    "_log_softmax": ("log-softmax", _log_softmax),
}
