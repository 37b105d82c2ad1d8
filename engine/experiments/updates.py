"""An optimizer's rule followed as its text says: what θ and the state become in one step."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import CodeType
from typing import Any

import torch
from torch import Tensor

from engine.experiments.optimizers import OptimizerSpec

_OPTIONS = {  # of torch's parameter groups, as they are written in the rules
    "momentum": "μ",
    "weight_decay": "λ",
    "rho": "ρ",
    "alpha": "α",
    "eps": "ε",
    "lambd": "κ",
    "lr_decay": "κ",
    "t0": "t₀",
    "momentum_decay": "ψ",
    "dampening": "τ",
}
_SIGNS = (
    ("←", "="),
    ("·", "*"),
    ("−", "-"),
    ("^", "**"),
    ("ᵗ", "**t"),
    ("r²", "r_squared"),
    ("²", "**2"),
    ("μ⁺", "μ_next"),
    ("∞", "_inf"),
)
_AT_FIRST = re.compile(r"(?P<later>.*), (?P<first>.*) at t = 1")


def follow(spec: OptimizerSpec, settings: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """θ, g, t and the state by its symbols, a state that is not there yet being 0 → all of them after the step.

    `settings` are the parameter group's. Raises ValueError where the text is in words.
    """
    zero = now["θ"] * 0
    scope = {_python(symbol.unicode): zero for symbol in spec.symbols.values()} | _settings(spec, settings)
    scope |= {_python(symbol): value for symbol, value in now.items()}
    for line in spec.rule:
        exec(_code(_on(line, first=now["t"] == 1)), _FUNCTIONS, scope)  # no text but that of the table gets here
    return scope


def constants(spec: OptimizerSpec, settings: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a parameter group that a rule's text names beside η and λ, by their symbols: μ, β₁, ε."""
    found = dict(zip(("β₁", "β₂"), settings.get("betas", ()), strict=False))
    found |= {symbol: settings[key] for key, symbol in _OPTIONS.items() if key in settings and symbol != "λ"}
    text = " ".join(spec.rule).replace("μ⁺", "")  # which is worked out of others
    return {symbol: float(value) for symbol, value in found.items() if symbol in text}


def _on(line: str, *, first: bool) -> str:
    """What a line says of the first step, or of one after it."""
    both = _AT_FIRST.fullmatch(line)
    return line if both is None else both["first" if first else "later"]


def _code(line: str) -> CodeType:
    try:
        return compile("\n".join(_python(line).split("; ")), line, "exec")
    except SyntaxError as error:
        raise ValueError(f"“{line}” is in words") from error


def _python(text: str) -> str:
    """One line of a rule as Python: β₁ becomes β1, μ⁺ μ_next, √v sqrt(v), g² g**2, |g| abs(g)."""
    for symbol, python in _SIGNS:
        text = text.replace(symbol, python)
    text = text.translate(str.maketrans("₀₁₂", "012"))
    text = re.sub(r"√([^\W\d_][\u0300-\u036f]?)", r"sqrt(\1)", text).replace("√(", "sqrt(")
    return re.sub(r"\|(\w)\|", r"abs(\1)", text)


def _settings(spec: OptimizerSpec, settings: Mapping[str, Any]) -> dict[str, Any]:
    values = {_python(symbol): settings[key] for key, symbol in _OPTIONS.items() if key in settings}
    values |= {"η": settings["lr"], "η0": settings["lr"], "P": 1.0}
    if "betas" in settings:
        values["β1"], values["β2"] = settings["betas"]
    return values | ({"μ": 1.0} if spec.name == "asgd" else {})


def _square_root(value: Any) -> Any:
    return value.sqrt() if isinstance(value, Tensor) else math.sqrt(value)


def _largest(a: Any, b: Any) -> Any:
    return torch.maximum(a, b) if isinstance(b, Tensor) else max(a, b)


_FUNCTIONS: dict[str, Any] = {"sqrt": _square_root, "max": _largest, "min": min, "abs": torch.abs}
