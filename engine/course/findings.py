"""What a course computation gives: numbers for programs, and a table, a plot or pictures for people."""

from __future__ import annotations

import msgspec

Cell = str | float | int


class Table(msgspec.Struct, frozen=True):
    """Rows under column heads; numbers are written with up to four digits unless a cell is text already."""

    columns: list[str]
    rows: list[list[Cell]]


class Series(msgspec.Struct, frozen=True):
    """Points of one curve; `marks` are drawn as points, the others as a line."""

    name: str
    x: list[float]
    y: list[float]
    marks: bool = False


class Plot(msgspec.Struct, frozen=True):
    """Curves over one axis."""

    series: list[Series]
    x_label: str = ""
    y_label: str = ""
    logarithmic: bool = False  # y: of what spans decades


class Picture(msgspec.Struct, frozen=True):
    """Grey levels 0…255, row by row, light on dark."""

    height: int
    width: int
    pixels: bytes
    caption: str


class Finding(msgspec.Struct, frozen=True):
    """The outcome of a computation.

    `value` is a number, text or list, or a dict of them by name; `note` a sentence that belongs to it.
    """

    value: object
    table: Table | None = None
    plot: Plot | None = None
    pictures: list[Picture] = []
    note: str = ""

    @property
    def text(self) -> str:
        """All of it in plain text; pictures by their captions."""
        parts = [] if self.table or self.plot or self.pictures else [table_text(table_of(self.value))]
        if self.table:
            parts.append(table_text(self.table))
        if self.plot:
            parts += [_series_text(series) for series in self.plot.series]
        if self.pictures:
            parts.append("  ".join(picture.caption for picture in self.pictures))
        return "\n".join([*parts, self.note] if self.note else parts)


def table_of(value: object) -> Table:
    """A value without a table of its own as one: names above their numbers."""
    parts = value if isinstance(value, dict) else {"value": value}
    return Table([str(name).replace("_", " ") for name in parts], [[_part(each) for each in parts.values()]])


def _part(value: object) -> Cell:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(number_text, value))
    return value if isinstance(value, str | int | float) else str(value)


def table_text(table: Table) -> str:
    """A table in columns of fixed width, two blanks between them."""
    cells = [table.columns, *([cell_text(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(table.columns))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def cell_text(cell: Cell) -> str:
    """A cell as it is read."""
    return cell if isinstance(cell, str) else number_text(cell)


def number_text(value: object) -> str:
    """A number with up to four digits, whole ones in full; anything else as it is."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e6 else f"{value:.4g}"
    return str(value)


def minus(text: str) -> str:
    """A number's sign as it is printed in a book: −0.9, which ASCII terminals and parsers do not get."""
    return f"−{text[1:]}" if text[:1] == "-" and text[1:2].isdigit() else text


def _series_text(series: Series) -> str:
    ends = ", ".join(
        f"({number_text(x)}, {number_text(y)})"
        for x, y in list(zip(series.x, series.y, strict=True))[:: max(1, len(series.x) - 1)]
    )
    return f"{series.name}: {len(series.x)} points, {ends}"
