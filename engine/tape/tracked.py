"""Whose storages are parameters, buffers and their gradients: a write into one makes a new version of it.

A value is copied when it is about to be overwritten a second time within a batch. The first time, the state before the
batch holds what was there; the last time, the state after it will.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from engine.program.modules import Modules
from engine.tape.backward import Pass
from engine.tape.raw import Update, Version, storage_of


class Tracked:
    """The tensors of a program that outlive a batch, and what they came to hold so far in this one."""

    def __init__(self, modules: Modules, optimizers: Mapping[str, Optimizer]) -> None:
        self._modules = modules
        found = modules.found()
        self.parameters: Mapping[str, Tensor] = found.parameters
        self.buffers: Mapping[str, Tensor] = found.buffers
        self.names = found.names
        self.loose: dict[str, Tensor] = {}  # leaves that came to be within the step, by the user's name
        self._optimizers = dict(optimizers)
        self.optimizer_names = {id(optimizer): name for name, optimizer in optimizers.items()}
        self.latest: dict[str, Version] = {}
        self._storages: dict[int, list[str]] | None = None
        self._gradients: dict[int, list[str]] | None = None
        self._seen_gradients: dict[str, Tensor | None] = {}
        self._states: dict[tuple[str, str], Update] = {}
        self.passes: list[Pass] = []
        self._seen: dict[str, int] = {}

    def leaves(self) -> Iterable[tuple[str, Tensor]]:
        """Everything that may have a gradient, by full name."""
        yield from self.parameters.items()
        yield from self.loose.items()

    def storages(self) -> set[int]:
        """Where parameters and buffers lie."""
        return {storage_of(tensor) for _, tensor in (*self.leaves(), *self.buffers.items())}

    def places(self) -> dict[tuple[str, str], int]:
        """The index of each parameter in its optimizer, by (optimizer, full name)."""
        found: dict[tuple[str, str], int] = {}
        for key, optimizer in self._optimizers.items():
            parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
            found |= {(key, self.name_of(parameter)): index for index, parameter in enumerate(parameters)}
        return found

    # ── writes ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def about_to_write(self, storage: int) -> list[Version]:
        """The versions that a write into a storage makes; what would be lost is copied."""
        if self._storages is None:
            self._storages = {}
            for name, tensor in (*self.leaves(), *self.buffers.items()):
                self._storages.setdefault(storage_of(tensor), []).append(name)
        if self._gradients is None:
            self._gradients = {}
            for name, leaf in self.leaves():
                if leaf.grad is not None:
                    self._gradients.setdefault(storage_of(leaf.grad), []).append(name)
        names = self._storages.get(storage, ())
        gradients = self._gradients.get(storage, ())
        return [self.rewrite(name) for name in names] + [self.rewrite_gradient(name) for name in gradients]

    def rewrite(self, name: str) -> Version:
        """The version that is about to be made of a parameter or buffer."""
        self._keep(name)
        version = self.latest[name] = Version(name)
        return version

    def _keep(self, name: str) -> None:
        before = self.latest.get(name)
        if before is not None and before.tensor is None:
            before.tensor = self.live(name).detach().clone()

    def rewrite_gradient(self, name: str) -> Version:
        """The version that is about to be made of a gradient, in the same memory."""
        self.keep_gradient(name)
        leaf = self._leaf(name)
        version = self.latest[f"d{name}"] = Version(f"d{name}", leaf.grad)
        return version

    def keep_gradient(self, name: str) -> None:
        """Copy a gradient that is about to be overwritten."""
        before, grad = self.latest.get(f"d{name}"), self._leaf(name).grad
        if before is None or before.tensor is None or grad is None:
            return
        if _shares(before.tensor, grad):
            before.tensor = before.tensor.detach().clone()
        for passed in self.passes:
            passed.own(storage_of(grad))

    def live(self, name: str) -> Tensor:
        """The tensor itself."""
        return self.buffers[name] if name in self.buffers else self._leaf(name)

    def _leaf(self, name: str) -> Tensor:
        return self.parameters[name] if name in self.parameters else self.loose[name]

    # ── gradients ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def carried_over(self) -> list[Version]:
        """The gradients that are there when the batch begins."""
        found = [Version(f"d{name}", leaf.grad) for name, leaf in self.leaves() if leaf.grad is not None]
        self.noticed(found)
        return found

    def noticed(self, versions: Iterable[Version]) -> None:
        """Gradients as they are now."""
        for version in versions:
            self.latest[version.name] = version
            self._seen_gradients[version.name[1:]] = self._leaf(version.name[1:]).grad
        self._gradients = None

    def reassigned(self) -> list[Version]:
        """Versions of gradients that are other tensors than those last seen: put there by the user, or dropped."""
        found = []
        for name, leaf in self.leaves():
            grad = leaf.grad
            if grad is not self._seen_gradients.get(name):
                found.append(Version(f"d{name}", grad, gone=grad is None))
        if found:
            self.noticed(found)
        return found

    # ── optimizers ────────────────────────────────────────────────────────────────────────────────────────────────────

    def name_of(self, parameter: Tensor) -> str:
        """Its full name, or the user's for one of no module; "" for one never seen."""
        known = self.names.get(id(parameter))
        return known or next((name for name, leaf in self.loose.items() if leaf is parameter), "")

    def prepare(self, optimizer: Optimizer) -> None:
        """Copy what an optimizer's step will overwrite that neither the state before the batch nor after it holds."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                name = self.name_of(parameter)
                if name:
                    self._keep(name)
                    earlier = self._states.get((self.optimizer_name(optimizer), name))
                    if earlier is not None and earlier.state is None:
                        earlier.state = copied(optimizer.state.get(parameter, {}))

    def optimizer_name(self, optimizer: Optimizer) -> str:
        """The name that the program gave it; its class for one that it did not."""
        return self.optimizer_names.get(id(optimizer), type(optimizer).__name__)

    def updates(self, optimizer: Optimizer) -> list[Update]:
        """What an optimizer's step updates, once prepared: each parameter that it is given a gradient for."""
        found = []
        for number, group in enumerate(optimizer.param_groups):
            for parameter in group["params"]:
                name = self.name_of(parameter)
                if parameter.grad is not None and name:
                    found.append(self._update(optimizer, name, number))
        return found

    def _update(self, optimizer: Optimizer, name: str, group: int) -> Update:
        update = Update(name, group, self.rewrite(name))
        self._states[self.optimizer_name(optimizer), name] = update
        return update

    def begin_closure(self) -> None:
        """Look for changes from here on."""
        self._seen = {name: parameter._version for name, parameter in self.parameters.items()}

    def changed_within_step(self) -> list[Version]:
        """Versions of parameters that an optimizer has moved so far, where its closure is called again."""
        found = []
        for name, parameter in self.parameters.items():
            if parameter._version != self._seen[name]:
                version = self.latest[name] = Version(name, parameter.detach().clone())
                found.append(version)
                self._seen[name] = parameter._version
        return found

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def replaced_buffers(self) -> list[Version]:
        """Versions of buffers that appeared, or became another tensor, without a write."""
        found = []
        for name, buffer in self._modules.named_buffers():
            if self.buffers.get(name) is not buffer:
                version = self.latest[name] = Version(name)
                found.append(version)
        return found


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """A copy of what an optimizer keeps for a parameter."""
    return {key: item.detach().clone() if isinstance(item, Tensor) else item for key, item in state.items()}


def _shares(a: Tensor, b: Tensor) -> bool:
    return a is b or (storage_of(b) != 0 and storage_of(a) == storage_of(b))
