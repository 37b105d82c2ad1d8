"""The network as columns of neurons (course §5.1, its two-layer figure), for the picked example and neuron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from torch import Tensor

from engine.errors import ExpressionError
from engine.lookup.moment import Moment
from engine.lookup.names import Ref
from engine.lookup.values import Values
from engine.panes.examples import class_name
from engine.panes.stretches import changes_of, in_stretch
from engine.panes.tensor import example_at
from engine.panes.worked import subscript
from engine.protocol.messages import NeuronsLook
from engine.protocol.views import NeuronColumn, NeuronsView
from engine.tape.naming import LayerInfo
from engine.tape.rules.numbers import number
from engine.tape.tape import Tape
from engine.training.classes import are_classes, target_classes

_T = TypeVar("_T")
_NOT_YET = "not yet"
_TERMS = 3  # contributions that are named


@dataclass(frozen=True)
class _Dense:
    """A dense layer: weight (n, n_before), bias (n) or None; its input and output for one example, if computed.

    `old_weight` and `old_bias` are those that the output was computed with, before this batch's update.
    """

    index: int
    weight: Tensor
    bias: Tensor | None
    old_weight: Tensor
    old_bias: Tensor | None
    before: Tensor | None
    after: Tensor | None


def neurons_view(moment: Moment, look: NeuronsLook, picked: tuple[int, int]) -> NeuronsView:
    """Columns of at most `look.rows` neurons, with the weights between those that are shown."""
    tape, row = moment.tape, _row(moment, picked[0])
    if tape is None:
        return _view(moment, look, picked, row)
    key = f"neurons {look.layer} {look.rows} {row} {picked[1]}"
    return in_stretch(moment, tape, key, lambda: _changes(moment, tape), lambda: _view(moment, look, picked, row))


def _changes(moment: Moment, tape: Tape) -> list[int]:
    return [number for layer in moment.naming.layers for number in _changes_of_layer(tape, layer)]


def _changes_of_layer(tape: Tape, layer: LayerInfo) -> list[int]:
    """The events that make or change something of a layer, or make what it reads."""
    result = tape.values.get(f"Z[{layer.index}]")
    read = () if result is None or result.event is None else result.event.inputs
    made = [number for numbers in changes_of(tape, layer).values() for number in numbers]
    return [*made, *(value.event.number for value in read if value.event is not None)]


def _view(moment: Moment, look: NeuronsLook, picked: tuple[int, int], row: int) -> NeuronsView:
    values = moment.values
    layers = _dense_layers(moment, row)
    if not layers:
        return NeuronsView(
            [], [], "", 0, 0, [], "no layer of this model is a column of neurons; inspect shows its tensors"
        )
    first = layers[0].index
    layer = max(first - 1, min(look.layer, layers[-1].index))
    at = layer - first + 1  # of the columns
    sizes = [layers[0].weight.shape[1], *(dense.weight.shape[0] for dense in layers)]
    neuron = max(1, min(picked[1], sizes[at]))
    kept = [[neuron - 1] if place == at else [] for place in range(len(sizes))]
    kept[-1] += _answers(moment, layers[-1], row)
    shown = [_even(size, look.rows, keep) for size, keep in zip(sizes, kept, strict=True)]
    strongest = at > 0 and sizes[at - 1] > look.rows and layers[at - 1].before is not None
    if strongest:
        shown[at - 1] = sorted(_strongest(layers[at - 1], neuron)[: look.rows])
    seen = [layers[0].before, *(dense.after for dense in layers)]
    columns = [
        NeuronColumn(
            first - 1 + place,
            f"A[{first - 1 + place}]",
            size,
            [number + 1 for number in shown[place]],
            None if seen[place] is None else _of(seen[place], shown[place]),
            0.0 if seen[place] is None else _magnitude(seen[place]),
            strongest and place == at - 1,
        )
        for place, size in enumerate(sizes)
    ]
    weights = [dense.weight[shown[k + 1]][:, shown[k]].tolist() for k, dense in enumerate(layers)]
    lines = _lines(moment, values, layers, layer, neuron, row)
    return NeuronsView(columns, weights, _example(moment, row), layer, neuron, lines, classes=_classes(moment, sizes))


def _row(moment: Moment, picked: int) -> int:
    tape = moment.tape
    size = 0 if tape is None else tape.once("size", lambda: tape.size)
    return min(picked, size) if size else picked


def _example(moment: Moment, row: int) -> str:
    tape = moment.tape
    if tape is None:
        return "before training: weights alone"
    targets = tape.targets
    label = ""
    if isinstance(targets, Tensor) and are_classes(tape.output, targets):
        label = f" · label {class_name(moment, int(target_classes(targets)[row - 1]))}"
    return f"example {example_at(moment, row)}{label}"


def _classes(moment: Moment, sizes: list[int]) -> list[str]:
    """What the outputs stand for, where each is a class."""
    tape = moment.tape if moment.iteration else moment.first_tape()
    if tape is None or sizes[-1] < 2 or not are_classes(tape.output, tape.targets):
        return []
    return tape.once("class names of outputs", lambda: [class_name(moment, index) for index in range(sizes[-1])])


def _dense_layers(moment: Moment, row: int) -> list[_Dense]:
    """The dense layers at the end of the model, one after the other; their input is what the first of them reads."""
    found: list[_Dense] = []
    for layer in reversed(moment.naming.layers):
        dense = _in_stretch(moment, layer, f"dense {row}", partial(_dense, moment, layer, row))
        if dense is None or (found and found[0].weight.shape[1] != dense.weight.shape[0]):
            break
        found.insert(0, dense)
    return found


def _in_stretch(moment: Moment, layer: LayerInfo, key: str, compute: Callable[[], _T]) -> _T:
    """What is computed of one layer at the cursor."""
    tape = moment.tape
    if tape is None:
        return compute()
    return in_stretch(moment, tape, f"{key} {layer.index}", partial(_changes_of_layer, tape, layer), compute)


def _dense(moment: Moment, layer: LayerInfo, row: int) -> _Dense | None:
    """A layer, if it is a dense one."""
    values = moment.values
    name, bias = layer.parameters.get("W"), layer.parameters.get("b")
    weight = None if name is None else values.parameter(name)
    if name is None or weight is None or weight.dim() != 2 or layer.kind not in ("linear", "layer"):
        return None
    old = {} if moment.tape is None else moment.tape.before.tensors
    return _Dense(
        layer.index,
        weight,
        None if bias is None else values.parameter(bias),
        old.get(name, weight),
        None if bias is None else old.get(bias, values.parameter(bias)),
        _read(moment, values, layer.index, row),
        _of_example(values, f"A[{layer.index}]", row),
    )


def _of_example(values: Values, name: str, row: int) -> Tensor | None:
    """A value's row for an example; None while it is not computed, or where it has no such row."""
    try:
        tensor = values.get(Ref(name))
    except ExpressionError:
        return None
    return tensor[row - 1].reshape(-1) if tensor.dim() >= 2 and len(tensor) >= row else None


def _read(moment: Moment, values: Values, layer: int, row: int) -> Tensor | None:
    """What a dense layer read, as far as it has."""
    tape = moment.tape
    result = None if tape is None else tape.values.get(f"Z[{layer}]")
    if tape is None or result is None or result.event is None:
        return None
    found = next((value for value in result.event.inputs if not value.parameter and not value.root().parameter), None)
    if found is None or not values.reached(found) or found.tensor is None or found.tensor.dim() != 2:
        return None
    return found.tensor[row - 1]


def _answers(moment: Moment, last: _Dense, row: int) -> list[int]:
    """The outputs that matter for an example of a class: its label, and, once it is computed, the prediction."""
    tape = moment.tape
    if tape is None or not isinstance(tape.targets, Tensor) or not are_classes(tape.output, tape.targets):
        return []
    label = int(target_classes(tape.targets)[row - 1])
    found = [label] if last.after is None else [label, int(last.after.argmax())]
    return [answer for answer in found if answer < last.weight.shape[0]]


def _even(size: int, room: int, keep: Sequence[int]) -> list[int]:
    """Numbers from 0 at even distances, those to keep among them, in place of their neighbours."""
    if size <= room:
        return list(range(size))
    found = [at * (size - 1) // max(1, room - 1) for at in range(room)]
    for wanted in dict.fromkeys(keep):
        free = [at for at in range(room) if found[at] not in keep]
        if wanted not in found and free:
            found[min(free, key=lambda at: abs(found[at] - wanted))] = wanted
    return sorted(found)


def _strongest(dense: _Dense, neuron: int) -> list[int]:
    """Where the picked neuron's |w·a| is greatest, the greatest first."""
    assert dense.before is not None
    return (dense.old_weight[neuron - 1] * dense.before).abs().nan_to_num(0.0).argsort(descending=True).tolist()


def _of(values: Tensor | None, shown: list[int]) -> list[float]:
    assert values is not None
    return values[shown].tolist()


def _magnitude(values: Tensor | None) -> float:
    assert values is not None
    return float(values.nan_to_num(0.0, 0.0, 0.0).abs().amax())


# ── the picked neuron in full notation ────────────────────────────────────────────────────────────────────────────────


def _lines(moment: Moment, values: Values, layers: list[_Dense], layer: int, neuron: int, row: int) -> list[str]:
    first = layers[0].index
    example = example_at(moment, row)
    if layer < first:
        before = layers[0].before
        name = f"x{subscript(neuron)}" if layer == 0 else f"a{subscript(neuron)}[{layer}]"
        value = _NOT_YET if before is None else number(float(before[neuron - 1]))
        return [f"{name}({example}) = {value}"]
    dense, info = layers[layer - first], moment.naming.layers[layer - 1]
    key = f"lines of neuron {neuron} {row}"
    return _in_stretch(moment, info, key, lambda: _lines_of(values, dense, neuron, row, example))


def _lines_of(values: Values, dense: _Dense, neuron: int, row: int, example: int) -> list[str]:
    layer = dense.index
    lines = [f"{_address(values, 'Z', layer, row, neuron, example)}{_sum(dense, neuron)}"]
    for pair in (("A", "dA"), ("dZ",)):
        lines.append("   ".join(_address(values, symbol, layer, row, neuron, example) for symbol in pair))
    return [*lines, *_parameters(values, dense, neuron), *_terms(dense, neuron, layer)]


def _address(values: Values, symbol: str, layer: int, row: int, neuron: int, example: int) -> str:
    address = f"{symbol.lower()}{subscript(neuron)}[{layer}]({example})"
    return f"{address} = {_number(values, f'{symbol}[{layer}]', row, neuron)}"


def _number(values: Values, name: str, row: int, neuron: int) -> str:
    found = _of_example(values, name, row)
    return _NOT_YET if found is None or len(found) < neuron else number(float(found[neuron - 1]))


def _sum(dense: _Dense, neuron: int) -> str:
    """How z came about, in numbers: with the parameters that it was computed with, before this batch's update."""
    if dense.before is None:
        return ""
    products = number(float(dense.old_weight[neuron - 1] @ dense.before))
    if dense.old_bias is None:
        return f" = {products} (Σₖ wₖ·aₖ)"
    bias = float(dense.old_bias[neuron - 1])
    return f" = {products} {'−' if bias < 0 else '+'} {number(abs(bias))} (Σₖ wₖ·aₖ + b)"


def _parameters(values: Values, dense: _Dense, neuron: int) -> list[str]:
    """The neuron's parameters, and their gradients where they are computed."""
    j, layer = subscript(neuron), dense.index
    line = f"‖w{j}[{layer}]‖ {number(float(dense.weight[neuron - 1].norm()))}"
    line += "" if dense.bias is None else f"  b{j}[{layer}] {number(float(dense.bias[neuron - 1]))}"
    try:
        gradient = values.get(Ref(f"dW[{layer}]"))[neuron - 1]
        line += f"  ‖dw{j}[{layer}]‖ {number(float(gradient.norm()))}"
        if dense.bias is not None:
            line += f"  db{j}[{layer}] {number(float(values.get(Ref(f'db[{layer}]'))[neuron - 1]))}"
    except ExpressionError:
        pass  # not computed yet, or frozen: the line ends with what is known
    return [line]


def _terms(dense: _Dense, neuron: int, layer: int) -> list[str]:
    """The greatest contributions to z."""
    if dense.before is None:
        return []
    terms = []
    for k in _strongest(dense, neuron)[:_TERMS]:
        w, a = float(dense.old_weight[neuron - 1, k]), float(dense.before[k])
        terms.append(f"w{subscript(neuron)},{subscript(k + 1)}·a{subscript(k + 1)} = {number(w * a)}")
    return ["most: " + "   ".join(terms)]
