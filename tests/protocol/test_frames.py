"""Equal frames are equal, NaN or not: a run at rest sends none again."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engine.protocol.frames import alike
from engine.protocol.messages import VIEWS, Look
from engine.protocol.views import Statistics
from engine.session import Session

NAN = math.nan


def made(mean: float) -> Statistics:
    return Statistics("W", [2], mean, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (NAN, float("nan"), True),
        (NAN, 1.0, False),
        ([1.0, [NAN]], [1.0, [float("nan")]], True),
        ([1.0, NAN], [1.0], False),
        ({"a": NAN}, {"a": float("nan")}, True),
        ({"a": NAN}, {"b": NAN}, False),
        (made(NAN), made(float("nan")), True),
        (made(NAN), made(0.0), False),
        (made(NAN), None, False),
        (1, 1.5, False),
    ],
)
def test_nan_is_like_nan_wherever_it_stands(one: object, other: object, same: bool) -> None:
    assert alike(one, other) is same


def test_a_diverged_run_at_rest_shows_the_same_frame_in_every_pane() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), 50.0)
    batches = [(torch.randn(8, 10), torch.randn(8, 1)) for _ in range(6)]
    session = Session(model, nn.MSELoss(), optimizer, batches)
    session.do("run")
    session.do("back op 3")
    look = Look(list(VIEWS))
    first = session.viewer.see(look)
    session.viewer.work(math.inf)
    assert math.isnan(first.loss or 0.0)
    assert not first.failed
    assert alike(session.viewer.see(look), session.viewer.see(look))
