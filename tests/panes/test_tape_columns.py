"""The tape pane's columns: as wide as the whole tape needs, from the first paint on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.messages import Look
from engine.protocol.views import TapeRow, TapeView
from nnwalk_tui.render import tape
from nnwalk_tui.render.text import Line, measure
from tests.support.live import live
from tests.support.sessions import small

SEVERAL = {"A[0], Y", "db[3], dA[2], dW[3]", "db[2], dA[1], dW[2]", "db[1], dW[1]"}


def plain(line: Line) -> str:
    return "".join(text for text, _ in line)


def seen(rows: int = 100, first: int = 1, folded: bool = False) -> TapeView:
    session = small(dropout=0.0)
    session.do("step batch")
    found = session.viewer.see(Look(["tape"], rows_from=first, rows=rows, folded=folded)).tape
    assert found is not None
    return found


def test_the_widths_are_those_of_the_whole_tape_whichever_rows_are_sent() -> None:
    whole, some = seen(), seen(3, 2)
    assert whole.widths == some.widths
    assert whole.widths[1] == max(len(row.reads) for row in whole.rows)
    assert whole.widths[2] == len("db[3], dA[2], dW[3]")
    all_of_it = seen(folded=True)
    assert all_of_it.lines > whole.lines
    assert all_of_it.widths[3] == max(len(row.shape) for row in all_of_it.rows)
    assert seen(rows=0).widths == []


def test_several_outputs_have_no_shape_as_it_would_be_that_of_the_first() -> None:
    rows = seen().rows
    assert {row.writes for row in rows if not row.shape} == SEVERAL | {"ℒ"}
    shapes = {row.writes: row.shape for row in rows}
    assert (shapes["Z[1]"], shapes["dZ[2]"], shapes["W[1]"]) == ("200×6", "200×4", "6×784")


@given(st.integers(36, 160), st.lists(st.integers(0, 60), min_size=4, max_size=4))
def test_the_columns_keep_to_their_room_and_shapes_cut_no_name(width: int, widths: list[int]) -> None:
    where = tape.columns(widths, 3000, width)
    row = TapeRow(7, "backward", "o" * widths[0], 1, "r" * widths[1], "w" * widths[2], "s" * widths[3])
    assert measure(tape.row(row, where, 7, chosen=True)) <= width
    assert len(plain(tape.heading(where)).rstrip()) <= width
    if where.shape:
        assert where.reads >= min(widths[1], 28)
        assert where.writes >= min(widths[2], 28)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_no_column_moves_while_stepping(size: tuple[int, int], tmp_path: Path) -> None:
    async with live(tmp_path, size) as on:
        await on.press("b", "p", "T", *(["z"] if size[0] > 150 else []))
        heads = set()
        for _ in range(8):
            heads.add(on.text("tape").splitlines()[1])
            await on.press("o")
        assert len(heads) == 1
        if size[0] > 150:
            assert "A[2], W[3], b[3]" in on.text("tape")
