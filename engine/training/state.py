"""All that a training run is at the border between two batches, copied so that it can be put back bit for bit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.training.randomness import RandomState

_WITH_HOLES = 1.25
_REST = 8192  # bytes of a state that are not in tensors


def all_buffers(model: nn.Module) -> dict[str, Tensor]:
    """Named buffers, those that are not saved with the model included."""
    return dict(model.named_buffers())


@dataclass(frozen=True)
class State:
    """A run between two batches: epoch and batch done, tensors, optimizer, random states, modes.

    `tensors` holds parameters, then buffers, by full name; `optimizer` the state of each parameter by its index in the
    optimizer, empty where it has none yet (it is created lazily); `epoch_random` is what the epoch's iterator was
    made with.
    """

    epoch: int
    batch: int
    iteration: int
    tensors: dict[str, Tensor]
    optimizer: dict[int, dict[str, Any]]
    groups: list[dict[str, Any]]
    random: RandomState
    epoch_random: RandomState | None
    training: tuple[bool, ...]
    requires_grad: tuple[bool, ...]
    optimizer_object: Optimizer  # an edit may have replaced it
    batch_size: int | None  # of a loader whose batch size can change: what its next epoch will have
    epoch_batch_size: int | None  # what this epoch has
    bytes: int = field(default=0)


def capture_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Copies of parameters, then buffers."""
    named = {**dict(model.named_parameters()), **all_buffers(model)}
    return {name: tensor.detach().clone() for name, tensor in named.items()}


def optimizer_parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    """The optimizer's parameters, in its order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def capture_optimizer(optimizer: Optimizer) -> dict[int, dict[str, Any]]:
    """A copy of the optimizer's state, by the parameter's index."""
    return {
        index: {key: _copy(item) for key, item in optimizer.state[parameter].items()}
        for index, parameter in enumerate(optimizer_parameters(optimizer))
        if optimizer.state.get(parameter)
    }


def capture_groups(optimizer: Optimizer) -> list[dict[str, Any]]:
    """The hyper-parameters of each parameter group."""
    return [{key: _copy(item) for key, item in g.items() if key != "params"} for g in optimizer.param_groups]


def restore_tensors(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put parameters and buffers back, in place; gradients are dropped, as at the start of a batch."""
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *all_buffers(model).items()):
            tensor.copy_(tensors[name])
            tensor.grad = None


def restore_optimizer(optimizer: Optimizer, state: dict[int, dict[str, Any]], groups: list[dict[str, Any]]) -> None:
    """Put the optimizer's state and hyper-parameters back; what was created since is dropped."""
    optimizer.state.clear()
    for index, parameter in enumerate(optimizer_parameters(optimizer)):
        if index in state:
            optimizer.state[parameter] = {key: _copy(item) for key, item in state[index].items()}
    for group, saved in zip(optimizer.param_groups, groups, strict=True):
        group.update({key: _copy(item) for key, item in saved.items()})


def size_of(tensors: dict[str, Tensor], optimizer: dict[int, dict[str, Any]]) -> int:
    """Bytes that a state takes: those of its tensors, and what is lost between them (measured: up to a fifth)."""
    items = [*tensors.values(), *(item for state in optimizer.values() for item in state.values())]
    held = sum(item.numel() * item.element_size() for item in items if isinstance(item, Tensor))
    return int(held * _WITH_HOLES) + _REST


def digest(model: nn.Module, tensors: dict[str, Tensor], optimizer: dict[int, dict[str, Any]]) -> str:
    """SHA-256 over parameters, buffers and optimizer state.

    Of each: name, dtype, shape and contiguous bytes; parameters in `named_parameters` order, then `named_buffers`
    (those not saved with the model too), then the optimizer's state by parameter index and sorted key. No
    hyper-parameters, no random state.
    """
    names = [*dict(model.named_parameters()), *all_buffers(model)]
    sha = hashlib.sha256()
    for name in names:
        _feed(sha, name, tensors[name])
    for index in sorted(optimizer):
        for key in sorted(optimizer[index]):
            _feed(sha, f"{index}.{key}", optimizer[index][key])
    return sha.hexdigest()


def _feed(sha: Any, name: str, item: Any) -> None:
    if item is None:
        return
    tensor = item if isinstance(item, Tensor) else torch.tensor(item)
    tensor = tensor.detach().cpu().contiguous()
    sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
    sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")


def _copy(item: Any) -> Any:
    return item.detach().clone() if isinstance(item, Tensor) else item
