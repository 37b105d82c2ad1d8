"""What a program holds beside its parameters and buffers, and draws on from batch to batch: found, not guessed.

From the program's own objects (modules, optimizers, the step with what it closes over, the loader with its sampler and
data set) references are followed. Plain values, tensors, containers and random generators are copied; of an object,
those are its attributes. What can be neither copied nor followed is noted by a fingerprint, so that it can be named
where a replay differs. Of a loader only counters and generators are state: its tensors are data.
"""

from __future__ import annotations

import random
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Sampler

from engine.program.copies import PLAIN, copied, generator_state, is_parameter, is_value
from engine.program.held import Copy, Held
from engine.program.plan import Plan

_DEEPEST = 8
_MOST_FOLLOWED = 256  # parts of one container
_MODULE_OWN = frozenset(vars(nn.Module()))
_MODULE_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_OPTIMIZER_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
_OPTIMIZER_OWN = frozenset(("state", "param_groups", "defaults", "step", "zero_grad", "_zero_grad_profile_name"))
_OPTIMIZER_NOTES = ("_optimizer_", "_warned", "_opt_called")  # how torch's own notes begin
_TORCH_STATEFUL = (
    *("torch.optim.lr_scheduler", "torch.optim.swa_utils"),
    *("torch.amp", "torch.cuda.amp", "torch.utils.data"),
)
_NOT_LOOKED_INTO = (types.ModuleType, type, types.BuiltinFunctionType, types.MethodType, Tensor, np.ndarray)
_NOT_THE_USERS = tuple(
    str(Path(file).parent)
    for file in (torch.__file__, np.__file__, random.__file__, str(Path(__file__).parent))
    if file is not None
)


class Surroundings:
    """Finds, copies and puts back what is reached from `roots`.

    `known` is what is captured elsewhere; of `loaders` only counters and generators are taken; `stateful` is what the
    user names as state.
    """

    def __init__(
        self,
        roots: Mapping[str, Any],
        known: Iterable[Any] = (),
        loaders: Mapping[str, Any] | None = None,
        stateful: Mapping[str, Any] | None = None,
    ) -> None:
        self._roots, self._known = dict(roots), {id(item) for item in known}
        self._loaders, self._stateful = dict(loaders or {}), dict(stateful or {})
        self._plan: Plan | None = None

    def capture(self) -> Held:
        """Copies of all that is found now."""
        held = None if self._plan is None else self._plan.capture()
        if held is None:
            self._plan = self._walked()
            held = self._plan.held
        return held

    def _walked(self) -> Plan:
        walk = _Walk(self._known)
        for name, item in self._stateful.items():
            walk.copies[f"state {name}"] = Copy(copied(item.state_dict()), own=item)
            walk.seen.add(id(item))
        for name, root in self._roots.items():
            walk.into(name, root, 0)
        walk.data = True
        for name, loader in self._loaders.items():
            walk.into(name, loader, 0)
        return Plan(walk.copies, walk.noted, walk.dicts, walk.places, walk.lists)

    def restore(self, held: Held) -> None:
        """Put everything back; what has come into being since is taken away again."""
        for name, copy in self.capture().copies.items():
            if name not in held.copies and copy.own is None:
                copy.take_away()
        for copy in held.copies.values():
            copy.put_back()


class _Walk:
    """One pass over everything that is within reach."""

    def __init__(self, known: set[int]) -> None:
        self.copies: dict[str, Copy] = {}
        self.noted: dict[str, Any] = {}
        self.dicts: list[tuple[Any, Mapping[Any, Any]]] = []  # what decides what is within reach, and whose it is
        self.places: list[tuple[Any, Any]] = []
        self.lists: list[Any] = []
        self.seen: set[int] = set()
        self.data = False  # whether this is about a loader, whose tensors are no state
        self._known = known

    def _follow(self, name: str, item: Any, holder: Any, key: Any, depth: int) -> None:
        if isinstance(item, PLAIN):
            self.copies[name] = Copy(item, holder, key)
        elif id(item) not in self._known and id(item) not in self.seen:
            self.seen.add(id(item))
            if (state := generator_state(item)) is not None:
                self.copies[name] = Copy(state, own=item)
            elif is_parameter(item) and not self.data:
                self.copies[name] = Copy(copied(item), own=item)
            elif _is_container(item) and self.data and len(item) > _MOST_FOLLOWED:
                pass
            elif is_value(item):
                if not (self.data and _has_tensors(item)):
                    self.copies[name] = Copy(copied(item), holder, key, container=item if _is_container(item) else None)
            elif depth < _DEEPEST:
                self.into(name, item, depth + 1)

    def into(self, name: str, item: Any, depth: int) -> None:
        """Follow what an object holds."""
        if isinstance(item, nn.Module) and id(item) not in self._known:
            self._tensors_of(name, item)
        if isinstance(item, Optimizer) and id(item) not in self._known:
            self.copies[name] = Copy(copied(item.state_dict()), own=item)
        inside = parts_of(item)
        if inside is None:
            self.noted[name] = item
            return
        self._watch(item)
        for label, key, part in inside:
            self._follow(f"{name}{label}", part, item, key, depth)

    def _watch(self, item: Any) -> None:
        """Note where a change may bring something else within reach."""
        if isinstance(item, types.FunctionType):
            self.places += [(item, name) for name in dict.fromkeys(_names(item.__code__)) if _is_users(item)]
        elif isinstance(item, types.CellType):
            self.places.append((item, "cell_contents"))
        elif isinstance(item, list | tuple | deque):
            self.lists += [item] if len(item) <= _MOST_FOLLOWED else []
        elif isinstance(item, dict):
            self.dicts += [(item, item)] if len(item) <= _MOST_FOLLOWED else []
        elif hasattr(item, "__dict__") and not isinstance(item, _NOT_LOOKED_INTO):
            self.dicts.append((item, vars(item)))
            if isinstance(item, nn.Module):
                kinds = ("_modules", *_MODULE_HOOKS, *(() if id(item) in self._known else ("_parameters", "_buffers")))
                self.dicts += [(None, getattr(item, kind)) for kind in kinds]
            if isinstance(item, Optimizer):
                self.lists += [item.param_groups, *(group["params"] for group in item.param_groups)]
                self.dicts += [(None, getattr(item, kind, {})) for kind in _OPTIMIZER_HOOKS]
            if _is_users(type(item)):
                self.dicts.append((type(item), vars(type(item))))

    def _tensors_of(self, name: str, module: nn.Module) -> None:
        """Of a module that the program does not name: an average, a target network."""
        for inner, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if id(tensor) not in self._known and not self.data:
                self.copies[f"{name}.{inner}"] = Copy(copied(tensor), own=tensor)


def parts_of(item: Any) -> Iterable[tuple[str, Any, Any]] | None:
    """The parts of an object that may change, with a word and a key for each; None for one that is not looked into."""
    if isinstance(item, types.FunctionType):
        return _of_function(item)
    if isinstance(item, types.MethodType):
        return [("", "__self__", item.__self__), ("", "__func__", item.__func__)]
    if isinstance(item, types.CellType):
        return _of_cell(item)
    if isinstance(item, nn.Module):
        own = [(f".{key}", key, part) for key, part in vars(item).items() if key not in _MODULE_OWN]
        children = ((f".{key}", key, part) for key, part in item._modules.items())
        return [*own, *children, *_hooks(item, _MODULE_HOOKS), *_of_class(type(item))]
    if isinstance(item, Optimizer):
        keys = [key for key in vars(item) if key not in _OPTIMIZER_OWN and not key.startswith(_OPTIMIZER_NOTES)]
        own = [(f".{key}", key, vars(item)[key]) for key in keys]
        trained = [p for group in item.param_groups for p in group["params"]]
        named = [(f" parameter {n}", None, parameter) for n, parameter in enumerate(trained, 1)]
        return [*own, *named, *_hooks(item, _OPTIMIZER_HOOKS), *_of_class(type(item))]
    if isinstance(item, list | tuple | deque):
        return [(f"[{i}]", i, part) for i, part in enumerate(item)] if len(item) <= _MOST_FOLLOWED else []
    if isinstance(item, dict):
        return [(f"[{key!r}]", key, part) for key, part in item.items()] if len(item) <= _MOST_FOLLOWED else []
    if isinstance(item, _NOT_LOOKED_INTO):
        return []
    if isinstance(item, DataLoader):
        wanted = ("sampler", "batch_sampler", "dataset", "generator")
        return [(f".{key}", key, getattr(item, key, None)) for key in wanted]
    if hasattr(item, "__dict__") and (_is_users(type(item)) or isinstance(item, Sampler)):  # a package's sampler, too
        return [*((f".{key}", key, part) for key, part in vars(item).items()), *_of_class(type(item))]
    return None


def _hooks(item: Any, kinds: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    """Functions that are called around a module or an optimizer: a scheduler may hide in one."""
    for kind in kinds:
        for number, hook in enumerate(getattr(item, kind, {}).values(), 1):
            yield f"{kind}[{number}]", None, hook


def _of_class(kind: type) -> Iterator[tuple[str, Any, Any]]:
    """The methods of a class of the user's, for what they close over."""
    if _is_users(kind):
        for key, part in vars(kind).items():
            if isinstance(part, types.FunctionType) and part.__closure__:
                yield f".{key}", None, part


def _of_function(function: types.FunctionType) -> Iterator[tuple[str, Any, Any]]:
    """What a function closes over, and the names of its module that it uses, where these are the user's."""
    if not _is_users(function):
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f".{name}", name, cell
    for name in dict.fromkeys(_names(function.__code__)):
        part = function.__globals__.get(name)
        if name in function.__globals__ and not isinstance(part, types.ModuleType | type):
            yield f":{name}", name, part


def _of_cell(cell: types.CellType) -> list[tuple[str, Any, Any]]:
    try:
        return [("", "cell_contents", cell.cell_contents)]
    except ValueError:  # it is empty
        return []


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names(inner)


def _is_users(item: Any) -> bool:
    """Whether a function or class is of the user's own, or one of torch's that go on from batch to batch."""
    name = getattr(item, "__module__", None) or ""
    if name.startswith(_TORCH_STATEFUL):
        return True
    code = getattr(item, "__code__", None)
    file = code.co_filename if code is not None else getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return name == "__main__"
    return "site-packages" not in file and not file.startswith(_NOT_THE_USERS)


def _is_container(item: Any) -> bool:
    return isinstance(item, list | tuple | dict | deque | set | frozenset)


def _has_tensors(item: Any) -> bool:
    if isinstance(item, Tensor | np.ndarray):
        return True
    parts = item.values() if isinstance(item, dict) else item if _is_container(item) else ()
    return any(map(_has_tensors, parts))
