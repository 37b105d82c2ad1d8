"""A sheet of 28 × 28 pixels to draw a digit on, the digit as the network is given it, and what it makes of it."""

from __future__ import annotations

from typing import NamedTuple

from engine.protocol.views import DrawView
from nnwalk_tui.colours import theme
from nnwalk_tui.render import digits
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit, fit_line

SIDE = 28
_BARS = 16  # cells of the words beside the pictures
_LEAST_BARS = 10  # of these, those without which there is no room for both pictures
_FRAME = 2
_KEYS = (" d pen, f forward, c clear", " enter arrows, backspace undo")


class Sheet(NamedTuple):
    """The cells and lines that the sheet takes; a line is two pixels or one."""

    cells: int
    lines: int

    @property
    def wide(self) -> int:
        """Cells of a pixel."""
        return self.cells // SIDE

    def pixel(self, x: int, y: int) -> tuple[float, float] | None:
        """The middle, in pixels from the top left, of a cell of the pane's inside; None beside the sheet."""
        across, down = (x - 1) / self.wide, (y - 1) * SIDE / self.lines
        if not (0 <= across < SIDE and 0 <= down < SIDE):
            return None
        return float(int(across)), down + (SIDE / self.lines - 1) / 2

    def cell(self, across: float, down: float) -> tuple[int, int]:
        """The cell of the pane's inside that a pixel stands in."""
        return 1 + int(across) * self.wide, 1 + int(down) * self.lines // SIDE


def sheet(width: int, height: int) -> Sheet:
    """A cell a pixel and half-blocks, or twice that where all fits."""
    large = width >= 3 * SIDE + 2 * _FRAME + _BARS + 2 and height >= SIDE + _FRAME
    return Sheet(2 * SIDE, SIDE) if large else Sheet(SIDE, SIDE // 2)


def draw(view: DrawView, ink: bytes, pen: tuple[float, float], down: bool, width: int, height: int) -> list[Line]:
    """The sheet with the pen, the digit as it is given to the network, and its probabilities."""
    where = sheet(width, height)
    left = _framed(_picture(ink, where.cells, where.lines), "draw here", where.cells)
    x, y = where.cell(*pen)
    _put(left[y], x, "◉" if down else "+")
    if view.problem:
        return left
    seen: list[Line] = []
    if view.pixels:
        seen = _framed(_picture(view.pixels, SIDE, SIDE // 2), "as it is given", SIDE)
    room = width - where.cells - _FRAME - 1
    beside = room >= SIDE + _FRAME + _LEAST_BARS
    if not beside:
        seen = []
    bars = _bars(view, room - (SIDE + _FRAME + 1 if seen else 1))
    blank = (" " * (SIDE + _FRAME), "blank")
    lines: list[Line] = []
    left += [[(fit(keys, where.cells + _FRAME), "quiet")] for keys in _KEYS]
    for at, line in enumerate(left[:height]):
        middle = [*seen[at], (" ", "blank")] if at < len(seen) else [blank, (" ", "blank")] if seen else []
        lines.append([*line, (" ", "blank"), *middle, *(bars[at] if at < len(bars) else [])])
    return lines


def _picture(levels: bytes, cells: int, lines: int) -> list[Line]:
    return [list(line) for line in digits.picture(
        levels, SIDE, SIDE, cells, lines, theme.grey_steps(), theme.ascii_only()
    )]  # fmt: skip


def _framed(lines: list[Line], title: str, cells: int) -> list[Line]:
    top: Line = [("┌ ", "border"), (title, "quiet"), (f" {'─' * (cells - len(title) - 2)}┐", "border")]
    body: list[Line] = [[("│", "border"), *line, ("│", "border")] for line in lines]
    return [top, *body, [(f"└{'─' * cells}┘", "border")]]


def _put(line: Line, at: int, sign: str) -> None:
    """A sign in one cell of a line."""
    before: Line = []
    room = at
    for number, (text, style) in enumerate(line):
        if len(text) > room:
            rest = [(text[:room], style), (sign, "here"), (text[room + 1 :], style), *line[number + 1 :]]
            line[:] = [*before, *(span for span in rest if span[0])]
            return
        before.append((text, style))
        room -= len(text)


def _bars(view: DrawView, room: int) -> list[Line]:
    """The classes with their probabilities, the likeliest marked."""
    if not view.likely:
        return [[], [(fit(" nothing is drawn", room).rstrip(), "quiet")]]
    best = max(range(len(view.likely)), key=view.likely.__getitem__)
    name = min(8, max(map(len, view.classes)))
    cells = max(0, room - name - 8)
    lines: list[Line] = [[]]
    for at, (called, share) in enumerate(zip(view.classes, view.likely, strict=True)):
        mark = drawn("▶") if at == best else " "
        words = f"{mark} {fit(called, name, '>')} {share:.2f} "
        lines.append(
            fit_line([(words, "here" if at == best else "text"), ("█" * round(share * cells), "forward")], room)
        )
    return lines
