"""Tables, plots and pictures that the engine computed for a lesson."""

from __future__ import annotations

import math
import re

from rich.cells import cell_len

from engine.course.findings import Finding, Picture, Plot, Table, cell_text
from nnwalk_tui import theme
from nnwalk_tui.render.digits import picture
from nnwalk_tui.render.text import Line, fit

PLOT_HEIGHT = 13
_STYLES = ("forward", "backward", "here", "right", "text", "negative")
_COLOURS = (12, 9, 11, 10, 15, 13)  # plotext's, standing for these styles
_PAINT = re.compile(r"\x1b\[([0-9;]*)m")
_WIDE_PICTURE, _PICTURE = (28, 14), (14, 7)  # cells
_GAP = 2
_LABELS = 7  # numbers on a line that is not the only one


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
        lines.append([(fit(cell_text(str(finding.value)), width), "text")])
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


def plot_lines(plot: Plot, width: int, height: int = PLOT_HEIGHT) -> list[Line]:
    """Curves with a legend. One or two lines are drawn in braille, two with their numbers on them; more as numbers."""
    import plotext

    lines = sum(not series.marks for series in plot.series)
    many = lines > 2 or theme.ascii_only()
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(min(width, 76), height)
    plotext.theme("clear")
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    legend: Line = []
    for at, series in enumerate(plot.series):
        points = [(x, y) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(x) and math.isfinite(y)]
        marker = ("o" if theme.ascii_only() else "●") if series.marks else str(at + 1) if many else "braille"
        draw = plotext.scatter if series.marks or many else plotext.plot
        colour = _COLOURS[at % len(_COLOURS)]
        if points:
            draw([x for x, _ in points], [y for _, y in points], marker=marker, color=colour)
        sign = marker
        if marker == "braille":
            sign = str(at + 1) if lines == 2 else "─"
            labelled = _spread(points, at) if lines == 2 else []
            plotext.scatter([x for x, _ in labelled], [y for _, y in labelled], marker=sign, color=colour)
        legend.append((f"{sign} {series.name}   ", _STYLES[at % len(_STYLES)]))
    legend.append((_axes(plot), "quiet"))
    return [*(_painted(text) for text in plotext.build().split("\n")[:height]), legend]


def _spread(points: list[tuple[float, float]], at: int) -> list[tuple[float, float]]:
    """Some points of a line, where the other's do not stand."""
    every = max(1, len(points) // _LABELS)
    return points[(at * every) // 2 :: every]


def _axes(plot: Plot) -> str:
    return f"→ {plot.x_label}" + (f"  ↑ {plot.y_label}" if plot.y_label else "") if plot.x_label else ""


def _painted(text: str) -> Line:
    names = {str(colour): name for colour, name in zip(_COLOURS, _STYLES, strict=True)}
    line: Line = []
    style = "quiet"
    for at, part in enumerate(_PAINT.split(text)):
        if at % 2:
            style = names.get(part.rpartition(";")[2], "quiet")
        elif part:
            line.append((part, style))
    return line
