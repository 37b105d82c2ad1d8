"""The random generators that a batch may draw from: captured, put back, and kept apart from the rest of the process."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random.mtrand import get_bit_generator
from torch import Tensor

_TWISTER = 4 * (624 + 1)  # bytes of a Mersenne twister: its key and where it stands in it


class RandomState(NamedTuple):
    """The state of every generator that a batch may draw from; `devices` those of accelerators in use."""

    torch_state: Tensor
    python_state: tuple[Any, ...]
    numpy_state: Any
    loader_state: Tensor | None
    devices: tuple[tuple[str, Tensor], ...] = ()

    @classmethod
    def capture(cls, generator: torch.Generator | None = None) -> RandomState:
        """The generators as they stand; `generator` is the loader's own."""
        return cls(
            torch.get_rng_state(),
            random.getstate(),
            _numpy_now(),
            None if generator is None else generator.get_state(),
            tuple(_device_states()),
        )

    def restore(self, generator: torch.Generator | None = None) -> None:
        """Put the generators back."""
        torch.set_rng_state(self.torch_state)
        random.setstate(self.python_state)
        np.random.set_state(self.numpy_state)
        if generator is not None and self.loader_state is not None:
            generator.set_state(self.loader_state)
        for device, state in self.devices:
            _set_device_state(torch.device(device), state)

    def unless_same(self, other: RandomState | None) -> RandomState:
        """`other` where it is the same: most runs draw few random numbers, and then hold few of these."""
        return other if other is not None and not self.differing(other) else self

    def differing(self, other: RandomState) -> list[str]:
        """Which generators stand elsewhere in another."""
        pairs = {
            "torch's random generator": torch.equal(self.torch_state, other.torch_state),
            "Python's random generator": self.python_state == other.python_state,
            "NumPy's random generator": _numpy_equal(self.numpy_state, other.numpy_state),
            "the loader's generator": _equal(self.loader_state, other.loader_state),
        }
        there = dict(other.devices)
        pairs |= {f"the generator of {name}": _equal(state, there.get(name)) for name, state in self.devices}
        return [name for name, same in pairs.items() if not same]


class _NumPy:
    """NumPy's state as taken last: to take it costs as much as ten operations, to see that it has not moved little."""

    raw = b""
    state: Any = None


def _numpy_now() -> Any:
    generator = get_bit_generator()
    if not isinstance(generator, np.random.MT19937):
        return np.random.get_state()
    raw = ctypes.string_at(generator.ctypes.state_address, _TWISTER)
    if raw != _NumPy.raw or _NumPy.state[3]:  # a second normal number, kept for later, is taken without a move
        _NumPy.raw, _NumPy.state = raw, np.random.get_state()
    return _NumPy.state


def _device_states() -> list[tuple[str, Tensor]]:
    """Of each accelerator that this process has used, its generator's state."""
    found = []
    if torch.cuda.is_initialized():
        found = [(f"cuda:{n}", torch.cuda.get_rng_state(n)) for n in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(("mps", torch.mps.get_rng_state()))
    return found


def _set_device_state(device: torch.device, state: Tensor) -> None:
    if device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.cuda.set_rng_state(state, device)


def _numpy_equal(one: Any, other: Any) -> bool:
    """As `np.array_equal` of each part, in a tenth of the time."""
    if one is other:
        return True
    alike = (one[0], *one[2:]) == (other[0], *other[2:])
    return alike and np.asarray(one[1]).tobytes() == np.asarray(other[1]).tobytes()


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))


class OwnRandomness:
    """Inside a with statement the global generators are a run's own; outside, they are whoever's they were.

    A with statement inside another changes nothing. In a process that is the run's own (`alone`) there is nobody to
    keep them from. An object rather than a generator, since a run enters it with every batch.
    """

    def __init__(self) -> None:
        self.alone = False
        self._own = RandomState.capture()
        self._others = self._own
        self._depth = 0

    def have_process(self) -> None:
        """From here on the process is the run's own: nothing is swapped around its batches."""
        self._own.restore()
        self.alone = True

    def share_process(self) -> None:
        """From here on others draw from the generators as well, while the run is not at work."""
        self._own = RandomState.capture()
        self.alone = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is computed inside has nothing to do with the run, and leaves its generators where they are."""
        random = RandomState.capture()
        try:
            yield
        finally:
            random.restore()

    def __enter__(self) -> None:
        if self.alone:
            return
        self._depth += 1
        if self._depth == 1:
            self._others = RandomState.capture()
            self._own.restore()

    def __exit__(self, *error: object) -> None:
        if self.alone:
            return
        self._depth -= 1
        if self._depth == 0:
            self._own = RandomState.capture()
            self._others.restore()
