"""What the user's code raises is told each time, shortly, and nothing is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from engine.program.modules import Modules
from engine.program.program import Program
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


def failing(model: nn.Module, inputs: Tensor, targets: Tensor, command: str) -> str:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    session = Session(model, nn.CrossEntropyLoss(), optimizer, [(inputs, targets)])
    return session.do(command).error


@pytest.mark.parametrize("command", ["step", "step op"])
def test_a_class_without_an_output_is_told_with_its_rows_and_the_cure(command: str) -> None:
    targets = torch.tensor([0, 3, 1, -100, 4, 3, 3])
    said = failing(nn.Linear(2, 3), torch.zeros(7, 2), targets, command)
    assert "3 outputs, for 0 to 2: the targets hold 3, 4 in rows 2, 5, 6 … (4); give it more outputs" in said


def test_an_index_without_a_row_of_an_embedding_is_told() -> None:
    model = nn.Sequential(nn.Embedding(5, 3))
    said = failing(model, torch.tensor([1, 5, 2]), torch.zeros(3, dtype=torch.long), "step")
    assert "the embedding has 5 rows, for 0 to 4: the indices hold 5 in row 2" in said


class WritesOver(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 5), nn.Linear(5, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.sigmoid(self.first(inputs))
        out: Tensor = self.last(hidden)
        hidden += 1  # line of this test's own
        return out


@pytest.mark.parametrize("command", ["step", "step op"])
def test_a_write_that_breaks_the_backward_pass_is_told_with_its_line(command: str) -> None:
    lines = Path(__file__).read_text().splitlines()
    line = 1 + next(at for at, text in enumerate(lines) if "# line of this test's own" in text)
    said = failing(WritesOver(), torch.zeros(4, 2), torch.zeros(4, dtype=torch.long), command)
    assert f"written in place: add_ at test_failing_code.py:{line})" in said
    assert "make a new one, as h = h + 1 does" in said


def test_a_step_before_a_backward_pass_that_needs_the_old_parameter_is_told_with_its_line() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3, bias=False))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(batch: Tensor) -> Tensor:
        loss: Tensor = model(batch).square().mean()
        loss.backward(retain_graph=True)
        optimizer.step()
        loss.backward()
        return loss

    session = Session.of(Program(Modules({"": model}), {"": optimizer}, [torch.ones(2, 2)], step))
    assert "1.weight by sgd at test_failing_code.py:" in session.do("step").error


@pytest.mark.parametrize("recorded", [False, True])
def test_a_step_that_spoils_the_loader_s_own_data_is_refused_and_one_that_spoils_its_copy_is_not(
    recorded: bool,
) -> None:
    def opened(loader: Any) -> Session:
        torch.manual_seed(0)
        model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2))
        return Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), loader)

    rows = torch.randn(8, 3), torch.arange(8) % 2
    command = "step op" if recorded else "step 2"
    own = [tuple(tensor[at : at + 4].clone() for tensor in rows) for at in (0, 4)]
    assert "writes into the batch itself" in opened(own).do(command).error
    assert not opened(DataLoader(TensorDataset(*rows), batch_size=4)).do(command).error


class Remembers(nn.Module):
    """Keeps its output for the next batch, with the graph that made it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.kept = nn.Linear(2, 3), torch.zeros(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        self.kept = self.linear(inputs) + 0.5 * self.kept.sigmoid()
        return self.kept


def test_a_graph_that_was_freed_is_told_with_the_cure() -> None:
    model = Remembers()
    data = [(torch.ones(4, 2), torch.zeros(4, dtype=torch.long))] * 2
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), data)
    session.step()
    assert "is to be detached (h = h.detach())" in session.do("step").error
