"""What a learner may type: numbers, shapes and numbers of lines, read leniently."""

from __future__ import annotations

import re
import unicodedata


def number_of(text: str, percent: bool = False) -> float | None:
    """The number in "0.25", "67 %", "1/4", "60,000", "10^6"; None for none. With `percent` a bare one over 1 is one."""
    bare = re.sub(r"(?<=\d)[,_ ](?=\d{3}\b)", "", text.strip().replace("−", "-"))
    share = bare.endswith("%")
    bare = bare.rstrip("% ")
    top, slash, bottom = bare.partition("/")
    if slash:
        over, under = _float(top), _float(bottom)
        return over / under if over is not None and under else None
    base, power, exponent = bare.replace("**", "^").partition("^")
    value = _float(f"1e{exponent.strip()}" if power and base.strip() == "10" else bare)
    if value is None:
        return None
    return value / 100 if share or (percent and value > 1) else value


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def shape_of(text: str) -> list[str]:
    """The sizes in "(N × n_l)", "N × nₗ", "60000x784" or "[7, 3]", as text; none where it is not a shape."""
    text = unicodedata.normalize("NFKC", text)  # ₗ is l
    inside = re.sub(r"(?<=[\dN\s)])x(?=[\dNn\s(])", ",", text.strip().strip("()"))  # the x of n_x is a letter
    inside = inside.replace("×", ",").replace("*", ",").replace(" by ", ",")
    if inside.startswith("[") and inside.endswith("]"):
        inside = inside[1:-1]
    parts = [re.sub(r"[\s_{}^()\[\]]", "", part).lower() for part in inside.strip(", ").split(",")]
    return parts if all(re.fullmatch(r"[a-z0-9−+-]+", part) for part in parts) else []


def line_numbers(text: str) -> set[int]:
    """The lines of "5-7" or "5, 6 and 7"; none where it is not such a text."""
    found: set[int] = set()
    bare = re.sub(r"\s*[-–]\s*", "-", re.sub(r"\b(lines?|and)\b", " ", text))
    for word in re.split(r"[\s,;]+", bare.strip()):
        first, _, last = word.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()) or int(last or first) - int(first) > 100:
            return set()
        found |= set(range(int(first), int(last or first) + 1))
    return found
