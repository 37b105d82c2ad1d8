"""What the user's code raises is told each time, shortly, and nothing is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from engine.session import Session
from engine.users_code import message_of


class Unreadable(Dataset[Any]):
    """Examples of which one cannot be read."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index == 17:
            raise OSError("no such image: 17.png")
        return torch.full((3,), float(index)), index % 2


class Generated:
    """The same, from a generator, which has ended once it has raised."""

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from DataLoader(Unreadable(), batch_size=8)


@pytest.mark.parametrize("loader", [DataLoader(Unreadable(), batch_size=8), Generated()], ids=["loader", "generator"])
def test_a_loader_that_raised_says_so_each_time_and_no_batch_is_passed_over(loader: Any) -> None:
    model = nn.Linear(3, 2)
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.001), loader)
    assert not session.do("step 2").error
    digest = session.digest()
    for line in ("step", "step op", "run", "step 3", "goto 1:4"):
        answer = session.do(line)
        assert "loading a batch raised OSError: no such image: 17.png, at test_failing_code.py" in answer.error
        assert "17.png" in answer.details
        assert (session.iteration, session.digest()) == (2, digest)
    assert not session.do("back").error
    assert not session.do("step").error
    assert session.digest() == digest


class UntoldError(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize("error", [RuntimeError("x" * 5_000_000), UntoldError()], ids=["long", "untold"])
def test_an_exception_is_told_at_no_length(error: Exception) -> None:
    class Raising(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            raise error

    model = Raising()
    batches = [(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))]
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), batches)
    answer = session.do("step op")
    assert type(error).__name__ in answer.error
    assert 10 < len(answer.error) < 1000
    assert len(answer.details) < 100_000
    assert message_of(error) in answer.error
