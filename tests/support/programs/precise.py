"""Updates that are more than a step: LBFGS with its closure, and bfloat16 with a gradient scaler."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 9


def _data() -> DataLoader[tuple[Tensor, ...]]:
    """A curve with noise, 6 batches of 10."""
    inputs = torch.linspace(-2, 2, 60).unsqueeze(1)
    targets = (2 * inputs).sin() + 0.05 * torch.randn_like(inputs)
    return DataLoader(TensorDataset(inputs, targets), batch_size=10, shuffle=True)


def _curve() -> tuple[nn.Module, torch.optim.LBFGS, DataLoader[tuple[Tensor, ...]]]:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=3, history_size=4)
    return model, optimizer, _data()


def lbfgs() -> dict[str, Any]:
    """One step evaluates its closure several times."""
    model, optimizer, loader = _curve()

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(model(inputs), targets)
            loss.backward()
            return loss

        first: Tensor = optimizer.step(closure)
        return first

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "epochs": EPOCHS,
    }


def plain_lbfgs(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    model, optimizer, loader = _curve()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}}
    done = 0
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if done == batches:
                return trained

            def closure(inputs: Tensor = inputs, targets: Tensor = targets) -> Tensor:
                optimizer.zero_grad()
                error = F.mse_loss(model(inputs), targets)
                error.backward()
                return error

            optimizer.step(closure)
            done += 1
    return trained


def _halved() -> tuple[nn.Module, torch.optim.Adam, torch.amp.GradScaler, DataLoader[tuple[Tensor, ...]]]:
    """A network, Adam, and a scaler that doubles its scale every five updates."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(1, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=5)
    return model, optimizer, scaler, _data()


def scaled() -> dict[str, Any]:
    """bfloat16 in the forward pass, the loss scaled, gradients unscaled and clipped before the update."""
    model, optimizer, scaler, loader = _halved()

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.mse_loss(model(inputs), targets)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "state": {"scaler": scaler},
        "epochs": EPOCHS,
    }


def plain_scaled(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    model, optimizer, scaler, loader = _halved()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}, "state": {"scaler": scaler}}
    done = 0
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if done == batches:
                return trained
            optimizer.zero_grad()
            with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
                prediction = model(inputs)
                error = F.mse_loss(prediction, targets)
            scaler.scale(error).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
            done += 1
    return trained
