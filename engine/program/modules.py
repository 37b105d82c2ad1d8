"""Several named modules as one: their parameters, buffers and submodules, each under one full name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from torch import Tensor, nn

_T = TypeVar("_T")


class Modules(Mapping[str, nn.Module]):
    """Modules by name; `""` is the one whose parameters keep their own names, others put theirs before: `G.0.weight`.

    What is shared between modules, or within one, goes by the first of its names, as in torch.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self._modules = dict(modules)

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

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Full name and parameter, each once, in the order of the modules."""
        return self._once(lambda module: module.named_parameters())

    def parameters(self) -> Iterator[nn.Parameter]:
        """Each parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Full name and buffer, those that are not saved with the model included."""
        return self._once(lambda module: module.named_buffers())

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Path and module, the named ones themselves included."""
        return self._once(lambda module: module.named_modules())

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
        return (module for _, module in self.named_modules())

    def _once(self, found: Callable[[nn.Module], Iterable[tuple[str, _T]]]) -> Iterator[tuple[str, _T]]:
        if list(self._modules) == [""]:  # torch has seen to it
            yield from found(self._modules[""])
            return
        seen: set[int] = set()
        for name, module in self._modules.items():
            for inner, item in found(module):
                if id(item) not in seen:
                    seen.add(id(item))
                    yield _joined(name, inner), item


def _joined(name: str, inner: str) -> str:
    return f"{name}.{inner}" if name and inner else name or inner
