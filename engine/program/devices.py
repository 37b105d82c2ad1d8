"""Where tensors live: which devices there are, which a program uses, and what is not deterministic there."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from engine.errors import ExperimentError

_NO_OTHER_WAY = " does not have a deterministic implementation"
_CUBLAS, _WORKSPACE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"


def devices_there() -> list[str]:
    """What this machine has: cpu, cuda:0, cuda:1, …, mps."""
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(f"cuda:{n}" for n in range(cuda)), *(["mps"] if torch.backends.mps.is_available() else [])]


def choose_device(name: str) -> str:
    """The device meant by cpu, cuda, cuda:N, mps, or auto: the first accelerator there, else the CPU.

    Raises ExperimentError for one that is not there.
    """
    there = devices_there()
    if name == "auto":
        return there[1] if len(there) > 1 else "cpu"
    found = "cuda:0" if name == "cuda" else name
    if found not in there:
        raise ExperimentError(f"there is no device “{name}” here", f"use {', '.join(there)}, or auto")
    return found


def accelerators_of(tensors: Iterable[Tensor]) -> list[str]:
    """The devices, other than the CPU, that these tensors live on, by name; “meta”, where nothing does, is none."""
    return sorted({str(tensor.device) for tensor in tensors if tensor.device.type not in ("cpu", "meta")})


def prefer_determinism() -> None:
    """Let torch take the deterministic one of several algorithms, and warn where an operation has none.

    To be called before an accelerator is used.
    """
    os.environ.setdefault(_CUBLAS, _WORKSPACE)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False  # which picks the fastest anew in every process


class Unsure:
    """While this is open, torch's warnings of operations that are not deterministic are heard: `tell` gets each once.

    All other warnings go where they went.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.operations: list[str] = []
        self._tell = tell
        self._plain = warnings.showwarning

    def __enter__(self) -> None:
        self._plain = warnings.showwarning
        warnings.showwarning = self._show

    def __exit__(self, *error: object) -> None:
        warnings.showwarning = self._plain

    def _show(self, message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        operation = _operation(str(message))
        if not operation:
            self._plain(message, category, *place, **more)
        elif operation not in self.operations:
            self.operations.append(operation)
            self._tell(operation)


def _operation(warning: str) -> str:
    """Which operation a warning of torch's is about; "" where it is about something else."""
    if _NO_OTHER_WAY in warning:
        return warning.partition(_NO_OTHER_WAY)[0].split()[-1]
    return f"cuBLAS without {_CUBLAS}={_WORKSPACE}" if _CUBLAS in warning else ""
