"""Operations that are not a module's usual ones are recorded, with the plain loop's bits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.utils.checkpoint import checkpoint

from engine.protocol.positions import Phase
from tests.support.steps import Program, check_bits, events, net, phases, rows, simple


class Cube(torch.autograd.Function):
    """x³."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * gradients[0]


def test_a_function_of_the_user_s_is_one_event_with_its_own_name() -> None:
    def step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(Cube.apply(model(batch["x"])), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    for tape in check_bits(lambda: simple(step)).tapes:
        forward = next(event for event in tape.events if event.op.name == "Cube" and event.twin is None)
        backward = next(event for event in tape.events if event.twin is forward)
        came, went = backward.gradients_in[0], backward.gradients_out[0][1]
        assert came is not None
        assert went is not None
        assert forward.outputs[0].gradient is came
        x = forward.inputs[0].tensor
        assert x is not None
        assert torch.equal(3 * x * x * came, went)
        assert [value.name for value in forward.inputs] == ["Z[2]"]


def test_a_gradient_penalty_is_part_of_the_loss() -> None:
    def step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        x = batch["x"].clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(x).tanh().sum(), x, create_graph=True)
        loss = cross_entropy(model(x), batch["labels"]) + slope.norm(2, 1).sub(1).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    assert phases(tape).count("backward") == 1
    assert list(tape.losses) == ["ℒ"]


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_leaves_the_plain_loop_s_bits(reentrant: bool) -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        hidden = model[0](batch["x"])
        loss = cross_entropy(checkpoint(model[1:], hidden, use_reentrant=reentrant), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    assert len(events(tape, Phase.UPDATE)) == 4
    assert len(tape.gradients()) == 4


def test_hooks_of_the_user_s_on_tensors_do_what_they_do_plainly() -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        hidden = model[0](batch["x"])
        hidden.register_hook(lambda gradient: gradient * 2)
        loss = cross_entropy(model[1:](hidden), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    backward = [event for event in events(tape, Phase.BACKWARD) if event.op.name == "linear"]
    assert torch.equal(tape.gradients()["0.bias"][0], backward[-1].gradients_in[0].sum(0))


def test_what_is_computed_without_gradients_says_so() -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        with torch.no_grad():
            hidden = model[0](batch["x"])
        loss = cross_entropy(model[1:](hidden), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    value = tape.values["Z[1]"]
    assert value.cut == "no_grad"
    assert "test_odd_operations.py:" in value.cut_at


def test_parameters_of_no_module_go_by_the_user_s_variable() -> None:
    def make() -> Program:
        temperature = torch.ones((), requires_grad=True)
        model = net()
        optimizer = torch.optim.SGD([*model.parameters(), temperature], lr=0.1)

        def step(batch: dict[str, Tensor]) -> Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(model(batch["x"]) * temperature, batch["labels"])
            loss.backward()
            optimizer.step()
            return loss

        return Program({"": model}, {"": optimizer}, step)

    tape = check_bits(make).tapes[-1]
    names = {value.name for event in tape.events for value in event.inputs}
    assert "temperature" in names


def test_sparse_gradients_and_complex_parameters_are_recorded() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(2)
            self.words = nn.Embedding(3, 4, sparse=True)
            self.phase = nn.Parameter(torch.randn(4, dtype=torch.complex64))

        def forward(self, labels: Tensor) -> Any:
            return (self.words(labels) * self.phase).abs().sum(1)

    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        loss = (model(batch["labels"]) - 1).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step, model=Words())).tapes[-1]
    assert tape.gradients()["words.weight"][0].is_sparse
    assert tape.gradients()["phase"][0].is_complex()


def test_a_write_into_a_slice_is_an_input_of_what_reads_the_whole() -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        z = model[0](batch["x"]) * 1.0
        z[:, :4] = y = z[:, 4:] * 2
        assert y is not None
        loss = cross_entropy(model[2](z), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    reader = next(event for event in tape.events if event.path == "2")
    write = next(event for event in tape.events if event.op.name == "write")
    before, part, whole = *write.inputs, *write.outputs
    assert whole in reader.inputs
    assert whole.tensor is not None
    assert before.tensor is not None
    assert part.tensor is not None
    assert torch.equal(whole.tensor, torch.cat([part.tensor, before.tensor[:, 4:]], 1))
    back = next(event for event in tape.events if event.twin is write)
    assert [target for target, _ in back.gradients_out] == [before, part]
    assert before.gradient is not None
    assert whole.gradient is not None
    assert torch.equal(before.gradient[:, 4:], whole.gradient[:, 4:] + 2 * whole.gradient[:, :4])


@pytest.mark.parametrize("parametrize", [weight_norm, spectral_norm])
def test_a_layer_whose_weight_is_computed_is_one_layer_all_the_same(parametrize: Any) -> None:
    model = nn.Sequential(parametrize(nn.Linear(6, 8)), nn.ReLU(), nn.Linear(8, 3))

    def step(batch: dict[str, Tensor]) -> Tensor:
        loss = cross_entropy(model(batch["x"]), batch["labels"])
        loss.backward()
        return loss

    program = Program({"": model}, {}, step)
    tape = program.record(rows())
    assert [(layer.path, layer.kind) for layer in program.naming.layers] == [("0", "linear"), ("2", "linear")]
    assert [(name, tape.values[name].shape) for name in ("Z[1]", "A[1]")] == [("Z[1]", (5, 8)), ("A[1]", (5, 8))]
