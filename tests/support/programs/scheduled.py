"""Learning rates that change with every batch: OneCycleLR, and ReduceLROnPlateau over two groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 7
BATCHES = 8


def _loader(rows: int) -> DataLoader[tuple[Tensor, ...]]:
    inputs = torch.randn(rows, 5)
    return DataLoader(TensorDataset(inputs, (inputs.sum(1) > 0).long()), batch_size=8, shuffle=True)


def _cycle() -> tuple[nn.Module, torch.optim.SGD, OneCycleLR, DataLoader[tuple[Tensor, ...]]]:
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(5, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    schedule = OneCycleLR(optimizer, max_lr=0.2, epochs=EPOCHS, steps_per_epoch=BATCHES)
    return model, optimizer, schedule, _loader(8 * BATCHES)


def one_cycle() -> dict[str, Any]:
    """Rate and momentum of every batch are others."""
    model, optimizer, schedule, loader = _cycle()
    held_out = _loader(24)

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss

    def validate(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        inputs, targets = batch
        output = model(inputs)
        right = (output.argmax(1) == targets).float().mean()
        return {"loss": F.cross_entropy(output, targets), "accuracy": right}

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "state": {"schedule": schedule},
        "validation": held_out,
        "validate": validate,
        "epochs": EPOCHS,
    }


def plain_one_cycle(batches: int) -> dict[str, Any]:
    """The same as a script's loop, without validation, which changes nothing."""
    model, optimizer, schedule, loader = _cycle()
    _loader(24)  # its rows are drawn from the same generator
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}, "state": {"schedule": schedule}}
    done = 0
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if done == batches:
                return trained
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            schedule.step()
            done += 1
    return trained


def _falling() -> tuple[nn.ModuleDict, torch.optim.Adam, ReduceLROnPlateau, DataLoader[tuple[Tensor, ...]]]:
    """A body and a head with ten times its rate; both fall where three batches were no better."""
    torch.manual_seed(5)
    model = nn.ModuleDict({"body": nn.Sequential(nn.Linear(5, 10), nn.ReLU()), "head": nn.Linear(10, 2)})
    groups = [
        {"params": model["body"].parameters(), "lr": 0.005},
        {"params": model["head"].parameters(), "lr": 0.05, "weight_decay": 0.01},
    ]
    optimizer = torch.optim.Adam(groups)
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    return model, optimizer, schedule, _loader(8 * BATCHES)


def plateau() -> dict[str, Any]:
    """The schedule is told the loss of each batch."""
    model, optimizer, schedule, loader = _falling()

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        inputs, targets = batch
        optimizer.zero_grad()
        output = model["head"](model["body"](inputs))
        loss = F.cross_entropy(output, targets)
        loss.backward()
        optimizer.step()
        schedule.step(loss.item())
        return {"loss": loss, "right": (output.argmax(1) == targets).float().mean()}

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "state": {"schedule": schedule},
        "epochs": EPOCHS,
    }


def plain_plateau(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    model, optimizer, schedule, loader = _falling()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}, "state": {"schedule": schedule}}
    done = 0
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if done == batches:
                return trained
            optimizer.zero_grad()
            features = model["body"](inputs)
            error = F.cross_entropy(model["head"](features), targets)
            error.backward()
            optimizer.step()
            schedule.step(error.detach())
            done += 1
    return trained
