"""The here pane where it is narrow: no value is torn from its sign, nor a bracket apart; what is left out is marked."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.views import Here, Term
from nnwalk_tui.render import here
from nnwalk_tui.render.text import Line, measure
from tests.support import fake_views


def drawn(view: Here, width: int, height: int | None = None) -> list[str]:
    return ["".join(text for text, _ in line).strip() for line in here.here(view, width, height)]


def worked(text: str, width: int = 38) -> list[str]:
    view = msgspec.structs.replace(fake_views.here(), rule=[], other=[], numbers=[text])
    return drawn(view, width)[1:]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("  old 0.009385 → new 0.005801   Δ −0.003584", ["old 0.009385 → new 0.005801", "Δ −0.003584"]),
        ("dz₁[1](6571) = −0.00166 ∗ 1[1.056 > 0] = −0.00166", ["dz₁[1](6571) = −0.00166", "∗ 1[1.056 > 0] = −0.00166"]),
        ("z₁[2](7710) = σ(Σₖ wₖ·aₖ + b) = 0.25", ["z₁[2](7710) = σ(Σₖ wₖ·aₖ + b) = 0.25"]),
        ("z₁[2](7710) = −0.1234 + σ(Σₖ wₖ·aₖ + b)", ["z₁[2](7710) = −0.1234", "+ σ(Σₖ wₖ·aₖ + b)"]),
        ("  g −0.07005   η 0.1", ["g −0.07005 η 0.1"]),
        ("at element [14,1], where |gradient| is largest:", ["at element [14,1], where |gradient|", "is largest:"]),
    ],
)
def test_a_worked_value_is_broken_before_signs_and_whole_brackets(text: str, lines: list[str]) -> None:
    assert worked(text) == lines


def test_what_no_line_has_room_for_is_broken_at_any_blank() -> None:
    assert worked("f(0.12345678 + 0.12345678 + 0.12345678)", 20) == ["f(0.12345678 +", "0.12345678 +", "0.12345678)"]


def lines_of(rule: list[Term], width: int) -> list[str]:
    return drawn(msgspec.structs.replace(fake_views.here(), rule=rule, other=[], numbers=[]), width)[1:]


def test_a_rule_keeps_a_sum_with_what_it_sums_and_a_bracket_whole() -> None:
    size = "64×10"
    rule = [Term("dZ[3]", size), Term(" = "), Term("dout[7]", size), Term(" − exp("), Term("out[7]", size)]
    rule += [Term(") ∗ Σⱼ "), Term("dout[7]", size)]
    assert lines_of(rule, 38)[::2] == ["dZ[3] = dout[7] − exp(out[7])", "∗ Σⱼ dout[7]"]
    rule = [Term("dout[7]", size), Term(" = −1[class = "), Term("Y", "64"), Term("] / N")]
    assert lines_of(rule, 24)[::2] == ["dout[7]", "= −1[class = Y] / N"]


@given(st.integers(28, 120))
def test_no_line_of_a_rule_is_wider_than_the_pane(width: int) -> None:
    lines: list[Line] = here.here(fake_views.here(), width)
    assert all(measure(line) <= width for line in lines)


def test_shapes_that_are_left_out_are_marked() -> None:
    view = msgspec.structs.replace(fake_views.here(), numbers=["a = 1", "b = 2"])
    whole = drawn(view, 38)
    assert "forward  A[2] = max(0, Z[2])" in whole
    short = drawn(view, 38, len(whole) - 1)
    assert "forward  A[2] = max(0, Z[2]) …" in short
    assert len(short) == len(whole) - 1


def test_numbers_are_seen_however_long_the_rules_are() -> None:
    view = msgspec.structs.replace(fake_views.here(), numbers=["a = 1", "b = 2"])
    whole = drawn(view, 38)
    rule = drawn(msgspec.structs.replace(view, other=[], numbers=[]), 38)[1:]
    assert drawn(view, 38, len(rule) + 3)[: len(rule) + 3] == [whole[0], *rule, "a = 1", "b = 2"]
    least = drawn(view, 38, len(rule) + 2)
    assert least[1:3] == ["a = 1", "b = 2"]
    assert {*rule} <= {*least}


def test_the_event_s_number_is_shortened_rather_than_left_out() -> None:
    view = msgspec.structs.replace(fake_views.here(), title="backward · log-softmax")
    assert drawn(view, 60)[0].endswith("event 14 of 26")
    assert drawn(view, 38)[0].endswith(" 14/26")
