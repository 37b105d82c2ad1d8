"""Enter on a row: the inspector opens on its tensor, and Esc leads back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.live import live


@pytest.mark.parametrize(
    ("size", "keys", "expression"),
    [
        ((80, 24), "2 up up up enter", "A[1]"),
        ((120, 40), "2 up up enter", "A[2]"),
        ((120, 40), "2 v v down enter", "dZ[3]"),
        ((120, 40), "3 enter", "dW[1]"),
        ((80, 24), "3 down down enter", "dW[2]"),
        ((120, 40), "3 v v v down enter", "dZ[2]"),
        ((120, 40), "3 h down enter", "db[1]"),
        ((80, 24), "1 up down down down down down enter", "ℒ"),
    ],
    ids=str,
)
async def test_enter_on_a_row_looks_into_its_tensor_and_escape_leads_back(
    size: tuple[int, int], keys: str, expression: str, tmp_path: Path
) -> None:
    async with live(tmp_path, size) as on:
        await on.press("b", *keys.split()[:-1])
        before = on.main.current
        await on.press("enter")
        assert on.main.current == "tensor"
        assert on.main.tensor.expression == expression
        assert not on.main.entered
        await on.press("escape")
        assert on.main.current == before


async def test_enter_on_a_line_of_the_graph_looks_into_the_value_or_the_parameter_that_enters(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", *["up"] * 40)
        seen = []
        for _ in range(5):
            await on.press("enter")
            assert on.main.current == "tensor"
            seen.append(on.main.tensor.expression)
            await on.press("escape", "down")
        assert seen == ["A[0]", "W[1]", "b[1]", "Z[1]", "A[1]"]


async def test_enter_where_no_row_is_chosen_gives_the_arrows(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        for key in ("1", "2", "6"):
            await on.press(key, "enter")
            assert on.main.entered
            assert on.main.current != "tensor"
            await on.press("escape")


async def test_enter_on_a_picked_neuron_looks_into_its_activation_of_the_picked_example(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "6", "enter", "down", "down", "right", "down", "n", "enter")
        assert on.main.current == "tensor"
        assert on.main.tensor.expression == "A[2]"
        view = on.main.tensor.data
        assert (view.at_row, view.at_column) == (2, on.session.viewer.picked[1])
