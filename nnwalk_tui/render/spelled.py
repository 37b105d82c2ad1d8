"""Formulas and legends without Unicode: ŷ, η and e⁻ᶻ have no twin of one cell, so they are spelled before they are fit.

The names are those that are typed in answers: yhat, dZ[1], W[2].T. What panes draw has short names: lr, ok, norm.
"""

from __future__ import annotations

import re

from nnwalk_tui.colours import theme
from nnwalk_tui.colours.theme import to_ascii
from nnwalk_tui.render.text import Line

_WORDS = {
    "∂_": "d", "∂ℒ": "dL", "∂ŷ": "dyhat", "ŷ": "yhat", "Ŷ": "Yhat", "m̂": "mhat", "v̂": "vhat", "ŝ": "shat",
    "θ̄": "theta_bar", "Δ̄": "Delta_bar", "ḡ": "g_bar",
    "σ": "sigmoid", "η": "eta", "θ": "theta", "μ": "mu", "ρ": "rho", "β": "beta", "ε": "eps", "λ": "lambda",
    "α": "alpha", "δ": "delta", "Δ": "Delta", "κ": "kappa", "τ": "tau", "ψ": "psi",
    "γ": "gamma", "φ": "phi", "Φ": "Phi", "π": "pi", "ρ∞": "rho_inf", "∞": "inf",
    "Σ": "sum", "√": "sqrt", "½": "1/2", "¼": "1/4", "ᵀ": ".T", "①": "(1)", "②": "(2)", "③": "(3)", "④": "(4)",
    "←": "<-", "→": "->", "…": "...", "§": "section ", "≈": "~=", "≤": "<=", "≥": ">=", "‖": "||", "±": "+-",
    "↑ ↓": "up/down", "← →": "left/right", "← and →": "left and right", "↑": "up", "↓": "down",
}  # fmt: skip
_DRAWN = {  # what panes draw, where that is not its cell's twin
    "η": "lr", "‖∂‖": "norm", "‖Δ‖/‖θ‖": "rel step", "   Δ ": "   change ", "⋆": "conv",
    "✓": "ok", "✓ updated": "u updated", "→·": "->?",
    "↓ the smallest": "m the smallest", "▲ ten times more, ▼ less": "hi ten times more, lo less",
    "· not computed yet": "- not computed yet", "● validation": "o validation",
}  # fmt: skip
_ARROWS = {"←": "left", "→": "right", "↑": "up", "↓": "down"}


def _longest_first(words: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))


_LONGEST_FIRST = _longest_first(_WORDS)
_LONGEST_DRAWN = _longest_first(_DRAWN)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᶻˣᵗᵖ", "0123456789-+zxtp")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₋₊ₗₓᵧₖᵢⱼ", "0123456789-+lxykij")
_EXPONENTIAL = re.compile(r"e([⁻ᶻˣ]+)")
_MANTISSA = re.compile(r"(?<=\d)·10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
_TEN_TO = re.compile(r"(?<![\d.])10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
_POWER = re.compile(r"([⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵗᵖ]+)")
_ROOT = re.compile(r"√([\w\u0302\[\]]+)")
_MATRIX_PRODUCT = re.compile(r"(?<=[\]ᵀ])·(?=d?[A-Z]\[)")
_PRODUCT = re.compile(r"(?<=\S)·(?=\S)")
_SUBSCRIPT = "[₀₁₂₃₄₅₆₇₈₉₋₊ₗₓᵧₖᵢⱼ]+"
_INDEX = re.compile(rf"(_[a-z])?({_SUBSCRIPT}(?:,{_SUBSCRIPT})*)")  # n_l₋₁ has begun its index already


def spelled(text: str) -> str:
    """The text; where the terminal takes ASCII only, with everything in it spelled so that it is still understood."""
    if text.isascii() or not theme.ascii_only():
        return text
    text = _MANTISSA.sub(lambda found: f"e{found.group(1).translate(_RAISED)}", text)
    text = _EXPONENTIAL.sub(lambda found: f"exp({found.group(1).translate(_RAISED)})", text)
    text = _TEN_TO.sub(lambda found: f"1e{found.group(1).translate(_RAISED)}", text)
    text = _POWER.sub(lambda found: f"^{found.group(1).translate(_RAISED)}", text)
    text = _INDEX.sub(lambda found: (found.group(1) or "_") + found.group(2).translate(_LOWERED), text)
    text = _LONGEST_FIRST.sub(lambda found: _WORDS[found.group()], text)
    return to_ascii(text)


def drawn(text: str) -> str:
    """What a pane draws, spelled, in the words of panes: the learning rate is `lr`, as in the header.

    Products are `*` and `@`, as in expressions: numbers stand beside them, and 2.t would read as one.
    """
    if text.isascii() or not theme.ascii_only():
        return text
    text = _MANTISSA.sub(lambda found: f"e{found.group(1).translate(_RAISED)}", text)
    text = _ROOT.sub(r"sqrt(\1)", _PRODUCT.sub("*", _MATRIX_PRODUCT.sub(" @ ", text)))
    return spelled(_LONGEST_DRAWN.sub(lambda found: _DRAWN[found.group()], text))


def awaited() -> Line:
    """What stands in place of what the engine was just asked for."""
    return [(drawn(" …"), "quiet")]


def key_names(keys: str) -> str:
    """Keys as people name them; an arrow that cannot be drawn by its name, as < and v are keys, too."""
    if not theme.ascii_only():
        return keys
    return {"←→": "<- ->"}.get(keys) or ("/".join(map(_ARROWS.__getitem__, keys)) if {*keys} <= {*_ARROWS} else keys)
