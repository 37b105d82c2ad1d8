"""What leaves the engine about gradients, against what plain tensors say."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.lookup.names import Ref
from engine.panes.distribution import DECADES, STEPS, distribution_view
from engine.panes.gradients import gradients_view
from engine.protocol.messages import GradientLook, Look
from engine.protocol.positions import Unit
from engine.protocol.views import Distribution, Gradient
from engine.session import Session
from nnwalk_tui.render import gradients as render
from tests.support import fake_views
from tests.support.zoo import ZOO, make


def small() -> Session:
    return open_experiment(Experiment(layers=(784, 8, 6, 10), batch_size=32, epochs=1))


def gradients(session: Session) -> dict[str, Gradient]:
    """All parameters', then those of Z."""
    views = (gradients_view(session.moment, GradientLook(mode, points=5)) for mode in ("dW db", "dZ"))
    return {gradient.name: gradient for view in views for gradient in view.rows}


def spread(session: Session, name: str, bins: int = 21, points: int = 10) -> Distribution:
    view = distribution_view(session.moment, GradientLook(points=points, chosen=name, bins=bins))
    assert view is not None
    return view


def test_norms_are_those_of_the_gradients_by_name() -> None:
    session = small()
    session.step()
    found = gradients(session)
    assert list(found) == ["W[1]", "b[1]", "W[2]", "b[2]", "W[3]", "b[3]", "Z[1]", "Z[2]", "Z[3]"]
    assert [each.kind for each in found.values()] == ["W", "b"] * 3 + ["Z"] * 3
    for name, each in found.items():
        assert each.norm == pytest.approx(float(session.values().get(Ref(f"d{name}")).double().norm()), rel=1e-6)
        assert (each.ratio is None) == (each.kind == "Z")


def test_gradients_are_known_once_the_backward_pass_has_reached_them() -> None:
    session = small()
    session.step(Unit.PHASE, 3)  # load, forward, loss
    assert all(each.norm is None for each in gradients(session).values())
    session.step(Unit.LAYER)
    known = {name for name, each in gradients(session).items() if each.norm is not None}
    assert "Z[3]" in known
    assert "Z[1]" not in known


def test_the_history_ends_at_the_cursor() -> None:
    session = small()
    norms = []
    for _ in range(4):
        session.step()
        norms.append(gradients(session)["Z[2]"].norm)
    assert gradients(session)["Z[2]"].history == norms
    session.back(Unit.BATCH, 2)
    assert gradients(session)["Z[2]"].history == norms[:2]
    session.step(Unit.PHASE, 2)
    assert gradients(session)["Z[2]"].history == norms[:2]
    session.step(Unit.PHASE, 2)
    assert gradients(session)["Z[2]"].history == norms[:3]


def test_only_the_rows_in_view_are_sent_and_what_is_said_of_all_takes_all() -> None:
    session = small()
    for _ in range(3):
        session.step()
        gradients(session)
    norms = {name: each.norm for name, each in gradients(session).items() if each.norm is not None}
    view = gradients_view(session.moment, GradientLook("dW db", first=2, rows=3, points=5))
    assert [each.name for each in view.rows] == ["W[2]", "b[2]", "W[3]"]
    assert all(len(each.history) == 3 for each in view.rows)
    assert (view.total, view.first, view.parameters, len(view.longest)) == (6, 2, 6, len("W[1]"))
    parameters = {name: norm for name, norm in norms.items() if name[0] != "Z"}
    assert view.smallest == min(parameters, key=lambda name: parameters[name])
    assert view.span == (min(parameters.values()), max(parameters.values()))


@pytest.mark.parametrize(
    ("mode", "names"), [("dW", "W[1] W[2] W[3]"), ("db", "b[1] b[2] b[3]"), ("dZ", "Z[1] Z[2] Z[3]")]
)
def test_a_mode_has_its_own_rows_and_those_of_weights_and_biases_share_an_axis(mode: str, names: str) -> None:
    session = small()
    session.step()
    view, all_parameters = (gradients_view(session.moment, GradientLook(each)) for each in (mode, "dW db"))
    assert [f"d{each.name}" for each in view.rows] == [f"{mode}[{layer}]" for layer in (1, 2, 3)]
    assert (view.span == all_parameters.span) == (mode != "dZ")


def test_the_smallest_is_named_where_two_are_computed() -> None:
    named = [fake_views.gradients_view(fake_views.parameters(done)).smallest for done in (0, 1, 2, 6)]
    assert named == ["", "", "W[3]", "W[1]"]
    assert fake_views.gradients_view(fake_views.parameters(0)).span is None


def test_a_distribution_counts_every_finite_value() -> None:
    session = small()
    session.step()
    gradient = session.values().get(Ref("dW[1]"))
    view = spread(session, "dW[1]")
    assert sum(view.counts) == gradient.numel() == 8 * 784
    most = float(gradient.abs().max())
    assert (view.low, view.high) == (-most, most)
    edges = torch.linspace(-most, most, 22)
    expected = [int(((gradient >= a) & (gradient < b)).sum()) for a, b in pairwise(edges)]
    assert view.counts[:-1] == pytest.approx(expected[:-1], abs=2)
    assert view.zeros == pytest.approx(float((gradient == 0).float().mean()))


def test_a_distribution_of_nan_and_infinity_says_so() -> None:
    session = small()
    session.step()
    gradient = session.values().get(Ref("dW[1]"))
    gradient[0, :2] = torch.tensor([math.nan, math.inf])
    view = spread(session, "dW[1]")
    assert sum(view.counts) == gradient.numel() - 2
    assert view.bad == pytest.approx(2 / gradient.numel())
    gradient[:] = math.nan
    assert spread(session, "dW[1]").counts == []


def test_the_distribution_over_time_holds_shares_by_power_of_ten() -> None:
    session = small()
    for _ in range(3):
        session.step()
        gradients(session)
    view = spread(session, "db[3]")
    assert view.iterations == [1, 2, 3]
    gradient = session.values().get(Ref("db[3]"))
    low, high = DECADES
    for step, share in enumerate(view.past[-1]):
        least = 10 ** (low + step * (high - low) / STEPS)
        inside = ((gradient.abs() >= least) & (gradient.abs() < least * 10**0.5)).float().mean()
        assert share == pytest.approx(255 * float(inside), abs=1.01)
    session.back()
    assert spread(session, "db[3]").iterations == [1, 2]
    session.step(Unit.PHASE, 4)
    assert spread(session, "db[3]").iterations == [1, 2, 3]
    assert spread(session, "db[3]", points=2).iterations == [2, 3]


def test_what_is_not_computed_yet_has_no_distribution() -> None:
    session = small()
    assert distribution_view(session.moment, GradientLook(chosen="dW[1]", bins=9)) is None
    session.step(Unit.PHASE, 2)
    assert distribution_view(session.moment, GradientLook(chosen="dW[1]", bins=9)) is None


@pytest.mark.parametrize("name", ZOO)
def test_any_model_s_gradients_are_looked_at_without_changing_anything(name: str) -> None:
    session = make(name).session()
    session.step()
    before = session.digest()
    view = session.viewer.see(
        Look(["gradients", "distribution"], gradients=GradientLook(points=3, chosen="dZ[1]", bins=9))
    )
    assert view.gradients is not None
    assert any(each.norm for each in view.gradients.rows)
    assert session.digest() == before


def test_a_gradient_tells_why_it_has_no_ratio_and_that_it_piles_up() -> None:
    torch.manual_seed(0)
    first, last = nn.Linear(4, 8), nn.Linear(8, 1)
    model = nn.Sequential(first, nn.ReLU(), last)
    nn.init.zeros_(last.bias)
    optimizer = torch.optim.SGD([first.weight, last.bias], 0.1)
    session = Session(model, nn.MSELoss(), optimizer, [(torch.randn(5, 4), torch.randn(5, 1)) for _ in range(3)])
    session.do("step batch")
    found = {row.name: row for row in gradients_view(session.moment, GradientLook(rows=9)).rows}
    assert list(found) == ["0.weight", "2.bias", "0.bias", "2.weight"]  # those of the optimizer first
    assert (found["2.bias"].ratio, found["2.bias"].note) == (None, "θ was 0, to which no change has a ratio")
    assert found["0.bias"].note == "it is in no optimizer"
    assert not any(row.carried for row in found.values())
    session.do("step batch")
    found = {row.name: row for row in gradients_view(session.moment, GradientLook(rows=9)).rows}
    assert {name for name, row in found.items() if row.carried} == {"0.bias", "2.weight"}
    assert found["2.bias"].ratio is not None
    assert "in no optimizer, and its gradient piles up" in render.noted(found["0.bias"])
    assert session.moment.timeline.trace.count(2) == 2
