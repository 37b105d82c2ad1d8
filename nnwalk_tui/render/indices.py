"""Indices in lessons' formulas, typed as in w_jk and n_(l−1), drawn as panes write them: wⱼₖ, nₗ₋₁.

Names keep their underscore, X_train as well as ∂_Z, and so does an index of which Unicode has not every letter lowered:
n_y. Without Unicode everything stays as it was typed.
"""

from __future__ import annotations

import re

from nnwalk_tui.colours import theme

_CAN = "0123456789aehijklmnoprstuvx"
_LOWERED = str.maketrans(f"{_CAN}−+", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₋₊")
_LETTER = r"(?<![^\W_])(?<!_)([^\W\d_])"  # alone: a name of several letters has no index
_INDEX = re.compile(_LETTER + rf"_([{_CAN}]{{1,3}}(?!\w|,\d)|\([{_CAN}−+]+\))")
_KEPT = re.compile(_INDEX.pattern + r"([ ─]|$)")


def indexed(text: str) -> str:
    """The text with its indices lowered."""
    if theme.ascii_only():
        return text
    return _INDEX.sub(_lowered, text)


def indexed_in_place(row: str) -> str:
    """A figure's row, with what comes after an index where it was: the blank or line there is longer instead."""
    if theme.ascii_only():
        return row
    return _KEPT.sub(lambda found: _lowered(found) + (len(found[2]) + 2 - len(found[2].strip("()"))) * found[3], row)


def _lowered(found: re.Match[str]) -> str:
    return found[1] + found[2].strip("()").translate(_LOWERED)
