"""The panes, a row each, in the order of Tab: the one place that names them.

A row NAME stands for the class NamePane of `panes/NAME.py`. A layout may give the pane a place; without one, it is a
guest where it is asked for.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A pane: what it is called, and how one gets there."""

    name: str
    key: str = ""  # a digit that goes to it
    short: str = ""  # its name in a narrow row of tabs
    command: str = ""  # a command of its own that goes to it, and whose key stands in its tab
    least: int = 0  # rows that it needs; 0: as many as any
    visited: bool = False  # looked into from elsewhere: Esc leaves it
    of: str = ""  # of runs over such examples, or with such, alone: there it has a tab, without a place in a layout


PANES: tuple[Row, ...] = (
    Row("graph", "1", least=14),
    Row("neurons", "6", "neur", least=10),
    Row("layers", "2"),
    Row("here", least=9),
    Row("gradients", "3", "grad"),
    Row("tensor", short="tens", command="inspect", visited=True),
    Row("landscape", "7", "land", least=10, visited=True),
    Row("slide", "0", visited=True),
    Row("draw", "9", visited=True),
    Row("boundary", "8", "bdry", least=10, of="points"),
    Row("codes", short="code", least=10, of="codes"),
    Row("loss", "4", least=10),
    Row("digits", "5", "dig", least=10),
    Row("tape", command="tape"),
    Row("log", command="log"),
    Row("lesson", command="lesson"),
)

LESSON = "lesson"  # it is on screen while a lesson is open, and leads then
BY_NAME = {row.name: row for row in PANES}
EXAMPLE_KINDS = ("examples", "scatter", "input gradient", "first layer", "averages", "confusion", "reliability")
OF_RUNS = {row.name: row.of for row in PANES if row.of}
EVERY_PANE = tuple(BY_NAME)
PANE_NAMES = tuple(name for name in BY_NAME if name != LESSON)
NUMBERED = {row.key: row.name for row in sorted(PANES, key=lambda row: row.key) if row.key}


def way_to(name: str) -> str:
    """The command that goes to a pane."""
    return BY_NAME[name].command or f"focus {name}"
