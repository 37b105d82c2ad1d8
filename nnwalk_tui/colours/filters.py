"""What is done to every line on its way to the terminal: ASCII twins, and no colour where none is wanted."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from nnwalk_tui.colours.theme import DEFAULT, to_ascii

_NONE = Style.from_color(DEFAULT, DEFAULT)
_REVERSED = _NONE + Style(reverse=True)


class PlainFilter(LineFilter):
    """No control character: names, messages and log lines come from files and from code that others wrote.

    The one place that every line passes, on its way to the terminal or into a picture.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, as wide as they were."""
        if all(segment.text.isprintable() or segment.control for segment in segments):
            return segments
        return [s if s.control else Segment(_plain_text(s.text), s.style) for s in segments]


def _plain_text(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " * cell_len(sign) for sign in text)


class AsciiFilter(LineFilter):
    """Every glyph's ASCII twin, for what Textual draws itself: input lines, the palette, borders."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, in ASCII."""
        return [
            segment if segment.control else Segment(to_ascii(segment.text), segment.style or Style.null())
            for segment in segments
        ]


class NoColourFilter(LineFilter):
    """No colour at all, the terminal's own ink and paper; what stood out by its paper alone is reversed.

    Textual's own for NO_COLOR turns the terminal's default ink and paper into black on black.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, without colours."""
        return [
            segment if segment.control else Segment(segment.text, _plain(segment.style or Style.null()))
            for segment in segments
        ]


def _plain(style: Style) -> Style:
    paper = style.bgcolor
    return style + (_NONE if paper is None or paper.is_default else _REVERSED)
