"""Numbers at a fixed width, so that nothing on screen moves while they change."""

from __future__ import annotations

import math
from typing import NamedTuple

from nnwalk_tui.colours import theme

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
WIDTH = 7  # of an unsigned number
SIGNED = 8


def number(value: float | None, width: int = WIDTH, decimals: int = 4) -> str:
    """A number in exactly `width` cells (at least 7), to the right: "1.8420", "8·10⁻⁴", "−inf", "·" for None."""
    if value is None:
        return missing().rjust(width)
    return _shortest(float(value), width, decimals).rjust(width)


def missing() -> str:
    """What stands for a value that is not computed yet: in ASCII, where "·" is a full stop, a dash."""
    return "-" if theme.ascii_only() else "·"


class Notation(NamedTuple):
    """How the numbers of one table are written, so that they compare down a column: all in the same power of ten."""

    exponent: int
    decimals: int

    @property
    def unit(self) -> str:
        """What every number is to be multiplied by: "×10⁻³"; "" for nothing."""
        return f"×{power(self.exponent)}" if self.exponent else ""

    def text(self, value: float, width: int) -> str:
        """A number in `width` cells; only an exact zero is "0"."""
        if not math.isfinite(value):
            return _word(value).rjust(width)
        if value == 0:
            return "0".rjust(width)
        return f"{_sign(value)}{abs(value) / 10.0**self.exponent:.{self.decimals}f}".rjust(width)


def notation(greatest: float, width: int) -> Notation:
    """The notation for numbers up to a magnitude: plain from 0.1 to 99999, else in every third power of ten."""
    if not 0 < greatest < math.inf or 0.1 <= greatest < 1e5:
        exponent = 0
    else:  # so that the greatest is 0.1 to 99.9; 10³⁰⁰ is about what a float's reciprocal can be
        exponent = max(-300, 3 * ((math.floor(math.log10(greatest)) + 1) // 3))
    whole = len(f"{greatest / 10.0**exponent:.0f}")
    return Notation(exponent, max(0, min(4, width - whole - 2)))


def is_bad(value: float | None) -> bool:
    """Whether a number is NaN or infinite, which wants the warning style."""
    return value is not None and not math.isfinite(value)


def scientific(value: float) -> str:
    """One digit and a power of ten: "8·10⁻⁴", "−2·10⁵", "0"."""
    if not math.isfinite(value):
        return _word(value)
    if value == 0:
        return "0"
    digits, _, exponent = f"{abs(value):.0e}".partition("e")
    return f"{_sign(value)}{digits}·{power(int(exponent))}"


def power(exponent: int) -> str:
    """A power of ten: "10⁻⁴"."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def percent(fraction: float | None, width: int = 4) -> str:
    """A fraction 0…1 as " 12%"; what is not quite none or all says so: " <1%", ">99%"."""
    if fraction is None:
        return missing().rjust(width)
    if not math.isfinite(fraction):
        return _word(fraction).rjust(width)
    if 0 < fraction < 0.005:
        return "<1%".rjust(width)
    if 0.995 <= fraction < 1:
        return ">99%".rjust(width)
    return f"{fraction * 100:.0f}%".rjust(width)


def shape(sizes: list[int]) -> str:
    """A tensor's shape: "64×784"; a scalar's is "1"."""
    return "×".join(map(str, sizes)) or "1"


def _shortest(value: float, width: int, decimals: int) -> str:
    if not math.isfinite(value):
        return _word(value)
    if value == 0:
        return "0"
    if abs(value) >= 10.0 ** (1 - decimals):
        text = _decimal(value, width, decimals)
        if len(text) <= width:
            return text
    text = scientific(value)
    return text if len(text) <= width else _sign(value) + power(math.floor(math.log10(abs(value))))


def _decimal(value: float, width: int, decimals: int) -> str:
    whole = len(f"{abs(value):.0f}")
    places = max(0, min(decimals, width - whole - 1 - (value < 0)))
    return f"{_sign(value)}{abs(value):.{places}f}"


def _word(value: float) -> str:
    return "nan" if math.isnan(value) else f"{_sign(value)}inf"


def _sign(value: float) -> str:
    return "−" if value < 0 else ""
