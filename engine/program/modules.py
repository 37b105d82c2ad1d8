"""Several named modules as one: their parameters, buffers and submodules, each under one full name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any, TypeVar

from torch import Tensor, nn

_T = TypeVar("_T")


class Modules(Mapping[str, nn.Module]):
    """Modules by name; `""` is the one whose parameters keep their own names, others put theirs before: `G.0.weight`.

    What is shared between modules, or within one, goes by the first of its names, as in torch. `loose` are parameters
    that none of them holds, by names of their own.
    """

    def __init__(self, modules: Mapping[str, nn.Module], loose: Mapping[str, Tensor] | None = None) -> None:
        self._modules = dict(modules)
        self.loose = dict(loose or {})
        self._found: Found | None = None

    @classmethod
    def of(cls, modules: nn.Module | Mapping[str, nn.Module]) -> Modules:
        """The same, of a single model too."""
        if isinstance(modules, Modules):
            return modules
        return cls({"": modules} if isinstance(modules, nn.Module) else modules)

    def __getitem__(self, name: str) -> nn.Module:
        return self._modules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Full name and parameter, each once, in the order of the modules; then those of none."""
        return iter(self.found().parameters.items())

    def parameters(self) -> Iterator[Tensor]:
        """Each parameter once."""
        return iter(self.found().parameters.values())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Full name and buffer, those that are not saved with the model included."""
        return iter(self.found().buffers.items())

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Path and module, the named ones themselves included."""
        return iter(self.found().modules.items())

    def second_names(self) -> dict[str, str]:
        """Further full names of shared parameters and buffers, and the name that each goes by."""
        first = {id(item): name for name, item in (*self.named_parameters(), *self.named_buffers())}
        found = {}
        for name, module in self._modules.items():
            kinds = (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False))
            for inner, item in (each for kind in kinds for each in kind):
                if first[id(item)] != (full := _joined(name, inner)):
                    found[full] = first[id(item)]
        return found

    def modules(self) -> Iterator[nn.Module]:
        """Each module once."""
        return iter(self.found().modules.values())

    def found(self) -> Found:
        """All of these; found anew only where a part has come, gone or been replaced, since a walk takes its time."""
        if self._found is None or not self._found.holds():
            self._found = Found(self._modules, self.loose)
        return self._found


class Found:
    """The parts of some modules by their full names, each once.

    `names` has the parameters' names by their ids; `empty` names the buffers that are None.
    """

    def __init__(self, modules: Mapping[str, nn.Module], loose: Mapping[str, Tensor]) -> None:
        self.modules = dict(_once(modules, lambda module: module.named_modules()))
        own: Mapping[str, Tensor] = dict(_once(modules, lambda module: module.named_parameters()))
        self.parameters = {**own, **loose}
        self.buffers = dict(_once(modules, lambda module: module.named_buffers()))
        self.names = {id(parameter): name for name, parameter in self.parameters.items()}
        self.empty = frozenset(
            _joined(path, name)
            for path, module in self.modules.items()
            for name, buffer in module._buffers.items()
            if buffer is None
        )
        self._keys, self._values = self._members()
        self._ids = [*map(id, self._values)]

    def holds(self) -> bool:
        """Whether the modules have these parts still, under these names."""
        keys, values = self._members()
        return keys == self._keys and [*map(id, values)] == self._ids

    def _members(self) -> tuple[list[Any], list[Any]]:
        members = [*chain.from_iterable(map(_MEMBERS, self.modules.values()))]
        return [*map(len, members), *chain.from_iterable(members)], [*chain.from_iterable(map(_VALUES, members))]


_MEMBERS = attrgetter("_parameters", "_buffers", "_modules")
_VALUES = methodcaller("values")


def _once(
    modules: Mapping[str, nn.Module], found: Callable[[nn.Module], Iterable[tuple[str, _T]]]
) -> Iterator[tuple[str, _T]]:
    seen: set[int] = set()
    for name, module in modules.items():
        for inner, item in found(module):
            if id(item) not in seen:
                seen.add(id(item))
                yield _joined(name, inner), item


def _joined(name: str, inner: str) -> str:
    return f"{name}.{inner}" if name and inner else name or inner
