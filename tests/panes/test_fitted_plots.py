"""A plot shows whether the loss falls, also in few rows: its axes are fitted to what has run."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.messages import Look
from engine.protocol.views import Curve, LossView
from engine.session import Session
from nnwalk_tui.colours import theme
from nnwalk_tui.render import loss
from tests.support.sessions import small


def plot(values: list[float], height: int) -> list[str]:
    x = [float(at) for at in range(1, len(values) + 1)]
    view = LossView(Curve("loss", x, values, values), 628, [], [], [], last=20, position=len(values))
    return ["".join(text for text, _ in line) for line in loss.losses(view, 60, height)]


def numbers(lines: list[str]) -> list[float]:
    return [float(line[: loss.GUTTER]) for line in lines if "┤" in line]


FALLING = [2.32, 2.29, 2.25, 2.21, 2.18, 2.12, 2.05, 1.98]


@pytest.mark.parametrize("height", [7, 14, 30])
def test_the_axis_is_fitted_and_says_so(height: int) -> None:
    assert numbers(plot(FALLING, height)) == [2.4, 2.15, 1.9]


@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_falling_loss_falls_over_most_of_the_rows(ascii_only: bool) -> None:
    theme.use(ascii=ascii_only)
    try:
        used = [line for line in plot(FALLING, 7)[:5] if line[loss.GUTTER + 1 :].replace("│", "").strip()]
    finally:
        theme.use()
    assert len(used) >= 4


def test_a_small_change_stays_small() -> None:
    low, _, high = reversed(numbers(plot([2.320, 2.321, 2.3205], 7)))
    assert high - low >= 0.2


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_all_values_lie_on_a_fitted_axis(values: list[float]) -> None:
    scale = loss._scale(values, "loss", log=False)
    shares = [scale.share(value) for value in values]
    assert all(share is not None and -1e-6 <= share <= 1 + 1e-6 for share in shares)


def test_the_axis_seldom_moves_while_a_loss_falls() -> None:
    values = [2.33 * 0.97**at + 0.1 for at in range(100)]
    scales = [loss._scale(values[: count + 1], "loss", log=False) for count in range(100)]
    assert sum(a != b for a, b in pairwise(scales)) <= 15


def last(session: Session) -> int:
    curves = session.viewer.see(Look(["curves"], columns=30)).curves
    assert curves is not None
    return curves.last


def test_a_plot_doubles_its_span_when_it_is_full_and_ends_with_the_epoch() -> None:
    session = small(batch_size=20, epochs=2)
    epoch = session.total // 2
    assert 80 < epoch < 160
    assert last(session) == 20
    for batches, span in ((1, 20), (20, 20), (21, 40), (40, 40), (41, 80), (81, epoch), (epoch, epoch)):
        session.do(f"run {batches - session.iteration} batches")
        assert last(session) == span
    session.do("goto 1:3")
    assert last(session) == epoch, "going back moves no axis"
    session.do("goto 2:1")
    assert epoch < last(session) <= 2 * epoch
