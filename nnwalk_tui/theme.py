"""The few colours of the screen, by meaning, and the ASCII twins of its glyphs.

Colours are Okabe and Ito's colour-blind-safe set; each has a sign beside it wherever it is used, so that 16 colours,
NO_COLOR and ASCII lose nothing but beauty.  The application calls `use` once, before it mounts anything.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style

GREYS = 8
HEATS = 5  # steps of the diverging scale on each side of 0
_BLACK = 16
DEFAULT = Color.default()


class Colours(StrEnum):
    """What the terminal can show."""

    FULL = "full"  # 24 bits
    ANSI = "ansi"  # the terminal's own 16
    NONE = "none"  # NO_COLOR


_ON_DARK = {
    "here": "#f0e442",
    "forward": "#56b4e9",
    "backward": "#e69f00",
    "right": "#009e73",
    "wrong": "#d55e00",
    "warning": "#d55e00",
    "positive": "#e69f00",
    "negative": "#56b4e9",
}
_ON_LIGHT = {
    "here": "#7a6a00",
    "forward": "#0072b2",
    "backward": "#9a5b00",
    "right": "#007a58",
    "wrong": "#b34700",
    "warning": "#b34700",
    "positive": "#9a5b00",
    "negative": "#0072b2",
}
_ANSI = {
    "here": "bright_yellow",
    "forward": "bright_cyan",
    "backward": "yellow",
    "right": "green",
    "wrong": "bright_red",
    "warning": "bright_red",
    "positive": "yellow",
    "negative": "bright_cyan",
}
_BOLD = frozenset({"here", "title"})
_STRENGTHS = {"text": 1.0, "title": 1.0, "quiet": 0.55, "border": 0.3}

_ascii = False
_colours = Colours.FULL


def use(*, ascii: bool = False, colours: Colours = Colours.FULL) -> None:
    """Choose the glyphs and colours of everything drawn from now on."""
    global _ascii, _colours
    _ascii, _colours = ascii, colours


def ascii_only() -> bool:
    """Whether only ASCII may be written."""
    return _ascii


def grey_steps() -> bool:
    """Whether greys can be told apart as colours; if not, pictures are drawn with characters."""
    return not _ascii and _colours is Colours.FULL


class Palette:
    """Style names → Rich styles, on one foreground and background. Never None: Textual's filters need a Style."""

    def __init__(self, foreground: Color, background: Color) -> None:
        self.foreground = foreground
        self.background = background
        self.colours = _colours
        self._styles: dict[str, Style] = {}

    def style(self, name: str) -> Style:
        """The style of a meaning, "here", of ink and paper in greys, "grey:7:0", or on the scale about 0, "heat:-4:2".

        "blank" has no ink.

        Raises KeyError for an unknown name.
        """
        found = self._styles.get(name)
        if found is None:
            found = self._styles[name] = self._make(name)
        return found

    def _make(self, name: str) -> Style:
        if name.startswith("grey:"):
            _, upper, lower = name.split(":")
            return Style(color=_grey(upper) if upper else None, bgcolor=_grey(lower))
        if name.startswith("heat:"):
            _, upper, lower = name.split(":")
            return Style(color=self._heat(upper) if upper else None, bgcolor=self._heat(lower) if lower else None)
        if name == "blank":
            return Style(bgcolor=_short(self.background, 0))
        colour = self._strength(_STRENGTHS[name]) if name in _STRENGTHS else Color.parse(self._hue(name))
        return Style(color=colour, bgcolor=_short(self.background, 0), bold=name in _BOLD or None)

    def _hue(self, name: str) -> str:
        if self.colours is not Colours.FULL:
            return _ANSI[name]
        return (_ON_DARK if _lightness(self.background) < 128 else _ON_LIGHT)[name]

    def _heat(self, level: str) -> Color:
        """A level −HEATS…HEATS between the negative colour, black and the positive one."""
        share = abs(int(level)) / HEATS
        if self.colours is not Colours.FULL:
            return Color.parse(_ANSI["positive" if int(level) > 0 else "negative"] if share else "default")
        bright = Color.parse(_ON_DARK["positive" if int(level) > 0 else "negative"]).get_truecolor()
        return Color.from_rgb(*(_BLACK + (part - _BLACK) * share for part in bright))

    def _strength(self, strength: float) -> Color:
        if self.foreground.is_default or self.background.is_default or self.colours is Colours.ANSI:
            return Color.parse("bright_black" if strength < 1 else "default")
        pairs = zip(self.foreground.get_truecolor(), self.background.get_truecolor(), strict=True)
        return _short(Color.from_rgb(*(back + (front - back) * strength for front, back in pairs)), 5)


def _lightness(colour: Color) -> float:
    red, green, blue = colour.get_truecolor(foreground=False)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _short(colour: Color, tolerance: int) -> Color:
    """The grey of the 256-colour set that a grey is within `tolerance` of: it takes half the bytes."""
    if colour.triplet is None or len(set(colour.triplet)) > 1:
        return colour
    level = round((colour.triplet.red - 8) / 10)
    if 0 <= level < 24 and abs(8 + 10 * level - colour.triplet.red) <= tolerance:
        return Color.from_ansi(232 + level)
    return colour


@cache
def _grey(level: str) -> str:
    return f"color({233 + round(int(level) * 22 / (GREYS - 1))})"


_TWINS = str.maketrans(
    {
        "─": "-",
        **dict.fromkeys("━═", "="),
        **dict.fromkeys("│╷‖", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        "╌": ".",
        "┊": ":",
        **dict.fromkeys("║╡", "H"),
        **dict.fromkeys("▏▎▍▌", "-"),
        **dict.fromkeys("▋▊▉", "="),
        "▁": "_",
        "▂": ".",
        "▃": ":",
        "▄": "-",
        "▅": "=",
        "▆": "+",
        "▇": "*",
        "█": "#",
        "▒": "+",
        "░": ".",
        "▓": "%",
        **dict.fromkeys("▶▸›»→", ">"),
        **dict.fromkeys("◀‹«←", "<"),
        "▲": "^",
        "△": "^",
        "▼": "v",
        "◉": "@",
        "●": "*",
        "○": "o",
        "■": "#",
        "✓": "+",
        "✗": "x",
        "·": ".",
        "…": "~",
        "×": "x",
        "∗": "*",
        "−": "-",
        "≤": "<",
        "≥": ">",
        "≈": "~",
        "↑": "^",
        "↓": "v",
        "′": "'",
        "±": "+",
        "µ": "u",
        "•": "*",
        "╱": "/",
        "╲": "\\",
        "╳": "X",
        "┃": "|",
        "┄": "-",
        "β": "b",
        "ε": "e",
        "λ": "l",
        "μ": "m",
        "ρ": "r",
        "—": "-",
        "–": "-",
        "“": '"',
        "”": '"',
        "’": "'",
        "∂": "d",
        "∇": "d",
        "Δ": "D",
        "δ": "d",
        "ℒ": "L",
        "Σ": "S",
        "∑": "S",
        "σ": "s",
        "θ": "t",
        "η": "n",
        "ᵀ": "T",
        "√": "V",
        "∞": "8",
        "⊙": "*",
        "⋅": ".",
    }
)
_MANTISSA = re.compile(r"(?<=\d)·10(?=[⁻⁰¹²³⁴⁵⁶⁷⁸⁹])")
_POWER = re.compile(r"10(?=[⁻⁰¹²³⁴⁵⁶⁷⁸⁹])")


def to_ascii(text: str) -> str:
    """Every glyph's ASCII twin, one cell for one cell: "8·10⁻⁴" becomes "8.0e-4", "●" becomes "*"."""
    if text.isascii():
        return text
    text = _POWER.sub("1e", _MANTISSA.sub(".0e", text)).translate(_TWINS)
    return text if text.isascii() else "".join(map(_plain, text))


@cache
def _plain(character: str) -> str:
    if character == "⁻":
        return "-"
    base = unicodedata.normalize("NFKD", character)[:1]
    cells = cell_len(character)  # as panes measure it: 2 for a wide one, 0 for a mark on another
    if base.isascii():
        return base.ljust(cells)[:cells]
    return "?" * cells
