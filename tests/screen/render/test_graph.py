"""The graph as it is drawn: values, operations and edges, and how far both passes are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.protocol.positions import Mark
from engine.protocol.views import GraphView, Node, Snapshot
from nnwalk_tui.render import graph
from tests.support import fake_views, fakes
from tests.support.fake_views import plain


def graph_lines(view: GraphView, width: int = 44, value: float | None = 1.842) -> list[str]:
    view = fake_views.whole_graph(view.nodes, view.direction)
    rows = graph.rows(view)
    where = graph.columns(view.widths, width)
    return [plain(graph.draw(row, view, value, where, width)) for row in rows]


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

    assert still(fake_views.chain(2, {}, "Z[1]")) == still(fake_views.chain(5, {}, "A[2]"))


def test_a_skip_connection_is_named_beside_its_operation() -> None:
    lines = graph_lines(fake_views.residual())
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
    view = make().graph or fake_views.chain(3, {})
    assert {len(line) for line in graph_lines(view, width)} == {width}


def test_edges_are_dashed_where_no_gradient_goes() -> None:
    lines = graph_lines(fake_views.chain(99, {}))
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


@pytest.mark.parametrize(
    ("here", "gradients", "op"),
    [
        ("A[2]", {}, "relu"),
        ("Z[2]", {"A[2]": 0.1, "Z[2]": 0.2}, "relu"),
        ("A[1]", {"Z[2]": 0.2, "A[1]": 0.1}, "linear"),
    ],
)
def test_the_operation_that_the_cursor_is_at_is_marked_too(here: str, gradients: dict[str, float], op: str) -> None:
    view = fake_views.chain(9, gradients, here, "backward" if gradients else "forward")
    where = graph.columns(view.widths, 44)
    lines = [graph.draw(row, view, 1.0, where, 44) for row in graph.rows(view)]
    marked = [text.strip() for line in lines for text, style in line if style == "here" and "▸" in text]
    assert marked == [f"▸{op}"]


def test_a_parameter_shows_its_gradient_s_norm_once_it_is_there() -> None:
    before = graph_lines(fake_views.chain(99, {"Z[3]": 0.1184}, "Z[3]", "backward"))
    after = graph_lines(
        fake_views.chain(99, {"Z[3]": 0.1184, "W[3]": 0.2071, "b[3]": 0.05, "A[2]": 0.1}, "A[2]", "backward")
    )
    assert [line.split()[-1] for line in before if "W[3]" in line or "b[3]" in line] == ["△", "△"]
    assert [line.split()[-1] for line in after if "W[3]" in line or "b[3]" in line] == ["0.2071", "0.0500"]


@pytest.mark.parametrize("width", [10, 20, 34, 43, 80])
def test_the_graph_s_key_is_whole_in_any_width(width: int) -> None:
    (text, _), *more = graph.key(width)
    assert not more
    assert cell_len(text) <= width
    assert not text or text.startswith((" ▲ ‖gradient‖", " right: ▲", " ● done"))


def test_marks_are_told_apart_by_sign() -> None:
    assert len({graph.MARKS[mark] for mark in Mark}) == len(Mark)


@given(width=st.integers(12, 60))
def test_no_number_of_the_graph_is_cut(width: int) -> None:
    view = fakes.backward().graph
    assert view is not None
    norms = [cells.split("▲")[1].split() for cells in graph_lines(view, width) if "▲" in cells]
    assert any(norms) or width < 32  # below, names that are told apart take the room
    assert all("…" not in number for found in norms for number in found)
