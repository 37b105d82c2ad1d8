"""What is done to every line on its way to the terminal: ASCII twins, and no colour where none is wanted."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from nnwalk_tui.colours.theme import DEFAULT, to_ascii

_NONE = Style.from_color(DEFAULT, DEFAULT)
_REVERSED = _NONE + Style(reverse=True)


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
