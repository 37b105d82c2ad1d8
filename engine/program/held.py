"""Copies of what a program holds beside its tensors, by name, and how one is put back."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from engine.program.copies import PLAIN, alike, bytes_of, copied, generator_state, put_into, set_generator


@dataclass(frozen=True, slots=True)
class Copy:
    """What was found at a name: a `value` to be put under `key` of `holder`, or, with `own`, the state of `own`.

    `own` is a random generator, a tensor that is written in place, or something with `state_dict`.
    """

    value: Any
    holder: Any = None
    key: Any = None
    own: Any = None
    container: Any = None  # the list or dict itself, which others may hold, too

    def put_back(self) -> None:
        """Let what was found be as it was."""
        own, value = self.own, copied(self.value)
        if isinstance(own, Tensor):
            with torch.no_grad():
                own.copy_(value)
        elif generator_state(own) is not None:
            set_generator(own, value)
        elif own is not None:
            own.load_state_dict(value)
        else:
            _put(self.holder, self.key, value if self.container is None else put_into(self.container, value))

    def take_away(self) -> None:
        """Let nothing be at this name."""
        if isinstance(self.holder, dict):
            self.holder.pop(self.key, None)
        elif not isinstance(self.holder, types.FunctionType) and hasattr(self.holder, "__dict__"):
            vars(self.holder).pop(self.key, None)


class Held:
    """Copies of all that was found, by name, and fingerprints of what could not be copied."""

    def __init__(self, copies: dict[str, Copy], noted: dict[str, str]) -> None:
        self.copies = copies
        self.noted = noted

    @cached_property
    def bytes(self) -> int:
        """The room that it takes."""
        return sum(bytes_of(copy.value) for copy in self.copies.values())

    def differing(self, other: Held) -> list[str]:
        """Names of what is not alike in both."""
        here, there = self.copies, other.copies
        changed = [name for name in here if name in there and not alike(here[name].value, there[name].value)]
        noted = [name for name in self.noted if other.noted.get(name, self.noted[name]) != self.noted[name]]
        return [*changed, *noted, *(name for name in (*here, *there) if (name in here) != (name in there))]


def _put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, types.FunctionType):
        holder.__globals__[key] = value
    elif isinstance(holder, types.CellType):
        holder.cell_contents = value
    elif isinstance(holder, dict) or (isinstance(holder, list | deque) and key < len(holder)):
        holder[key] = value
    elif hasattr(holder, "__dict__") and not isinstance(holder, types.MethodType):
        vars(holder)[key] = value


def found_at(holder: Any, key: Any) -> Any:
    """What a name stands for now; None where it is gone."""
    if isinstance(holder, types.FunctionType):
        return holder.__globals__.get(key)
    if isinstance(holder, types.CellType):
        try:
            return holder.cell_contents
        except ValueError:  # it is empty
            return None
    if isinstance(holder, list | tuple | deque):
        return holder[key] if key < len(holder) else None
    return (holder if isinstance(holder, dict) else vars(holder)).get(key)


def fingerprint(item: Any) -> str:
    """Something that differs where an object that cannot be copied has gone on."""
    if isinstance(item, Iterator):
        frame = getattr(item, "gi_frame", None)
        names = {} if frame is None else {k: v for k, v in frame.f_locals.items() if isinstance(v, PLAIN)}
        return f"{type(item).__name__} {id(item)} {getattr(frame, 'f_lasti', '')} {names}"
    tell = getattr(item, "tell", None)
    try:
        return f"{type(item).__name__} {tell() if callable(tell) else ''}"
    except Exception:  # of a stranger's object
        return type(item).__name__
