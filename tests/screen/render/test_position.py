"""Where the run is: the header, the time line, the tape, and the rule of the event that is next."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.positions import Status
from engine.protocol.views import Snapshot, TapeView, Term
from nnwalk_tui.render import here as here_lines
from nnwalk_tui.render import tape, timeline
from nnwalk_tui.render.header import header
from nnwalk_tui.render.text import measure
from tests.support import fake_views, fakes
from tests.support.fake_views import plain


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


@given(st.integers(1, 240), st.integers(0, len(fake_views.OPS)))
def test_the_time_line_takes_one_line(width: int, cursor: int) -> None:
    assert measure(timeline.timeline(fake_views.tape(cursor), Status.PAUSED, "op", width)) == width


@given(st.integers(80, 240))
def test_the_time_line_s_cursor_goes_right_with_every_event_or_stays(width: int) -> None:
    lines = [
        plain(timeline.timeline(fake_views.tape(at), Status.PAUSED, "op", width))
        for at in range(len(fake_views.OPS) + 1)
    ]
    cells = [line.index("◉") for line in lines]
    assert all(before <= after for before, after in pairwise(cells))
    assert all(name in line for line in lines for name in ("load", "forward", "loss", "backward", "update"))


@given(st.integers(110, 240), st.integers(1, len(fake_views.OPS)))
def test_the_time_line_names_the_event_whatever_panes_there_are(width: int, cursor: int) -> None:
    tape = fake_views.tape(cursor)
    assert tape.title[:20] in plain(timeline.timeline(tape, Status.PAUSED, "op", width))


@given(st.integers(100, 240), st.integers(0, len(fake_views.OPS)))
def test_a_click_on_the_cursor_is_where_it_stands(width: int, cursor: int) -> None:
    line = plain(timeline.timeline(fake_views.tape(cursor), Status.PAUSED, "op", width))
    at = timeline.event_at(fake_views.tape(cursor), line.index("◉"), width)
    assert at is None or abs(at - cursor) <= 1


def test_the_time_line_of_an_empty_tape_is_a_thin_line() -> None:
    tape_view = TapeView(phases=[], cursor=0, total=0, first=1, rows=[], lines=0, at=0)
    assert "───" in plain(timeline.timeline(tape_view, Status.PAUSED, "batch", 120))


def test_the_tape_marks_what_is_done_what_is_here_and_what_is_chosen() -> None:
    rows, widths = fake_views.tape(2).rows, fake_views.tape(2).widths
    where = tape.columns(widths, 26, 80)
    assert plain(tape.row(rows[1], where, 2, chosen=True)).startswith("›▶ ")
    assert tape.row(rows[2], where, 2, chosen=False)[2][1] == "quiet"
    assert tape.row(rows[0], where, 2, chosen=False)[2][1] == "text"


def test_shapes_stand_centred_under_their_factors() -> None:
    lines = here_lines.here(fake_views.here(), 72)
    rule, shapes = plain(lines[1]), plain(lines[2])
    for term in ("∂_Z[2]", "∂_A[2]", "Z[2] >"):
        middle = rule.index(term) + len("Z[2]" if ">" in term else term) / 2
        assert abs(shapes[int(middle) - 3 : int(middle) + 4].find("64×16") + int(middle) - 3 + 2.5 - middle) <= 1
    assert plain(lines[0]).endswith("event 14 of 26 ")
    assert plain(lines[3]).strip() == "forward  A[2] = max(0, Z[2])"


def test_shapes_never_touch_each_other() -> None:
    view = msgspec.structs.replace(fake_views.here(), rule=[Term("Z", "64×1000"), Term("="), Term("X", "64×784")])
    assert plain(here_lines.here(view, 60)[2]).split() == ["64×1000", "64×784"]


@given(st.integers(24, 120))
def test_a_long_rule_is_wrapped_between_its_terms(width: int) -> None:
    lines = here_lines.here(fake_views.here(), width)
    text = " ".join(plain(line) for line in lines)
    assert all(term.text in text for term in fake_views.here().rule)
    assert all(measure(line) <= width for line in lines[1:3])


def test_before_training_no_cell_of_the_time_line_is_an_event() -> None:
    empty = TapeView(phases=[], cursor=0, total=0, first=1, rows=[], lines=0, at=0)
    assert {timeline.event_at(empty, x, 120) for x in range(120)} == {None}
