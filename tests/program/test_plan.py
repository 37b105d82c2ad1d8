"""What was learned of a program's surroundings finds the same as a walk through them, whatever has changed since."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.program.surroundings import Surroundings


class _Counter:
    def __init__(self) -> None:
        self.count, self.words = 0, ["a"]


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop, self.linear = nn.Dropout(0.5), nn.Linear(2, 2)
        self.counter, self.hidden, self.dice = _Counter(), torch.zeros(2), random.Random(0)
        self.noise = np.zeros(3)
        self.parts: list[Any] = [_Counter(), 1]
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out


def _set(item: Any, key: str, value: Any) -> None:
    setattr(item, key, value)


CHANGES: dict[str, Callable[[_Net], object]] = {
    "nothing": lambda net: None,
    "a number": lambda net: _set(net, "seen", 12345),
    "a rate of torch's own module": lambda net: _set(net.drop, "p", 0.25),
    "a flag of torch's own": lambda net: net.eval(),
    "a number of an object": lambda net: _set(net.counter, "count", 99999),
    "a list, in place": lambda net: net.counter.words.append("b"),
    "another object": lambda net: _set(net, "counter", _Counter()),
    "a tensor, in place": lambda net: net.hidden.add_(1),
    "another tensor": lambda net: _set(net, "hidden", torch.ones(3)),
    "a tensor that goes": lambda net: _set(net, "hidden", None),
    "an array": lambda net: net.noise.fill(2),
    "a generator": lambda net: net.dice.random(),
    "a new name": lambda net: _set(net, "late", 7),
    "a name that goes": lambda net: delattr(net, "seen"),
    "an object in a list": lambda net: _set(net.parts[0], "count", 77777),
    "a longer list": lambda net: net.parts.append(_Counter()),
    "a number in a list of objects": lambda net: net.parts.__setitem__(1, 88888),
    "a list that is no longer plain": lambda net: net.counter.words.append(_Counter()),  # type: ignore[arg-type]
    "a new module": lambda net: net.add_module("more", nn.Linear(2, 1)),
    "a hook": lambda net: net.register_forward_hook(lambda *given: None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_learned_finds_what_a_walk_finds(change: str) -> None:
    net, count = _Net(), 0

    def step() -> None:
        nonlocal count
        count += 100_000

    roots, known = {**dict(net.named_modules()), "step": step}, [*net.modules(), *net.parameters()]
    learned = Surroundings(roots, known)
    first = learned.capture()
    for _ in range(2):
        step()
        CHANGES[change](net)
        here, walked = learned.capture(), Surroundings(roots, known).capture()
        assert here.copies.keys() == walked.copies.keys()
        assert not here.differing(walked)
        assert here.copies["step.count"].value == count
        if change == "a name that goes":
            net.seen = 5
    learned.restore(first)
    left = [name for name in learned.capture().differing(first) if not name.startswith(".more.")]  # a module stays
    assert not left


def test_where_nothing_changes_nothing_is_copied_again() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    learned = Surroundings(dict(net.named_modules()), [*net.modules(), *net.parameters()])
    assert learned.capture() is learned.capture()
