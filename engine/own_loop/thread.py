"""What torch keeps for each thread: the script and the engine share one, and must not see each other's."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import _pop_mode, _push_mode
from torch.utils._python_dispatch import _pop_mode as _pop_dispatch
from torch.utils._python_dispatch import _push_mode as _push_dispatch

_DEVICES = ("cpu", "cuda", "mps")


def dispatch_modes() -> int:
    """How many dispatch modes are on."""
    return torch._C._len_torch_dispatch_stack()


class ThreadState:
    """The script's grad mode, autocast, anomaly mode and stacks of modes; taken off, and put on again.

    `below` are the dispatch modes that were there when the script went on: the engine's own, which stay.
    """

    def __init__(self, below: int) -> None:
        self._inference = torch.is_inference_mode_enabled()
        self._grad = torch.is_grad_enabled()
        self._autocast = [
            (device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in _DEVICES
        ]
        self._cache = torch.is_autocast_cache_enabled()
        self._anomaly = (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
        self._functions: list[Any] = [_pop_mode() for _ in range(torch._C._len_torch_function_stack())]
        self._dispatch: list[Any] = [_pop_dispatch() for _ in range(dispatch_modes() - below)]
        self._guard = torch._C._InferenceMode(False) if self._inference else None
        torch.set_grad_enabled(True)
        for device, enabled, _ in self._autocast:
            if enabled:
                torch.set_autocast_enabled(device, False)
        torch.set_anomaly_enabled(False)

    def put_on(self) -> None:
        """The script goes on."""
        torch.set_anomaly_enabled(*self._anomaly)
        for device, enabled, kind in self._autocast:
            if enabled:
                torch.set_autocast_dtype(device, kind)
                torch.set_autocast_enabled(device, True)
        torch.set_autocast_cache_enabled(self._cache)
        torch.set_grad_enabled(self._grad)
        self._guard = None
        for mode in reversed(self._dispatch):
            _push_dispatch(mode)
        for mode in reversed(self._functions):
            _push_mode(mode)
