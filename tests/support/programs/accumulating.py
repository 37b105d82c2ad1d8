"""Gradients summed over four backward passes before an update: over four batches, and over four parts of one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 8
EVERY = 4


class Counter:
    """How many batches were seen; its `state_dict` is what brings it back."""

    def __init__(self) -> None:
        self.count = 0

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.count = state["count"]


def _parts() -> tuple[nn.Module, torch.optim.SGD, DataLoader[tuple[Tensor, ...]]]:
    """A classifier with dropout, SGD with momentum, and 7 batches an epoch: 4 does not divide them."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Dropout(0.2), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = TensorDataset(torch.randn(56, 6), torch.randint(0, 3, (56,)))
    return model, optimizer, DataLoader(data, batch_size=8, shuffle=True)


def over_batches() -> dict[str, Any]:
    """Every fourth batch has an update; between, gradients are carried over."""
    model, optimizer, loader = _parts()
    counter = Counter()

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        loss = F.cross_entropy(model(inputs), targets)
        (loss / EVERY).backward()
        counter.count += 1
        if counter.count % EVERY == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "state": {"counter": counter},
        "epochs": EPOCHS,
    }


def plain_over_batches(batches: int) -> dict[str, Any]:
    """The same as a script's loop, which counts the batches of all epochs."""
    model, optimizer, loader = _parts()
    counter = Counter()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}, "state": {"counter": counter}}
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if counter.count == batches:
                return trained
            loss = F.cross_entropy(model(inputs), targets) / EVERY
            loss.backward()
            counter.count += 1
            if counter.count % EVERY == 0:
                optimizer.step()
                optimizer.zero_grad()
    return trained


def micro_batches() -> dict[str, Any]:
    """Each batch is taken in four parts, for memory; one update."""
    model, optimizer, loader = _parts()

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        optimizer.zero_grad()
        total = torch.zeros(())
        for inputs, targets in zip(*(part.chunk(EVERY) for part in batch), strict=True):
            loss = F.cross_entropy(model(inputs), targets) / EVERY
            loss.backward()
            total += loss.detach()
        optimizer.step()
        return total

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "epochs": EPOCHS,
    }


def plain_micro_batches(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    model, optimizer, loader = _parts()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}}
    done = 0
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if done == batches:
                return trained
            optimizer.zero_grad()
            for first in range(0, 8, 2):
                rows = slice(first, first + 2)
                (F.cross_entropy(model(inputs[rows]), targets[rows]) / EVERY).backward()
            optimizer.step()
            done += 1
    return trained
