"""All that a training run is at the border between two batches, copied so that it can be put back bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.errors import ModelError
from engine.program.copies import alike as alike
from engine.program.copies import copied
from engine.program.held import Held
from engine.program.modules import Found, Modules
from engine.training.memory import Copies, Memory
from engine.training.randomness import RandomState

_WITH_HOLES = 1.12
_REST = 8192  # bytes of a state that are not in tensors


class OptimizerState(NamedTuple):
    """An optimizer's state by its parameters' index, empty where there is none yet (it is created lazily), and groups.

    `of` is the optimizer itself, since an edit may replace it.
    """

    of: Optimizer
    state: dict[int, dict[str, Any]]
    groups: list[dict[str, Any]]


class State(NamedTuple):
    """A run between two batches: epoch and batch done, tensors, optimizers, random states, modes.

    `tensors` holds parameters, then buffers, by full name; `empty` the buffers that are None; `gradients` those that
    the next batch may go on with; `held` what else the program holds; `epoch_random` is what the epoch's iterator was
    made with.
    """

    epoch: int
    batch: int
    iteration: int
    tensors: dict[str, Tensor]
    empty: frozenset[str]
    gradients: dict[str, Tensor]
    optimizers: dict[str, OptimizerState]
    held: Held
    random: RandomState
    epoch_random: RandomState | None
    epoch_held: Held | None
    training: tuple[bool, ...]
    requires_grad: tuple[bool, ...]
    batch_size: int | None  # of a loader whose batch size can change: what its next epoch will have
    epoch_batch_size: int | None  # what this epoch has
    bytes: int = 0
    copies: Copies | None = None  # whose memory this is

    @property
    def parameters(self) -> frozenset[str]:
        """Full names of the tensors that are parameters: those that say whether they take a gradient."""
        return frozenset(list(self.tensors)[: len(self.requires_grad)])


# ── tensors ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def named_tensors(modules: Modules) -> Iterator[tuple[str, Tensor]]:
    """Parameters, then buffers, by full name."""
    yield from modules.named_parameters()
    yield from modules.named_buffers()


class Capture(NamedTuple):
    """Copies of all tensors of a program: its own by name, carried-over gradients, and its optimizers' states."""

    tensors: dict[str, Tensor]
    gradients: dict[str, Tensor]
    optimizers: dict[str, OptimizerState]
    copies: Copies


def capture_all(memory: Memory, parts: Found, optimizers: Mapping[str, Optimizer], gradients: bool) -> Capture:
    """Copies of everything, into one block of memory."""
    own = {**parts.parameters, **parts.buffers}
    carried = {name: p.grad for name, p in parts.parameters.items() if p.grad is not None} if gradients else {}
    kept = {name: _kept(optimizer) for name, optimizer in optimizers.items()}
    of_optimizers = [item for state in kept.values() for _, _, item in state if isinstance(item, Tensor)]
    copies = memory.copies([*own.values(), *carried.values(), *of_optimizers])
    copy = iter(copies.tensors)
    return Capture(
        dict(zip(own, copy, strict=False)),
        dict(zip(carried, copy, strict=False)),
        {name: _optimizer_state(optimizers[name], state, copy) for name, state in kept.items()},
        copies,
    )


def capture_tensors(modules: Modules | nn.Module) -> dict[str, Tensor]:
    """Copies of parameters, then buffers."""
    return {name: tensor.detach().clone() for name, tensor in named_tensors(Modules.of(modules))}


def capture_buffers(modules: Modules) -> dict[str, Tensor]:
    """Copies of buffers."""
    return {name: buffer.detach().clone() for name, buffer in modules.named_buffers()}


def empty_buffers(modules: Modules) -> frozenset[str]:
    """Full names of the buffers that are None."""
    return modules.found().empty


def restore_tensors(modules: Modules, tensors: Mapping[str, Tensor], empty: Iterable[str] = ()) -> None:
    """Put parameters and buffers back, in place; gradients are dropped, as at the start of a batch."""
    with torch.no_grad():
        for name, parameter in modules.named_parameters():
            parameter.copy_(tensors[name])
            parameter.grad = None
    restore_buffers(modules, tensors, empty)


@torch.no_grad()
def restore_buffers(modules: Modules, tensors: Mapping[str, Tensor], empty: Iterable[str]) -> None:
    """Put buffers back, which may have appeared since, have gone, or have changed their shape."""
    empty = frozenset(empty)
    parameters = {name for name, _ in modules.named_parameters()}
    missing = {name for name in tensors if name not in parameters}
    paths: dict[str, nn.Module] = {}
    for path, module in modules.named_modules():
        paths[path] = module
        for name, buffer in list(module._buffers.items()):
            full = f"{path}.{name}" if path else name
            missing.discard(full)
            _restore_buffer(module, name, buffer, tensors.get(full), full in empty)
    for full in missing:
        path, _, name = full.rpartition(".")
        if path in paths:
            paths[path]._buffers[name] = tensors[full].clone()


def _restore_buffer(module: nn.Module, name: str, buffer: Tensor | None, was: Tensor | None, empty: bool) -> None:
    if was is None:
        if empty:
            module._buffers[name] = None
        else:
            del module._buffers[name]
    elif buffer is None or (buffer.shape, buffer.dtype) != (was.shape, was.dtype):
        module._buffers[name] = was.clone()
    else:
        buffer.copy_(was)


def restore_gradients(modules: Modules, gradients: Mapping[str, Tensor]) -> None:
    """Put the gradients back that a batch may go on with."""
    for name, parameter in modules.named_parameters():
        parameter.grad = gradients[name].clone() if name in gradients else None


# ── optimizers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def optimizer_parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    """The optimizer's parameters, in its order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def capture_optimizer(optimizer: Optimizer) -> OptimizerState:
    """A copy of the optimizer's state, by the parameter's index, and of the hyper-parameters of each group."""
    kept = _kept(optimizer)
    return _optimizer_state(optimizer, kept, (copied(item) for _, _, item in kept if isinstance(item, Tensor)))


def _kept(optimizer: Optimizer) -> list[tuple[int, str, Any]]:
    """What an optimizer keeps: index of the parameter, key and item."""
    state = optimizer.state
    return [
        (index, key, item)
        for index, parameter in enumerate(optimizer_parameters(optimizer) if state else ())
        for key, item in state.get(parameter, {}).items()
    ]


def _optimizer_state(optimizer: Optimizer, kept: list[tuple[int, str, Any]], copy: Iterator[Tensor]) -> OptimizerState:
    """Of what it keeps, with the next of the copies for each tensor."""
    state: dict[int, dict[str, Any]] = {}
    for index, key, item in kept:
        state.setdefault(index, {})[key] = next(copy) if isinstance(item, Tensor) else copied(item)
    groups = [{key: copied(item) for key, item in g.items() if key != "params"} for g in optimizer.param_groups]
    return OptimizerState(optimizer, state, groups)


def restore_optimizer(saved: OptimizerState) -> None:
    """Put state and hyper-parameters back into the optimizer that they are of."""
    optimizer = saved.of
    optimizer.state.clear()
    for index, parameter in enumerate(optimizer_parameters(optimizer)):
        if index in saved.state:
            optimizer.state[parameter] = {key: copied(item) for key, item in saved.state[index].items()}
    for group, values in zip(optimizer.param_groups, saved.groups, strict=True):
        for key in [key for key in group if key != "params" and key not in values]:
            del group[key]
        group.update({key: copied(item) for key, item in values.items()})


# ── sizes and sums ────────────────────────────────────────────────────────────────────────────────────────────────────


def size_of(tensors: int) -> int:
    """Bytes that a state takes: those of its tensors, and what is lost between them."""
    return int(tensors * _WITH_HOLES) + _REST


def digest(
    modules: Modules | nn.Module,
    tensors: Mapping[str, Tensor],
    optimizers: Mapping[str, Mapping[int, Any]],
    loose: Mapping[str, Mapping[int, str]] | None = None,
) -> str:
    """SHA-256 over parameters, buffers and optimizer state. `loose`: the parameters of no module, as by `loose_in`.

    Of each: name, dtype, shape and contiguous bytes; parameters in `named_parameters` order, then `named_buffers`
    (those not saved with the model too), then the optimizer's state by parameter index and sorted key. Of several
    modules or optimizers: in the order of their names, each name before its own. A parameter of no module comes before
    the state of the first optimizer that has it, by its index there. No hyper-parameters, no random state.
    Where a tensor lives makes no difference. Raises ModelError for one on the meta device.
    """
    modules, sha = Modules.of(modules), hashlib.sha256()
    for module in sorted(modules):
        if module:
            sha.update(module.encode())
        alone = Modules({"": modules[module]})
        before = f"{module}." if module else ""
        for name in [name for name, _ in named_tensors(alone)]:
            if before + name in tensors:
                _feed(sha, name, tensors[before + name])
    for optimizer in sorted(optimizers):
        if optimizer:
            sha.update(optimizer.encode())
        for index, name in sorted((loose or {}).get(optimizer, {}).items()):
            _feed(sha, str(index), tensors[name])
        for index in sorted(optimizers[optimizer]):
            for key in sorted(optimizers[optimizer][index]):
                _feed(sha, f"{index}.{key}", optimizers[optimizer][index][key])
    return sha.hexdigest()


def loose_in(modules: Modules, optimizers: Mapping[str, Optimizer]) -> dict[str, dict[int, str]]:
    """Names of the parameters that no module holds, by the first optimizer, in the order of names, that has each.

    Of each optimizer, by the parameter's index in it.
    """
    waiting = {id(parameter): name for name, parameter in modules.loose.items()}
    return {
        name: {
            index: waiting.pop(id(parameter))
            for index, parameter in enumerate(optimizer_parameters(optimizers[name]))
            if id(parameter) in waiting
        }
        for name in sorted(optimizers)
    }


def _feed(sha: Any, name: str, item: Any) -> None:
    if item is None:
        return
    if isinstance(item, list | tuple):
        for number, part in enumerate(item):
            _feed(sha, f"{name}.{number}", part)
        return
    tensor = item if isinstance(item, Tensor) else torch.tensor(item)
    if tensor.is_meta:
        raise ModelError(
            f"{name} is on the meta device, which holds no values", "make it on a real one to compare bits"
        )
    tensor = tensor.detach().cpu().contiguous().resolve_conj().resolve_neg()
    sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
    sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
