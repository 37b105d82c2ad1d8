"""Loss landscapes: what is computed is the loss, nothing of the run changes, and every key of the pane."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.protocol.messages import LandscapeLook, Look
from engine.protocol.views import LandscapeView
from engine.session import Session
from nnwalk_tui.render import landscape as render
from tests.support.live import Live, live
from tests.support.sessions import small

KINDS = ("parameter", "update", "plane")


def look(session: Session, kind: str = "parameter", parameter: str = "", zoom: float = 1.0) -> LandscapeView:
    """The landscape, wholly computed."""
    wanted = Look(["landscape"], landscape=LandscapeLook(kind, parameter, zoom))
    session.viewer.see(wanted)
    while session.viewer.landscape.pending:
        session.viewer.work(1.0)
    view = session.viewer.see(wanted).landscape
    assert view is not None
    return view


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of 81 points in place of 1,089, each of which costs a forward pass."""
    monkeypatch.setattr("engine.panes.landscape._SIDE", 9)


@pytest.fixture
def session() -> Session:
    session = small()  # with dropout: the same units must be dropped as in the batch
    session.do("step batch 4")
    return session


@pytest.mark.parametrize("kind", KINDS)
def test_the_middle_is_the_batch_s_loss(session: Session, kind: str) -> None:
    view = look(session, kind)
    assert view.problem == ""
    assert view.values[len(view.values) // 2] == session.loss
    assert view.done == view.rows * view.columns == len(view.values)


def test_along_a_parameter_it_is_the_loss_with_that_value(session: Session) -> None:
    view = look(session, parameter="W[2][2,3]")
    tape = session.tape()
    assert tape is not None
    name = session.naming.full_name["W[2]"]
    tensors = dict(tape.before.tensors)
    tensors[name] = tensors[name].clone()
    tensors[name][1, 2] = view.origin + view.reach
    before = torch.get_rng_state()
    tape.before.random.restore()
    assert tape.targets is not None
    output = torch.func.functional_call(session.trainer.model, tensors, tape.inputs)
    torch.set_rng_state(before)
    assert view.values[-1] == pytest.approx(float(torch.nn.functional.cross_entropy(output, tape.targets)), rel=1e-6)
    assert view.slope == pytest.approx(session.do("print dW[2][2,3]").value)
    assert view.title == "ℒ along w₂,₃[2]"


def test_the_slope_is_that_of_the_curve(session: Session) -> None:
    for kind in ("parameter", "update"):
        view = look(session, kind, zoom=0.02)
        middle, step = len(view.values) // 2, 2 * view.reach / (view.columns - 1)
        rise = (view.values[middle + 1] - view.values[middle - 1]) / (2 * step)
        assert view.slope == pytest.approx(rise, rel=0.1, abs=1e-3)


def test_the_end_of_the_update_is_the_loss_after_it(session: Session) -> None:
    view = look(session, "update")
    name, place, loss = view.marks[1]
    assert (name, place) == ("after it", 1.0)
    at = round((place / view.reach + 1) / 2 * (view.columns - 1))
    assert abs(view.values[at] - loss) < 0.2 * abs(max(view.values) - min(view.values))


def test_the_path_comes_from_where_the_parameters_were(session: Session) -> None:
    path = look(session, "plane").path
    assert 1 <= len(path) <= 4
    assert all(abs(across) < 1 and abs(up) < 1 for across, up in path)


@pytest.mark.parametrize("kind", KINDS)
def test_looking_changes_nothing(kind: str) -> None:
    seen, unseen = small(), small()
    for each in (seen, unseen):
        each.do("step batch 2")
    look(seen, kind)
    for each in (seen, unseen):
        each.do("step op 3")
    assert seen.do("print Z[1]").value == unseen.do("print Z[1]").value
    for each in (seen, unseen):
        each.do("run 1 epoch")
    assert seen.digest() == unseen.digest()


def test_a_step_leaves_an_unfinished_landscape_behind(session: Session) -> None:
    wanted = Look(["landscape"], landscape=LandscapeLook("plane"))
    session.viewer.see(wanted)
    session.viewer.work(0.0)
    assert session.viewer.landscape.pending
    first = session.viewer.landscape.surface
    session.do("step batch")
    view = session.viewer.see(wanted).landscape
    assert view is not None
    assert view.done == 0
    assert session.viewer.landscape.surface is not first
    session.viewer.see(Look(["tape"]))
    assert not session.viewer.landscape.pending


def test_an_interrupt_ends_a_slice_of_work_at_once(session: Session) -> None:
    session.viewer.see(Look(["landscape"], landscape=LandscapeLook("plane")))
    session.interrupted = lambda: True
    session.viewer.work(60.0)
    assert session.viewer.landscape.surface.done == 0


def test_a_coarse_landscape_is_whole_before_a_fine_one(session: Session) -> None:
    session.viewer.see(Look(["landscape"], landscape=LandscapeLook("plane")))
    for _ in range(9):
        session.viewer.work(0.0)
    values = session.viewer.landscape.surface.values
    assert sum(value == value for value in values) == len(values)


def test_what_cannot_be_looked_along_says_why(session: Session) -> None:
    assert "no parameter" in look(session, parameter="Z[1][1,1]").problem
    assert "there is no" in look(session, parameter="W[9][1,1]").problem
    session.do("goto start")
    assert "no batch has run" in look(session).problem


# ── the pane ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def finish(on: Live) -> None:
    """Let the landscape be computed, as the engine process does while it waits."""
    while on.session.viewer.landscape.pending:
        on.session.viewer.work(1.0)
    on.client.serve()
    await on.settle()


async def test_7_shows_it_and_escape_gives_the_place_back(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "b", "7")
        await finish(on)
        assert "◉ here" in on.text("landscape")
        assert "◀ −η·slope" in on.text("landscape")  # downhill is to the left where the slope is positive
        await on.press("escape")
        assert "landscape" not in on.main.plan.panes
        assert "layers" in on.main.plan.panes


async def test_v_goes_through_the_landscapes(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "b", "7", "v")
        await finish(on)
        assert "ℒ along this batch's update" in on.text("landscape")
        await on.press("v")
        assert "points" in on.text("landscape") or "…" in on.text("landscape")
        await finish(on)
        assert "log levels" in on.text("landscape")
        await on.press("n")
        await finish(on)
        assert "seed 1" in on.text("landscape")
        await on.press("N", "V")
        await finish(on)
        assert "along this batch's update" in on.text("landscape")


async def test_plus_and_minus_change_how_far_it_reaches(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "7", "v", "plus", "plus")
        await finish(on)
        assert "zoom 4" in on.text("landscape")
        assert "0.75" in on.text("landscape")
        await on.press("minus", "minus")
        assert "zoom" not in on.text("landscape")


async def test_slash_lets_a_parameter_be_typed(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "7", "slash")
        assert on.main.command_line.value == "landscape "
        await on.press("escape")
        await on.command("landscape b[1][2]")
        await finish(on)
        assert "ℒ along b₂[1]" in on.text("landscape")


@pytest.mark.parametrize(("size", "ascii"), [((80, 24), True), ((200, 60), False)])
async def test_every_landscape_is_drawn(size: tuple[int, int], ascii: bool, tmp_path: Path) -> None:
    async with live(tmp_path, size, ascii=ascii) as on:
        await on.press("b", "b", "7", "z")
        for _ in KINDS:
            await finish(on)
            text = on.text("landscape")
            assert len(set(text)) > 12
            assert text.isascii() == ascii
            await on.press("v")


def curve(step: float, slope: float = 0.2) -> LandscapeView:
    """A parabola around 0, with the point at 0.2 of it and a step from there."""
    values = [1 + 0.5 * ((2 * at / 40 - 1) + 0.2) ** 2 for at in range(41)]
    marks = [("here", 0.2, 1.02), ("−η·slope", 0.2 + step, 1 + 0.5 * (0.2 + step) ** 2)]
    return LandscapeView(
        "parameter", origin=0.2, axis="w", columns=41, values=values, slope=slope, marks=marks, done=41
    )


def text_of(view: LandscapeView, width: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in render.draw(view, width, 16)]


@pytest.mark.parametrize(("step", "sign", "other"), [(-0.2, "◀", "▶"), (0.2, "▶", "◀")])
def test_the_mark_of_the_step_points_where_it_goes(step: float, sign: str, other: str) -> None:
    lines = text_of(curve(step), 80)
    row = next(line for line in lines[1:-1] if sign in line)
    point = next(line for line in lines[1:-1] if "◉" in line)
    assert (row.index(sign) > point.index("◉")) == (step > 0)
    assert f"{sign} −η·slope" in lines[-1]
    assert other not in "".join(lines)
    assert "cell" not in lines[-1]


def test_a_step_of_less_than_a_cell_is_said_to_be_one() -> None:
    assert "−η·slope < 1 cell" in text_of(curve(-0.001), 80)[-1]


@pytest.mark.parametrize("width", [80, 60, 57, 45, 40])
def test_the_legend_says_what_every_sign_means_at_every_width(width: int) -> None:
    said = text_of(curve(-0.2), width)[-1]
    assert len(said) <= width
    assert all(part in said for part in ("◉ here", "◀ −η·slope", "┄ slope 0.2"))


def test_the_numbers_beside_the_curve_are_those_of_their_rows() -> None:
    lines = text_of(curve(-0.2), 80)
    rows = {at: float(line.partition("┤")[0]) for at, line in enumerate(lines) if "┤" in line}
    (first, high), (middle, between), (last, low) = rows.items()
    assert (high - between) / (middle - first) == pytest.approx((between - low) / (last - middle), rel=0.01)
