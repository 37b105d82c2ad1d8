"""What is trained: the plain PyTorch loop that everything is compared with, and the same training in a Session.

784-128-64-10 with ReLU and cross-entropy, batch 64, one thread, on 10,240 random examples; a batch is made by indexing
tensors, and its loss is read with `loss.item()`.
"""

from __future__ import annotations

import torch
from torch import nn

from engine import Session
from engine.experiments.data import BatchLoader
from engine.experiments.models import MLP

LAYERS = (784, 128, 64, 10)
BATCH = 64
EXAMPLES = 10_240
BATCHES = EXAMPLES // BATCH  # per epoch


def examples(shape: tuple[int, ...] = (784,), count: int = EXAMPLES) -> tuple[torch.Tensor, torch.Tensor]:
    """Random inputs, (count, *shape), and labels of 10 classes, (count)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, *shape, generator=generator), torch.randint(0, 10, (count,), generator=generator)


def plain_model() -> nn.Module:
    """784-128-64-10 as one writes it down."""
    a, b, c, d = LAYERS
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.ReLU(), nn.Linear(c, d))


def optimizer_for(model: nn.Module, name: str) -> torch.optim.Optimizer:
    """SGD or Adam by torch's class name, with a small step."""
    made: torch.optim.Optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01 if name == "SGD" else 0.001)
    return made


class PlainLoop:
    """A training loop that anyone would write, to be advanced by some batches at a time."""

    def __init__(
        self,
        model: nn.Module | None = None,
        optimizer: str = "SGD",
        data: tuple[torch.Tensor, torch.Tensor] | None = None,
        batch_size: int = BATCH,
    ) -> None:
        torch.set_num_threads(1)
        self._model = model or plain_model()
        self._optimizer = optimizer_for(self._model, optimizer)
        self._inputs, self._targets = data or examples()
        self._batch_size = batch_size
        self._order = torch.randperm(len(self._inputs))
        self._next = 0
        self.losses: list[float] = []

    def train(self, batches: int = 1) -> None:
        """Train on."""
        criterion = nn.functional.cross_entropy
        for _ in range(batches):
            if self._next >= len(self._inputs):
                self._order, self._next = torch.randperm(len(self._inputs)), 0
            rows = self._order[self._next : self._next + self._batch_size]
            self._next += self._batch_size
            self._optimizer.zero_grad()
            loss = criterion(self._model(self._inputs[rows]), self._targets[rows])
            loss.backward()
            self._optimizer.step()
            self.losses.append(loss.item())


def session(
    model: nn.Module | None = None,
    optimizer: str = "SGD",
    data: tuple[torch.Tensor, torch.Tensor] | None = None,
    batch_size: int = BATCH,
    epochs: int = 200,
    history_bytes: int = 256 * 2**20,
) -> Session:
    """The same training, to be stepped."""
    torch.set_num_threads(1)
    inputs, targets = data or examples()
    model = model or MLP(LAYERS, "relu", "softmax")
    loader = BatchLoader(inputs, targets, batch_size, seed=0)
    run = Session(
        model,
        nn.CrossEntropyLoss(),
        optimizer_for(model, optimizer),
        loader,
        epochs=epochs,
        history_bytes=history_bytes,
    )
    run.trainer.at_work.have_process()  # as in the engine's process
    return run
