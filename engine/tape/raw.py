"""What is written down while a batch runs, as it comes: no event or name is made of it before it is asked for.

A `Log` is a list of rows. Most are operations, as plain tuples (see `OpRow`): a tuple is the cheapest thing to make.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engine.protocol.positions import Phase
from engine.tape.operations import FOLDED, VIEWS, Operation, operation
from engine.tape.sources import CLIPS, VERDICTS, is_users

Place = tuple[CodeType, int]  # the user's code object and its last instruction: a line, once it is asked for


class AtenOp(NamedTuple):
    """What is to be known about an operator, looked up once."""

    overload: Any
    aten: str
    operation: Operation
    folded: bool
    view: bool
    written: tuple[int | str, ...]  # the arguments that it writes into, by place and by keyword
    detach: bool
    skipped: bool  # it is about no tensor: the profiler's marks
    parameters: tuple[tuple[str, Any], ...]  # each with its default; None for what must be given


class OpRow(NamedTuple):
    """One operation. `sequence` is that of the autograd node last made, which is this operation's own if it has one."""

    info: AtenOp
    args: Any
    kwargs: Any
    out: Any
    path: str
    phase: Phase
    place: Place | None
    sequence: int
    graph: bool  # whether gradients were on


@dataclass(eq=False, slots=True)
class Version:
    """What a name came to hold, from event `number` on; `tensor` None is what the batch left there in the end."""

    name: str
    tensor: Tensor | None = None
    number: int = 0
    gone: bool = False  # a gradient that was dropped


class Part(NamedTuple):
    """What a module gives: a layer's Z, N or D, and, where its model says it, a name of its own, "Q[1]"."""

    symbol: str = ""
    layer: int = 0  # 0 where it is no part of one
    said: str = ""


@dataclass(eq=False, slots=True)
class Left:
    """A module that has a symbol gave this."""

    part: Part
    output: Any


@dataclass(eq=False, slots=True)
class Entered:
    """One of the program's modules was called from outside of all of them."""


@dataclass(eq=False, slots=True)
class Update:
    """A parameter that the optimizer was given a gradient for; `state` is None where the batch's end has it."""

    name: str
    group: int
    version: Version
    state: dict[str, Any] | None = None


@dataclass(eq=False, slots=True)
class Stepped:
    """An optimizer's step, with its groups' hyper-parameters as they were then."""

    optimizer: str
    kind: str
    updates: list[Update]
    groups: list[dict[str, Any]]
    place: Place | None = None


@dataclass(eq=False, slots=True)
class Between:
    """Several operations that are one to the user: zero-grad, clip, unscale."""

    kind: str
    place: Place | None
    rows: list[Any] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)


_OPS: dict[int, AtenOp] = {}  # by the overload's id: its own hash is a call of Python


def describe(func: Any) -> AtenOp:
    """The row of the table for an aten overload."""
    info = _OPS.get(id(func))
    if info is None:
        library, _, aten = func._schema.name.partition("::")
        arguments = enumerate(func._schema.arguments)
        written = tuple(
            a.name if a.kwarg_only else place for place, a in arguments if a.alias_info and a.alias_info.is_write
        )
        if "batch_norm" in aten and not written and "backward" not in aten:  # its schema does not say so
            written = tuple(
                place for place, a in enumerate(func._schema.arguments) if a.name in ("running_mean", "running_var")
            )
        parameters = tuple((a.name, a.default_value) for a in func._schema.arguments)
        folded, view, skipped = aten in FOLDED, aten in VIEWS, library == "profiler"
        named = operation(aten)
        info = AtenOp(func, aten, named, folded, view, written, aten == "detach", skipped, parameters)
        _OPS[id(func)] = info
    return info


def arguments(info: AtenOp, args: Any, kwargs: Any, tensors: Iterable[Any]) -> dict[str, Any]:
    """The arguments of a call by the schema's names, with what stands for each tensor in the order of `tensors_in`.

    A list of tensors is there as a tuple, and each of them as `name[0]`, `name[1]`, …
    """
    standing = iter(tensors)
    names = [name for name, _ in info.parameters]
    found = dict(info.parameters)
    for name, item in (*zip(names, args, strict=False), *(kwargs or {}).items()):
        if isinstance(item, Tensor):
            found[name] = next(standing)
        elif isinstance(item, list | tuple) and any(isinstance(each, Tensor) for each in item):
            found[name] = tuple(next(standing) if isinstance(each, Tensor) else each for each in item)
            found |= {f"{name}[{place}]": each for place, each in enumerate(found[name])}
        else:
            found[name] = item
    return found


def written(info: AtenOp, args: Any, kwargs: Any) -> list[Tensor]:
    """The tensors that an operation writes into."""
    found = [
        (kwargs or {}).get(w) if isinstance(w, str) else args[w]
        for w in info.written
        if isinstance(w, str) or w < len(args)
    ]
    return tensors_in(found)


def tensors_in(items: Any) -> list[Tensor]:
    """Every tensor of nested lists, tuples and dicts."""
    found: list[Tensor] = []
    for item in items:
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, list | tuple):
            found.extend(tensors_in(item))
        elif isinstance(item, dict):
            found.extend(tensors_in(item.values()))
    return found


def storage_of(tensor: Tensor) -> int:
    """The storage's address; 0 for a tensor that has none (a sparse one)."""
    if tensor.layout is not torch.strided:
        return 0
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return 0


def sequence_now() -> int:
    """The number of the autograd node that was made last."""
    return int(torch._C._autograd._get_sequence_nr()) - 1


def users_place(frame: FrameType | None, base: FrameType | None) -> Place | None:
    """The nearest place in the user's code, from a frame outwards as far as `base`; None where there is none."""
    while frame is not None and frame is not base:
        verdict = VERDICTS[frame.f_code]
        if verdict:
            return frame.f_code, frame.f_lasti
        if verdict is None:
            return None
        frame = frame.f_back
    return None


def clipping_frame(frame: FrameType | None, base: FrameType | None) -> FrameType | None:
    """The call of one of torch's clipping functions that this is in, if any."""
    found = None
    while frame is not None and frame is not base and not is_users(frame.f_code):
        if frame.f_code in CLIPS:
            found = frame
        frame = frame.f_back
    return found


def caller(depth: int = 1) -> FrameType:
    """A frame of those that called."""
    return sys._getframe(depth + 1)
