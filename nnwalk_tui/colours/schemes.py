"""The colour themes: for each a hue a meaning, how strong quieter text is, and ink and paper.

The hues are Okabe and Ito's colour-blind-safe set, darker on light paper and lighter for high contrast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """A theme. `hues` are for terminals with all colours, `ansi` for those with 16.

    `many` are for those with 256, chosen one by one: the nearest to each hue would make orange a second yellow.
    """

    name: str
    about: str
    ink: str
    paper: str
    light: bool
    hues: Mapping[str, str]
    many: Mapping[str, str]
    ansi: Mapping[str, str]
    strengths: Mapping[str, float]  # of plain text, between paper and ink
    faint: str = "bright_black"  # the ink of quieter text in 16 colours
    bold: frozenset[str] = frozenset({"here", "title"})


def _meanings(here: str, forward: str, backward: str, right: str, wrong: str, third: str) -> dict[str, str]:
    """Six hues for nine meanings: a warning is like what is wrong, and a sign like a direction.

    Two classes have the hues of the signs; `third` is of a third one.
    """
    return {
        "here": here,
        "forward": forward,
        "backward": backward,
        "right": right,
        "wrong": wrong,
        "warning": wrong,
        "positive": backward,
        "negative": forward,
        "third": third,
    }


def _many(here: int, forward: int, backward: int, right: int, wrong: int, third: int) -> dict[str, str]:
    return _meanings(*(f"color({number})" for number in (here, forward, backward, right, wrong, third)))


def _strengths(quiet: float, border: float) -> dict[str, float]:
    return {"text": 1.0, "title": 1.0, "quiet": quiet, "border": border}


DARK = Scheme(
    "dark",
    "light on dark, safe for the colour-blind",
    "#e0e0e0",
    "#121212",
    False,
    _meanings("#f0e442", "#56b4e9", "#e69f00", "#009e73", "#d55e00", "#cc79a7"),
    _many(227, 74, 208, 36, 196, 175),
    _meanings("bright_yellow", "bright_cyan", "bright_magenta", "green", "bright_red", "bright_blue"),
    _strengths(0.55, 0.3),
)
LIGHT = Scheme(
    "light",
    "dark on light, safe for the colour-blind",
    "#1c1c1c",
    "#eeeeee",
    True,
    _meanings("#6b5900", "#005a96", "#8a4700", "#00664a", "#a83a00", "#8a3a6e"),
    _many(58, 25, 88, 23, 160, 89),
    _meanings("magenta", "blue", "red", "green", "bright_red", "cyan"),
    _strengths(0.66, 0.35),
)
CONTRAST = Scheme(
    "contrast",
    "white on black, nothing faint: for projectors and tired eyes",
    "#ffffff",
    "#000000",
    False,
    _meanings("#ffff00", "#7fd4ff", "#ffb000", "#3fe0a8", "#ff8f5a", "#ff9fd0"),
    _many(226, 117, 208, 43, 203, 218),
    _meanings("bright_yellow", "bright_cyan", "bright_magenta", "bright_green", "bright_red", "bright_blue"),
    _strengths(0.85, 0.65),
    "default",
    frozenset({"here", "title", "wrong", "warning", "right"}),
)
SCHEMES: Mapping[str, Scheme] = {scheme.name: scheme for scheme in (DARK, LIGHT, CONTRAST)}
