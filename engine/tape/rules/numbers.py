"""Numbers as text, with four significant digits."""

from __future__ import annotations

import math


def number(value: float | complex) -> str:
    """0.2137, −1.5, 2.13e−07."""
    if isinstance(value, complex):
        return f"{number(value.real)} {'−' if value.imag < 0 else '+'} {number(abs(value.imag))}i"
    text = f"{value + 0.0:.4g}"  # −0 is 0
    return text.replace("-", "−") if "e" not in text else f"{float(value):.2e}".replace("-", "−")


def change(was: float | complex, now: float | complex) -> str:
    """0.2103 → 0.2104, with as many digits as tell them apart, and one for by how much."""
    texts = number(was), number(now)
    if texts[0] != texts[1] or was == now or isinstance(was, complex) or isinstance(now, complex):
        return " → ".join(texts)
    longer = 1 + next((d for d in range(5, 17) if f"{was:.{d}g}" != f"{now:.{d}g}"), 16)
    return f"{was:.{longer}g} → {now:.{longer}g}".replace("-", "−")


def argument(value: object) -> str:
    """A number among the arguments of a call, as it was given: 0.01, 1e−05, 2."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.10g}".replace("-", "−")


def bracketed(text: str) -> str:
    """A negative number behind a sign or before a power."""
    return f"({text})" if text.startswith("−") else text


def joined(terms: list[str], total: int) -> str:
    """The first terms of a sum: 1.2 − 0.3 + …"""
    text = terms[0] if terms else "0"
    for term in terms[1:]:
        text += f" − {term[1:]}" if term.startswith("−") else f" + {term}"
    return text + (" + …" if total > len(terms) else "")
