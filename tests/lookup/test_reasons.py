"""Why something has no gradient, or is not updated: what is said is what the batch did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from engine.panes.between import between_rule
from engine.panes.here import here_view
from engine.program.modules import Modules
from engine.program.program import Program
from engine.session import Session


class Between(nn.Module):
    """Two layers, and what is done between them; a third that nothing reads, and a fourth that ℒ does not reach."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 3)
        self.unread, self.aside = nn.Linear(4, 4), nn.Linear(4, 4)
        self.between = between

    def forward(self, rows: Tensor) -> Tensor:
        self.aside(rows)
        logits: Tensor = self.second(self.between(self.first(rows)))
        return logits


def detached(hidden: Tensor) -> Tensor:
    return torch.relu(hidden.detach())


def without_graph(hidden: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.relu(hidden)


def as_indices(hidden: Tensor) -> Tensor:
    return nn.functional.one_hot(hidden.argmax(1), 4).float()


def opened(between: Callable[[Tensor], Tensor] = torch.relu) -> Session:
    torch.manual_seed(0)
    model = Between(between)
    data = [(torch.randn(6, 4), torch.arange(6) % 3) for _ in range(3)]
    optimizer = torch.optim.SGD([*model.first.parameters(), *model.unread.parameters()], lr=0.1)
    session = Session(model, nn.CrossEntropyLoss(), optimizer, data)
    session.step()
    return session


def line_of(text: str) -> str:
    """FILE:LINE of a piece of this file."""
    with open(__file__, encoding="utf-8") as file:
        return f"test_reasons.py:{next(number for number, line in enumerate(file, 1) if text in line)}"


CUTS: dict[Callable[[Tensor], Tensor], str] = {
    detached: f"cut by detach at {line_of('hidden.detach())')}",
    without_graph: f"cut by no_grad at {line_of('        return torch.relu(hidden)')}",
    as_indices: f"cut by argmax, whose result is int64 at {line_of('hidden.argmax(1)')}",
}


@pytest.mark.parametrize("between", CUTS)
@pytest.mark.parametrize("named", ["dfirst.weight", "dZ[1]", "grad(first.bias)", "ratio(first.weight)"])
def test_what_is_cut_off_is_said_to_be_with_the_line_that_cuts(between: Callable[[Tensor], Tensor], named: str) -> None:
    error = opened(between).do(f"print {named}").error
    assert CUTS[between] in error


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("dunread.weight", "no operation of this batch reads it"),
        ("daside.weight", "no operation leads from it to ℒ"),
        ("dX", "it is data"),
        ("ratio(unread.weight)", "it has no gradient: no operation of this batch reads it"),
    ],
)
def test_why_a_gradient_is_missing(asked: str, reason: str) -> None:
    error = opened().do(f"print {asked}").error
    assert reason in error


def test_a_parameter_of_no_optimizer_is_said_to_be_and_its_gradient_to_pile_up_where_it_does() -> None:
    session = opened()
    assert session.do("print delta(second.weight)").error.endswith("it is in no optimizer")
    session.step()
    assert session.do("print delta(second.weight)").error.endswith("its gradient piles up over the batches")


def test_a_frozen_parameter_is_said_to_be() -> None:
    session = opened()
    assert not session.do("freeze 1").error
    session.step()
    assert "frozen" in session.do("print dfirst.weight").error


def test_a_value_that_is_yet_to_come_says_when() -> None:
    session = opened()
    session.do("goto 1:1:2")
    assert "it will be by event" in session.do("print dfirst.weight").error


class Halved(torch.autograd.Function):
    """A sigmoid is taken inside, without a graph."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        return torch.sigmoid(rows) / 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def test_what_a_function_of_the_users_does_inside_is_no_layers_value_and_cuts_nothing() -> None:
    session = opened(lambda hidden: cast(Tensor, Halved.apply(hidden)))
    assert session.do("print max(abs(A[1] - Z[1]))").value == 0.0
    assert session.do("print norm(dA[1])").value == session.do("print norm(dZ[1])").value != 0.0


def stepping(step: Callable[[nn.Module, torch.optim.Optimizer, Tensor], Any]) -> Session:
    """A program with a step of its own, three batches on."""
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = [torch.randn(6, 4) for _ in range(4)]
    own = Program(Modules({"model": model}), {"": optimizer}, data, lambda batch: step(model, optimizer, batch))
    session = Session.of(own)
    session.do("step batch 3")
    return session


def test_a_backward_pass_from_a_tensor_that_nothing_made_is_told_from_none() -> None:
    def anew(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensor) -> None:
        torch.tensor(model(batch).mean().item(), requires_grad=True).backward()  # from nothing

    place = line_of("# from nothing")
    reason = f"the backward pass began at {place} from a tensor that no operation made, and went nowhere"
    assert stepping(anew).do("print dW[1]").error.endswith(reason)
    none = stepping(lambda model, optimizer, batch: {"score": model(batch).mean().item()})
    assert none.do("print dW[1]").error.endswith("no backward pass ran in this batch")


def test_the_gradients_that_a_batch_finds_are_there_from_its_first_event_on() -> None:
    def cleared(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(batch).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    session = stepping(cleared)
    left = session.do("print norm(dW[1])").value
    session.do("step op")
    assert session.do("print norm(dW[1])").value == left
    session.do("step op")
    here = here_view(session.moment, (1, 1))
    assert here is not None
    assert here.title == "between · zero-grad"
    assert here.numbers[0].endswith("→ none")
    assert not here.numbers[0].startswith("‖d‖ none")


@pytest.mark.parametrize("to_none", [True, False])
def test_a_gradient_that_is_dropped_before_the_update_is_said_to_be(to_none: bool) -> None:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.zero_grad(set_to_none=to_none)  # too early
        optimizer.step()
        return loss

    data = [(torch.randn(6, 4), torch.arange(6) % 3)]
    session = Session.of(Program(Modules({"": model}), {"": optimizer}, data, step))
    session.step()
    tape = session.tape()
    assert tape is not None
    zeroed = next(event for event in tape.events if event.op.name == "zero-grad")
    assert between_rule(tape, zeroed)[0].text.startswith("d ← none" if to_none else "d ← 0")
    asked, ratio = session.do("print dweight"), session.do("print ratio(weight)")
    where = f"dropped by zero-grad at {line_of('# too early')}"
    assert (where in asked.error, where in ratio.error) == (to_none, to_none)
