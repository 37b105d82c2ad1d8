"""Tables, plots and pictures that the engine computed for a lesson."""

from __future__ import annotations

import re

from rich.cells import cell_len

from engine.course.findings import Finding, Picture, Table, cell_text, table_of
from nnwalk_tui import theme
from nnwalk_tui.render.digits import picture
from nnwalk_tui.render.plot import plot_lines
from nnwalk_tui.render.text import Line, fit, wrap

_WIDE_PICTURE, _PICTURE = (28, 14), (14, 7)  # cells
_GAP = 2


def finding_lines(finding: Finding, width: int) -> list[Line]:
    """Pictures, plot, table and note, beneath each other."""
    lines: list[Line] = []
    if finding.pictures:
        lines += picture_lines(finding.pictures, width)
    if finding.plot:
        lines += plot_lines(finding.plot, width)
    if finding.table:
        lines += table_lines(finding.table, width)
    if not (finding.pictures or finding.plot or finding.table):
        lines += table_lines(table_of(finding.value), width)
    lines += [[(text.strip(), "quiet")] for text in wrap(finding.note, width)] if finding.note else []
    return lines


def table_lines(table: Table, width: int) -> list[Line]:
    """A table with its head; columns of numbers stand to the right, the widest gives way where there is no room."""
    cells = [table.columns, *([cell_text(cell) for cell in row] for row in table.rows)]
    widths = [max(cell_len(row[at]) for row in cells) for at in range(len(table.columns))]
    while sum(widths) + _GAP * (len(widths) - 1) > width and max(widths) > 4:
        widths[widths.index(max(widths))] -= 1
    right = [all(_is_number(row[at]) for row in cells[1:]) for at in range(len(widths))]
    lines: list[Line] = []
    for number, row in enumerate(cells):
        parts = (fit(text, size, ">" if side else "<") for text, size, side in zip(row, widths, right, strict=True))
        lines.append([((" " * _GAP).join(parts), "quiet" if number == 0 else "text")])
    return lines


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-−+]?[\d.]+(e[-+]?\d+)?|", text))


def picture_lines(pictures: list[Picture], width: int) -> list[Line]:
    """Pictures in rows, captions under them; large where two or fewer are shown and there is room."""
    few = len(pictures) <= 2 and width >= 2 * _WIDE_PICTURE[0] + 1
    cells, rows = _WIDE_PICTURE if few else _PICTURE
    across = max(1, (width + 1) // (cells + 1))
    lines: list[Line] = []
    for start in range(0, len(pictures), across):
        drawn = [_picture(each, cells, rows) for each in pictures[start : start + across]]
        for parts in zip(*drawn, strict=True):
            lines.append([span for part in parts for span in (*part, (" ", "blank"))])
    return lines


def _picture(each: Picture, cells: int, rows: int) -> list[Line]:
    drawn = picture(each.pixels, each.height, each.width, cells, rows, theme.grey_steps(), theme.ascii_only())
    return [*drawn, [(fit(each.caption, cells, "^"), "quiet")]]
