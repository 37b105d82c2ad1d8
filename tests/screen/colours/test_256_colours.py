"""On a terminal with 256 colours each meaning has its own, as far from the others as in the theme itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest
from rich.color import Color

from nnwalk_tui.colours import theme
from nnwalk_tui.colours.schemes import SCHEMES, Scheme
from tests.support.colours import MEANINGS, contrast

APART = 30  # in CIELAB: two hues that nobody takes for one another
SETTLED = ("here", "forward", "backward", "right", "wrong")  # the others are the same as one of these


@pytest.fixture(params=SCHEMES.values(), ids=list(SCHEMES))
def scheme(request: pytest.FixtureRequest) -> Iterator[Scheme]:
    found: Scheme = request.param
    theme.use(colours=theme.Colours.MANY, scheme=found)
    yield found
    theme.use()


def ink(scheme: Scheme, meaning: str) -> Color:
    """What a meaning is written in."""
    found = theme.Palette(Color.parse(scheme.ink), Color.parse(scheme.paper)).style(meaning).color
    assert found is not None
    return found


def lab(colour: Color) -> tuple[float, float, float]:
    """CIELAB of an sRGB colour, under D65."""
    parts = (part / 255 for part in colour.get_truecolor())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def distance(one: Color, other: Color) -> float:
    """How different two colours look."""
    return float(sum((a - b) ** 2 for a, b in zip(lab(one), lab(other), strict=True)) ** 0.5)


def test_no_two_meanings_look_alike(scheme: Scheme) -> None:
    for one, other in combinations(SETTLED, 2):
        assert distance(ink(scheme, one), ink(scheme, other)) > APART, (one, other)
    assert distance(ink(scheme, "here"), ink(scheme, "backward")) > 2 * APART  # the current row among gradients


def test_every_meaning_is_one_of_the_256_and_stands_out_from_the_paper(scheme: Scheme) -> None:
    for meaning in MEANINGS:
        found = ink(scheme, meaning)
        assert found.number is not None
        assert contrast(found, Color.parse(scheme.paper)) >= (7.0 if scheme.name == "contrast" else 4.5), meaning


def test_there_are_still_shades(scheme: Scheme) -> None:
    palette = theme.Palette(Color.parse(scheme.ink), Color.parse(scheme.paper))
    assert theme.grey_steps()
    levels = {palette.style(f"heat::{level}").bgcolor for level in range(-theme.HEATS, theme.HEATS + 1)}
    assert len(levels) == 2 * theme.HEATS + 1
