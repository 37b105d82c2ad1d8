"""The layers pane's types: in the longest form that costs no column which tells more."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from nnwalk_tui.render import layers
from tests.support import fake_views
from tests.support.live import live

TELLING = {"W", "Z", "mean", "std", "badge", "norms", "norm"}


def drawn(kind: str, activation: str, width: int) -> str:
    """The first row, whose type has cost no column that tells more."""
    found = [msgspec.structs.replace(layer, kind=kind, activation=activation) for layer in fake_views.layers()]
    wide = layers.widths(found, layers.Widths())
    shortest = layers.table(wide._replace(type=wide.brief_type, form=2), width)
    wide = layers.fitted(wide, width)
    columns = layers.table(wide, width)
    assert TELLING & {each.title for each in columns} == TELLING & {each.title for each in shortest}
    return "".join(text for text, _ in layers.row(found[0], "A", wide, columns, here=False))


@pytest.mark.parametrize(
    ("kind", "activation", "forms"),
    [
        ("linear", "relu", ["linear relu ", " lin+relu ", " relu "]),
        ("linear", "leakyrelu", ["linear leakyrelu ", " lin+leakyrelu ", " leakyrelu "]),
        ("conv2d", "relu", ["conv2d relu ", " conv+relu "]),
        ("linear", "", [" linear "]),
    ],
)
def test_types_become_shorter_with_the_room_and_never_cost_a_column(
    kind: str, activation: str, forms: list[str]
) -> None:
    seen = []
    for width in range(110, 40, -1):
        form = next(form for form in forms if form in drawn(kind, activation, width))
        if form not in seen:
            seen.append(form)
    assert seen == forms


async def test_a_linear_layer_with_relu_says_so_at_80_columns(tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24), layers=(784, 32, 16, 10), classes=tuple(range(10))) as on:
        await on.press("b", "2")
        text = on.text("layers")
        assert "lin+relu" in text
        assert "norm " in text.splitlines()[1]
