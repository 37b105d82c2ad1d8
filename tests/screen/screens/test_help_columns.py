"""The help's sections share their columns, so that the eye goes straight down."""

from __future__ import annotations

import pytest

from nnwalk_tui.actions import key_table
from nnwalk_tui.panes.graph import GraphPane
from nnwalk_tui.screens.help import COLUMN, KEY, help_lines


@pytest.mark.parametrize("width", [80, 120, 160])
@pytest.mark.parametrize("does", ["Down", "Something that takes more words than any other key does"])
def test_every_section_s_columns_begin_at_the_same_cells(width: int, does: str) -> None:
    rows = ["".join(text for text, _ in line) for line in help_lines("graph", "", [("down", does)] * 9, width)]
    rows = rows[: next(at for at, row in enumerate(rows) if "commands after" in row)]
    cell = max(COLUMN, KEY + len(does) + 3)
    starts = range(2, width - cell + 3, cell)
    told = {key.shown for key in key_table()} | {"↓"}
    for row in rows:
        if row.startswith("  "):
            columns = [row[start : start + KEY].strip() for start in starts]
            assert {each for each in columns if each} <= told, row


def test_no_key_of_the_program_needs_a_wider_column() -> None:
    assert max(KEY + len(key.summary) + 3 for key in key_table()) <= COLUMN


def test_the_graph_s_signs_are_told_in_short() -> None:
    assert "╌ gets none;" in GraphPane.about
