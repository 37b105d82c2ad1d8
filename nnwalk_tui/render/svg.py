"""A terminal's screen as an SVG picture that looks the same with any font, and fetches none.

Words are set one by one in their columns. Blocks, lines and braille, which fonts draw with gaps or not at all, are
drawn as shapes that fill their cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import blend_rgb
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

WIDTH, HEIGHT = 9, 18  # pixels of a cell
MARGIN = 9
FONT = f"font: {WIDTH / 0.6:g}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
BASELINE = 0.76  # of a cell's height

_UPPER, _LEFT, _DOTS = "▔▀", "▏▎▍▌▋▊▉█", 0x2800
_LOWER = "▁▂▃▄▅▆▇"
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
_DOT_PLACES = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # by bit: column, row

# Lines that leave a cell to the left, right, top and bottom: 1 light, 2 heavy, 3 double.
_LINES = {
    "─": (1, 1, 0, 0), "╌": (1, 1, 0, 0), "━": (2, 2, 0, 0), "═": (3, 3, 0, 0),
    "│": (0, 0, 1, 1), "┃": (0, 0, 2, 2), "║": (0, 0, 3, 3), "╷": (0, 0, 0, 1), "╵": (0, 0, 1, 0),
    "┌": (0, 1, 0, 1), "╭": (0, 1, 0, 1), "┐": (1, 0, 0, 1), "╮": (1, 0, 0, 1),
    "└": (0, 1, 1, 0), "╰": (0, 1, 1, 0), "┘": (1, 0, 1, 0), "╯": (1, 0, 1, 0),
    "├": (0, 1, 1, 1), "┤": (1, 0, 1, 1), "┬": (1, 1, 0, 1), "┴": (1, 1, 1, 0), "┼": (1, 1, 1, 1),
    "╡": (3, 0, 1, 1), "╞": (0, 3, 1, 1),
}  # fmt: skip


class _Box(NamedTuple):
    """A rectangle in pixels."""

    x: float
    y: float
    width: float
    height: float


class Default(NamedTuple):
    """The colours of cells that have none of their own: a terminal's default, or a theme's."""

    ink: ColorTriplet = ColorTriplet(0xE0, 0xE0, 0xE0)
    paper: ColorTriplet = ColorTriplet(0x12, 0x12, 0x12)


ON_DARK = Default()


class _Cells(NamedTuple):
    """Cells of one line that share a style, and the column of the first."""

    column: int
    text: str
    ink: str
    paper: str
    attributes: str


def to_svg(rows: Sequence[Iterable[Segment]], columns: int, default: Default = ON_DARK) -> str:
    """A picture of lines of styled text, `columns` cells wide."""
    width, height = columns * WIDTH + 2 * MARGIN, len(rows) * HEIGHT + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>text {{ {FONT}; white-space: pre }} .b {{ font-weight: bold }} .i {{ font-style: italic }}</style>",
        f'<rect width="{width}" height="{height}" rx="6" fill="{default.paper.hex}"/>',
        f'<g transform="translate({MARGIN} {MARGIN})" shape-rendering="crispEdges">',
    ]
    for number, row in enumerate(rows):
        cells = list(_cells(row, default))
        lines += [*_papers(cells, number, default.paper.hex), *_shapes(cells, number), *_words(cells, number)]
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _cells(row: Iterable[Segment], default: Default) -> Iterator[_Cells]:
    column = 0
    for segment in row:
        if not segment.control:
            yield _Cells(column, segment.text, *_colours(segment.style or Style.null(), default))
            column += cell_len(segment.text)


def _colours(style: Style, default: Default) -> tuple[str, str, str]:
    ink = default.ink if style.color is None or style.color.is_default else style.color.get_truecolor()
    paper = default.paper if style.bgcolor is None or style.bgcolor.is_default else style.bgcolor.get_truecolor()
    if style.reverse:
        ink, paper = paper, ink
    if style.dim:
        ink = blend_rgb(ink, paper, 0.4)
    return ink.hex, paper.hex, ("b" if style.bold else "") + (" i" if style.italic else "")


def _papers(cells: list[_Cells], line: int, ground: str) -> Iterator[str]:
    for paper, group in groupby(cells, key=lambda each: each.paper):
        run = list(group)
        first, last = run[0].column, run[-1].column + cell_len(run[-1].text)
        if paper != ground and last > first:
            yield _rectangle(_Box(first * WIDTH, line * HEIGHT, (last - first) * WIDTH, HEIGHT), paper)


def _words(cells: list[_Cells], line: int) -> Iterator[str]:
    y = round((line + BASELINE) * HEIGHT, 1)
    for run in cells:
        for column, word in _split(run):
            kind = f' class="{run.attributes.strip()}"' if run.attributes else ""
            length = f' textLength="{cell_len(word) * WIDTH}" lengthAdjust="spacingAndGlyphs"' if len(word) > 1 else ""
            yield f'<text x="{column * WIDTH}" y="{y}" fill="{run.ink}"{kind}{length}>{escape(word)}</text>'


def _split(run: _Cells) -> Iterator[tuple[int, str]]:
    """The words of a run, each with its column; what is drawn as a shape is no word."""
    column = run.column
    for is_word, letters in groupby(run.text, key=lambda letter: not letter.isspace() and not _is_shape(letter)):
        word = "".join(letters)
        if is_word:
            yield column, word
        column += cell_len(word)


def _is_shape(letter: str) -> bool:
    return "\u2580" <= letter <= "\u2593" or letter in _LINES or "\u2800" <= letter <= "\u28ff"


def _shapes(cells: list[_Cells], line: int) -> Iterator[str]:
    for run in cells:
        column = run.column
        for letter, same in groupby(run.text):
            count = len(list(same))
            if _is_shape(letter):
                yield from _shape(letter, column, line, count, run.ink)
            column += count * cell_len(letter)


def _shape(letter: str, column: int, line: int, count: int, ink: str) -> Iterator[str]:
    """`count` times the same letter, side by side."""
    place = _Box(column * WIDTH, line * HEIGHT, WIDTH, HEIGHT)
    if letter in _LINES:
        yield from (_rectangle(box, ink) for box in _line_boxes(letter, place, count))
    elif letter in _SHADES:
        yield _rectangle(place._replace(width=count * WIDTH), ink, _SHADES[letter])
    elif ord(letter) >= _DOTS:
        for each in range(count):
            yield from (_rectangle(box, ink) for box in _dots(letter, place._replace(x=place.x + each * WIDTH)))
    else:
        box = _block(letter, place)
        if box.width == WIDTH:
            yield _rectangle(box._replace(width=count * WIDTH), ink)
        else:
            yield from (_rectangle(box._replace(x=box.x + each * WIDTH), ink) for each in range(count))


def _block(letter: str, cell: _Box) -> _Box:
    if letter in _LEFT:
        return cell._replace(width=WIDTH * (_LEFT.index(letter) + 1) / 8)
    if letter in _UPPER:
        return cell._replace(height=HEIGHT / (8 if letter == _UPPER[0] else 2))
    if letter in _LOWER:
        height = HEIGHT * (_LOWER.index(letter) + 1) / 8
        return cell._replace(y=cell.y + HEIGHT - height, height=height)
    if letter == "▐":
        return cell._replace(x=cell.x + WIDTH / 2, width=WIDTH / 2)
    raise ValueError(f"“{letter}” is a block that cannot be drawn yet: give it a place in _block")


def _dots(letter: str, cell: _Box) -> Iterator[_Box]:
    bits = ord(letter) - _DOTS
    for bit, (column, row) in enumerate(_DOT_PLACES):
        if bits >> bit & 1:
            yield _Box(cell.x + 1 + column * 4.5, cell.y + 1 + row * 4.5, 2.5, 2.5)


def _line_boxes(letter: str, cell: _Box, count: int) -> Iterator[_Box]:
    left, right, up, down = _LINES[letter]
    middle_x, middle_y = cell.x + WIDTH // 2, cell.y + HEIGHT // 2
    if letter == "╌":
        for each in range(2 * count):
            yield _Box(cell.x + 1 + each * WIDTH / 2, middle_y, WIDTH / 4, 1)
    elif left == right and left:
        yield from _bars(_Box(cell.x, middle_y, count * WIDTH, 1), left)
    else:
        yield from _bars(_Box(cell.x, middle_y, WIDTH // 2 + 1, 1), left)
        yield from _bars(_Box(middle_x, middle_y, WIDTH - WIDTH // 2, 1), right)
    yield from _bars(_Box(middle_x, cell.y, 1, HEIGHT // 2 + 1), up)
    yield from _bars(_Box(middle_x, middle_y, 1, HEIGHT - HEIGHT // 2), down)


def _bars(line: _Box, weight: int) -> Iterator[_Box]:
    """A line one pixel thick, as heavy as it is to be: not at all, light, heavy or double."""
    flat = line.width > line.height
    for shift, thickness in {0: (), 1: ((0, 1),), 2: ((-1, 3),), 3: ((-2, 1), (2, 1))}[weight]:
        if flat:
            yield line._replace(y=line.y + shift, height=thickness)
        else:
            yield line._replace(x=line.x + shift, width=thickness)


def _rectangle(box: _Box, ink: str, opacity: float = 1.0) -> str:
    x, y, width, height = (f"{value:g}" for value in box)
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{ink}"{faint}/>'
