"""A State on disk, so that a long run is resumed without replaying all of it.

Tensors go into a safetensors file, all else into its metadata as JSON: reading one executes nothing. A checkpoint is
only a short cut: one that does not read, or does not fit the recording, is left aside and the run is replayed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engine.debugger import Debugger
from engine.errors import RecordingError
from engine.experiments.experiment import Experiment
from engine.history.replay import Replay
from engine.protocol.recipe import Edit, Script
from engine.recordings.recording import write_atomically
from engine.training.randomness import RandomState
from engine.training.state import State, size_of

_RANDOM = "random"
_EPOCH = "epoch_random"


class _Random(msgspec.Struct):
    python: tuple[int, tuple[int, ...], float | None]
    numpy: tuple[str, int, int, float]  # name, position, has_gauss, cached


class _About(msgspec.Struct):
    """All of a State that is no tensor, and what the branch has noted up to there."""

    experiment: Experiment | None
    script: Script | None
    edits: list[Edit]
    epoch: int
    batch: int
    iteration: int
    groups: list[dict[str, Any]]
    training: list[bool]
    requires_grad: list[bool]
    batch_size: int | None
    epoch_batch_size: int | None
    plain: dict[str, Any]  # optimizer state that is no tensor, by "index.key"
    random: _Random
    epoch_random: _Random | None
    validations: dict[int, tuple[str, str]]  # numbers with all digits; NaN, too
    rates: dict[int, float]
    epoch_sizes: list[int]


def write_checkpoint(path: Path, session: Debugger, state: State) -> None:
    """Write a state of the current branch.

    Raises RecordingError where it cannot be written, or holds what JSON cannot.
    """
    tensors = _tensors(session.replay, state)
    try:
        said = msgspec.json.encode(_about(session, state)).decode()
    except (TypeError, msgspec.MsgspecError) as error:
        raise RecordingError(f"the optimizer holds what cannot be saved: {error}", "it is replayed instead") from None
    write_atomically(path, save(tensors, {"about": said, "sum": _sum(said, tensors)}))


def _tensors(replay: Replay, state: State) -> dict[str, Tensor]:
    """All that is tensors: parameters and buffers, the optimizer's, losses and accuracies so far, and randomness."""
    tensors = {f"p.{name}": tensor for name, tensor in state.tensors.items()}
    tensors |= {key: item for key, item in _optimizer_items(state) if isinstance(item, Tensor)}
    tensors["losses"] = torch.tensor(replay.losses[: state.iteration], dtype=torch.float64)
    tensors["accuracies"] = torch.tensor(replay.accuracies[: state.iteration], dtype=torch.float64)
    tensors |= _random_tensors(_RANDOM, state.random)
    if state.epoch_random is not None:
        tensors |= _random_tensors(_EPOCH, state.epoch_random)
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def _about(session: Debugger, state: State) -> _About:
    """All that is not."""
    replay, recipe = session.replay, session.recipe
    done = replay.calendar.epochs_done(state.iteration)
    return _About(
        recipe if isinstance(recipe, Experiment) else None,
        recipe if isinstance(recipe, Script) else None,
        [edit for edit in replay.edits if edit.iteration <= state.iteration],
        state.epoch,
        state.batch,
        state.iteration,
        state.groups,
        list(state.training),
        list(state.requires_grad),
        state.batch_size,
        state.epoch_batch_size,
        {key: item for key, item in _optimizer_items(state) if not isinstance(item, Tensor)},
        _random(state.random),
        None if state.epoch_random is None else _random(state.epoch_random),
        {e: (repr(a), repr(b)) for e, (a, b) in replay.validations.items() if e <= done},
        {place: rate for place, rate in replay.rates.items() if place <= state.iteration},
        replay.calendar.sizes,
    )


def _optimizer_items(state: State) -> Iterator[tuple[str, Any]]:
    """What the optimizer keeps of each parameter, by "o.NUMBER.NAME"."""
    for index, items in state.optimizer.items():
        for key, item in items.items():
            yield f"o.{index}.{key}", item


def _sum(about: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 over all of it: a checkpoint with a bit changed would be taken for another arithmetic."""
    sha = hashlib.sha256(about.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return sha.hexdigest()


def _random(state: RandomState) -> _Random:
    name, _, position, has_gauss, cached = state.numpy_state
    return _Random(state.python_state, (str(name), int(position), int(has_gauss), float(cached)))


def _random_tensors(name: str, state: RandomState) -> dict[str, Tensor]:
    numpy_keys = torch.from_numpy(np.asarray(state.numpy_state[1], dtype=np.uint32).astype(np.int64))
    found = {f"{name}.torch": state.torch_state, f"{name}.numpy": numpy_keys}
    return found if state.loader_state is None else found | {f"{name}.loader": state.loader_state}


def read_checkpoint(path: Path, session: Debugger) -> bool:
    """Give the current branch, before it trains, what a checkpoint of it holds; False where none fits."""
    replay = session.replay
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            about = msgspec.json.decode(metadata.get("about", ""), type=_About)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 — it is no dict
    except (OSError, SafetensorError, msgspec.MsgspecError, RuntimeError, ValueError):
        return False
    if metadata.get("sum") != _sum(metadata["about"], tensors) or session.recipe != (about.experiment or about.script):
        return False  # damaged, or of another run
    if about.edits != [edit for edit in replay.edits if edit.iteration <= about.iteration]:
        return False  # of another branch, or of before an edit
    return _fits(replay, tensors, about) and _take(replay, tensors, about)


def _fits(replay: Replay, tensors: dict[str, Tensor], about: _About) -> bool:
    before = replay.history.nearest(0)
    names = {f"p.{name}": tensor.shape for name, tensor in before.tensors.items()}
    found = {name: tensor.shape for name, tensor in tensors.items() if name.startswith("p.")}
    modes = len(about.training) == len(before.training) and len(about.requires_grad) == len(before.requires_grad)
    return names == found and modes and len(tensors.get("losses", ())) == about.iteration


def _take(replay: Replay, tensors: dict[str, Tensor], about: _About) -> bool:
    optimizer: dict[int, dict[str, Any]] = {}
    for name, item in {**tensors, **about.plain}.items():
        if name.startswith("o."):
            _, index, key = name.split(".", 2)
            optimizer.setdefault(int(index), {})[key] = item
    parameters = {name.removeprefix("p."): tensor for name, tensor in tensors.items() if name.startswith("p.")}
    replay.make_optimizer_edits(about.iteration)
    groups = replay.trainer.optimizer.param_groups
    if [sorted(set(group) - {"params"}) for group in groups] != [sorted(group) for group in about.groups]:
        return False
    state = State(
        about.epoch,
        about.batch,
        about.iteration,
        parameters,
        optimizer,
        [_like(saved, group) for saved, group in zip(about.groups, groups, strict=True)],
        _restored(_RANDOM, about.random, tensors),
        None if about.epoch_random is None else _restored(_EPOCH, about.epoch_random, tensors),
        tuple(about.training),
        tuple(about.requires_grad),
        replay.trainer.optimizer,
        about.batch_size,
        about.epoch_batch_size,
        size_of(parameters, optimizer),
    )
    replay.losses, replay.accuracies = (array("d", tensors[name].tolist()) for name in ("losses", "accuracies"))
    replay.validations = {e: (float(a), float(b)) for e, (a, b) in about.validations.items()}
    replay.rates = about.rates
    replay.calendar.sizes = about.epoch_sizes
    replay.history.add_checkpoint(state)
    return True


def _like(saved: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples: betas get theirs back."""
    return {key: tuple(item) if isinstance(group.get(key), tuple) else item for key, item in saved.items()}


def _restored(name: str, about: _Random, tensors: dict[str, Tensor]) -> RandomState:
    generator, position, has_gauss, cached = about.numpy
    keys = tensors[f"{name}.numpy"].numpy().astype(np.uint32)
    numpy_state = (generator, keys, position, has_gauss, cached)
    return RandomState(tensors[f"{name}.torch"], about.python, numpy_state, tensors.get(f"{name}.loader"))
