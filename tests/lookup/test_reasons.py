"""Why something has no gradient, or is not updated: what is said is what the batch did."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

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
        ("daside.weight", "nothing that is made of it reaches ℒ"),
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
