"""Whether the run is paused or runs is said once, on the second line, at every width."""

from __future__ import annotations

import pytest

from engine.protocol.positions import Status
from engine.protocol.views import TapeView
from nnwalk_tui.places.layout import LEAST_WIDTH
from nnwalk_tui.render.header import header
from nnwalk_tui.render.text import Line, measure
from nnwalk_tui.render.timeline import timeline
from tests.support import fake_views, fakes

HUGE = TapeView(phases=[("forward", 99_999)], cursor=9, total=99_999, first=1, rows=[], lines=0, at=0)


def plain(line: Line) -> str:
    """The text of a line."""
    return "".join(text for text, _ in line)


@pytest.mark.parametrize("width", [LEAST_WIDTH, 50, 60, 80, 120, 200])
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("tape", [fake_views.tape(5), HUGE], ids=["usual", "huge"])
def test_the_time_line_says_it_with_its_sign_and_in_a_word(width: int, status: Status, tape: TapeView) -> None:
    sign = {Status.PAUSED: "‖", Status.RUNNING: "▶", Status.TRAVELLING: "»", Status.ENDED: "■"}[status]
    line = timeline(tape, status, "layer", width)
    operation = tape.title.rpartition(" · ")[2]
    said = {f"{sign} {status}", f"{sign} {operation or status}" if status is Status.PAUSED else ""} - {""}
    assert any(each in plain(line) for each in said)
    assert f"{tape.cursor}/{tape.total} ▶" in plain(line)
    assert measure(line) == width


@pytest.mark.parametrize("width", [LEAST_WIDTH, 50, 60, 80, 120, 200])
def test_the_header_does_not_say_it_again(width: int) -> None:
    for make in fakes.ALL:
        assert not set("‖▶»■") & set(plain(header(make(), width)))
