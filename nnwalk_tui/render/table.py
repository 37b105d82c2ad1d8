"""A lesson's table in the room there is: words are wrapped, numbers never cut, columns too many stand below."""

from __future__ import annotations

import re

from rich.cells import cell_len

from engine.course.findings import Table, cell_text, minus
from nnwalk_tui.render.indices import indexed
from nnwalk_tui.render.spelled import spelled
from nnwalk_tui.render.text import Line, fit

_GAP = 2
_NARROWEST = 12  # cells of a column of words
_NUMBER = re.compile(r"[-−+]?[\d.]+(e[-+]?\d+)?( ?[a-zµ%]+)?|", re.ASCII)
_PLAIN = re.compile(r"[-−+]?\d[\d,]*(\.\d+)?|", re.ASCII)

Column = list[str]  # the head, then the cells


def table_lines(table: Table, width: int) -> list[Line]:
    """A table with its head; columns of numbers stand to the right."""
    columns = [
        [spelled(indexed(head)), *_aligned([spelled(minus(cell_text(row[at]))) for row in table.rows])]
        for at, head in enumerate(table.columns)
    ]
    lines: list[Line] = []
    for block in _blocks(columns, width):
        lines += ([[]] if lines else []) + _block(block, width)
    return lines


def _aligned(cells: list[str]) -> list[str]:
    """Plain numbers of a column with their points beneath each other."""
    if not all(_PLAIN.fullmatch(cell) for cell in cells):
        return cells
    behind = [len(cell.partition(".")[2]) + ("." in cell) for cell in cells]
    return [cell + " " * (max(behind) - own) for cell, own in zip(cells, behind, strict=True)]


def _blocks(columns: list[Column], width: int) -> list[list[Column]]:
    """The columns in as many tables as it takes, the first column in each."""
    first, *others = columns
    blocks = [[first]]
    for column in others:
        if len(blocks[-1]) > 1 and _total([*blocks[-1], column], narrow=True) > width:
            blocks.append([first])
        blocks[-1].append(column)
    return blocks


def _block(columns: list[Column], width: int) -> list[Line]:
    widths = [_width(column, narrow=False) for column in columns]
    if sum(widths) + _GAP * (len(widths) - 1) > width:
        widths = [_width(column, narrow=True) for column in columns]
        spare = width - sum(widths) - _GAP * (len(widths) - 1)
        for at, column in enumerate(columns):  # what room is left goes to the words, from the left on
            more = max(0, min(spare, _width(column, narrow=False) - widths[at]))
            widths[at], spare = widths[at] + more, spare - more
    aligns = [">" if _is_numeric(column) else "<" for column in columns]
    lines: list[Line] = []
    for number, row in enumerate(zip(*columns, strict=True)):
        cells = [_wrapped(text, size) for text, size in zip(row, widths, strict=True)]
        depth = max(map(len, cells))
        for k in range(depth):
            parts = [
                fit(cell[k] if k < len(cell) else "", size, align)
                for cell, size, align in zip(cells, widths, aligns, strict=True)
            ]
            lines.append([(fit((" " * _GAP).join(parts), width).rstrip(), "quiet" if number == 0 else "text")])
    return lines


def _total(columns: list[Column], *, narrow: bool) -> int:
    return sum(_width(column, narrow=narrow) for column in columns) + _GAP * (len(columns) - 1)


def _width(column: Column, *, narrow: bool) -> int:
    """The cells that a column takes; at least so many when its head, and words, are wrapped."""
    head, *cells = column
    widest = max(map(cell_len, cells), default=0)
    if not narrow:
        return max(cell_len(head), widest)
    longest = max(cell_len(word) for word in head.split() or [""])
    if _is_numeric(column):
        return max(longest, widest)
    words = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return max(longest, words, min(widest, _NARROWEST))


def _is_numeric(column: Column) -> bool:
    return all(_NUMBER.fullmatch(cell.rstrip()) for cell in column[1:])


def _wrapped(text: str, width: int) -> list[str]:
    """A cell in lines of at most `width` cells; one that fits is left as it is."""
    if cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split():
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
