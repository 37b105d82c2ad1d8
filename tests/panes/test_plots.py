"""Curves of any quantity: what the engine sends, what is drawn, and every key of the plot."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.history.series import MISSING, Series
from engine.panes.loss import decimate, smoothed, window_of
from engine.protocol.messages import Look, PlotLook
from engine.protocol.views import LossView
from engine.session import Session
from nnwalk_tui.panes.loss import LossPane
from nnwalk_tui.render import loss as render
from tests.support.live import Live, live
from tests.support.sessions import small

numbers = st.lists(st.sampled_from([0.5, 1.0, -2.0, 7.5, math.nan, math.inf]), max_size=60)


def look(
    session: Session, columns: int = 30, quantity: str = "loss", first: int = 1, last: int = 0, at: int = 0
) -> LossView:
    wanted = Look(["curves"], columns=columns, plot=PlotLook(quantity, first, last, at))
    view = session.viewer.see(wanted).curves
    assert view is not None
    return view


@given(numbers, st.integers(1, 20))
def test_buckets_hold_the_least_and_greatest_finite_value(series: list[float], columns: int) -> None:
    curve = decimate("", series, columns, first=5)
    finite = [value for value in series if math.isfinite(value)]
    assert min(curve.low, default=None) == min(finite, default=None)
    assert max(curve.high, default=None) == max(finite, default=None)
    assert len(curve.x) <= columns
    assert all(5 <= x < 5 + len(series) for x in curve.x)


@given(st.lists(st.sampled_from([0.5, math.nan, math.inf, MISSING]), min_size=1, max_size=60))
def test_a_curve_tells_what_is_not_finite_apart_from_what_is_not_known(values: list[float]) -> None:
    series = Series()
    for iteration, value in enumerate(values, 1):
        series.note(iteration, {"a": value})
    held = torch.tensor(series.whole("a"), dtype=torch.float64)  # as a checkpoint keeps it
    again = Series()
    again.take("a", held.tolist())
    unknown = [series.at("a", at) is None for at in range(1, len(values) + 1)]
    assert unknown == [again.at("a", at) is None for at in range(1, len(values) + 1)]
    curve = decimate("a", np.array(again.whole("a")), 100)
    finite = [at for at, value in enumerate(values, 1) if math.isfinite(value)]
    bad = [at for at, value in enumerate(values, 1) if not math.isfinite(value) and not unknown[at - 1]]
    assert curve.bad == bad
    assert curve.nonfinite == len(bad)
    assert curve.known == len(finite) + len(bad)
    assert curve.breaks == [k for k in range(1, len(finite)) if finite[k] - finite[k - 1] > 1]


@given(numbers, st.integers(1, 20), st.integers(1, 15))
def test_a_smoothed_value_is_the_mean_of_its_window(series: list[float], columns: int, window: int) -> None:
    curve = smoothed("", series, columns, window)
    for x, y in zip(curve.x, curve.low, strict=True):
        part = [value for value in series[max(0, int(x) - window) : int(x)] if math.isfinite(value)]
        assert y == pytest.approx(sum(part) / len(part))


@given(st.integers(1, 10**7))
def test_a_window_is_a_small_part_of_what_is_in_view(batches: int) -> None:
    assert 1 <= window_of(batches) <= max(2, batches // 40)


def test_loss_accuracy_and_rate_are_those_of_the_batches() -> None:
    session = small(batch_size=100)
    session.do("run 8 batches")
    session.do("set learning_rate 0.5")
    session.do("run 4 batches")
    assert look(session).train.low == list(session.timeline.losses)
    assert look(session, quantity="accuracy").train.low == list(session.timeline.accuracies)
    rates = look(session, quantity="learning_rate").train
    assert rates.low[7:9] == [rates.low[0], 0.5]


def test_a_schedule_is_in_the_learning_rate() -> None:
    session = small(schedule="step")
    session.do("run")
    rates = look(session, quantity="learning_rate", columns=100).train.low
    for iteration in (1, 12, 22):
        epoch, batch = session.calendar.place(iteration)
        session.do(f"goto {epoch}:{batch}")
        assert rates[iteration - 1] == pytest.approx(session.learning_rate)


def test_the_curve_stays_whole_when_the_cursor_goes_back() -> None:
    session = small()
    session.do("run 9 batches")
    whole = look(session).train
    session.do("back batch 5")
    view = look(session)
    assert view.train == whole
    assert view.position == 4


def test_branches_lie_over_one_another() -> None:
    session = small()
    session.do("run 9 batches")
    before = list(session.timeline.losses)
    session.do("goto 1:4")
    session.do("set learning_rate 0.5")
    session.do("run 2 batches")
    view = look(session)
    assert [curve.name for curve in view.branches] == ["main"]
    assert view.branches[0].low == smoothed("", before, 30, window_of(9)).low
    assert len(view.train.x) == 6


def test_a_span_is_seen_at_full_width_and_a_batch_asked_about() -> None:
    session = small()
    session.do("run")
    view = look(session, first=5, last=12, at=7)
    assert view.train.x == [float(at) for at in range(5, 13)]
    assert view.epochs == [11]
    assert view.chosen is not None
    assert view.chosen.iteration == 7
    assert view.values[0] == session.timeline.losses[6]


def test_an_expression_is_plotted_from_when_it_is_asked_for_and_as_it_is_replayed() -> None:
    session = small(dropout=0.0)
    session.do("run 3 batches")
    assert "plotted from here on" in session.do("plot norm(dW[1])").text
    session.do("plot mean(A[1])")
    session.do("run 2 batches")
    view = look(session, quantity="norm(dW[1])")
    assert view.train.x == [3.0, 4.0, 5.0]
    for iteration in (3, 4, 5):
        session.do(f"goto 1:{iteration}")
        wanted = session.do("print norm(dW[1])").value
        assert view.train.low[iteration - 3] == pytest.approx(wanted, rel=1e-6)
        forward = look(session, quantity="mean(A[1])").train  # known where the cursor stood
        assert forward.low[forward.x.index(iteration)] == pytest.approx(session.do("print mean(A[1])").value)
    session.do("goto 1:1")
    session.do("run 1 batches")
    assert view.quantities == ["loss", "accuracy", "learning_rate", "norm(dW[1])", "mean(A[1])"]


@pytest.mark.parametrize("expression", ["norm(W[1])", "norm(dW[1])", "mean(A[1])"])
def test_the_past_of_an_expression_is_gone_through_when_it_is_asked_for(expression: str) -> None:
    session = small(dropout=0.0)
    session.do("run 6 batches")
    session.do("goto 1:5:3")
    digest = session.digest()
    asked = iter((False, False, False))
    session.interrupted = lambda: next(asked, True)
    stopped = session.do(f"past {expression}")
    assert stopped.value in range(1, 6)
    assert f"past {expression} goes on" in stopped.text
    session.interrupted = lambda: False
    assert f"{expression} is known of 6 of 6 batches" in session.do(f"past {expression}").text
    assert (session.iteration, session.event, session.digest()) == (5, 3, digest)
    curve = look(session, quantity=expression).train
    for iteration in range(1, 7):
        session.do(f"goto 1:{iteration}")
        assert curve.low[iteration - 1] == pytest.approx(session.do(f"print {expression}").value, rel=1e-5)


def test_the_past_of_what_is_known_of_every_batch_is_not_gone_through() -> None:
    session = small()
    session.do("run 2 batches")
    assert "known of every batch" in session.do("past loss").error
    assert "not one number" in session.do("past W[1]").error


def test_a_plot_that_is_no_number_says_so() -> None:
    session = small()
    assert "not one number" in session.do("plot W[1]").error
    assert "there is no" in session.do("plot nonsense").error
    assert "is not plotted" in session.do("unplot norm(W[1])").error
    session.do("plot norm(W[1])")
    assert session.do("unplot norm(W[1])").error == ""
    assert look(session, quantity="norm(W[1])").train.x == []


def test_plots_change_nothing() -> None:
    plotted, plain = small(), small()
    plotted.do("plot norm(dW[1])")
    plotted.do("plot valid_loss")
    for session in (plotted, plain):
        session.do("run 1 epoch")
        look(session)
    assert plotted.digest() == plain.digest()


# ── the pane ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def pane(on: Live) -> LossPane:
    found = on.pane("loss")
    assert isinstance(found, LossPane)
    return found


async def test_enter_at_a_chosen_batch_goes_there(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("run 1 epoch")
        await on.press("4", "enter", "left", "left", "left")
        assert "┃ batch 1:" in on.text("loss")
        assert "value" in on.text("loss")
        chosen = pane(on).asks()["plot"].at
        assert 0 < chosen < 22
        await on.press("right", "enter")
        assert on.session.iteration > chosen
        assert on.client.asked[-1].startswith("goto 1:")
        assert "┃" not in on.text("loss")


async def test_another_pane_takes_the_plot_s_cursor_away(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "b", "4", "enter", "left")
        assert "┃" in on.text("loss")
        await on.press("escape", "1")
        assert "┃" not in on.text("loss")


async def test_v_goes_through_what_can_be_plotted(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("plot norm(W[1])")
        await on.press("b", "b", "4")
        for quantity in ("accuracy", "learning_rate", "norm(W[1])"):
            await on.press("v")
            assert f"v {quantity}" in on.text("loss")
        await on.press("V", "V", "V")
        assert "v " not in on.text("loss").splitlines()[0]


async def test_y_draws_it_on_a_logarithmic_axis(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "b", "4")
        assert "    0.1┤" not in on.text("loss")
        await on.press("y")
        assert "y log" in on.text("loss")
        assert "    0.1┤" in on.text("loss")


async def test_m_takes_the_mean_away(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("run 1 epoch")
        await on.press("4")
        assert "mean of 2" in on.text("loss")
        await on.press("m")
        assert "mean of" not in on.text("loss")


async def test_plus_and_minus_zoom_about_the_cursor(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.command("run 1 epoch")
        await on.press("4", "plus")
        assert "· 12…22" in on.text("loss")
        await on.press("up", "down", "minus")
        assert pane(on).asks()["plot"].last == 0  # the epochs begun
        await on.press("minus")
        assert pane(on).asks()["plot"].last == on.session.total
        await on.press("plus")
        assert pane(on).asks()["plot"].last == 0


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_branches_and_epochs_are_named_at_every_size(size: tuple[int, int], ascii: bool, tmp_path: Path) -> None:
    async with live(tmp_path, size, ascii=ascii) as on:
        await on.command("run 1 epoch")
        await on.command("goto 1:5")
        await on.command("set learning_rate 0.5")
        await on.press("b", "4", "z")
        assert "main" in on.text("loss")
        if ascii:
            assert on.text("loss").isascii()


@given(st.integers(20, 120), st.integers(1, 40), st.booleans(), st.integers(0, 30))
def test_plots_take_exactly_their_size(width: int, height: int, log: bool, chosen: int) -> None:
    session_free = LossView(
        decimate("loss", [0.5, math.nan, -3.0, 1e30] * 5, 12),
        20,
        [0, 20],
        [math.nan, 2.0],
        [0.1, math.inf],
        epochs=[5, 10],
        position=7,
    )
    lines = render.losses(session_free, width, height, render.Options(log, True, chosen))
    assert len(lines) <= height
    assert {sum(len(text) for text, _ in line) for line in lines} == {width}
