"""What is said when a layout is chosen is true at every size: its purpose, or what is seen of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.live import live
from tests.support.stage import stage


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("f2", "layout overview: graph, layers, here; the others are tabs"),
        ("f3", "layout backprop: graph, here, tape; the others are tabs"),
        ("f4", "layout gradients: gradients, tensor; the others are tabs"),
        ("f5", "layout data: neurons, digits; the others are tabs"),
        ("f6", "layout plots: landscape, loss; the others are tabs"),
    ],
)
async def test_on_a_small_terminal_it_names_what_is_seen(key: str, said: str, tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24)) as on:
        await on.press(key)
        assert on.status == said


@pytest.mark.parametrize(("size", "said"), [((60, 20), "graph; the others are tabs"), ((44, 10), "graph")], ids=str)
async def test_one_pane_alone_is_not_everything(size: tuple[int, int], said: str, tmp_path: Path) -> None:
    async with live(tmp_path, size) as on:
        await on.command("layout overview")
        assert on.status.startswith(f"layout overview: {said}"[: size[0] - 2])


async def test_a_large_terminal_is_told_what_the_layout_is_for(tmp_path: Path) -> None:
    async with live(tmp_path, (120, 40)) as on:
        await on.command("hide digits")
        await on.command("layout overview")
        assert on.status == "layout overview: everything at a glance"


async def test_a_lesson_alone_speaks_of_nothing_beside_it(tmp_path: Path) -> None:
    async with stage(tmp_path, (80, 24)) as on:
        on.app.perform("lesson start")
        await on.press("f3")
        await on.press("f7")
        assert on.main.plan.panes == ("lesson",)
        assert on.status == "layout lesson: the text"
