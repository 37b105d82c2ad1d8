"""Parameter groups by name, and the learning rate of each.

A group goes by its `name`, else by the prefix that its parameters share, else by its number in the optimizer, from 1;
of several optimizers, after its optimizer's name: `G`, `G.head`. The only group of an only optimizer is `""`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from torch.optim import Optimizer

from engine.errors import CommandError
from engine.program.modules import Modules


@dataclass(frozen=True)
class Group:
    """A parameter group: the `index`-th, from 0, of an optimizer."""

    name: str
    optimizer: str
    index: int


class Groups:
    """The groups of a program's optimizers, in their order."""

    def __init__(self, modules: Modules, optimizers: Mapping[str, Optimizer]) -> None:
        self._optimizers = optimizers
        names = {id(parameter): name for name, parameter in modules.named_parameters()}
        self.all = [group for name in optimizers for group in _named(name, optimizers, names)]
        self.of = {id(p): group for group in self.all for p in self.values(group)["params"]}  # a parameter's group

    def values(self, group: Group) -> dict[str, Any]:
        """Torch's own dict of a group."""
        found: dict[str, Any] = self._optimizers[group.optimizer].param_groups[group.index]
        return found

    def rates(self) -> dict[str, float]:
        """The learning rate of each group that has one."""
        return {g.name: float(values["lr"]) for g in self.all if "lr" in (values := self.values(g))}

    def choose(self, key: str, which: str | None) -> list[Group]:
        """The groups meant by `key[which]`: one by its name, all by `*`, the only one by None.

        Raises CommandError with a list of what there is.
        """
        having = [group for group in self.all if key in self.values(group)]
        if which == "*" or (which is None and len(having) == 1):
            return having
        names = ", ".join(f"{key}[{group.name}] {self.values(group)[key]}" for group in having)
        if which is None and len(having) > 1:
            raise CommandError(f"there are {len(having)} of {key}", f"name one, or [*] for all: {names}")
        found = [group for group in having if group.name == which]
        if not found:
            raise CommandError(f"there is no {key}[{which}]", f"there are {names}" if names else "no group has it")
        return found


def _named(optimizer: str, optimizers: Mapping[str, Optimizer], names: Mapping[int, str]) -> Iterator[Group]:
    groups = optimizers[optimizer].param_groups
    if len(groups) == 1:
        yield Group(str(groups[0].get("name") or optimizer), optimizer, 0)
        return
    words = [str(group.get("name") or _prefix(group, names)) for group in groups]
    count = Counter(words)
    for index, word in enumerate(words):
        own = word if word and count[word] == 1 else str(index + 1)
        yield Group(f"{optimizer}.{own}" if len(optimizers) > 1 and optimizer else own, optimizer, index)


def _prefix(group: dict[str, Any], names: Mapping[int, str]) -> str:
    """The module's path that all names of a group share."""
    paths = [names.get(id(parameter), "").split(".")[:-1] for parameter in group["params"]]
    shared = takewhile(lambda words: len(set(words)) == 1, zip(*paths, strict=False))
    return ".".join(words[0] for words in shared)


class Steps:
    """While this is open, `rates` collects what each group is stepped with: a step may set its rates itself."""

    def __init__(self, modules: Modules, optimizers: Mapping[str, Optimizer]) -> None:
        self.rates: dict[str, float] = {}
        self._modules, self._optimizers = modules, optimizers
        self._handles: list[Any] = []

    def __enter__(self) -> Steps:
        groups = Groups(self._modules, self._optimizers)

        def note(optimizer: Optimizer, *arguments: Any) -> None:
            for group in groups.all:
                if self._optimizers[group.optimizer] is optimizer:
                    self.rates.setdefault(group.name, float(groups.values(group).get("lr", math.nan)))

        self._handles = [optimizer.register_step_pre_hook(note) for optimizer in self._optimizers.values()]
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()
