"""On a terminal without Unicode nothing reads as something else: signs are spelled before they are fitted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.command import CommandPalette, SearchIcon

from engine.protocol.positions import Mark
from engine.protocol.views import (
    Distribution,
    Example,
    Gallery,
    Gradient,
    GraphView,
    Here,
    LandscapeView,
    Node,
    Picture,
    Term,
)
from nnwalk_tui.colours import theme
from nnwalk_tui.lessons.document import Question
from nnwalk_tui.lessons.questions import hint
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import digits, distribution, frame, gallery, gradients, graph, landscape, loss, spark
from nnwalk_tui.render import here as render
from nnwalk_tui.render.numbers import number
from nnwalk_tui.render.spelled import drawn, key_names, spelled
from nnwalk_tui.render.text import Line, measure
from nnwalk_tui.screens.bars import hints
from nnwalk_tui.screens.help import help_lines
from nnwalk_tui.screens.terms import TermList
from tests.support.live import live


@pytest.fixture(autouse=True)
def in_ascii() -> Iterator[None]:
    theme.use(ascii=True)
    yield
    theme.use()


def plain(lines: list[Line]) -> list[str]:
    """The lines as they are sent."""
    return ["".join(theme.to_ascii(text) for text, _ in line) for line in lines]


def view(rule: list[Term], *numbers: str) -> Here:
    return Here(1, 21, "update", "sgd", 1, "", "", "update · W[1]", rule, "", [], list(numbers))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("old 0.0017 → new 0.0068   Δ 0.0051", "old 0.0017 -> new 0.0068   change 0.0051"),
        ("g −0.05   η 0.1", "g -0.05   lr 0.1"),
        ("Σₖ aₖ[1]·w₁ₖ[2] + b₁[2]", "sum_k a_k[1]*w_1k[2] + b_1[2]"),
        ("db₁[2] = Σᵢ dz₁[2](i)", "db_1[2] = sum_i dz_1[2](i)"),
        ("w₁,₅₇₈·a₅₇₈ = −0.1", "w_1,578*a_578 = -0.1"),
        ("‖dw₁[1]‖ 0.6", "||dw_1[1]|| 0.6"),
        ("1[lo ≤ Z[1] ≤ hi]", "1[lo <= Z[1] <= hi]"),
        ("v ← β₂·v + (1 − β₂)·g²", "v <- beta_2*v + (1 - beta_2)*g^2"),
        ("m/(1 − β₁ᵗ)/(√v̂ + ε)", "m/(1 - beta_1^t)/(sqrt(vhat) + eps)"),
        ("dZ[2]·W[2]", "dZ[2] @ W[2]"),
        ("usually 10⁻³, now 8·10⁻⁴", "usually 1e-3, now 8e-4"),
        ("‖Δ‖/‖θ‖", "rel step"),
    ],
)
def test_what_panes_draw_is_spelled(text: str, wanted: str) -> None:
    assert drawn(text) == wanted
    theme.use()
    assert drawn(text) == text


def test_a_number_in_a_lesson_keeps_its_value() -> None:
    assert spelled("a rate of 8·10⁻⁴") == "a rate of 8e-4"


def test_a_rule_is_no_inequality_and_shapes_stay_under_their_factors() -> None:
    w, d = Term("W[1]", "32×784"), Term("dW[1]", "32×784")
    lines = plain(render.here(view([w, Term(" ← "), w, Term(" − η·"), d], "  old 1 → new 2   Δ 1"), 60))
    assert re.sub(" +", " ", lines[1]).strip() == "W[1] <- W[1] - lr*dW[1]"
    factors, shapes = re.finditer(r"d?W\[1\]", lines[1]), re.finditer("32x784", lines[2])
    assert all(abs(sum(one.span()) - sum(other.span())) <= 2 for one, other in zip(factors, shapes, strict=True))
    assert lines[3].strip() == "old 1 -> new 2 change 1"
    product = [Term("Z[2]", "64×16"), Term(" = "), Term("A[1]", "64×32"), Term("·"), Term("W[2]ᵀ", "32×16")]
    assert "Z[2] = A[1] @ W[2].T" in plain(render.here(view(product), 60))[1]


@pytest.mark.parametrize("width", [32, 40, 72])
def test_spelled_rules_fit(width: int) -> None:
    rule = [Term("θ ← θ − η·m/(1 − β₁ᵗ)/(√(v/(1 − β₂ᵗ)) + ε)")]
    lines = render.here(view(rule, "z₁[1](6571) = Σₖ aₖ[0]·w₁ₖ[1] + b₁[1]"), width)
    assert max(map(measure, lines[1:])) <= width


def example(right: bool | None) -> Example:
    return Example(1, 1, "1", {True: "1", False: "7", None: ""}[right], 0.14, right, 28, 28, bytes(784))


def test_a_verdict_is_no_inequality() -> None:
    assert [digits.verdict(example(right)) for right in (True, False, None)] == ["1->1 ok", "[1->7 x]", "1->?"]


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize(("cells", "captions"), [(14, 1), (14, 2), (18, 1), (10, 2)])
def test_labels_stand_under_each_other_picked_or_not_right_or_wrong(ascii: bool, cells: int, captions: int) -> None:
    theme.use(ascii=ascii)
    layout = digits.Grid(cells, 5, captions, 1, 1)
    found = [
        "".join(text for text, _ in digits.pictures([example(right)], layout, cells, picked)[5])
        for right in (True, False)
        for picked in (0, 1)
    ]
    assert len({text.index("1") for text in found}) == 1
    assert not any("…" in text for text in found)
    assert [theme.to_ascii(text).count("*") for text in found] == [0, 1, 0, 1]


def test_no_sign_of_the_gradients_has_two_meanings() -> None:
    across = gradients.Scale(-4, 0)
    rows = [
        Gradient("W[1]", 1, 0.1, 0.1, "W", [0.1]),
        Gradient("b[1]", 1, 0.001, 1e-5, "b", [0.1]),
        Gradient("W[2]", 2, None, None, "W", [0.1, 0.2]),
    ]
    where = gradients.columns("W[1]", 80, across)
    large, small, unknown = plain([gradients.row(each, where, across, least=each is rows[1]) for each in rows])
    assert large.endswith(" hi")
    assert small.endswith(" lo")
    assert " least " in small
    assert not {".", "v"} & {*unknown.replace(spark.sparkline([0.1, 0.2], 2), "")}
    assert [unknown.split()[at] for at in (-3, -1)] == ["-", "-"]
    assert measure(gradients.axis(where, across)) <= len(large)
    legend = " ".join(plain(gradients.legend(where, 200)))
    assert "- not computed yet; rel step" in legend
    assert "hi ten times more, lo less" in legend
    narrow = gradients.columns("W[1]", 40, across)
    assert " m " in plain([gradients.row(rows[1], narrow, across, least=True)])[0]
    assert "m the smallest; " in " ".join(plain(gradients.legend(narrow, 200)))


def test_what_is_not_computed_yet_is_a_dash_and_no_bar() -> None:
    assert number(None).strip() == "-"
    assert spark.sparkline([1.0, 2.0], 4, now=False).endswith(" ")


def test_the_graph_s_key_has_a_sign_a_meaning() -> None:
    text = "".join(text for text, _ in graph.key(80))
    assert theme.to_ascii(text).strip() == "* done  o to come   right: ^ ||gradient||  - not yet  : none"


def test_the_loss_plot_leaves_the_cut_and_the_full_stop_to_others() -> None:
    assert not {"~", "."} & {*loss.signs()}


def test_the_landscape_s_key_has_the_sign_of_the_slope_and_no_inequality() -> None:
    marks = [("here", 0.0, 1.0), ("−η·slope", -0.001, 0.9)]
    curve = LandscapeView("parameter", columns=3, values=[2.0, 1.0, 2.0], axis="w", slope=0.5, marks=marks, done=3)
    lines = plain(landscape.draw(curve, 100, 20))
    assert "< -lr*slope under 1 cell (" in lines[-1]
    assert "- slope 0.5" in lines[-1]
    assert any("-" in line[10:] for line in lines[1:-3])
    assert not any("." in line[10:] for line in lines[1:-3])


def test_an_updated_parameter_s_mark_is_no_joint_and_the_key_says_it() -> None:
    text = "".join(text for text, _ in graph.key(80, "update"))
    assert theme.to_ascii(text).strip().startswith("u updated parameter   right: ^ ||gradient||")
    updated = Node("w", "W[1]", "parameter", "", 1, [32, 784], [], Mark.UPDATED)
    row = graph.Row(updated, edge=True, side=updated)
    where = graph.columns([4, 4, 6, 6], 60)
    assert "W[1] u:" in plain([graph.draw(row, GraphView([updated], "update"), None, where, 60)])[0]


def test_more_is_told_in_words() -> None:
    assert frame.beyond(2, 3) == ["2 more above", "3 more below"]
    bottom = plain(frame.framed(frame.Frame("tensor", left=4, right=5, above=1), [], 60, 3))[-1]
    assert "4 more left  5 more right  1 more above" in bottom
    narrow = plain(frame.framed(frame.Frame("tensor", left=4, right=5, above=1), [], 34, 3))[-1]
    assert "4 left 5 right 1 above" in narrow


async def test_a_list_tells_its_keys_and_what_is_out_of_view_in_words(tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24), ascii=True) as on:
        await on.press("K")
        last = "".join(segment.text for segment in on.app.screen.query_one(TermList).render_line(23))
        assert last.strip().startswith("up/down choose . enter goes there . esc back . ")
        assert last.strip().endswith(" more below")


def test_an_input_gradient_has_its_scale_and_verdict_spelled() -> None:
    pictures = [Picture(1, f"{label}→7", "", 28, 28, bytes([255] * 784), 8e-3, label == 7) for label in (7, 1)]
    layout = digits.Grid(28, 7, 1, 2, 1)
    caption = plain(gallery.gallery(Gallery("about", 8e-3, pictures, own_scales=True), layout, 60, 0))[-2]
    assert re.sub(" +", " ", caption).strip() == "7->7 ok +-8e-3 [1->7 x] +-8e-3"
    assert digits.judged("7→·", None) == "7->?"


def test_a_history_over_time_says_in_words_what_was_seen() -> None:
    seen = Distribution("dW[1]", [1], 0.0, 0.0, [], 0.0, 0.0, [-4, 0], [1, 2], [bytes(4), bytes(4)], known=False)
    text = "".join(plain(distribution.over_time(seen, 100, 12)))
    assert "batches 1 ... 2 seen, this one's not computed yet" in text


def test_arrows_are_named_where_they_are_keys() -> None:
    assert [key_names(keys) for keys in ("←", "↓", "←→", "↑↓", "n", "")] == [
        "left",
        "down",
        "<- ->",
        "up/down",
        "n",
        "",
    ]
    assert "<- -> walk" in "".join(text for text, _ in hints(120))


@pytest.mark.parametrize("pane", Pane.__subclasses__(), ids=lambda pane: pane.pane_name)
def test_the_help_of_a_pane_speaks_of_the_signs_that_are_drawn(pane: type[Pane]) -> None:
    about = " ".join(plain(help_lines(pane.pane_title, pane.about, [], 100))[1:4])
    assert "v the smallest" not in about
    assert ". not computed" not in about
    assert "^ v choose" not in about


def test_a_formula_s_hint_says_nothing_void() -> None:
    question = Question(1, "q", "formula", (), "", (), target="dZ[1]")
    assert spelled(hint(question, signs=False)) == "dZ[1] = ..."
    assert "@ is ·" in hint(question)


async def test_no_dot_stands_beside_the_keys_of_a_lesson(tmp_path: Path) -> None:
    async with live(tmp_path, (120, 40), ascii=True) as on:
        await on.command("lesson start")
        last = next(line for line in on.text("lesson").splitlines() if "the page before" in line)
        assert "enter the next page | , the page before" in last


@pytest.mark.parametrize("ascii", [False, True])
async def test_the_palette_has_no_picture_before_its_line(ascii: bool, tmp_path: Path) -> None:
    async with live(tmp_path, ascii=ascii) as on:
        await on.press("ctrl+p")
        assert isinstance(on.app.screen, CommandPalette)
        assert not on.app.screen.query_one(SearchIcon).display
        shown = ["".join(segment.text for segment in strip) for strip in on.app.screen._compositor.render_strips()]
        assert "🔎" not in "".join(shown)
        assert ("Search for commands..." if ascii else "Search for commands…") in "\n".join(shown)
