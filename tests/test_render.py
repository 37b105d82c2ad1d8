"""What is drawn: widths that never move, and what each line says."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.views import Gradient, GraphView, Layer, Mark, Node, Snapshot, Status, TapeView, Term
from nnwalk_tui import theme
from nnwalk_tui.render import digits, distribution, gradients, graph, layers, loss, numbers, tape, timeline
from nnwalk_tui.render import here as here_lines
from nnwalk_tui.render.frame import Frame, framed
from nnwalk_tui.render.header import header
from nnwalk_tui.render.spark import sparkline
from nnwalk_tui.render.text import Line, clean, ends, fit, fit_line, measure, merge
from tests import fakes

sizes = st.integers(1, 240)


def plain(line: Line) -> str:
    return "".join(text for text, _ in line)


@pytest.fixture
def ascii_theme() -> Iterator[None]:
    theme.use(ascii=True)
    yield
    theme.use()


def graph_lines(view: GraphView, width: int = 44, value: float | None = 1.842) -> list[str]:
    view = fakes.whole_graph(view.nodes, view.direction)
    rows = graph.rows(view)
    where = graph.columns(view.widths, width)
    return [plain(graph.draw(row, view, value, where, width)) for row in rows]


@given(st.floats(), st.integers(9, 14), st.integers(2, 6))
def test_a_number_takes_exactly_its_width(value: float, width: int, decimals: int) -> None:
    assert len(numbers.number(value, width, decimals)) == width


@given(st.floats(width=32), st.integers(7, 8))
def test_a_32_bit_number_fits_the_narrow_columns(value: float, width: int) -> None:
    assert len(numbers.number(value, width)) == width


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.842, " 1.8420"),
        (0.0311, " 0.0311"),
        (-0.5, "−0.5000"),
        (12345.678, "12345.7"),
        (99999999.0, " 1·10⁸"),
        (8e-4, " 8·10⁻⁴"),
        (9.6e-4, " 1·10⁻³"),
        (1e-12, "1·10⁻¹²"),
        (-1e-12, "−10⁻¹²"),
        (0.0, "      0"),
        (math.nan, "    nan"),
        (-math.inf, "   −inf"),
        (None, "      ·"),
    ],
)
def test_numbers_keep_their_digits_and_say_what_they_are(value: float | None, text: str) -> None:
    assert numbers.number(value) == text.rjust(7)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "  0%"),
        (0.001, " <1%"),
        (0.12, " 12%"),
        (0.999, ">99%"),
        (1.0, "100%"),
        (math.nan, " nan"),
        (None, "   ·"),
    ],
)
def test_a_percentage_tells_none_and_all_from_nearly(fraction: float | None, text: str) -> None:
    assert numbers.percent(fraction) == text


@given(st.text(), sizes, st.sampled_from("<>^"))
def test_a_fitted_text_takes_exactly_its_width_and_moves_no_cursor(text: str, width: int, align: str) -> None:
    fitted = fit(text, width, align)
    assert measure([(fitted, "text")]) == width
    assert fitted.isprintable()


@given(st.lists(st.tuples(st.text(st.characters(codec="ascii", categories=["L"])), st.just("text"))), sizes)
def test_a_fitted_line_takes_exactly_its_width(line: Line, width: int) -> None:
    assert measure(fit_line(line, width)) == width


def test_control_sequences_become_blanks() -> None:
    assert clean("a\x1b[2Jb\tc") == "a [2Jb c"


def test_the_right_end_gives_way_to_the_left_one() -> None:
    assert plain(ends([("left", "text")], [("right", "text")], 10)) == "left right"
    assert plain(ends([("left", "text")], [("right", "text")], 6)) == "left  "


def test_blanks_join_their_neighbour_unless_it_paints_its_background() -> None:
    assert merge([("a", "here"), ("  ", "text"), ("b", "here")]) == [("a  b", "here")]
    assert len(merge([("▀", "grey:7:0"), ("  ", "text")])) == 2


@given(sizes, st.integers(1, 70), st.integers(0, 30), st.booleans())
def test_a_frame_fills_its_size_exactly(width: int, height: int, hidden: int, focused: bool) -> None:
    lines = framed(Frame("1 graph", "64 · 34 right", hidden, hidden, focused), [[("content", "text")]], width, height)
    assert len(lines) == height
    assert {measure(line) for line in lines} == {width}


def test_a_frame_says_its_title_its_status_and_what_is_hidden() -> None:
    lines = framed(Frame("1 graph", "backward", 2, 7, True), [], 44, 5)
    assert plain(lines[0]).startswith("╭─ ▶ 1 graph ─")
    assert plain(lines[0]).endswith(" backward ─╮")
    assert "▲ 2 more  ▼ 7 more" in plain(lines[-1])


def test_a_frame_s_keys_are_as_bright_as_in_the_footer_and_go_last_where_it_is_narrow() -> None:
    def top(width: int) -> Line:
        return framed(Frame("5 digits", "f batch · 1–4 of 64 · v examples · 34 right"), [], width, 4)[0]

    assert plain(top(70)).endswith(" f batch · 1–4 of 64 · v examples · 34 right ─╮")
    assert [text for text, style in top(70)[2:-1] if style == "title" and text] == ["f", "v"]
    assert plain(top(50)).endswith(" f batch · 1–4 of 64 · v examples ─╮")
    assert plain(top(40)).endswith(" f batch · v examples ─╮")
    assert plain(top(30)).endswith(" f batch ─╮")
    assert plain(top(16)) == "╭─ 5 digits ───╮"


@given(st.integers(20, 240), st.sampled_from(fakes.ALL))
def test_the_header_takes_one_line(width: int, make: Callable[[], Snapshot]) -> None:
    assert measure(header(make(), width)) == width


@pytest.mark.parametrize(
    ("width", "said", "left_out"),
    [
        (200, ["784-32-16-10 relu", "batch 64", "iteration", "loss (before update) 1.842", "acc 0.47", "η 0.1"], []),
        (120, ["784-32-16-10 relu", "epoch 1/4", "batch  12/157", "loss 1.842", "acc 0.47", "η 0.1"], ["iteration"]),
        (80, ["nnwalk", "mlp", "epoch 1/4", "batch  12/157", "loss 1.842", "acc 0.47"], ["iteration", "784"]),
        (50, ["epoch 1/4", "batch  12/157", "loss 1.842"], ["784", "η"]),
    ],
)
def test_the_header_says_less_where_there_is_less_room(width: int, said: list[str], left_out: list[str]) -> None:
    line = plain(header(fakes.backward(), width))
    assert [word for word in said if word not in line] == []
    assert [word for word in left_out if word in line] == []


def test_the_header_s_columns_do_not_move_from_batch_to_batch() -> None:
    one = plain(header(fakes.backward(), 120))
    other = plain(header(fakes.running(), 120))
    assert [one.index(word) for word in ("epoch", "loss", "acc")] == [
        other.index(word) for word in ("epoch", "loss", "acc")
    ]


@given(st.integers(1, 240), st.integers(0, len(fakes.OPS)))
def test_the_time_line_takes_one_line(width: int, cursor: int) -> None:
    assert measure(timeline.timeline(fakes.tape(cursor), Status.PAUSED, "op", width)) == width


@given(st.integers(80, 240))
def test_the_time_line_s_cursor_goes_right_with_every_event_or_stays(width: int) -> None:
    lines = [plain(timeline.timeline(fakes.tape(at), Status.PAUSED, "op", width)) for at in range(len(fakes.OPS) + 1)]
    cells = [line.index("◉") for line in lines]
    assert all(before <= after for before, after in pairwise(cells))
    assert all(name in line for line in lines for name in ("load", "forward", "loss", "backward", "update"))


@given(st.integers(110, 240), st.integers(1, len(fakes.OPS)))
def test_the_time_line_names_the_event_whatever_panes_there_are(width: int, cursor: int) -> None:
    tape = fakes.tape(cursor)
    assert tape.title[:20] in plain(timeline.timeline(tape, Status.PAUSED, "op", width))


@given(st.integers(100, 240), st.integers(0, len(fakes.OPS)))
def test_a_click_on_the_cursor_is_where_it_stands(width: int, cursor: int) -> None:
    line = plain(timeline.timeline(fakes.tape(cursor), Status.PAUSED, "op", width))
    at = timeline.event_at(fakes.tape(cursor), line.index("◉"), width)
    assert at is None or abs(at - cursor) <= 1


def test_the_time_line_of_an_empty_tape_is_a_thin_line() -> None:
    tape_view = TapeView(phases=[], cursor=0, total=0, first=1, rows=[], lines=0, at=0)
    assert "───" in plain(timeline.timeline(tape_view, Status.PAUSED, "batch", 120))


def test_the_graph_draws_each_operation_between_its_values() -> None:
    view = fakes.backward().graph
    assert view is not None
    lines = graph_lines(view)
    assert [line.split() for line in lines[:6]] == [
        ["A[0]", "●", "64×784", "╌"],
        ["W[1]", "●──────┤", "△"],
        ["b[1]", "●──────┤", "linear", "△"],
        ["Z[1]", "●", "64×32", "△"],
        ["│", "relu"],
        ["A[1]", "●", "64×32", "△"],
    ]
    assert lines[8].split() == ["▶", "Z[2]", "◉", "64×16", "▲", "0.0562"]
    assert lines[9].split() == ["│▸relu", "║"]
    assert lines[-2].split() == ["y", "●╌╌╌╌╌╌┤", "cross-entropy"]
    assert lines[-1].split() == ["ℒ", "●", "1.8420", "▲", "1.0000"]


def test_the_graph_stays_put_while_stepping() -> None:
    signs = str.maketrans(dict.fromkeys("●○◉▶▸△▲║╌", " "))

    def still(view: GraphView) -> list[str]:
        return [line[:30].translate(signs).rstrip() for line in graph_lines(view, value=None)]

    assert still(fakes.chain(2, {}, "Z[1]")) == still(fakes.chain(5, {}, "A[2]"))


def test_a_skip_connection_is_named_beside_its_operation() -> None:
    lines = graph_lines(fakes.residual())
    assert any("add + add6" in line for line in lines)


def test_a_branch_that_starts_elsewhere_says_where() -> None:
    shape = [8, 4]
    nodes = [
        Node("x", "x", "input", "", 0, shape, []),
        Node("a", "a", "value", "relu", 1, shape, ["x"]),
        Node("w", "w", "parameter", "", 2, shape, [], gradient_mark=Mark.TODO),
        Node("b", "b", "value", "linear", 2, shape, ["x", "w"]),
        Node("c", "c", "value", "tanh", 2, shape, ["x"]),
    ]
    lines = graph_lines(GraphView(nodes, "forward"))
    assert lines[3].split() == ["w", "○──────╮", "linear", "←", "x"]
    assert lines[5].split() == ["╷", "tanh", "←", "x"]


@given(st.integers(1, 100), st.sampled_from(fakes.ALL))
def test_every_line_of_the_graph_has_its_width(width: int, make: Callable[[], Snapshot]) -> None:
    view = make().graph or fakes.chain(3, {})
    assert {len(line) for line in graph_lines(view, width)} == {width}


def test_edges_are_dashed_where_no_gradient_goes() -> None:
    lines = graph_lines(fakes.chain(99, {}))
    assert lines[1].split() == ["W[1]", "●──────┤"]
    assert lines[-2].split() == ["y", "●╌╌╌╌╌╌┤", "cross-entropy"]
    nodes = [Node("x", "x", "input", "", 0, [8], []), Node("a", "a", "value", "relu", 1, [8], ["x"])]
    assert graph_lines(GraphView(nodes, "forward"))[1].split() == ["┊", "relu"]


def test_a_folded_module_is_marked_and_a_long_operation_ends_in_an_ellipsis() -> None:
    folded = Node("a", "layer1", "value", "a very long name of an operation", 1, [8], ["x"], closed=True)
    lines = graph_lines(GraphView([Node("x", "x", "input", "", 0, [8], []), folded], "forward"), width=36)
    assert "+layer1 ○ 8" in lines[2]
    assert "…" in lines[1]


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_panned_line_is_a_part_of_the_whole_one(by: int, width: int) -> None:
    view = fakes.backward().graph
    assert view is not None
    rows, where = graph.rows(view), graph.columns(view.widths, 60)
    for row in rows:
        whole = graph.draw(row, view, 1.0, where, 60)
        assert plain(graph.panned(whole, by, width)) == plain(whole)[by : by + width].ljust(width)


def layer_table(width: int, found: list[Layer], quantity: str = "A") -> tuple[str, list[str]]:
    """The heading and the rows, the second being the cursor's."""
    wide = layers.widths(found, layers.Widths())
    columns = layers.table(wide, width)
    rows = [plain(layers.row(layer, quantity, wide, columns, layer.index == 2)) for layer in found]
    return plain(layers.heading(quantity, wide, columns)), rows


def test_a_row_of_layers_says_everything_under_its_heading() -> None:
    heading, rows = layer_table(150, fakes.layers())
    titles = "l type W b Z A params memory A: mean std min max norm zero NaN norms badge"
    assert " ".join(heading.split()) == titles
    said = "2▸ linear relu 16×32 16 64×16 64×16 528 10.1K 0.560 0.784 −0.560 2.800 22.400 3% 0% ▁▂▃▄▅▆▇▇ dead 75% +1"
    assert " ".join(rows[1].split()) == said
    assert heading.index("W") == rows[1].index("16×32")
    assert heading.index("Z") == rows[1].index("64×16")
    assert heading.index("mean") + len("mean") == rows[1].index("0.560") + len("0.560")
    assert heading.index("badge") == rows[1].index("dead")


@given(st.integers(20, 160), st.sampled_from(layers.QUANTITIES))
def test_columns_are_dropped_whole_and_never_overlap(width: int, quantity: str) -> None:
    heading, rows = layer_table(width, fakes.layers("W b Z A dZ dA dW db"), quantity)
    for line in (heading, *rows):
        assert cell_len(line.rstrip()) <= width or width < 40
    assert all(cell_len(row) == cell_len(heading) for row in rows)


def test_a_badge_that_is_not_alone_says_so_in_any_room() -> None:
    _, wide = layer_table(150, fakes.layers())
    _, narrow = layer_table(74, fakes.layers())
    assert "dead 75% +1" in wide[1]
    assert "dead 75% +1" in narrow[1]
    assert "saturated 98%+" in narrow[2]


def test_a_chosen_layer_says_why_it_has_its_badges() -> None:
    text = "\n".join(plain(line).rstrip() for line in layers.about(fakes.layers()[1], 60))
    assert text == (
        " 2 layers.1: 528 parameters · 10.1K · W 16×32 · b 16 · Z\n   64×16 · A 64×16\n"
        " dead 75%: 12 of 16 neurons give 0; the badge is for 25% and\n   more\n"
        " vanishing 1/137: ‖dZ[2]‖ / ‖dZ[3]‖ = 0.0073; the badge is\n   for 0.01 and less"
    )
    assert "no badge" in plain(layers.about(fakes.layers()[0], 60)[-1])


def test_what_is_not_computed_yet_shows_a_dot() -> None:
    _, rows = layer_table(100, fakes.layers("W b"), "dW")
    assert rows[0].count("·") >= 3


@pytest.mark.parametrize("width", [70, 73, 80, 100, 150])
@pytest.mark.parametrize("kinds", [("linear", "leakyrelu"), ("linear", "relu"), ("conv2d", "tanh"), ("layernorm", "")])
def test_types_are_shortened_rather_than_that_statistics_go(width: int, kinds: tuple[str, str]) -> None:
    kind, activation = kinds
    found = [msgspec.structs.replace(layer, kind=kind, activation=activation) for layer in fakes.layers()]
    usual = layers.widths(found, layers.Widths())
    wide = layers.fitted(usual, width)
    heading = "".join(span for span, _ in layers.heading("A", wide, layers.table(wide, width)))
    row = "".join(span for span, _ in layers.row(found[0], "A", wide, layers.table(wide, width), here=False))
    assert {"mean", "std", "norms", "badge"} <= {*heading.split()}
    assert activation in row
    assert wide.brief or f"{kind} {activation}".strip() in row
    assert width < 100 or not wide.brief


def test_columns_of_layers_only_grow() -> None:
    wide = layers.widths(fakes.layers(), layers.Widths(W=20))
    assert wide.W == 20
    assert wide.type == len("linear softmax")


def test_a_layer_with_nan_is_in_the_warning_style() -> None:
    found = fakes.layers(value=math.nan, bad=1.0)
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
def test_sparklines_of_neighbouring_lines_do_not_touch(values: list[float]) -> None:
    assert "█" not in sparkline(values, 40)


@pytest.mark.parametrize(("value", "shown"), [(0, "0B"), (1023, "1023B"), (1 << 10, "1.0K"), (3 << 29, "1.5G")])
def test_sizes_are_short(value: int, shown: str) -> None:
    assert layers.size(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(99_999, "99999"), (25_557_032, "25.6M"), (123_456, "123.5k")])
def test_counts_are_short(value: int, shown: str) -> None:
    assert layers.count(value) == shown


def histogram(counts: list[int], width: int = 28, height: int = 8) -> list[str]:
    view = msgspec.structs.replace(fakes.distribution(), counts=counts)
    return [plain(line) for line in distribution.histogram(view, width, height)]


def test_a_histogram_s_bars_are_as_high_as_the_logarithm_of_their_counts() -> None:
    lines = histogram([0] * 9 + [9, 999] + [0] * 8, height=8)  # 1 and 3 decades in 6 rows
    bars = [[line[7 + at] for line in lines[1:-1]] for at in range(19)]
    assert [sum(cell != " " for cell in column) for column in bars] == [0] * 9 + [2, 6] + [0] * 8
    assert lines[-1].strip().startswith("−0.0200")
    assert lines[-1].rstrip().endswith("0.0200")
    assert [line[:7] for line in lines[1:-1]] == ["      ┤", "   10²┤", "      ┤", "   10¹┤", "      ┤", "   10⁰┤"]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(12, 80), st.integers(3, 40))
def test_a_histogram_shows_every_bin_that_is_not_empty(counts: list[int], width: int, height: int) -> None:
    lines = histogram(counts, width, height)
    bars = lines[-2][7:].ljust(len(counts))
    assert [cell != " " for cell in bars[: width - 7]] == [count > 0 for count in counts[: width - 7]]
    assert all(cell_len(line) <= width for line in lines)


@given(st.integers(1, 400))
def test_a_histogram_has_an_odd_number_of_bins_that_fit(width: int) -> None:
    assert distribution.bins(width) % 2
    assert distribution.bins(width) <= max(1, width - 7)


def test_a_distribution_over_time_has_a_column_a_batch_and_a_row_half_a_decade() -> None:
    lines = [plain(line) for line in distribution.over_time(fakes.distribution(), 60, 20)]
    cells = [line[7:27] for line in lines[1:]]
    view = fakes.distribution()
    for batch in range(20):
        shaded = sum(row[batch] != " " for row in cells)
        assert shaded == sum(share > 0 for share in view.past[batch])
    labels = ["10¹", "10⁰", "10⁻¹", "10⁻²", "10⁻³", "10⁻⁴", "10⁻⁵"]
    assert [line[:6].strip() for line in lines[1:] if line[:6].strip()] == labels
    assert cells[-1].strip() == ""


def test_shapes_stand_centred_under_their_factors() -> None:
    lines = here_lines.here(fakes.here(), 72)
    rule, shapes = plain(lines[1]), plain(lines[2])
    for term in ("∂_Z[2]", "∂_A[2]", "Z[2] >"):
        middle = rule.index(term) + len("Z[2]" if ">" in term else term) / 2
        assert abs(shapes[int(middle) - 3 : int(middle) + 4].find("64×16") + int(middle) - 3 + 2.5 - middle) <= 1
    assert plain(lines[0]).endswith("event 14 of 26 ")
    assert plain(lines[3]).strip() == "forward  A[2] = max(0, Z[2])"


def test_shapes_never_touch_each_other() -> None:
    view = msgspec.structs.replace(fakes.here(), rule=[Term("Z", "64×1000"), Term("="), Term("X", "64×784")])
    assert plain(here_lines.here(view, 60)[2]).split() == ["64×1000", "64×784"]


@given(st.integers(24, 120))
def test_a_long_rule_is_wrapped_between_its_terms(width: int) -> None:
    lines = here_lines.here(fakes.here(), width)
    text = " ".join(plain(line) for line in lines)
    assert all(term.text in text for term in fakes.here().rule)
    assert all(measure(line) <= width for line in lines[1:3])


def test_the_gradient_scale_grows_at_once_and_shrinks_lazily() -> None:
    def at(norm: float) -> list[Gradient]:
        return [Gradient("W[1]", 1, norm, 1.0, None)]

    first = gradients.scale(at(0.05), None)
    assert first == (-3, 0)
    assert gradients.scale(at(0.005), first) == first
    assert gradients.scale(at(20.0), first) == (-1, 2)
    assert gradients.scale(at(5e-7), first) == (-9, -6)
    assert gradients.scale(at(math.nan), first) == first
    assert gradients.scale([], None) == (-4, 0)


@given(st.floats(1e-3, 1.0, exclude_max=True), st.floats(1.01, 10.0))
def test_a_greater_gradient_has_a_bar_at_least_as_long(norm: float, factor: float) -> None:
    across = gradients.Scale(-4, 2)
    assert len(gradients.bar(norm, 40, across)) <= len(gradients.bar(norm * factor, 40, across)) <= 40


@pytest.mark.parametrize("norm", [0.0, math.nan, math.inf, None])
def test_what_has_no_logarithm_has_no_bar(norm: float | None) -> None:
    assert gradients.bar(norm, 40, gradients.Scale(-4, 0)) == ""


def test_a_bar_ends_at_its_decade() -> None:
    assert gradients.bar(1e-2, 40, gradients.Scale(-4, 0)) == "▄" * 20


@pytest.mark.parametrize(
    ("here", "gradients", "op"),
    [
        ("A[2]", {}, "relu"),
        ("Z[2]", {"A[2]": 0.1, "Z[2]": 0.2}, "relu"),
        ("A[1]", {"Z[2]": 0.2, "A[1]": 0.1}, "linear"),
    ],
)
def test_the_operation_that_the_cursor_is_at_is_marked_too(here: str, gradients: dict[str, float], op: str) -> None:
    view = fakes.chain(9, gradients, here, "backward" if gradients else "forward")
    where = graph.columns(view.widths, 44)
    lines = [graph.draw(row, view, 1.0, where, 44) for row in graph.rows(view)]
    marked = [text.strip() for line in lines for text, style in line if style == "here" and "▸" in text]
    assert marked == [f"▸{op}"]


def test_a_parameter_shows_its_gradient_s_norm_once_it_is_there() -> None:
    before = graph_lines(fakes.chain(99, {"Z[3]": 0.1184}, "Z[3]", "backward"))
    after = graph_lines(
        fakes.chain(99, {"Z[3]": 0.1184, "W[3]": 0.2071, "b[3]": 0.05, "A[2]": 0.1}, "A[2]", "backward")
    )
    assert [line.split()[-1] for line in before if "W[3]" in line or "b[3]" in line] == ["△", "△"]
    assert [line.split()[-1] for line in after if "W[3]" in line or "b[3]" in line] == ["0.2071", "0.0500"]


@pytest.mark.parametrize("width", [10, 20, 34, 43, 80])
def test_the_graph_s_key_is_whole_in_any_width(width: int) -> None:
    (text, _), *more = graph.key(width)
    assert not more
    assert cell_len(text) <= width
    assert not text or text.startswith((" ▲ ‖gradient‖", " right: ▲", " ● done"))


@given(st.integers(30, 200), st.integers(-9, 0), st.integers(3, 9))
def test_decades_are_evenly_spaced_and_each_label_is_centred_on_the_line_that_a_bar_of_its_value_ends_at(
    width: int, low: int, decades: int
) -> None:
    across = gradients.Scale(low, low + decades)
    found = fakes.parameters(6)
    where = gradients.columns(found, width, across)
    heading = plain(gradients.axis(where, across))
    labels = [(match.start(), match.group()) for match in re.finditer("10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", heading)]
    centres = [start + len(label) // 2 for start, label in labels]
    assert heading.startswith(" log ")
    assert len({after - before for before, after in pairwise(centres)}) <= 1
    assert {at for at, sign in enumerate(plain(gradients.between(where, across))) if sign == "▏"} >= {*centres}
    for at, label in zip(centres, (label for _, label in labels), strict=True):
        norm = 10.0 ** next(each for each in range(low, low + decades + 1) if numbers.power(each) == label)
        line = plain(gradients.row(msgspec.structs.replace(found[0], norm=norm), where, across))
        assert "▄" not in line[at : where.label + 2 + where.bar]
        assert norm == 10.0**low or line[at - 1] == "▄"


@given(st.integers(30, 200))
def test_the_heading_of_the_history_is_whole_or_not_there(width: int) -> None:
    across = gradients.Scale(-4, 0)
    where = gradients.columns(fakes.parameters(6), width, across)
    assert ("so far" in plain(gradients.axis(where, across))) == (where.history > 0)


def test_the_smallest_of_the_gradients_that_are_computed_is_marked() -> None:
    assert [gradients.smallest(fakes.parameters(done)[:6]) for done in (0, 1, 2, 6)] == ["", "", "W[3]", "W[1]"]
    across = gradients.Scale(-4, 0)
    rows = fakes.parameters(2)[:6]
    where = gradients.columns(rows, 90, across)
    marked = [each.name for each in rows if "↓" in plain(gradients.row(each, where, across, least=each.name == "W[3]"))]
    assert marked == ["W[3]"]


def test_what_is_not_computed_yet_has_a_quiet_history_without_this_batch() -> None:
    across = gradients.Scale(-4, 0)
    rows = fakes.parameters(2)
    where = gradients.columns(rows, 90, across)
    waiting, done = (gradients.row(rows[at], where, across) for at in (0, 5))
    assert [style for text, style in waiting if "▇·" in text] == ["quiet"]
    assert [style for text, style in done if text.endswith("▇")] == ["backward"]


@pytest.mark.parametrize(("spare", "expected"), [(0, set()), (1, {0}), (2, {0}), (3, {0, 2, 4}), (9, {0, 2, 4})])
def test_layers_stand_apart_where_there_is_room(spare: int, expected: set[int]) -> None:
    assert gradients.gaps(fakes.parameters(2)[:6], spare) == expected


@given(st.integers(20, 120), st.integers(1, 40))
def test_plots_take_exactly_their_size(width: int, height: int) -> None:
    for view in (fakes.curves(), fakes.broken().curves, fakes.before_training().curves):
        assert view is not None
        for lines in (loss.losses(view, width, height), loss.accuracies(view, width, height)):
            assert len(lines) <= height
            assert {measure(line) for line in lines} == {width}


def test_the_plot_s_gutter_stays_for_other_losses() -> None:
    def gutter(scale: float) -> int:
        return plain(loss.losses(fakes.curves(scale=scale), 60, 10)[0]).index("┤")

    assert gutter(2.31) == gutter(0.00042) == gutter(12345.0)


def test_the_curve_is_drawn_in_braille_and_the_validation_as_marks() -> None:
    text = "".join(plain(line) for line in loss.losses(fakes.curves(), 60, 10))
    assert any("\u2800" < character <= "\u28ff" for character in text)
    assert "●" in text


@pytest.mark.parametrize("target", [(14, 14), (7, 14), (28, 28), (5, 10)])
def test_a_resampled_picture_keeps_its_mean_where_boxes_are_equal(target: tuple[int, int]) -> None:
    rows, columns = target
    source = fakes.pixels(0)
    means = digits.resample(source, 28, 28, rows, columns)
    mean = sum(map(sum, means)) / (rows * columns)
    assert len(means) == rows
    assert mean == pytest.approx(sum(source) / len(source), rel=1e-9 if 28 % rows == 0 == 28 % columns else 0.2)


def test_a_picture_has_at_most_eight_greys() -> None:
    ramp = bytes(range(256)) * 4
    lines = digits.picture(ramp, 4, 256, 28, 14, True, False)
    greys = {level for line in lines for _, style in line for level in style.split(":")[1:] if level}
    assert greys <= {str(level) for level in range(8)}
    assert all(measure(line) == 28 for line in lines)


@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_a_picture_of_any_size_is_drawn_at_the_size_asked_for(height: int, width: int, greys: bool) -> None:
    lines = digits.picture(bytes(height * width), height, width, 14, 7, greys, False)
    assert [measure(line) for line in lines] == [14] * 7


def test_wrong_predictions_differ_by_sign() -> None:
    wrong, right = fakes.examples()[3], fakes.examples()[0]
    assert digits.verdict(wrong) == "[4→5 ✗]"
    assert digits.verdict(right) == "1→1 ✓"
    assert digits.verdict(fakes.examples(predicted=False)[0]) == "1→·"


@given(st.integers(1, 240), st.integers(1, 70))
def test_pictures_stay_within_their_room(width: int, height: int) -> None:
    layout = digits.grid(width, height, fakes.examples())
    if layout is None:
        assert width < 11 or height < 6
        return
    lines = digits.pictures(fakes.examples(), layout, width)
    assert len(lines) <= height
    assert max(map(measure, lines)) <= width


def test_pictures_are_full_size_only_where_several_fit() -> None:
    wide, narrow = digits.grid(180, 20, fakes.examples()), digits.grid(72, 20, fakes.examples())
    assert wide is not None
    assert narrow is not None
    assert (wide.cells, narrow.cells) == (28, 14)
    assert digits.grid(150, 20, fakes.examples(pictures=False)) is None


def test_the_tape_marks_what_is_done_what_is_here_and_what_is_chosen() -> None:
    rows, widths = fakes.tape(2).rows, fakes.tape(2).widths
    where = tape.columns(widths, 26, 80)
    assert plain(tape.row(rows[1], where, 2, chosen=True)).startswith("›▶ ")
    assert tape.row(rows[2], where, 2, chosen=False)[2][1] == "quiet"
    assert tape.row(rows[0], where, 2, chosen=False)[2][1] == "text"


@pytest.mark.usefixtures("ascii_theme")
def test_ascii_pictures_and_plots_are_ascii() -> None:
    picture = digits.picture(fakes.pixels(1), 28, 28, 14, 7, theme.grey_steps(), theme.ascii_only())
    assert all(plain(line).isascii() for line in picture)
    assert any(character in plain(line) for line in picture for character in "#%@")
    plot = "".join(plain(line) for line in loss.losses(fakes.curves(), 60, 10))
    assert theme.to_ascii(plot).isascii()
    assert "*" in plot


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "M", "Z"])))
def test_every_glyph_has_an_ascii_twin_of_its_width(text: str) -> None:
    twin = theme.to_ascii(text)
    assert twin.isascii()
    assert measure([(twin, "text")]) == measure([(text, "text")])


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("8·10⁻⁴", "8.0e-4"),
        ("10⁻⁴", "1e-4"),
        ("▶ Z[2] ◉ 64×16  ▲ 0.0562", "> Z[2] @ 64x16  ^ 0.0562"),
        ("W[1] ●──┤ linear", "W[1] *--+ linear"),
        ("2→3 ✗", "2>3 x"),
        ("∂z₃[2](17)", "dz3[2](17)"),
    ],
)
def test_ascii_twins_read_like_what_they_stand_for(text: str, twin: str) -> None:
    assert theme.to_ascii(text) == twin


@pytest.mark.parametrize("colours", list(theme.Colours))
@pytest.mark.parametrize("background", ["#121212", "#ffffff", "default"])
def test_every_meaning_has_a_style_on_every_background(colours: theme.Colours, background: str) -> None:
    from rich.color import Color

    theme.use(colours=colours)
    try:
        palette = theme.Palette(Color.parse("#888888"), Color.parse(background))
        plain_names = ("text", "title", "quiet", "border")
        hues = ("here", "forward", "backward", "right", "wrong", "warning", "positive", "negative")
        assert all(palette.style(name).color is not None for name in plain_names + hues)
    finally:
        theme.use()


def test_marks_are_told_apart_by_sign() -> None:
    assert len({graph.MARKS[mark] for mark in Mark}) == len(Mark)
