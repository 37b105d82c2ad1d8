"""The gradients pane moves no axis for what it does not show, and tells what was seen before this batch."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.protocol.messages import GradientLook, Look
from engine.protocol.views import Gradient
from nnwalk_tui.panes.gradients import GradientsPane
from nnwalk_tui.panes.layers import LayersPane
from nnwalk_tui.render import distribution
from tests.support import fake_views
from tests.support.live import Live, live
from tests.support.sessions import small


def gradients(**norms: float | None) -> list[Gradient]:
    kinds = {"W": "W", "b": "b", "Z": "Z"}
    return [Gradient(f"{name}[1]", 1, norm, None, kinds[name]) for name, norm in norms.items()]


def axis(pane: GradientsPane, found: list[Gradient], mode: str = "dW db") -> str:
    pane.data = (fake_views.gradients_view(found, mode), None)
    return "".join(text for text, _ in pane.draw(80, 10)[0])


def test_what_is_not_shown_moves_no_axis() -> None:
    pane = GradientsPane()
    before = axis(pane, gradients(W=0.02, b=0.03, Z=None))
    assert axis(pane, gradients(W=0.02, b=0.03, Z=1e-7)) == before
    assert axis(pane, gradients(W=0.02, b=300.0, Z=1e-7)) != before


def test_a_bias_moves_no_axis_while_only_weights_are_shown() -> None:
    pane = GradientsPane()
    before = axis(pane, gradients(W=0.02, b=None, Z=None), "dW")
    assert axis(pane, gradients(W=0.02, b=300.0, Z=None), "dW") == before
    assert axis(pane, gradients(W=0.03, b=300.0, Z=None), "dW") != before, "a shown row changed"


def test_the_scale_of_parameters_is_the_same_after_a_look_at_those_of_z() -> None:
    pane = GradientsPane()
    found = gradients(W=0.02, b=0.03, Z=1e-7)
    before = axis(pane, found)
    of_z = axis(pane, found, "dZ")
    assert axis(pane, found) == before != of_z


async def test_the_axis_stands_still_while_every_row_shown_is_not_computed_yet(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "b", "p", "p", "p")
        headings = set()
        while not any(each.norm for each in shown(on) if each.kind != "Z"):
            headings.add(on.text("gradients").splitlines()[1])
            await on.press("o")
        assert len(headings) == 1


def shown(on: Live) -> list[Gradient]:
    found: list[Gradient] = on.pane("gradients").data[0].rows
    return found


async def test_over_time_shows_the_batches_before_while_this_one_s_is_not_computed(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("3", "h", "h")
        assert "dW[1] is not computed yet, and no batch before was seen with this pane" in on.text("gradients")
        await on.press("b", "b", "b", "p")
        said = on.text("gradients")
        assert "batches 1 … 3 seen, this one's not computed yet" in said
        assert any(shade in said for shade in "░▒▓█")
        await on.press("h", "h")
        assert "dW[1] is not computed yet" in on.text("gradients"), "there is no histogram of now"


def test_the_past_is_the_same_before_and_after_the_gradient_is_computed() -> None:
    session = small()
    look = Look(["gradients", "distribution"], gradients=GradientLook(points=9, chosen="dW[1]", bins=9))
    for _ in range(3):
        session.do("step batch")
        session.viewer.see(look)
    done = session.viewer.see(look).distribution
    session.do("step phase")
    begun = session.viewer.see(look).distribution
    assert done is not None
    assert begun is not None
    assert (begun.iterations, begun.past, begun.counts) == ([1, 2, 3], done.past, [])
    assert (done.known, begun.known) == (True, False)


@pytest.mark.parametrize("width", [38, 60, 78, 118])
def test_the_heading_over_time_says_that_this_batch_s_is_not_there(width: int) -> None:
    view = msgspec.structs.replace(fake_views.distribution(), known=False, counts=[])
    heading = "".join(text for text, _ in distribution.over_time(view, width, 9)[0])
    assert len(heading) == width
    assert "batches" in heading
    assert width < 60 or "not computed yet" in heading


@pytest.mark.parametrize("pane", [GradientsPane, LayersPane])
def test_the_help_says_that_only_batches_looked_at_are_seen(pane: type[GradientsPane | LayersPane]) -> None:
    assert "seen" in pane.about
    assert "batches that were looked at" in pane.about


async def test_the_history_s_heading_is_seen(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        assert " seen " in on.text("gradients")
        assert " seen " in on.text("layers")


async def test_v_goes_through_the_kinds_of_gradients_on_one_scale_for_parameters(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "3")
        heading = on.text("gradients").splitlines()[1]
        for key, mode, names in (
            ("v", "dW", ["dW[1]", "dW[2]", "dW[3]"]),
            ("v", "db", ["db[1]", "db[2]", "db[3]"]),
            ("v", "dZ", ["dZ[1]", "dZ[2]", "dZ[3]"]),
            ("V", "db", ["db[1]", "db[2]", "db[3]"]),
        ):
            await on.press(key)
            title, axis, *rows = on.text("gradients").splitlines()
            assert f"v {mode} " in title
            assert [row[2:7] for row in rows if row[2:3] == "d"] == names
            assert mode == "dZ" or axis == heading, "those of Z have a scale of their own"


async def test_of_a_deep_network_the_rows_in_view_are_sent_and_others_when_scrolled_to(tmp_path: Path) -> None:
    async with live(tmp_path, layers=(784, *[4] * 60, 2)) as on:
        await on.press("b", "3")
        assert len(on.pane("gradients").data[0].rows) < 122
        await on.press(*["pagedown"] * 50)
        assert "›db[61]" in on.text("gradients")
        assert "…" not in on.text("gradients")
        on.pane("gradients").action_page(-50)
        assert "…" in on.text("gradients"), "rows that the engine is asked for only now"
        await on.settle()
        assert "›dW[1]" in on.text("gradients")
        assert "…" not in on.text("gradients")
