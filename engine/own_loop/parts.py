"""Which modules and optimizers a script has, found in its memory, and what it calls them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from torch import nn
from torch.optim import Optimizer

_Part = TypeVar("_Part")


class Parts(NamedTuple):
    """The outermost modules and the optimizers, by the names that the script has for them; one module is `""`."""

    modules: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]


def parts_in_memory(frames: Iterable[FrameType]) -> Parts:
    """All that is trained: optimizers, and the outermost modules that hold one of their parameters.

    A module without a trained parameter is taken where the script has a variable for it.
    """
    gc.collect()  # what is garbage already is no part
    frames = list(frames)
    held = gc.get_objects()
    optimizers = [o for o in held if issubclass(type(o), Optimizer) and "_optimizer_step_pre_hooks" in vars(o)]
    modules = [o for o in held if issubclass(type(o), nn.Module) and "_modules" in vars(o)]
    names = _names(frames)
    trained = {id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    inner = {id(child) for module in modules for child in module._modules.values()}
    roots = [
        module
        for module in modules
        if id(module) not in inner
        and (any(id(p) in trained for p in module.parameters()) or (id(module) in names and any(module.parameters())))
    ]
    return Parts(_named(roots, names, "model"), _named(optimizers, names, "optimizer"))


def _names(frames: list[FrameType]) -> dict[int, tuple[int, str]]:
    """By id: the order in which a variable or an attribute of `self` is met, from the innermost frame on, and it."""
    found: dict[int, tuple[int, str]] = {}
    for name, item in _variables(frames):
        if not name.startswith("_"):
            found.setdefault(id(item), (len(found), name))
    return found


def _variables(frames: list[FrameType]) -> Iterator[tuple[str, Any]]:
    for frame in frames:
        yield from list(frame.f_locals.items())
        own = getattr(frame.f_locals.get("self"), "__dict__", None)
        if isinstance(own, dict):
            yield from list(own.items())
    for frame in frames:
        yield from list(frame.f_globals.items())
        for item in list(frame.f_locals.values()):  # what is held by an object or a container that has a variable
            if isinstance(item, Mapping):
                yield from ((str(key), each) for key, each in list(item.items()))
            elif isinstance(own := getattr(item, "__dict__", None), dict):
                yield from list(own.items())


def _named(parts: list[_Part], names: dict[int, tuple[int, str]], usual: str) -> dict[str, _Part]:
    """By the script's names, in their order; alone, as `""`. What has no name is called by what it is."""
    if len(parts) == 1:
        return {"": parts[0]}
    found: dict[str, _Part] = {}
    for part in sorted(parts, key=lambda part: names.get(id(part), (len(names), ""))[0]):
        name = names.get(id(part), (0, type(part).__name__))[1] or usual
        free = (
            name if name not in found else next(n for k in range(2, len(parts) + 2) if (n := f"{name}{k}") not in found)
        )
        found[free] = part
    return found
