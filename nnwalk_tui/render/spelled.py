"""Formulas of lessons without Unicode: ŷ, η and e⁻ᶻ have no twin of one cell, so they are spelled.

The names are those that are typed in answers: yhat, dZ[1], W[2].T.
"""

from __future__ import annotations

import re

from nnwalk_tui import theme
from nnwalk_tui.theme import to_ascii

_WORDS = {
    "∂_": "d", "∂ℒ": "dL", "∂ŷ": "dyhat", "ŷ": "yhat", "Ŷ": "Yhat", "m̂": "mhat", "v̂": "vhat", "ŝ": "shat",
    "σ": "sigmoid", "η": "eta", "θ": "theta", "μ": "mu", "ρ": "rho", "β": "beta", "ε": "eps", "λ": "lambda",
    "Σ": "sum", "√": "sqrt", "½": "1/2", "¼": "1/4", "ᵀ": ".T", "①": "(1)", "②": "(2)", "③": "(3)", "④": "(4)",
    "←": "<-", "→": "->", "…": "...", "§": "section ", "≈": "~=",
}  # fmt: skip
_LONGEST_FIRST = re.compile("|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)))
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᶻˣ", "0123456789-zx")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₋₊ₗₓᵧ", "0123456789-+lxy")
_EXPONENTIAL = re.compile(r"e([⁻ᶻˣ]+)")
_TEN_TO = re.compile(r"(?<![\d.])10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
_POWER = re.compile(r"([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
_INDEX = re.compile(r"(_[a-z])?([₀₁₂₃₄₅₆₇₈₉₋₊ₗₓᵧ]+)")  # n_l₋₁ has begun its index already


def spelled(text: str) -> str:
    """The text; where the terminal takes ASCII only, with everything in it spelled so that it is still understood."""
    if text.isascii() or not theme.ascii_only():
        return text
    text = _EXPONENTIAL.sub(lambda found: f"exp({found.group(1).translate(_RAISED)})", text)
    text = _TEN_TO.sub(lambda found: f"1e{found.group(1).translate(_RAISED)}", text)
    text = _POWER.sub(lambda found: f"^{found.group(1).translate(_RAISED)}", text)
    text = _INDEX.sub(lambda found: (found.group(1) or "_") + found.group(2).translate(_LOWERED), text)
    text = _LONGEST_FIRST.sub(lambda found: _WORDS[found.group()], text)
    return to_ascii(text)
