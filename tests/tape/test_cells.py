"""Recurrent cells: a call is a time step, whose states, gates and gradients have names and are torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from engine.experiments.experiment import Experiment
from engine.experiments.models import initialise
from engine.experiments.recurrent import CELLS, Recurrent, set_forget_bias
from engine.launch import open_experiment
from engine.lookup.expressions import evaluate
from engine.panes.gradients import gradients_view
from engine.protocol.messages import GradientLook
from engine.protocol.positions import Phase, Unit
from engine.session import Session
from engine.tape.cells import CELLS as NAMED

STEPS, UNITS = 5, 3
WHOLE = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Stacked(nn.Module):
    """Two cells, and a second pass of the same batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.GRUCell(4, UNITS), nn.RNNCell(UNITS, 2)

    def forward(self, rows: Tensor) -> Tensor:
        low, high = rows.new_zeros(len(rows), UNITS), rows.new_zeros(len(rows), 2)
        for row in rows.unbind(dim=1):
            low = self.first(row, low)
            high = self.second(low, high)
        return high


def trained(model: nn.Module) -> Session:
    """One batch of six sequences done."""
    data = TensorDataset(torch.randn(6, STEPS, 4), torch.randint(2, (6,)))
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), DataLoader(data, 6))
    session.step()
    return session


def at(session: Session, text: str) -> Any:
    """The value of an expression at the cursor."""
    return evaluate(text, session.values())


def recurrent(kind: str) -> Recurrent:
    torch.manual_seed(3)
    return Recurrent(CELLS[kind](4, UNITS), 2)


@pytest.mark.parametrize("kind", CELLS)
def test_an_unrolled_cell_computes_what_torchs_whole_layer_does_and_so_do_its_gradients(kind: str) -> None:
    model = recurrent(kind)
    whole = WHOLE[kind](4, UNITS, batch_first=True)
    for own, torchs in zip(model.cell.parameters(), whole.parameters(), strict=True):
        torchs.data.copy_(own.data)
    rows = torch.randn(6, STEPS, 4)
    logits, (every, _) = model(rows), whole(rows)
    torch.testing.assert_close(logits, model.linear(every[:, -1]), atol=1e-6, rtol=0)
    logits.square().sum().backward()
    model.linear(every[:, -1]).square().sum().backward()
    for own, torchs in zip(model.cell.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(own.grad, torchs.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", CELLS)
def test_every_state_has_its_time_in_its_name_and_the_gradient_of_backpropagation_through_time(kind: str) -> None:
    model = recurrent(kind)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    session = trained(model)
    tape = session.tape()
    assert tape is not None
    model.load_state_dict(before)
    start = torch.zeros(6, UNITS)
    state: Any = (start, start) if kind == "lstm" else start
    seen = []
    for row in tape.inputs[0].unbind(1):
        state = model.cell(row, state)
        seen.append(state if isinstance(state, tuple) else (state,))
        for each in seen[-1]:
            each.retain_grad()
    nn.functional.cross_entropy(model.linear(seen[-1][0]), torch.as_tensor(tape.targets)).backward()
    for time, states in enumerate(seen, 1):
        for symbol, expected in zip(NAMED[CELLS[kind]].states, states, strict=True):
            torch.testing.assert_close(at(session, f"{symbol}[{time}]"), expected)
            if expected.grad is not None:  # of the last C there is one, too, through H
                torch.testing.assert_close(at(session, f"d{symbol}[{time}]"), expected.grad)


def test_the_gates_of_an_lstm_and_a_gru_are_those_of_their_equations() -> None:
    for kind, count in (("lstm", 4), ("gru", 3)):
        model = recurrent(kind)
        cell = model.cell
        weights = [each.detach().clone() for each in cell.parameters()]
        session = trained(model)
        x, h = session.tape().inputs[0][:, 1], at(session, "H[1]")  # type: ignore[union-attr]
        into = nn.functional.linear(x, weights[0], weights[2]).chunk(count, 1)
        back = nn.functional.linear(h, weights[1], weights[3]).chunk(count, 1)
        if kind == "lstm":
            functions = (torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid)
            gates = [g(a + b) for g, a, b in zip(functions, into, back, strict=True)]
        else:
            reset, update = torch.sigmoid(into[0] + back[0]), torch.sigmoid(into[1] + back[1])
            gates = [reset, update, torch.tanh(into[2] + reset * back[2])]
        for symbol, expected in zip(NAMED[CELLS[kind]].gates, gates, strict=True):
            torch.testing.assert_close(at(session, f"{symbol}[2]"), expected)


def test_a_step_in_time_ends_where_a_call_of_the_cell_does_forward_and_back() -> None:
    session = trained(recurrent("rnn"))
    session.do("goto start")
    walked = []
    for _ in range(1 + STEPS):
        session.step(Unit.TIME)
        here = session.here()
        assert here is not None
        walked.append((here.time, here.outputs[0].name))
    assert walked == [(0, "A[0]"), *((t, f"H[{t}]") for t in range(1, STEPS + 1))]
    session.back(Unit.TIME, 2)
    assert session.here().outputs[0].name == f"H[{STEPS - 2}]"  # type: ignore[union-attr]
    tape = session.tape()
    assert tape is not None
    back = [event.time for event in tape.events if event.phase is Phase.BACKWARD and event.time]
    assert back == sorted(back, reverse=True)
    assert set(back) == set(range(1, STEPS + 1))


def test_where_there_is_no_cell_a_step_in_time_is_one_of_a_layer() -> None:
    session = trained(nn.Sequential(nn.Flatten(), nn.Linear(STEPS * 4, 3), nn.ReLU(), nn.Linear(3, 2)))
    tape = session.tape()
    assert tape is not None
    assert tape.borders(Unit.TIME) == tape.borders(Unit.LAYER)


def test_of_two_cells_each_step_holds_both_and_names_tell_the_layer() -> None:
    session = trained(Stacked())
    tape = session.tape()
    assert tape is not None
    borders = [tape.events[border - 1] for border in tape.borders(Unit.TIME)]
    steps = [event for event in borders if event.phase is Phase.FORWARD]
    assert [(event.time, event.path) for event in steps] == [(t, "second") for t in range(1, STEPS + 1)]
    torch.testing.assert_close(at(session, "A[2]"), tape.output)
    assert {"H[1]", f"H[1]/{STEPS}", "H[2]", "R[1]/2"} <= set(tape.values)
    torch.testing.assert_close(at(session, f'"H[2]/{STEPS}"'), tape.output)


def test_places_and_watches_know_the_time() -> None:
    session = trained(recurrent("lstm"))
    session.do("goto start")
    hit = session.run(until="time == 3 and phase == 'backward'")
    assert hit is not None
    assert session.here().time == 3  # type: ignore[union-attr]
    assert at(session, "time") == 3


@pytest.mark.parametrize("kind", CELLS)
def test_drawn_as_torch_does_a_network_has_the_bits_of_one_that_is_built_plainly(kind: str) -> None:
    session = open_experiment(Experiment(model=kind, layers=(28, 4, 2), classes=(1, 7), seed=5))
    torch.manual_seed(5)
    cell, linear = CELLS[kind](28, 4), nn.Linear(4, 2)
    for own, plain in zip(session.trainer.model.parameters(), (*cell.parameters(), *linear.parameters()), strict=True):
        assert torch.equal(own, plain)


def test_a_forget_bias_is_that_of_the_forget_gate_alone() -> None:
    model = recurrent("lstm")
    initialise(model, "zeros", torch.Generator())
    set_forget_bias(model, 1.5)
    state = torch.full((2, UNITS), 2.0)
    _, memory = model.cell(torch.zeros(2, 4), (state, state))
    torch.testing.assert_close(memory, torch.sigmoid(torch.tensor(1.5)) * state)


def test_the_gradients_pane_has_a_row_for_each_state_and_shows_how_it_shrinks() -> None:
    session = trained(recurrent("lstm"))
    view = gradients_view(session.moment, GradientLook("dZ", rows=99))
    states = [f"{symbol}[{time}]" for symbol in "HC" for time in range(1, STEPS + 1)]
    assert [row.name for row in view.rows] == [*states, "Z[2]"]
    for row in view.rows:
        assert row.norm == pytest.approx(float(at(session, f"norm(d{row.name})")), rel=1e-5)
    session.do("goto 1:1:30")
    assert {row.norm for row in gradients_view(session.moment, GradientLook("dZ", rows=99)).rows} == {None}
