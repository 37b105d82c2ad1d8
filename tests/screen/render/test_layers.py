"""The table of layers: its columns, badges and sparklines, and short sizes and counts."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.protocol.views import Badge, Layer
from nnwalk_tui.render import layers
from nnwalk_tui.render.spark import sparkline
from tests.support import fake_views
from tests.support.fake_views import plain


def layer_table(width: int, found: list[Layer], quantity: str = "A") -> tuple[str, list[str]]:
    """The heading and the rows, the second being the cursor's."""
    wide = layers.widths(found, layers.Widths())
    columns = layers.table(wide, width)
    rows = [plain(layers.row(layer, quantity, wide, columns, layer.index == 2)) for layer in found]
    return plain(layers.heading(quantity, wide, columns)), rows


def test_a_row_of_layers_says_everything_under_its_heading() -> None:
    heading, rows = layer_table(150, fake_views.layers())
    titles = "l type W b Z A params memory A: mean std min max norm zero NaN seen badge"
    assert " ".join(heading.split()) == titles
    shapes_and_numbers = "2▸ linear relu 16×32 16 64×16 64×16 528 10.1K 0.560 0.784 −0.560 2.800 22.400 3% 0%"
    said = f"{shapes_and_numbers} ▁▂▃▅▆▇ dead 75%, vanishing 1/137"
    assert " ".join(rows[1].split()) == said
    assert heading.index("W") == rows[1].index("16×32")
    assert heading.index("Z") == rows[1].index("64×16")
    assert heading.index("mean") + len("mean") == rows[1].index("0.560") + len("0.560")
    assert heading.index("badge") == rows[1].index("dead")


@given(st.integers(20, 160), st.sampled_from(layers.QUANTITIES))
def test_columns_are_dropped_whole_and_never_overlap(width: int, quantity: str) -> None:
    heading, rows = layer_table(width, fake_views.layers("W b Z A dZ dA dW db"), quantity)
    for line in (heading, *rows):
        assert cell_len(line.rstrip()) <= width or width < 40
    assert all(cell_len(row) == cell_len(heading) for row in rows)


def test_a_badge_that_is_not_alone_says_so_in_any_room() -> None:
    _, wide = layer_table(150, fake_views.layers())
    _, narrow = layer_table(74, fake_views.layers())
    assert "dead 75%, vanishing 1/137" in wide[1]
    assert "saturated, dead" in narrow[2]


def test_a_chosen_layer_says_why_it_has_its_badges() -> None:
    text = "\n".join(plain(line).rstrip() for line in layers.about(fake_views.layers()[1], 60))
    assert text == (
        " 2 layers.1: 528 parameters · 10.1K · W 16×32 · b 16 · Z\n   64×16 · A 64×16\n"
        " dead 75%: 12 of 16 neurons give 0; the badge is for 25% and\n   more\n"
        " vanishing 1/137: ‖dZ[2]‖ / ‖dZ[3]‖ = 0.0073; the badge is\n   for 0.01 and less"
    )
    assert "no badge" in plain(layers.about(fake_views.layers()[0], 60)[-1])


def test_what_is_not_computed_yet_shows_a_dot() -> None:
    _, rows = layer_table(100, fake_views.layers("W b"), "dW")
    assert rows[0].count("·") >= 3


@pytest.mark.parametrize("width", [70, 73, 80, 100, 150])
@pytest.mark.parametrize("kinds", [("linear", "leakyrelu"), ("linear", "relu"), ("conv2d", "tanh"), ("layernorm", "")])
def test_types_are_shortened_rather_than_that_statistics_go(width: int, kinds: tuple[str, str]) -> None:
    kind, activation = kinds
    found = [msgspec.structs.replace(layer, kind=kind, activation=activation) for layer in fake_views.layers()]
    usual = layers.widths(found, layers.Widths())
    wide = layers.fitted(usual, width)
    heading = "".join(span for span, _ in layers.heading("A", wide, layers.table(wide, width)))
    row = "".join(span for span, _ in layers.row(found[0], "A", wide, layers.table(wide, width), here=False))
    assert {"mean", "std", "seen", "badge"} <= {*heading.split()}
    assert activation in row
    assert wide.brief or f"{kind} {activation}".strip() in row
    assert width < 100 or not wide.brief


def test_columns_of_layers_only_grow() -> None:
    wide = layers.widths(fake_views.layers(), layers.Widths(W=20))
    assert wide.W == 20
    assert wide.type == len("linear softmax")


def test_a_layer_with_nan_is_in_the_warning_style() -> None:
    found = fake_views.layers(value=math.nan, bad=1.0)
    wide = layers.widths(found, layers.Widths())
    row = layers.row(found[0], "A", wide, layers.table(wide, 150), here=False)
    assert ("nan", "warning") in [(text.strip(), style) for text, style in row]
    assert ("100%", "warning") in [(text.strip(), style) for text, style in row]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], "    "),
        ([1.0], "   ▄"),
        ([0.0, 0.0], "  ▁▁"),
        ([1.0, 2.0, 8.0], " ▁▂▇"),
        ([1.0, 3.0, 8.0], " ▁▃▇"),
        ([9.0, 1.0, 1.0, 1.0, 8.0], "▁▁▁▇"),
        ([1.0, math.nan, math.inf, 2.0], "▁!!▇"),
        ([100.0, 101.0], "  ▄▄"),
        ([-1.0, 1.0], "  ▁▇"),
    ],
)
def test_a_sparkline_shows_the_latest_values_on_their_own_scale(values: list[float], shown: str) -> None:
    assert sparkline(values, 4) == shown


@given(st.lists(st.floats(), max_size=40), st.integers(0, 30), st.booleans())
def test_a_sparkline_is_as_wide_as_its_room(values: list[float], width: int, now: bool) -> None:
    assert cell_len(sparkline(values, width, now)) == width


def test_a_sparkline_keeps_this_batch_s_place_until_its_value_is_known() -> None:
    before, after = sparkline([1.0, 8.0], 6, now=False), sparkline([1.0, 8.0, 4.0], 6)
    assert (before, after) == ("   ▁▇·", "   ▁▇▄")


@given(st.lists(st.floats(), min_size=1, max_size=40))
@example([3e293, -1.7976931348623157e308])
def test_sparklines_of_neighbouring_lines_do_not_touch(values: list[float]) -> None:
    assert "█" not in sparkline(values, 40)


@pytest.mark.parametrize(("value", "shown"), [(0, "0B"), (1023, "1023B"), (1 << 10, "1.0K"), (3 << 29, "1.5G")])
def test_sizes_are_short(value: int, shown: str) -> None:
    assert layers.size(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(99_999, "99999"), (25_557_032, "25.6M"), (123_456, "123.5k")])
def test_counts_are_short(value: int, shown: str) -> None:
    assert layers.count(value) == shown


def test_a_badge_that_has_no_room_is_counted() -> None:
    vanishing = Badge("vanishing", 0.003, "vanishing 1/328", "")
    saturated = Badge("saturated", 0.93, "saturated 93%", "")
    layer = msgspec.structs.replace(fake_views.layers("W", 1.0)[0], badges=[vanishing, saturated])
    for width, shown in ((15, "vanishing +1"), (16, "vanishing 1/328+"), (18, "vanishing 1/328 +1")):
        assert layers._badge(layer, "A", width) == (shown, "warning")
