"""Tables, plots and pictures that the engine computed for a lesson."""

from __future__ import annotations

from engine.course.findings import Finding, Picture, table_of
from nnwalk_tui.colours import theme
from nnwalk_tui.render.digits import picture
from nnwalk_tui.render.plot import plot_lines
from nnwalk_tui.render.spelled import spelled
from nnwalk_tui.render.table import table_lines
from nnwalk_tui.render.text import Line, fit, wrap

_WIDE_PICTURE, _PICTURE = (28, 14), (14, 7)  # cells


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
    lines += [[(text.strip(), "quiet")] for text in wrap(spelled(finding.note), width)] if finding.note else []
    return lines


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
