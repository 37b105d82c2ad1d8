"""A terminal of a column or two shows what it can, and what is typed there is done as elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.protocol.replies import Log
from tests.support.live import live


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 40), (2, 24), (120, 1), (3, 3)], ids=str)
async def test_nothing_breaks_in_a_terminal_of_a_column_or_two(size: tuple[int, int], tmp_path: Path) -> None:
    async with live(tmp_path, size=size) as on:
        await on.press("b", "o", "tab", "question_mark", "escape", "i", "x", "T", "z", "z")
        for command in ("print layers", "names", "print foo", "find W", "log", "layout next", "wider", "theme light"):
            await on.command(command)
        on.client.tell(Log("x" * 5_000_000))
        answered: list[bool] = []
        on.app.talk.confirm("There is a file already. Replace it?", answered.append)
        await on.settle()
        await on.press("n")
        assert answered == [False]
        await on.press("colon", "s", "t", "e", "p", "enter")
        assert on.session.iteration >= 1
        await on.pilot.resize_terminal(100, 30)
        await on.settle()
        assert on.main.plan.panes
