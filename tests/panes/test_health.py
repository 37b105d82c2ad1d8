"""Badges name what is wrong with a layer; the history of norms ends at the cursor."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.experiments.models import MLP, Layer, initialise
from engine.history.traces import MOST, Trace
from engine.panes.health import CHECKS
from engine.panes.layers import layer_views, layers_view
from engine.protocol.messages import Look
from engine.protocol.positions import Unit
from engine.protocol.views import Badge
from engine.session import Session
from engine.statistics import dead, saturated, statistics
from tests.support.zoo import ZOO, make

WIDTH, EXAMPLES = 64, 64
DEPTH = 12


def network(activation: str, init: str, scale: float = 1.0, depth: int = DEPTH) -> MLP:
    """`depth` layers, the last of them giving logits; every weight times `scale`."""
    model = MLP((*[WIDTH] * depth, 10), activation, "softmax")
    initialise(model, init, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for layer in linears(model):
            layer.weight.mul_(scale)
    return model


def linears(model: MLP) -> list[nn.Linear]:
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def trained(model: nn.Module, *, batches: int = 1, examples: int = EXAMPLES, rate: float = 0.01) -> Session:
    """A session at the end of a batch of random examples."""
    generator = torch.Generator().manual_seed(1)
    loader = [
        (torch.randn(examples, WIDTH, generator=generator), torch.randint(0, 10, (examples,), generator=generator))
        for _ in range(8)
    ]
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=rate), loader)
    session.step(Unit.BATCH, batches)
    return session


def badges(session: Session) -> dict[int, dict[str, Badge]]:
    """Layer → name of the badge → badge; layers without one are left out."""
    return {v.index: {badge.name: badge for badge in v.badges} for v in layer_views(session.moment) if v.badges}


def gradient_norms(model: MLP, inputs: Tensor, targets: Tensor) -> list[float]:
    """‖dZ‖ of each layer, by autograd alone."""
    outputs: list[Tensor] = []
    for layer in model.layers:
        assert isinstance(layer, Layer)
        linear, *activation = layer
        outputs.append(linear(inputs))
        inputs = activation[0](outputs[-1]) if activation else outputs[-1]
    gradients = torch.autograd.grad(nn.functional.cross_entropy(outputs[-1], targets), outputs)
    return [float(gradient.norm()) for gradient in gradients]


def test_a_layer_of_which_24_of_32_relus_never_fire_is_dead_by_75_percent() -> None:
    model = MLP((WIDTH, 32, 10), "relu", "softmax")
    with torch.no_grad():
        linears(model)[0].bias[:24] = -1000.0
        linears(model)[0].bias[24:] = 1000.0
    found = badges(trained(model))
    assert list(found) == [1]
    badge = found[1]["dead"]
    assert (badge.text, badge.value) == ("dead 75%", 0.75)
    assert badge.why == "24 of 32 neurons of A[1] give 0 for all 64 examples; the badge is for 25% and more"


def test_a_small_batch_kills_no_neuron() -> None:
    model = MLP((WIDTH, 32, 10), "relu", "softmax")
    with torch.no_grad():
        linears(model)[0].bias[:] = -1000.0
    assert "dead" not in badges(trained(model, examples=8)).get(1, {})


def test_a_saturated_sigmoid_net_is_named_by_layer_and_number() -> None:
    model = network("sigmoid", "normal", 10.0, depth=3)
    session = trained(model)
    found = badges(session)
    for layer in (1, 2):
        outputs = session.do(f"print A[{layer}]").value
        flat = [value for row in outputs for value in row]  # type: ignore[attr-defined]
        share = sum(value < 0.05 or value > 0.95 for value in flat) / len(flat)
        badge = found[layer]["saturated"]
        assert badge.value == pytest.approx(share)
        assert badge.text == f"saturated {100 * share:.0f}%"
        assert share > 0.8
    assert "50% and more" in found[1]["saturated"].why


def test_an_exploding_net_is_named_by_layer_and_number() -> None:
    model = network("tanh", "kaiming", 3.0)
    session = trained(model)
    batch, targets = next(iter(session.trainer.loader))
    norms = gradient_norms(network("tanh", "kaiming", 3.0), batch, targets)
    growth = norms[0] / norms[-1]
    assert growth > 100
    badge = badges(session)[1]["exploding"]
    assert badge.value == pytest.approx(growth, rel=1e-4)
    assert badge.text == f"exploding {growth:.0f}×"
    assert badge.why == f"‖dZ[1]‖ / ‖dZ[12]‖ = {badge.value:.3g}; the badge is for 100 and more"
    named = [layer for layer, found in badges(session).items() if "exploding" in found]
    assert all(norms[layer - 1] > 99 * norms[-1] for layer in named)


def test_a_vanishing_net_is_named_by_layer_and_number() -> None:
    model = network("sigmoid", "xavier")
    session = trained(model)
    batch, targets = next(iter(session.trainer.loader))
    norms = gradient_norms(network("sigmoid", "xavier"), batch, targets)
    found = badges(session)
    assert [layer for layer in found if "vanishing" in found[layer]] == [
        layer for layer, norm in enumerate(norms, 1) if norm <= 0.01 * norms[-1]
    ]
    assert found[1]["vanishing"].value == pytest.approx(norms[0] / norms[-1], rel=1e-3)
    assert found[1]["vanishing"].text == "vanishing 1/10⁷"


@pytest.mark.parametrize(("activation", "init"), [("relu", "kaiming"), ("tanh", "xavier")])
def test_a_deep_net_with_its_own_initialisation_has_no_badge(activation: str, init: str) -> None:
    assert badges(trained(network(activation, init))) == {}


def test_not_a_number_is_named_by_the_quantity_that_holds_most_of_it() -> None:
    model = network("tanh", "xavier", depth=3)
    with torch.no_grad():
        linears(model)[1].weight[0, 0] = math.nan
    found = badges(trained(model))
    assert found[2]["NaN"].text == "NaN W[2]"
    assert found[2]["NaN"].why == "100% of W[2] is NaN or infinite; the badge is for the first one"
    assert not {"vanishing", "exploding"} & {name for layer in found.values() for name in layer}


def test_an_infinity_is_not_called_not_a_number() -> None:
    model = network("tanh", "xavier", depth=3)
    with torch.no_grad():
        linears(model)[1].weight[0, 0] = math.inf
    session = trained(model)
    session.do("goto 1:1:2")
    found = badges(session)
    assert found[2]["NaN"].text == "∞ W[2]"
    assert "is infinite;" in found[2]["NaN"].why


def test_what_the_cursor_has_not_reached_earns_no_badge() -> None:
    session = trained(network("sigmoid", "xavier"))
    session.step(Unit.PHASE, 2)  # load, forward
    assert badges(session) == {}
    session.step(Unit.PHASE, 2)  # loss, backward
    assert "vanishing" in badges(session)[1]


def test_the_confidence_of_a_classifier_is_no_saturation() -> None:
    model = MLP((WIDTH, 4, 1), "tanh", "sigmoid")
    with torch.no_grad():
        linears(model)[1].bias.add_(50.0)
    loader = [(torch.randn(EXAMPLES, WIDTH), torch.ones(EXAMPLES, 1))]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    session = Session(model, nn.BCELoss(), optimizer, loader)
    session.step()
    assert "saturated" not in badges(session).get(2, {})
    other = Session(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.01), loader)
    other.step()
    assert badges(other)[2]["saturated"].text == "saturated 100%"


@pytest.mark.parametrize("name", ZOO)
def test_badges_and_memory_of_any_model_are_computed(name: str) -> None:
    parts = make(name)
    session = parts.session()
    before = {view.index: view.memory for view in layer_views(session.moment)}
    session.step()
    for view in layer_views(session.moment):
        own = sum(p.numel() * p.element_size() for p in session.naming.layers[view.index - 1].module.parameters())
        assert before[view.index] == own <= view.memory
        assert {badge.name for badge in view.badges} <= {check.name for check in CHECKS}


def test_memory_is_that_of_parameters_and_of_what_the_layer_makes_of_the_batch() -> None:
    view = layer_views(trained(network("tanh", "xavier", depth=2)).moment)[0]
    assert view.memory == 4 * (WIDTH * WIDTH + WIDTH + 2 * EXAMPLES * WIDTH)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_dead_neurons_are_those_that_are_zero_everywhere(examples: int, neurons: int, pixels: int, seed: int) -> None:
    values = torch.randint(-1, 2, (examples, neurons, pixels), generator=torch.Generator().manual_seed(seed)).float()
    expected = sum(all(v == 0 for v in values[:, n].flatten().tolist()) for n in range(neurons)) / neurons
    assert dead(values) == pytest.approx(expected)
    last = sum(all(v == 0 for v in values[..., n].flatten().tolist()) for n in range(pixels)) / pixels
    assert dead(values, 2) == pytest.approx(last)


@pytest.mark.parametrize(("activation", "function", "low"), [("sigmoid", torch.sigmoid, 0), ("tanh", torch.tanh, -1)])
def test_saturated_outputs_are_those_next_to_a_limit(
    activation: str, function: Callable[[Tensor], Tensor], low: int
) -> None:
    values = function(torch.linspace(-6, 6, 101))
    expected = sum(value < low + 0.05 or value > 0.95 for value in values.tolist()) / 101
    assert saturated(values, activation) == pytest.approx(expected)


def history(session: Session, quantity: str = "dW", points: int = 100) -> list[float]:
    """The history of the first layer."""
    return layer_views(session.moment, Look(["layers"], quantity=quantity, points=points))[0].history


def norm(session: Session, name: str) -> float:
    value = session.do(f"print norm({name})").value
    assert isinstance(value, float)
    return value


def test_the_history_holds_the_batches_that_were_looked_at_up_to_the_cursor() -> None:
    session = trained(network("tanh", "xavier", depth=2), rate=0.1)
    norms = []
    for _ in range(5):
        norms.append(norm(session, "dW[1]"))
        assert history(session) == pytest.approx(norms)
        session.step()
    assert history(session, points=3) == pytest.approx([*norms, norm(session, "dW[1]")][-3:])
    session.back(Unit.BATCH, 3)
    assert history(session) == pytest.approx(norms[:3])
    session.step(Unit.PHASE, 1)
    assert history(session) == pytest.approx(norms[:3])
    session.step(Unit.PHASE, 3)  # as far as the backward pass
    assert history(session) == pytest.approx([*norms[:3], norm(session, "dW[1]")])


def test_an_edit_forgets_what_lay_ahead_and_a_branch_keeps_its_own() -> None:
    session = trained(network("tanh", "xavier", depth=2))
    for _ in range(4):
        history(session)
        session.step()
    before = history(session)
    session.back(Unit.BATCH, 3)
    kept = history(session)
    session.do("set learning_rate 1")
    session.step()
    assert len(history(session)) == len(kept) + 1
    assert history(session)[:2] == pytest.approx(kept)
    session.do("switch main")
    session.goto("last")
    assert history(session) == pytest.approx(before)


@given(st.lists(st.integers(1, 3 * MOST), unique=True, min_size=1, max_size=60), st.integers(1, 3 * MOST))
def test_a_trace_gives_what_was_noted_in_order(iterations: list[int], until: int) -> None:
    trace = Trace[float]()
    for iteration in iterations:
        trace.note(iteration, {"W[1]": float(iteration)})
    assert trace.series(["W[1]"], until, 1000)[0] == [float(i) for i in sorted(iterations) if i <= until]
    assert trace.series(["W[1]"], until, 5)[0] == [float(i) for i in sorted(iterations) if i <= until][-5:]
    assert trace.series(["b[1]"], until, 5)[0] == []
    trace.forget_from(until)
    assert trace.series(["W[1]"], 3 * MOST, 1000)[0] == [float(i) for i in sorted(iterations) if i <= until]


def test_a_long_trace_thins_out_what_is_old_and_keeps_what_is_new() -> None:
    trace = Trace[float]()
    for iteration in range(1, 5 * MOST):
        trace.note(iteration, {"W[1]": float(iteration)})
    kept = trace.series(["W[1]"], 5 * MOST, 10 * MOST)[0]
    assert len(kept) <= MOST
    assert kept[0] == 1.0
    assert kept[-200:] == [float(i) for i in range(5 * MOST - 200, 5 * MOST)]


def test_of_many_layers_only_those_in_view_or_around_the_cursor_s_are_sent() -> None:
    session = trained(network("relu", "xavier", depth=12))
    everything, look = layer_views(session.moment), Look(["layers"], layers=(2, 4))
    some = layers_view(session.moment, look)
    assert some.total == len(everything)
    assert some.rows == [view for view in everything if view.index in {row.index for row in some.rows}]
    assert 0 < len(some.rows) < len(everything)
    for layer in (1, 6, 12):
        session.do(f"run until layer == {layer}")
        assert next(view for view in layers_view(session.moment, look).rows if view.index == layer).tensors


def test_of_many_layers_the_longest_are_named() -> None:
    mixed = nn.Sequential(nn.Linear(WIDTH, 1000), nn.ReLU(), nn.Linear(1000, 2), nn.Tanh(), nn.Linear(2, 10), nn.ReLU())
    view = layers_view(trained(mixed).moment, Look(["layers"], layers=(2, 2)))
    for key in ("W", "b", "Z", "A"):
        whole = [str(layer.shapes[key]) for layer in layer_views(trained(mixed).moment)]
        assert max(map(len, whole)) == max(len(str(layer.shapes[key])) for layer in view.longest)
    assert {layer.activation for layer in view.longest} == {"relu", "tanh"}


@pytest.mark.parametrize("values", [torch.ones(10), 3 + 1e-4 * torch.tensor([1.0, -1.0] * 500), torch.randn(1000) + 2])
def test_a_deviation_that_is_small_beside_the_mean_is_right_too(values: Tensor) -> None:
    wanted = float(values.double().std(correction=0))
    assert statistics("x", values).std == pytest.approx(wanted, rel=1e-2, abs=1e-9)
