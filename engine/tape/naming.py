"""What the parts of a model are called: layers, and their parameters by the course's symbols.

A layer is a `Layer` of our own models, or a module that holds parameters of its own and no others below it (for
attention: the whole module). Layers count from 1 in the order of `model.modules()`. W and b stand for `weight` and
`bias`, γ and β for those of the normalisation inside a Layer; every parameter also goes by its own name,
`layer1.0.conv1.weight`. What a module of a model gives is Z of its layer, unless the model itself says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from engine.program.modules import Modules
from engine.tape.cells import Cell, cell_of
from engine.tape.habits import Habits
from engine.tape.raw import Part

_PARTS = {
    "linear.weight": "W",
    "linear.bias": "b",
    "norm.weight": "gamma",
    "norm.bias": "beta",
    "weight": "W",
    "bias": "b",
}
SYMBOLS = {"gamma": "γ", "beta": "β"}
# What networks with attention name: queries, keys, values, scores, weights, what they come to; and the tokens.
SAID = ("Q", "K", "V", "S", "P", "O", "H")


@dataclass(frozen=True)
class LayerInfo:
    """A layer of the model. `parameters` maps a symbol (W, b, gamma, beta) or a local name to the full name."""

    index: int
    path: str
    module: nn.Module
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What the layer is, in one word."""
        module = stages_of(self.module).get("linear", self.module)
        return (type_before_parametrizations(module) if is_parametrized(module) else type(module)).__name__.lower()


def stages_of(module: nn.Module) -> dict[str, nn.Module]:
    """What a module that is a layer of several stages says of itself: "linear", "norm", "activation", "dropout"."""
    stages: dict[str, nn.Module] = getattr(module, "stages", {})
    return stages if isinstance(stages, dict) else {}


def _is_layer(module: nn.Module) -> bool:
    if stages_of(module) or isinstance(module, nn.MultiheadAttention):
        return True
    parametrized = is_parametrized(module)  # its weight is computed of parameters that it keeps below itself
    own = parametrized or any(True for _ in module.parameters(recurse=False))
    below = (child for name, child in module.named_children() if not (parametrized and name == "parametrizations"))
    return own and not any(True for child in below for _ in child.parameters())


def _layers(module: nn.Module, path: str, found: list[tuple[str, nn.Module]], seen: set[int]) -> None:
    if id(module) in seen:
        return
    seen.add(id(module))
    if _is_layer(module):
        found.append((path, module))
        return
    for name, child in module.named_children():
        _layers(child, f"{path}.{name}" if path else name, found, seen)


class Naming:
    """The names of a program's layers and parameters; `habits` is what was learned of it by looking on."""

    def __init__(self, modules: nn.Module | Mapping[str, nn.Module]) -> None:
        model = Modules.of(modules)
        found: list[tuple[str, nn.Module]] = []
        seen: set[int] = set()
        for name, module in model.items():
            _layers(module, name, found, seen)
        self.layers = [LayerInfo(i, path, module) for i, (path, module) in enumerate(found, 1)]
        self.course = all(bool(stages_of(layer.module)) for layer in self.layers)
        self.layer_of: dict[str, int] = {}  # parameter's full name → layer
        self.full_name: dict[str, str] = {}  # "W[1]" → full name
        self.short_name: dict[str, str] = {}  # full name → "W[1]"; the full name itself where there is no symbol
        self.buffers = frozenset(name for name, _ in model.named_buffers())  # full names
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.modules = dict(model.named_modules())  # by path
        self.paths = {id(module): path for path, module in self.modules.items()}
        self.parts = _layer_parts(self.layers)  # id of a module → what it gives
        for module in self.modules.values():
            _add_said(self.parts, module)
        self.networks = list(model)  # the names of the program's own modules
        self.habits = Habits()
        self.output_activation = str(getattr(model.get(""), "output_activation", ""))  # what a loss applies itself
        cells = ((layer, cell_of(layer.module)) for layer in self.layers)
        self.cells: dict[str, tuple[int, Cell]] = {  # recurrent layers by their paths
            layer.path: (layer.index, cell) for layer, cell in cells if cell is not None
        }
        self._layer_at: dict[str, int] = {}
        for layer in self.layers:
            for local, parameter in layer.module.named_parameters():
                self._add(layer, local, names[id(parameter)])
        for name in names.values():
            self.short_name.setdefault(name, name)
            self.layer_of.setdefault(name, 0)
        for path, module in self.modules.items():  # a parameter of several modules goes by its name in each
            for local, own in module._parameters.items():
                alias, full = f"{path}.{local}" if path else local, names.get(id(own))
                if full is not None and alias != full:
                    self.full_name[alias] = full
        for name in list(self.full_name):
            if name in self.layer_of or name.partition("[")[0] in self.layer_of:  # W[1] is of a parameter called W
                del self.full_name[name]

    @cached_property
    def symbols(self) -> set[str]:
        """What values of this model are called beside the usual: by its cells, and by what it says itself."""
        of_cells = {symbol for _, cell in self.cells.values() for symbol in (*cell.states, *cell.gates)}
        return of_cells | {part.said.partition("[")[0] for part in self.parts.values()}

    def said(self, module: nn.Module) -> str:
        """What the model itself calls what one of its modules gives; "" where it does not say."""
        return self.parts.get(id(module), Part()).said

    def _add(self, layer: LayerInfo, local: str, full: str) -> None:
        symbol = _PARTS.get(local, local)
        layer.parameters[symbol] = full
        self.layer_of.setdefault(full, layer.index)
        if local in _PARTS:
            self.full_name[f"{symbol}[{layer.index}]"] = full
            if self.course:
                self.short_name[full] = f"{SYMBOLS.get(symbol, symbol)}[{layer.index}]"

    def layer_at(self, path: str) -> int:
        """The layer that the module at `path` is, or is part of; 0 if none."""
        if path not in self._layer_at:
            self._layer_at[path] = next((layer.index for layer in self.layers if _within(path, layer.path)), 0)
        return self._layer_at[path]


def _within(path: str, module: str) -> bool:
    return path == module or path.startswith(module + ".") or not module


_STAGES = {"linear": "Z", "norm": "N", "dropout": "D"}  # of a layer, and what they give


def _layer_parts(layers: list[LayerInfo]) -> dict[int, Part]:
    parts: dict[int, Part] = {}
    for layer in layers:
        stages = stages_of(layer.module)
        if stages:
            parts |= {id(stages[name]): Part(symbol, layer.index) for name, symbol in _STAGES.items() if name in stages}
        else:
            parts[id(layer.module)] = Part("Z", layer.index)
    return parts


def _add_said(parts: dict[int, Part], module: nn.Module) -> None:
    """What a module says of the modules in it: its `symbols` are names by their paths, "" being its own."""
    said = getattr(module, "symbols", None)
    if not isinstance(said, dict):
        return
    within = dict(module.named_modules())
    for path, name in said.items():
        if isinstance(name, str) and path in within:
            known = id(within[path])
            parts[known] = parts.get(known, Part())._replace(said=name)
