"""Weights of examples and of models: a sampler with a generator of its own, and an average of the weights seen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

EPOCHS = 9


def _rare() -> TensorDataset:
    """60 rows of two classes, one of them five times as frequent."""
    targets = (torch.arange(60) % 6 == 0).long()
    return TensorDataset(torch.randn(60, 4) + targets.unsqueeze(1), targets)


def _sampled() -> tuple[nn.Module, torch.optim.Adagrad, DataLoader[tuple[Tensor, ...]]]:
    """A network, Adagrad, and 6 batches an epoch in which both classes are as frequent."""
    torch.manual_seed(11)
    model = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    data = _rare()
    weights = torch.where(data.tensors[1] == 1, 5.0, 1.0)
    own = torch.Generator().manual_seed(12)
    sampler = WeightedRandomSampler(weights.tolist(), len(data), generator=own)
    return model, optimizer, DataLoader(data, batch_size=10, sampler=sampler)


def weighted_sampler() -> dict[str, Any]:
    """What is drawn depends on a generator that only the sampler holds."""
    model, optimizer, loader = _sampled()

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(inputs).squeeze(1), targets.float())
        loss.backward()
        optimizer.step()
        return loss

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "epochs": EPOCHS,
    }


def plain_weighted_sampler(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    model, optimizer, loader = _sampled()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}}
    done = 0
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if done == batches:
                return trained
            scores = model(inputs)[:, 0]
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(scores, targets.to(torch.float32)).backward()
            optimizer.step()
            done += 1
    return trained


def _averaged() -> tuple[nn.Module, AveragedModel, torch.optim.AdamW, DataLoader[tuple[Tensor, ...]]]:
    """A network with buffers, its exponential average, AdamW, and 6 batches an epoch."""
    torch.manual_seed(13)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.02)
    return model, mean, optimizer, DataLoader(_rare(), batch_size=10, shuffle=True, drop_last=True)


def average() -> dict[str, Any]:
    """The average is what is validated, and no module that is trained."""
    model, mean, optimizer, loader = _averaged()

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        mean.update_parameters(model)
        return loss

    def validate(batch: tuple[Tensor, Tensor]) -> float:
        inputs, targets = batch
        return float((mean(inputs).argmax(1) == targets).float().mean())

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "state": {"mean": mean},
        "validation": loader,
        "validate": validate,
        "epochs": EPOCHS,
    }


def plain_average(batches: int) -> dict[str, Any]:
    """The same as a script's loop, without validation, which changes nothing."""
    model, mean, optimizer, loader = _averaged()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}, "state": {"mean": mean}}
    done = 0
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            if done == batches:
                return trained
            prediction = model(inputs)
            optimizer.zero_grad()
            F.cross_entropy(prediction, targets, label_smoothing=0.1).backward()
            optimizer.step()
            mean.update_parameters(model)
            done += 1
    return trained
