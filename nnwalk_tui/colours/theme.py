"""The few colours of the screen, by meaning, and the ASCII twins of its glyphs.

Each colour has a sign beside it wherever it is used, so that 16 colours, NO_COLOR and ASCII lose nothing but beauty.
The application calls `use` before it mounts anything, and when another theme is chosen.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style

from nnwalk_tui.colours.schemes import DARK, Scheme

GREYS = 8
HEATS = 5  # steps of the diverging scale on each side of 0
REGIONS, INK = 4, 9  # shades of a class's region, from not sure to sure; and its ink on them
_STRONGEST = 0.5  # a region's share of its hue: ink stands out from it
_CLASSES = ("negative", "positive", "third", "text")  # whose hues classes have, in turn
_BLACK, _WHITE = 16, 250  # the middle of the diverging scale
DEFAULT = Color.default()


class Colours(StrEnum):
    """What the terminal can show."""

    FULL = "full"  # 24 bits
    MANY = "256"
    ANSI = "ansi"  # the terminal's own 16
    NONE = "none"  # NO_COLOR

    @property
    def graded(self) -> bool:
        """Whether there are shades enough to tell more from less."""
        return self in (Colours.FULL, Colours.MANY)


_ascii = False
_colours = Colours.FULL
_scheme = DARK


def use(*, ascii: bool = False, colours: Colours = Colours.FULL, scheme: Scheme = DARK) -> None:
    """Choose the glyphs and colours of everything drawn from now on."""
    global _ascii, _colours, _scheme
    _ascii, _colours, _scheme = ascii, colours, scheme


def scheme() -> Scheme:
    """The theme in use."""
    return _scheme


def ascii_only() -> bool:
    """Whether only ASCII may be written."""
    return _ascii


def colours() -> Colours:
    """What the terminal can show."""
    return _colours


def grey_steps() -> bool:
    """Whether greys can be told apart as colours; if not, pictures are drawn with characters."""
    return not _ascii and _colours.graded


class Palette:
    """Style names → Rich styles, on one foreground and background. Never None: Textual's filters need a Style."""

    def __init__(self, foreground: Color, background: Color) -> None:
        self.foreground = foreground
        self.background = background
        self.colours = _colours
        self.scheme = _scheme
        self._styles: dict[str, Style] = {}

    def alike(self, other: Palette) -> bool:
        """Whether another gives the same styles."""
        mine, others = ((p.foreground, p.background, p.colours, p.scheme) for p in (self, other))
        return mine == others

    def style(self, name: str) -> Style:
        """The style of a meaning, "here", of ink and paper in greys, "grey:7:0", or on the scale about 0, "heat:-4:2".

        "class:1" is the ink of a class, "region:1.9:1.3" ink and paper of its region. "blank" has no ink.

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
        if name.startswith("class:"):
            return Style(color=self._class(name.partition(":")[2]), bgcolor=_short(self.background, 0))
        if name.startswith("region:"):
            _, upper, lower = name.split(":")
            return Style(color=self._region(upper) if upper else None, bgcolor=self._region(lower))
        if name == "blank":
            return Style(bgcolor=_short(self.background, 0))
        strength = self.scheme.strengths.get(name)
        colour = Color.parse(self._hue(name)) if strength is None else self._strength(strength)
        dim = self.colours is Colours.NONE and strength is not None and strength < 1  # there is no grey
        bold = name in self.scheme.bold
        return Style(color=colour, bgcolor=_short(self.background, 0), bold=bold or None, dim=dim or None)

    def _hue(self, name: str) -> str:
        of = {Colours.FULL: self.scheme.hues, Colours.MANY: self.scheme.many}
        return of.get(self.colours, self.scheme.ansi)[name]

    def _heat(self, level: str) -> Color:
        """A level −HEATS…HEATS between the negative colour, nearly black, or white on light paper, and the positive.

        "h3" is a magnitude in the colour for here, which is never as dark as what is not here.
        """
        if level.startswith("h"):
            return self._shaded("here", (1 + int(level[1:])) / (1 + HEATS))
        share = abs(int(level)) / HEATS
        if not self.colours.graded:
            return Color.parse(self._hue("positive" if int(level) > 0 else "negative") if share else "default")
        return self._shaded("positive" if int(level) > 0 else "negative", share)

    def _shaded(self, name: str, share: float) -> Color:
        """A share of a hue, from nearly black, or white on light paper."""
        middle = _WHITE if self.scheme.light else _BLACK
        return Color.from_rgb(
            *(middle + (part - middle) * share for part in Color.parse(self._hue(name)).get_truecolor())
        )

    def _class(self, number: str) -> Color:
        name = _CLASSES[int(number) % len(_CLASSES)]
        return Color.parse(self._hue(name)) if name != "text" else self._strength(1.0)

    def _region(self, region: str) -> Color:
        """A class's hue, the weaker the less sure: "1.3" is class 1 at shade 3 of REGIONS, "1.9" its ink."""
        number, _, shade = region.partition(".")
        hue = self._class(number)
        if int(shade) == INK or not self.colours.graded:
            return hue
        share = _STRONGEST * (0.15 + 0.85 * int(shade) / REGIONS)
        middle = _WHITE if self.scheme.light else _BLACK
        return Color.from_rgb(*(middle + (part - middle) * share for part in hue.get_truecolor()))

    def _strength(self, strength: float) -> Color:
        if self.foreground.is_default or self.background.is_default or self.colours is Colours.ANSI:
            return Color.parse(self.scheme.faint if strength < 1 else "default")
        pairs = zip(self.foreground.get_truecolor(), self.background.get_truecolor(), strict=True)
        return _short(Color.from_rgb(*(back + (front - back) * strength for front, back in pairs)), 5)


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
        **dict.fromkeys("╌┊", ":"),
        **dict.fromkeys("║╡", "H"),
        **dict.fromkeys("▏▎▍▌", "-"),
        **dict.fromkeys("▋▊▉", "="),
        "▁": "_",
        "▂": ".",
        "▃": ":",
        "▄": "-",
        "▖": "=",
        "▅": "=",
        "▆": "+",
        "▇": "*",
        "█": "#",
        "▒": "+",
        "░": ":",
        "▓": "%",
        **dict.fromkeys("▶▸»→", ">"),
        **dict.fromkeys("◀‹«←", "<"),
        "▲": "^",
        "△": "-",
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
        "∏": "P",
        "÷": "/",
        "⋮": ":",
        "╎": ":",
        "∑": "S",
        "σ": "s",
        "θ": "t",
        "η": "n",
        "ᵀ": "T",
        "√": "V",
        "∞": "8",
        "⊙": "*",
        "⋅": ".",
        **dict.fromkeys("•⋆›", "*"),
        "§": "S",
        "µ": "u",
        "±": "+",
        "μ": "u",
        "Φ": "F",
        "α": "a",
        **dict.fromkeys("βᵦ", "b"),
        **dict.fromkeys("γᵧ", "g"),
        "ε": "e",
        "κ": "k",
        "λ": "l",
        "π": "p",
        "ρ": "r",
        "τ": "t",
        **dict.fromkeys("φψ", "f"),
        "′": "'",
        "،": ",",
        "₋": "-",
        "↑": "^",
        "↓": "v",
        **dict.fromkeys("⌈⌊", "["),
        **dict.fromkeys("⌉⌋", "]"),
        **dict.fromkeys("┃╵", "|"),
        "┄": "-",
        "┈": "'",
        "╞": "H",
        "╱": "/",
        "╲": "\\",
        "╳": "X",
        "▀": "#",
        "▐": "#",
        "▔": "-",
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
