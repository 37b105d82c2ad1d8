"""What is no picture says so in grammar, and says what is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnwalk_tui.render import tensor
from tests.support import fake_views
from tests.support.live import live


@pytest.mark.parametrize(("columns", "said"), [(1, "is 1 value: no picture"), (16, "is 16 values: no picture")])
@pytest.mark.parametrize("width", [38, 78, 118])
def test_a_row_that_is_no_picture_says_what_is_one(columns: int, said: str, width: int) -> None:
    lines = [
        "".join(text for text, _ in line)
        for line in tensor.picture(fake_views.tensor("db[1]", 0.1, 32, columns), width, 9)
    ]
    assert all(len(line) <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    assert f"a row of db[1] {said}" in text
    assert "W[1]" in text


async def test_the_pane_says_what_is_a_picture_and_it_is(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        await on.command("inspect db[1]")
        await on.press("v", "v")
        assert "a row of db[1] is 1 value: no picture" in on.text("tensor")
        for name in ("X", "W[1]", "dW[1]"):
            await on.command(f"inspect {name}")
            assert f"row 1 of {name}, 28×28" in on.text("tensor")
