"""The neuron view over a real session: what the engine sends, and every key."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import torch

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.lookup.names import Ref
from engine.protocol.messages import Look, NeuronsLook
from engine.protocol.views import NeuronColumn, NeuronsView
from engine.session import Session
from nnwalk_tui.colours import theme
from nnwalk_tui.render import neurons as render
from tests.support.live import live
from tests.support.sessions import small


def look(session: Session, layer: int = 1, rows: int = 4) -> NeuronsView:
    view = session.viewer.see(Look(["neurons"], neurons=NeuronsLook(layer, rows))).neurons
    assert view is not None
    return view


@pytest.fixture
def session() -> Session:
    session = small(dropout=0.0)
    session.do("step batch 2")
    session.do("pick 7 3")
    return session


def test_columns_hold_the_activations_and_weights_that_print_shows(session: Session) -> None:
    view = look(session, rows=6)
    hidden = view.columns[1]
    assert (hidden.layer, hidden.size, hidden.neurons) == (1, 6, [1, 2, 3, 4, 5, 6])
    assert hidden.values == session.do("print A[1][7]").value
    assert view.weights[1] == session.do("print W[2]").value
    k = view.columns[0].neurons[2]
    assert view.weights[0][4][2] == session.do(f"print W[1][5,{k}]").value


def test_wide_layers_are_sampled_the_picked_neuron_among_them(session: Session) -> None:
    session.do("pick 7 5")
    view = look(session, layer=1, rows=3)
    assert len(view.columns[1].neurons) == 3
    assert 5 in view.columns[1].neurons


def test_label_and_prediction_are_among_the_outputs_that_are_shown() -> None:
    session = open_experiment(Experiment(layers=(784, 6, 4, 10), batch_size=32))
    session.do("step batch")
    values = session.values()
    for row in range(1, 9):
        session.do(f"pick {row}")
        prediction = int(values.get(Ref("Z[3]"))[row - 1].argmax())
        tape = session.tape()
        assert tape is not None
        assert isinstance(tape.targets, torch.Tensor)
        assert {int(tape.targets[row - 1]) + 1, prediction + 1} <= {*look(session, rows=3).columns[-1].neurons}


def test_before_the_picked_neuron_stand_those_that_matter_most_to_it(session: Session) -> None:
    tape = session.tape()
    assert tape is not None
    view = look(session, layer=1, rows=4)
    weight = tape.before.tensors[session.naming.full_name["W[1]"]]
    products = (weight[2] * tape.inputs[0][6]).abs()
    wanted = sorted(products.argsort(descending=True)[:4].tolist())
    assert [number - 1 for number in view.columns[0].neurons] == wanted
    assert view.columns[0].strongest


def test_z_is_the_sum_of_its_parts_before_and_after_the_update(session: Session) -> None:
    def parts() -> list[float]:
        line = look(session).lines[0].replace("−", "-")
        found = re.findall(r"(?<![\w\[(])-?\d+\.?\d*(?:e-?\d+)?", line.partition(" = ")[2].replace("- ", "-"))
        return [float(number) for number in found]

    z, products, bias = parts()
    assert z == pytest.approx(products + bias, abs=2e-3)
    assert z == pytest.approx(session.do("print Z[1][7,3]").value, rel=1e-3)
    session.do("back phase")
    assert parts() == [z, products, bias]


def test_what_is_not_computed_yet_is_left_open(session: Session) -> None:
    session.do("step op 3")
    view = look(session)
    assert view.columns[1].values is not None
    assert view.columns[3].values is None
    assert "da₃[1]" in view.lines[1]
    assert view.lines[1].endswith("= not yet")


def test_outputs_are_named_by_their_classes_before_and_in_training() -> None:
    session = small(dropout=0.0)
    before = look(session)
    assert len(before.classes) == before.columns[-1].size
    session.do("step batch 2")
    assert look(session).classes == before.classes


def drawn(view: NeuronsView, width: int = 70, height: int = 24) -> list[str]:
    lines = render.draw(view, width, height)
    assert len(lines) == height
    return ["".join(text for text, _ in line) for line in lines]


def test_each_class_stands_beside_its_output_and_colours_are_explained(session: Session) -> None:
    view = msgspec.structs.replace(look(session, rows=12), classes=[f"class{at}" for at in range(20)])
    lines = drawn(view)
    beside = [line.split()[-1] for line in lines if line.split() and line.split()[-1].startswith("→class")]
    assert beside == [f"→class{number - 1}" for number in view.columns[-1].neurons]
    assert "weights ⠒⠒⠒⠒⠒ + ⠒⠂  ⠒ −   activations ■ + ■ −   › picked" in lines[-1]


@pytest.mark.parametrize("value", [-1.0, -0.3, 0.0, 0.01, 0.3, 0.5, 0.6, 1.0])
@pytest.mark.parametrize("colours", list(theme.Colours))
def test_the_picked_neuron_has_a_sign_whatever_its_activation(value: float, colours: theme.Colours) -> None:
    column = NeuronColumn(1, "A[1]", 3, [1, 2, 3], [1.0, value, 0.0], 1.0)
    view = NeuronsView([column, NeuronColumn(2, "A[2]", 1, [1], [0.0])], [[[0.5, 0.5, 0.5]]], "", 1, 2, [])
    theme.use(colours=colours)
    try:
        assert "▶◀" in "\n".join(drawn(view, 16, 12))
    finally:
        theme.use()


def test_long_values_go_on_in_the_next_line_and_neurons_stay_where_they_are(session: Session) -> None:
    view = look(session)
    short = drawn(msgspec.structs.replace(view, lines=["z = 1"]))
    long = drawn(msgspec.structs.replace(view, lines=["z = 1 " + "+ 0.1234 " * 9 + "= end", "a = 2"]))
    assert short[:12] == long[:12]
    assert any("= end" in line for line in long)
    assert not any("…" in line for line in long[-6:])


@pytest.mark.parametrize("width", range(48, 56))
def test_a_sum_goes_on_in_the_next_line_at_every_width_where_it_does_not_fit(session: Session, width: int) -> None:
    view = msgspec.structs.replace(look(session), lines=["z₁[1](7710) = 1.763 = 1.736 + 0.02648 (Σₖ wₖ·aₖ + b)"])
    words = "".join(drawn(view, width)).replace(" ", "")
    assert "(Σₖwₖ·aₖ+b)" in words


def test_a_model_without_dense_layers_at_its_end_says_so() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten())
    batch = (torch.randn(4, 1, 5, 5), torch.randn(4, 18))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    session = Session(model, torch.nn.functional.mse_loss, optimizer, [batch])
    session.do("step")
    assert "no layer of this model is a column of neurons" in look(session).problem


async def test_arrows_pick_a_neuron_and_n_an_example(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "6", "enter", "down", "down")
        assert on.session.viewer.picked == (1, 3)
        assert "z₃[1]" in on.text("neurons")
        await on.press("right")
        assert "z₃[2]" in on.text("neurons")
        await on.press("up", "left", "left")
        assert "x₂(" in on.text("neurons")
        await on.press("left", "n", "n", "N")
        assert on.session.viewer.picked == (2, 2)
        tape = on.session.tape()
        assert tape is not None
        assert f"example {tape.indices[1]} · label" in on.text("neurons")
        await on.press("end")
        assert on.session.viewer.picked == (2, 784)
        await on.press("right", "down")
        assert on.session.viewer.picked == (2, 6)


async def test_t_shows_the_neuron_s_weights(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "6", "enter", "down", "t")
        assert on.main.current == "tensor"
        assert "›w₂,₁[1]" in on.text("tensor")


async def test_neurons_take_the_place_of_the_graph(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("6")
        assert "graph" not in on.main.plan.panes
        await on.press("1")
        assert "neurons" not in on.main.plan.panes


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_edges_differ_by_sign_in_every_terminal(size: tuple[int, int], ascii: bool, tmp_path: Path) -> None:
    async with live(tmp_path, size, ascii=ascii) as on:
        await on.press("b", "6", "z")
        text = on.text("neurons")
        assert "weaker" in text, "the inputs that are left out are counted"
        if ascii:
            assert text.isascii()
            assert "+" in text
