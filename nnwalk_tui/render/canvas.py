"""Lines and points in braille dots, 2 × 4 a cell; in ASCII a character a cell."""

from __future__ import annotations

from nnwalk_tui.colours import theme
from nnwalk_tui.render.text import Line

ACROSS, DOWN = 2, 4  # dots of a cell
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800


def cell(x: float, y: float) -> tuple[int, int]:
    """The column and row of the cell that a place in dots lies in: that of its nearest dot."""
    return round(x) // ACROSS, round(y) // DOWN


class Canvas:
    """`width` × `height` cells to draw on; what is drawn last gives its style to a cell."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._dots: dict[tuple[int, int], int] = {}
        self._styles: dict[tuple[int, int], str] = {}
        self._signs: dict[tuple[int, int], str] = {}

    def dot(self, x: float, y: float, style: str, sign: str = "*") -> None:
        """A dot at a place in dots, from the top left; `sign` stands for it in ASCII. One outside is left away."""
        at = cell(x, y)
        if not (0 <= at[0] < self.width and 0 <= at[1] < self.height):
            return
        self._dots[at] = self._dots.get(at, 0) | _BITS[round(y) % DOWN][round(x) % ACROSS]
        self._styles[at], self._signs[at] = style, sign

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        style: str,
        sign: str = "*",
        gap: int = 0,
        dash: int = 1,
    ) -> None:
        """A line between two places in dots; of a dotted one `gap` dots are left away after each `dash` dots."""
        steps = max(1, round(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
        for at in range(steps + 1):
            if at % (gap + dash) >= dash:
                continue
            share = at / steps
            self.dot(start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share, style, sign)

    def put(self, x: int, y: int, character: str, style: str) -> None:
        """A character in a cell, over whatever is there."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._dots.pop((x, y), None)
            self._styles[(x, y)], self._signs[(x, y)] = style, character

    def is_blank(self, x: int, y: int) -> bool:
        """Whether nothing is drawn in a cell."""
        return (x, y) not in self._styles

    def lines(self) -> list[Line]:
        """What was drawn."""
        return [[self._cell(x, y) for x in range(self.width)] for y in range(self.height)]

    def _cell(self, x: int, y: int) -> tuple[str, str]:
        style = self._styles.get((x, y))
        if style is None:
            return " ", "blank"
        bits = self._dots.get((x, y))
        if bits is None or theme.ascii_only():
            return self._signs[(x, y)], style
        return chr(_BLANK + bits), style
