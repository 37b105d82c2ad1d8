"""What one walk through a program's surroundings found, so that the next need not be made.

While every reference is what it was, the same things are within reach. Plain values cannot change where the reference
has not; tensors, containers, generators and the like are copied anew. A plain value that was replaced by another is
taken as such; any other change asks for a new walk.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from operator import methodcaller
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.program.copies import PLAIN, alike, copied, generator_state, is_value
from engine.program.held import Copy, Held, fingerprint, found_at

_VALUES = methodcaller("values")
_ARRAYS = (Tensor, np.ndarray, np.generic)


class Plan:
    """Of one walk: its `copies`, the objects `noted` by a fingerprint, and the dicts and other `places` it looked at.

    `dicts` come with the object whose they are; `places` are pairs of a holder (a cell, a function, a list) and a key.
    """

    def __init__(
        self,
        copies: dict[str, Copy],
        noted: dict[str, Any],
        dicts: list[tuple[Any, Mapping[Any, Any]]],
        places: list[tuple[Any, Any]],
        lists: list[Any],
    ) -> None:
        self._noted = noted
        self._dicts = [each for _, each in dicts]
        self._places, self._lists = places, lists
        self._owners = [owner for owner, each in dicts for _ in each]
        self._names = {(id(copy.holder), copy.key): name for name, copy in copies.items() if copy.own is None}
        self._lively = [name for name, copy in copies.items() if not _is_plain(copy)]
        self._keys = [*chain.from_iterable(self._dicts)]
        self._lengths = [*map(len, self._lists)]
        self._keep(self._now())
        self._held = Held(copies, {name: fingerprint(item) for name, item in noted.items()})

    @property
    def held(self) -> Held:
        """What was found last."""
        return self._held

    def capture(self) -> Held | None:
        """What is held now; None where another walk is needed."""
        if [*chain.from_iterable(self._dicts)] != self._keys or [*map(len, self._lists)] != self._lengths:
            return None
        now = self._now()
        changed = dict[str, Copy]()
        if [*map(id, now)] != self._ids and not self._replaced(now, changed):
            return None
        if not self._copy_lively(changed):
            return None
        noted = {name: fingerprint(item) for name, item in self._noted.items()}
        if changed or noted != self._held.noted:
            self._held = Held({**self._held.copies, **changed}, noted)
        return self._held

    def _now(self) -> list[Any]:
        places = (found_at(holder, key) for holder, key in self._places)
        return [*chain.from_iterable(map(_VALUES, self._dicts)), *places, *chain.from_iterable(self._lists)]

    def _keep(self, now: list[Any]) -> None:
        """Hold what there is, so that its id is its own; arrays are looked at anew in any case, and may be large."""
        self._ids = [*map(id, now)]
        self._last = [None if isinstance(item, _ARRAYS) else item for item in now]

    def _replaced(self, now: list[Any], changed: dict[str, Copy]) -> bool:
        """Take each plain value that was replaced by another; whether that is all that has changed."""
        for place, (item, was) in enumerate(zip(now, self._ids, strict=True)):
            if id(item) != was and not self._take(place, item, changed):
                return False
        self._keep(now)
        return True

    def _take(self, place: int, item: Any, changed: dict[str, Copy]) -> bool:
        holder, key = self._place(place)
        name = self._names.get((id(holder), key))
        if name is None:  # a flag of torch's own, that is captured elsewhere
            own = isinstance(holder, nn.Module | Optimizer)
            return own and isinstance(item, PLAIN) and isinstance(self._last[place], PLAIN)
        before = self._held.copies[name]
        if _is_plain(before) and isinstance(item, PLAIN):
            changed[name] = Copy(item, holder, key)
            return True
        return isinstance(before.value, _ARRAYS) and isinstance(item, _ARRAYS) and before.container is None

    def _place(self, place: int) -> tuple[Any, Any]:
        if place < len(self._owners):
            return self._owners[place], self._keys[place]
        place -= len(self._owners)
        return self._places[place] if place < len(self._places) else (None, None)

    def _copy_lively(self, changed: dict[str, Copy]) -> bool:
        """Copy again what may change while the reference to it stays; whether it could be copied as before."""
        copies = self._held.copies
        for name in self._lively:
            before = copies[name]
            if before.own is not None:
                value = _state_of(before.own)
                if not (isinstance(value, Tensor) and alike(value, before.value)):
                    changed[name] = Copy(value, own=before.own)
                continue
            item = found_at(before.holder, before.key) if before.container is None else before.container
            if not is_value(item) or isinstance(item, _ARRAYS) != isinstance(before.value, _ARRAYS):
                return False
            changed[name] = Copy(copied(item), before.holder, before.key, container=before.container)
        return True


def _is_plain(copy: Copy) -> bool:
    return copy.own is None and copy.container is None and isinstance(copy.value, PLAIN)


def _state_of(own: Any) -> Any:
    if isinstance(own, Tensor):
        return copied(own)
    state = generator_state(own)
    return copied(own.state_dict()) if state is None else state
