"""Whose a line of code is, and what the user calls a tensor there."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad

import engine

_TORCH = str(Path(torch.__file__).parent)
_OWN = str(Path(engine.__file__).parent)
_SCREEN = str(Path(engine.__file__).parent.with_name("nnwalk_tui"))  # which runs the engine where there is no screen
_MODELS = f"{_OWN}/experiments/models.py"  # ours, and yet what is debugged
_BETWEEN = f"{_OWN}/program/backwards.py"  # ours, between the user's call and torch's

CLIPS = {
    inspect.unwrap(function).__code__
    for function in (
        clip_grad.clip_grad_norm_,
        clip_grad.clip_grad_value_,
        clip_grad._get_total_norm,
        clip_grad._clip_grads_with_norm_,
    )
}


class _Verdicts(dict[CodeType, bool | None]):
    """Whether code is the user's; None for the engine's own, outside of which no user's line is the one looked for."""

    def __missing__(self, code: CodeType) -> bool | None:
        name = code.co_filename
        theirs: bool | None = not name.startswith((_TORCH, _BETWEEN, "<"))
        if name.startswith((f"{_OWN}/", f"{_SCREEN}/")) and name not in (_MODELS, _BETWEEN):
            theirs = None
        self[code] = theirs
        return theirs


VERDICTS = _Verdicts()


def is_users(code: CodeType) -> bool | None:
    """Whether code is the user's; None for the engine's own."""
    return VERDICTS[code]


def line_of(place: tuple[CodeType, int] | None) -> str:
    """FILE:LINE of a place; "" for none."""
    if place is None:
        return ""
    code, instruction = place
    line = next((n for start, end, n in code.co_lines() if start <= instruction < end), code.co_firstlineno)
    return f"{code.co_filename}:{line}"


def file_and_line(place: tuple[CodeType, int] | None) -> str:
    """The same without the folder: "model.py:12"."""
    return line_of(place).rpartition("/")[2]


def users_frames(frame: FrameType | None, base: FrameType | None) -> list[FrameType]:
    """The user's frames from here outwards, as far as the engine's own."""
    found = []
    while frame is not None and frame is not base:
        verdict = is_users(frame.f_code)
        if verdict is None:
            break
        if verdict:
            found.append(frame)
        frame = frame.f_back
    return found


def variable_of(tensor: Tensor, frames: list[FrameType]) -> str:
    """What the user calls a tensor: a local variable, an attribute of self, or a global; "" for none."""
    for frame in frames:
        name = _key_of(tensor, frame.f_locals)
        if name:
            return name
        own = getattr(frame.f_locals.get("self"), "__dict__", None)
        name = _key_of(tensor, own) if isinstance(own, dict) else ""
        if name:
            return name
    return _key_of(tensor, frames[0].f_globals) if frames else ""


def _key_of(tensor: Tensor, names: dict[str, Any]) -> str:
    found = (name for name, item in list(names.items()) if item is tensor and not name.startswith("_"))
    return next(found, "") or _inside(tensor, names)


def _inside(tensor: Tensor, names: dict[str, Any]) -> str:
    for name, item in list(names.items()):
        if isinstance(item, list | tuple) and len(item) <= 100:
            place = next((i for i, each in enumerate(item) if each is tensor), None)
            if place is not None and not name.startswith("_"):
                return f"{name}[{place}]"
    return ""
