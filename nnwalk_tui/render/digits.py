"""Pictures of the batch in half-blocks of eight greys, each with its label, prediction and probability.

Eight greys make runs of equal cells, and a run costs one escape sequence however long it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

from engine.protocol.views import Example, Picture
from nnwalk_tui.colours import theme
from nnwalk_tui.render.numbers import number
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, Span, fit

_ASCII_RAMP = " .:-=+*#%@"
_SHADES = " ░▒▓█"
_SIZES = ((28, 14), (18, 9), (14, 7), (10, 5))  # cells, from large to small
_LARGE = 18  # cells from which a size is taken only where enough pictures fit
_WIDEST_GAP = 6
_VERDICT, _LEAST_TOKENS = 24, 8  # cells of a table's columns
MANY = 6  # pictures that shall fit before they are drawn large


Lines = tuple[Line, ...]


class Grid(NamedTuple):
    """How pictures are laid out."""

    cells: int  # of one picture: its width …
    rows: int  # … and height
    captions: int  # lines under it
    across: int
    down: int
    of_each: int = 1  # pictures of an example, one beside the other in these cells

    @property
    def pictures(self) -> int:
        """How many pictures are seen."""
        return self.across * self.down


def grid(width: int, height: int, examples: Sequence[Example | Picture], many: int = 0) -> Grid | None:
    """The layout with the largest pictures of which `many`, or enough, fit; None where there are none, or no room."""
    if not any(each.height for each in examples):
        return None
    of_each = 2 if any(isinstance(each, Example) and each.rebuilt is not None for each in examples) else 1
    for cells, rows in _SIZES:
        fits = _layout(width, height, cells, rows, of_each)
        if fits.pictures >= ((many or min(MANY, len(examples))) if cells >= _LARGE else 1):
            return fits
    return None


def _layout(width: int, height: int, cells: int, rows: int, of_each: int) -> Grid:
    most = (height + 1) // (rows + 2)
    captions = 2 if (height + 1) // (rows + 3) == most else 1
    cells = of_each * (cells + 1) - 1
    return Grid(cells, rows, captions, (width + 1) // (cells + 1), most, of_each)


def pictures(examples: list[Example], layout: Grid, width: int, picked: int = 0, losses: bool = False) -> list[Line]:
    """The pictures that fit, row by row, evenly spaced; `picked` is the row of the batch to be marked."""
    return spaced([_cell(each, layout, each.row == picked, losses) for each in examples], layout, width)


def spaced(drawn: Sequence[list[Line]], layout: Grid, width: int) -> list[Line]:
    """Pictures, each with its captions, row by row, evenly spaced."""
    lines: list[Line] = []
    gap = max(1, min(_WIDEST_GAP, width // layout.across - layout.cells))
    spare = max(0, width - layout.across * (layout.cells + gap) + gap)
    left: Span = (" " * (min(spare, gap) // 2), "blank")
    between: Span = (" " * gap, "blank")
    for start in range(0, min(layout.pictures, len(drawn)), layout.across):
        cells = drawn[start : start + layout.across]
        if lines:
            lines.append([])
        lines += [[left, *_joined_by(between, parts)] for parts in zip(*cells, strict=True)]
    return lines


def _joined_by(between: Span, parts: Sequence[Line]) -> Line:
    first, *others = parts
    return [*first, *(span for part in others for span in (between, *part))]


def _cell(example: Example, layout: Grid, picked: bool, losses: bool) -> list[Line]:
    size = (example.height, example.width, (layout.cells + 1) // layout.of_each - 1, layout.rows)
    lines = list(picture(example.pixels, *size, theme.grey_steps(), theme.ascii_only()))
    if layout.of_each > 1:
        rebuilt = example.rebuilt or bytes(len(example.pixels))
        beside = picture(rebuilt, *size, theme.grey_steps(), theme.ascii_only())
        lines = [_joined_by((" ", "blank"), pair) for pair in zip(lines, beside, strict=True)]
        losses = True
    told = f"ℒ {example.loss:.2f}" if losses and example.loss is not None else _probability(example)
    return [*lines, *captions(titles(_pair(example), example.right, picked), style(example.right), told, layout)]


def titles(pair: str, right: bool | None, picked: bool) -> list[str]:
    """A verdict with blanks where another has a mark or brackets, so that labels stand under each other; and alone."""
    text, mark = judged(pair, right), "›" if picked else " "
    aligned = text if right is False else f" {text}"
    return [mark + fit(aligned, max(cell_len(aligned), cell_len(drawn(pair)) + len("[ x]"))), mark.strip() + text]


def captions(forms: Sequence[str], look: str, note: str, layout: Grid, between: str = " ") -> list[Line]:
    """A title in the first form that fits and a note, below or beside it; a note that would be cut is left out."""
    if layout.captions == 2:
        below = note if cell_len(note) <= layout.cells else ""
        title = _caption(_first_that_fits(forms, layout.cells), look, layout.cells)
        return [title, _caption(below, "quiet", layout.cells)]
    # the blanks go to the end: all are as wide, and so centred alike
    both = f"{forms[0].rstrip()}{between}{note}"
    beside = [fit(both, cell_len(forms[0] + between + note))] if note else []
    return [_caption(_first_that_fits([*beside, *forms], layout.cells), look, layout.cells)]


def _first_that_fits(forms: Sequence[str], room: int) -> str:
    return next((form for form in forms if cell_len(form) <= room), forms[-1])


def _caption(text: str, look: str, cells: int) -> Line:
    """A centred caption; the sign of the picked example in the accent colour."""
    before, sign, after = fit(text, cells, "^").rpartition("›")
    return [(before + sign, "here"), (after, look)]


def _probability(example: Example) -> str:
    return "" if example.probability is None else f"{example.probability:.2f}"


def verdict(example: Example) -> str:
    """Label and prediction: "7→7 ✓", "[2→3 ✗]" where it is wrong, "7→·" before there is one; "7->?" in ASCII."""
    return judged(_pair(example), example.right)


def _pair(example: Example) -> str:
    if example.rebuilt is not None:
        return example.label
    return f"{example.label}→{example.prediction or '·'}"


def judged(text: str, right: bool | None) -> str:
    """Label and prediction with the sign of whether it is right."""
    if right is None:
        return drawn(text)
    return drawn(f"{text} ✓" if right else f"[{text} ✗]")


def style(right: bool | None) -> str:
    """The style of a verdict."""
    return {None: "quiet", True: "right", False: "wrong"}[right]


class Columns(NamedTuple):
    """Cells of the columns of examples without a picture: their tokens, and their verdicts."""

    tokens: int
    verdict: int
    probability: bool = True  # whether any example has one


def columns(examples: Sequence[Example], width: int) -> Columns:
    """As wide as what stands in them: with tokens, no wider than the pane."""
    tokens = max((cell_len(each.tokens) for each in examples), default=0)
    likely = any(each.probability is not None for each in examples)
    if not tokens:
        return Columns(0, _VERDICT, likely)
    longest = max(cell_len(verdict(each)) for each in examples)
    least = max(longest, 2 * max(cell_len(each.label) for each in examples) + len("[→ ✗]"), len("target→prediction"))
    return Columns(max(_LEAST_TOKENS, min(tokens, width - least - len("› 999  ") - 2)), least, likely)


def table_heading(sizes: Columns) -> Line:
    """What stands in the rows of examples without a picture: a label or a target, and what was predicted for it."""
    last = " prob" if sizes.probability else ""
    if sizes.tokens:
        told = f"   row {fit('tokens', sizes.tokens)}  {fit('target→prediction', sizes.verdict)}{last}"
        return [(drawn(told), "quiet")]
    return [(drawn(f"   row  {fit(' target→prediction', sizes.verdict)}{last}"), "quiet")]


def table_row(example: Example, sizes: Columns, picked: bool = False) -> Line:
    """An example without a picture."""
    verdict_cells = (fit(verdict(example), sizes.verdict), style(example.right))
    loss = "" if example.loss is None else f"   ℒ {number(example.loss)}"
    mark: Span = ("›" if picked else " ", "here")
    if sizes.tokens:
        tokens: Span = (f"{fit(example.tokens, sizes.tokens)}  ", "text")
        return [mark, (f"{example.row:>5} ", "quiet"), tokens, verdict_cells, (f" {_probability(example):>4}", "quiet")]
    return [mark, (f"{example.row:>5}  ", "quiet"), verdict_cells, (f" {_probability(example):>4}{loss}", "quiet")]


@lru_cache(maxsize=1024)
def picture(pixels: bytes, height: int, width: int, cells: int, rows: int, greys: bool, plain: bool) -> Lines:
    """A picture of height × width grey levels 0…255 in `rows` lines of `cells`; averaged by area.

    Half-blocks where `greys` can be told apart, else characters; ASCII ones where `plain`.
    """
    if not height or not width:
        return tuple([(" " * cells, "text")] for _ in range(rows))
    if not greys:
        ramp = _ASCII_RAMP if plain else _SHADES
        levels = resample(pixels, height, width, rows, cells)
        return tuple(
            [("".join(ramp[round(level * (len(ramp) - 1) / 255)] for level in line), "text")] for line in levels
        )
    halves = [[_grey(level) for level in line] for line in resample(pixels, height, width, rows * 2, cells)]
    return tuple(_half_blocks(halves[row], halves[row + 1]) for row in range(0, rows * 2, 2))


def _grey(level: float) -> int:
    """One of the eight greys; the faintest is drawn as black, which saves runs and costs no stroke."""
    grey = round(level * (theme.GREYS - 1) / 255)
    return grey if grey > 1 else 0


def _half_blocks(upper: list[int], lower: list[int]) -> Line:
    """Cells of two greys above each other, in runs of one style, and so of one escape sequence."""
    line: Line = []
    greys: list[int] = []
    cells: list[tuple[int, int]] = []
    for cell in zip(upper, lower, strict=True):
        joined = _joined(greys, cell)
        if joined is None:
            line.append(_run(greys, cells))
            cells, joined = [], list(dict.fromkeys(cell))
        greys = joined
        cells.append((_nearest(greys, cell[0]), _nearest(greys, cell[1])))
    return [*line, _run(greys, cells)]


def _joined(greys: list[int], cell: tuple[int, int]) -> list[int] | None:
    """The one or two greys of a run and the cell after it; None where they would be three, not even nearly equal."""
    joined = list(greys)
    for level in cell:
        if level in joined:
            continue
        if len(joined) < 2:
            joined.append(level)
        elif level == 0 or abs(_nearest(joined, level) - level) > 1:
            return None
    return joined


def _nearest(greys: list[int], level: int) -> int:
    return min(greys, key=lambda grey: abs(grey - level))


def _run(greys: list[int], cells: list[tuple[int, int]]) -> Span:
    """The cells in one style. Its background is the grey that fills more of them: a blank is a third of a block."""
    low, high = min(greys), max(greys)
    paper, ink = (high, low) if cells.count((high, high)) > cells.count((low, low)) else (low, high)
    blocks = {(ink, ink): "█", (ink, paper): "▀", (paper, ink): "▄"} | {(paper, paper): " "}
    text = "".join(blocks[cell] for cell in cells)
    return text, f"grey:{ink if ink != paper else ''}:{paper}"


def resample(pixels: bytes, height: int, width: int, rows: int, columns: int) -> list[list[float]]:
    """The means of rows × columns boxes of a height × width picture; boxes overlap where it is smaller than that."""
    across = [_box(at, columns, width) for at in range(columns)]
    means = []
    for at in range(rows):
        top, bottom = _box(at, rows, height)
        sums = [sum(pixels[x : bottom * width : width][top:]) for x in range(width)]
        means.append([sum(sums[left:right]) / ((right - left) * (bottom - top)) for left, right in across])
    return means


def _box(at: int, of: int, size: int) -> tuple[int, int]:
    start = min(at * size // of, size - 1)
    return start, max(start + 1, -(-(at + 1) * size // of))
