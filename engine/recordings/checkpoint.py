"""A State on disk, so that a long run is resumed without replaying all of it.

Tensors, brought to the CPU, go into a safetensors file, all else into its metadata as JSON: reading executes nothing.
A checkpoint is only a short cut: one that does not read, or does not fit the recording, is left aside and the run is
replayed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
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
from engine.files import keep
from engine.history.series import BorderRates
from engine.history.timeline import Timeline
from engine.program.copies import alike, bytes_of
from engine.program.devices import devices_there
from engine.program.held import Held
from engine.protocol.recipe import Edit, Script
from engine.training.randomness import RandomState
from engine.training.state import OptimizerState, State, size_of

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
    empty: list[str]
    groups: list[list[dict[str, Any]]]  # of each optimizer
    training: list[bool]
    requires_grad: list[bool]
    batch_size: int | None
    epoch_batch_size: int | None
    plain: dict[str, Any]  # optimizers' state that is no tensor, by "optimizer.index.key"
    random: _Random
    epoch_random: _Random | None
    held: dict[str, Any]  # of what else the program holds, that which is no longer as it was at the start
    epoch_held: dict[str, Any] | None
    loss_names: list[str]
    validations: dict[int, dict[str, str]]  # numbers with all digits; NaN, too
    fed: dict[int, str | None]
    rates: dict[int, dict[str, float]]
    epoch_sizes: list[int]
    devices: dict[str, str] = {}  # of tensors that did not live on the CPU, by their names in the file


def write_checkpoint(path: Path, session: Debugger, state: State) -> None:
    """Write a state of the current branch.

    Raises OSError where it cannot be written, RecordingError where it holds what JSON cannot.
    """
    found = _tensors(session.timeline, state)
    if bare := [name for name, tensor in found.items() if tensor.is_meta]:
        raise RecordingError(
            f"{bare[0][2:]} is on the meta device, which holds no values", "the run is replayed instead"
        )
    devices = {name: str(tensor.device) for name, tensor in found.items() if tensor.device.type != "cpu"}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}
    try:
        said = msgspec.json.encode(_about(session, state, devices)).decode()
    except (TypeError, msgspec.MsgspecError) as error:
        raise RecordingError(f"this run holds what cannot be saved: {error}", "it is replayed instead") from None
    keep(path, save(tensors, {"about": said, "sum": _sum(said, tensors)}))


def _tensors(timeline: Timeline, state: State) -> dict[str, Tensor]:
    """All that is tensors: parameters and buffers, gradients, the optimizers', numbers so far, and randomness."""
    found = {f"p.{name}": tensor for name, tensor in state.tensors.items()}
    found |= {f"g.{name}": tensor for name, tensor in state.gradients.items()}
    found |= {f"o.{key}": item for key, item in _optimizer_items(state) if isinstance(item, Tensor)}
    for name in timeline.series:
        found[f"s.{name}"] = torch.tensor(timeline.series.whole(name)[: state.iteration], dtype=torch.float64)
    found |= _random_tensors(_RANDOM, state.random)
    found |= {f"h.{name}": item for name, item in _changed(timeline, state.held).items() if isinstance(item, Tensor)}
    if state.epoch_random is not None:
        found |= _random_tensors(_EPOCH, state.epoch_random)
    if state.epoch_held is not None:
        found |= {f"e.{name}": item for name, item in _all(state.epoch_held).items() if isinstance(item, Tensor)}
    return found


def _about(session: Debugger, state: State, devices: dict[str, str]) -> _About:
    """All that is not."""
    timeline, recipe = session.timeline, session.recipe
    done = timeline.calendar.epochs_done(state.iteration)
    return _About(
        recipe if isinstance(recipe, Experiment) else None,
        recipe if isinstance(recipe, Script) else None,
        [edit for edit in timeline.edits if edit.iteration <= state.iteration],
        state.epoch,
        state.batch,
        state.iteration,
        sorted(state.empty),
        [saved.groups for saved in state.optimizers.values()],
        list(state.training),
        list(state.requires_grad),
        state.batch_size,
        state.epoch_batch_size,
        {key: item for key, item in _optimizer_items(state) if not isinstance(item, Tensor)},
        _random(state.random),
        None if state.epoch_random is None else _random(state.epoch_random),
        _plain(_changed(timeline, state.held)),
        None if state.epoch_held is None else _plain(_all(state.epoch_held)),
        timeline.loss_names,
        {e: {n: repr(x) for n, x in found.items()} for e, found in timeline.validations.items() if e <= done},
        {e: None if loss is None else repr(loss) for e, loss in timeline.fed.items() if e <= done},
        timeline.rates.upto(state.iteration).changes,
        timeline.calendar.sizes,
        devices,
    )


def _optimizer_items(state: State) -> Iterator[tuple[str, Any]]:
    """What the optimizers keep of each parameter, by "OPTIMIZER.NUMBER.NAME"; optimizers by their numbers."""
    for number, saved in enumerate(state.optimizers.values()):
        for index, items in saved.state.items():
            for key, item in items.items():
                yield f"{number}.{index}.{key}", item


def _changed(timeline: Timeline, held: Held) -> dict[str, Any]:
    """What is no longer as it was before training; what is gone is left out, and so the checkpoint does not fit."""
    first = timeline.history.nearest(0).held
    if held.copies.keys() != first.copies.keys():
        raise RecordingError("what the program holds has come and gone", "it is replayed instead")
    return {name: item for name, item in _all(held).items() if not alike(item, first.copies[name].value)}


def _all(held: Held) -> dict[str, Any]:
    return {name: copy.value for name, copy in held.copies.items()}


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """What is no tensor. Raises TypeError for what JSON would give back as something else."""
    plain = {name: item for name, item in found.items() if not isinstance(item, Tensor)}
    for name, item in plain.items():
        if not alike(msgspec.json.decode(msgspec.json.encode(item)), item):
            raise TypeError(name)
    return plain


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
    found |= {f"{name}.on.{device}": generator for device, generator in state.devices}
    return found if state.loader_state is None else found | {f"{name}.loader": state.loader_state}


def read_checkpoint(path: Path, session: Debugger) -> bool:
    """Give the current branch, before it trains, what a checkpoint of it holds; False where none fits."""
    timeline = session.timeline
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            about = msgspec.json.decode(metadata.get("about", ""), type=_About)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 — it is no dict
    except (OSError, SafetensorError, msgspec.MsgspecError, RuntimeError, ValueError):
        return False
    if metadata.get("sum") != _sum(metadata["about"], tensors) or session.recipe != (about.experiment or about.script):
        return False  # damaged, or of another run
    if about.edits != [edit for edit in timeline.edits if edit.iteration <= about.iteration]:
        return False  # of another branch, or of before an edit
    return _fits(timeline, tensors, about) and _take(timeline, _where_they_were(tensors, about), about)


def _where_they_were(tensors: dict[str, Tensor], about: _About) -> dict[str, Tensor]:
    """Each tensor on the device that it was on: `_fits` has seen that these are there."""
    return {name: tensor.to(about.devices.get(name, "cpu")) for name, tensor in tensors.items()}


def _fits(timeline: Timeline, tensors: dict[str, Tensor], about: _About) -> bool:
    before = timeline.history.nearest(0)
    modes = len(about.training) == len(before.training) and len(about.requires_grad) == len(before.requires_grad)
    parameters = {f"p.{name}": tensor.shape for name, tensor in before.tensors.items() if name in before.parameters}
    shapes = {name: tensors[name].shape for name in parameters if name in tensors}
    held = {name.removeprefix("h.") for name in tensors if name.startswith("h.")} | set(about.held)
    series = all(len(tensor) == about.iteration for name, tensor in tensors.items() if name.startswith("s."))
    there = set(about.devices.values()) <= set(devices_there()) and all(
        about.devices.get(f"p.{name}", "cpu") == str(before.tensors[name].device) for name in before.parameters
    )
    return parameters == shapes and modes and held <= before.held.copies.keys() and series and there


def _take(timeline: Timeline, tensors: dict[str, Tensor], about: _About) -> bool:
    before = timeline.history.nearest(0)
    timeline.make_optimizer_edits(about.iteration)
    optimizers = _optimizers(timeline, tensors, about)
    if optimizers is None:
        return False
    named, gradients = _of_kind("p.", tensors), _of_kind("g.", tensors)
    epoch = None if about.epoch_held is None else _held(timeline.trainer.loader_held(), "e.", tensors, about.epoch_held)
    state = State(
        about.epoch,
        about.batch,
        about.iteration,
        named,
        frozenset(about.empty),
        gradients,
        optimizers,
        _held(before.held, "h.", tensors, about.held),
        _restored(_RANDOM, about.random, tensors),
        None if about.epoch_random is None else _restored(_EPOCH, about.epoch_random, tensors),
        epoch,
        tuple(about.training),
        tuple(about.requires_grad),
        about.batch_size,
        about.epoch_batch_size,
        size_of(sum(map(bytes_of, (named, gradients, *(saved.state for saved in optimizers.values()))))),
    )
    for name, tensor in _of_kind("s.", tensors).items():
        timeline.series.take(name, tensor.tolist())
    timeline.loss_names = about.loss_names
    timeline.validations = {e: {n: float(x) for n, x in found.items()} for e, found in about.validations.items()}
    timeline.fed = {e: None if loss is None else float(loss) for e, loss in about.fed.items()}
    timeline.rates = BorderRates.of(about.rates)
    timeline.calendar.sizes = about.epoch_sizes
    timeline.history.add_checkpoint(state)
    return True


def _optimizers(timeline: Timeline, tensors: dict[str, Tensor], about: _About) -> dict[str, OptimizerState] | None:
    """None where the groups are not those of the run's optimizers."""
    optimizers = timeline.trainer.optimizers
    if len(optimizers) != len(about.groups):
        return None
    states: list[dict[int, dict[str, Any]]] = [{} for _ in optimizers]
    for name, item in {**_of_kind("o.", tensors), **about.plain}.items():
        number, index, key = name.split(".", 2)
        states[int(number)].setdefault(int(index), {})[key] = item
    found = {}
    for (name, optimizer), state, saved in zip(optimizers.items(), states, about.groups, strict=True):
        groups = optimizer.param_groups
        if [sorted(set(group) - {"params"}) for group in groups] != [sorted(group) for group in saved]:
            return None
        found[name] = OptimizerState(optimizer, state, [_like(s, g) for s, g in zip(saved, groups, strict=True)])
    return found


def _held(first: Held, kind: str, tensors: dict[str, Tensor], plain: dict[str, Any]) -> Held:
    """What the program held, found again at the places where it is held now."""
    values = {**plain, **_of_kind(kind, tensors)}
    copies = {n: replace(copy, value=values[n]) if n in values else copy for n, copy in first.copies.items()}
    return Held(copies, first.noted)


def _of_kind(kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(kind): tensor for name, tensor in tensors.items() if name.startswith(kind)}


def _like(saved: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples: betas get theirs back."""
    return {key: tuple(item) if isinstance(group.get(key), tuple) else item for key, item in saved.items()}


def _restored(name: str, about: _Random, tensors: dict[str, Tensor]) -> RandomState:
    generator, position, has_gauss, cached = about.numpy
    keys = tensors[f"{name}.numpy"].numpy().astype(np.uint32)
    numpy_state = (generator, keys, position, has_gauss, cached)
    devices = tuple(_of_kind(f"{name}.on.", tensors).items())
    return RandomState(tensors[f"{name}.torch"], about.python, numpy_state, tensors.get(f"{name}.loader"), devices)
