"""The layers at the cursor, as views."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping

import msgspec
import torch
from torch import Tensor

from engine.errors import ExpressionError
from engine.experiments.models import Layer
from engine.lookup.moment import Moment
from engine.lookup.names import Ref
from engine.lookup.values import Values
from engine.panes.health import Subject, badges
from engine.panes.stretches import QUANTITIES, changes_of, in_stretch
from engine.protocol.messages import Look
from engine.protocol.positions import Phase
from engine.protocol.views import Layer as LayerView
from engine.protocol.views import Layers, Statistics
from engine.statistics import statistics
from engine.tape.naming import LayerInfo
from engine.tape.tape import Tape

NOTHING = Look([])
_SHAPES = ("W", "b", "Z", "A")


def layers_view(moment: Moment, look: Look) -> Layers:
    """The layers that the screen shows, and what its table must have room for."""
    tape = moment.tape
    longest = _widest(moment) if tape is None else tape.once("longest layers", lambda: _widest(moment))
    views, seen = layer_views(moment, look), moment.timeline.trace.count(moment.finished)
    return Layers(len(moment.naming.layers), views, longest, seen, moment.finished)


def _widest(moment: Moment) -> list[LayerView]:
    values = moment.values
    parameters = dict(values.modules.named_parameters())
    return [_bare(values, layer, parameters) for layer in _longest(values, moment.naming.layers, parameters)]


def layer_views(moment: Moment, look: Look = NOTHING) -> list[LayerView]:
    """The layers in view: shapes, statistics of what is reached, badges, and past norms."""
    wanted, at_end = _in_view(moment, look), moment.event is None  # then the norms of all are kept
    views = [_seen(moment, layer) for layer in moment.naming.layers if at_end or layer.index in wanted]
    if at_end:
        _remember(moment, views)
    shown = [view for view in views if view.index in wanted]
    return _with_history(moment, shown, look) if look.points else shown


def _with_history(moment: Moment, views: list[LayerView], look: Look) -> list[LayerView]:
    """The layers with norms of the batches before the cursor, and, once it is reached, of the cursor's own."""
    names = [f"{look.quantity}[{view.index}]" for view in views]
    past = moment.timeline.trace.series(names, moment.finished, look.points)
    if moment.event is not None:
        for view, norms in zip(views, past, strict=True):
            known = view.tensors.get(look.quantity)
            norms[:] = [*norms, *([] if known is None else [known.norm])][-look.points :]
    return [msgspec.structs.replace(view, history=norms) for view, norms in zip(views, past, strict=True)]


def _seen(moment: Moment, layer: LayerInfo) -> LayerView:
    """A layer as far as the cursor has reached it, with its badges."""
    tape, named = moment.tape, moment.naming.layers
    if tape is None:
        return _layer(moment.values, layer, dict(moment.values.modules.named_parameters()))
    last = named[-1]
    return in_stretch(
        moment,
        tape,
        f"layer {layer.index}",
        lambda: [number for each in (layer, last) for made in changes_of(tape, each).values() for number in made],
        lambda: _judged(moment, tape, layer, last),
    )


def _judged(moment: Moment, tape: Tape, layer: LayerInfo, last: LayerInfo) -> LayerView:
    view = _reached(moment, tape, layer)
    gradient = view.tensors.get("dZ") if layer is last else _reached(moment, tape, last).tensors.get("dZ")
    subject = Subject(layer, view, last.index, None if gradient is None else gradient.norm, moment.values)
    return msgspec.structs.replace(view, badges=badges(subject))


def _reached(moment: Moment, tape: Tape, layer: LayerInfo) -> LayerView:
    """The layer with the statistics of what is reached; each is looked up when it is reached, and when it changes."""
    known = tape.once(f"layer {layer.index} quantities", dict[tuple[str, int, bool], Statistics | str])
    tensors: dict[str, Statistics] = {}
    missing: dict[str, str] = {}
    at_end = moment.event is None
    for quantity, changes in changes_of(tape, layer).items():
        key = (quantity, bisect_right(changes, moment.done), at_end and quantity in ("W", "b"))
        if key not in known:
            known[key] = _statistics_or_problem(moment.values, Ref(f"{quantity}[{layer.index}]"))
        found = known[key]
        if isinstance(found, str):
            missing[quantity] = found
        else:
            tensors[quantity] = found
    bare = tape.once(f"layer {layer.index} bare", lambda: _bare_here(moment.values, layer))
    return msgspec.structs.replace(bare, tensors=tensors, missing=missing)


def _bare_here(values: Values, layer: LayerInfo) -> LayerView:
    return _bare(values, layer, dict(values.modules.named_parameters()))


def _statistics_or_problem(values: Values, ref: Ref) -> Statistics | str:
    try:
        return _statistics(values, ref)
    except ExpressionError as error:
        return error.problem


def _longest(values: Values, layers: list[LayerInfo], named: Mapping[str, Tensor]) -> list[LayerInfo]:
    """Layers that no other is longer than, in some column of a table; the same for the whole tape."""

    def find() -> list[LayerInfo]:
        found = {(layer.kind, _activation(values.tape, layer)): layer for layer in reversed(layers)}
        sizes = {layer.index: _shapes(values, layer, named) for layer in layers}
        for symbol in _SHAPES if layers else ():
            found[symbol, ""] = max(layers, key=lambda layer: len(str(sizes[layer.index].get(symbol, ""))))
        return list({layer.index: layer for layer in (*layers[-1:], *found.values())}.values())

    return find() if values.tape is None else values.tape.once("longest", find)


def _in_view(moment: Moment, look: Look) -> range:
    """The layers that the screen shows, moved so that the cursor's is among them, as the pane will move."""
    count = len(moment.naming.layers)
    if look.layers is None:
        return range(1, count + 1)
    first, last = look.layers
    here = 0 if moment.here is None else moment.here.layer
    if here and not first <= here <= last:
        first, last = here - (last - first), here + (last - first)
    return range(first, last + 1)


def _remember(moment: Moment, layers: Iterable[LayerView]) -> None:
    norms = {known.name: known.norm for layer in layers for known in layer.tensors.values()}
    moment.timeline.trace.note(moment.iteration, norms)


def _layer(values: Values, layer: LayerInfo, named: Mapping[str, Tensor]) -> LayerView:
    """A layer before training: of its parameters alone anything is known."""
    found = {
        quantity: _statistics_or_problem(values, Ref(f"{quantity}[{layer.index}]"))
        for quantity in QUANTITIES
        if quantity.removeprefix("d") in (*layer.parameters, "Z", "A")
    }
    tensors = {quantity: each for quantity, each in found.items() if not isinstance(each, str)}
    missing = {quantity: each for quantity, each in found.items() if isinstance(each, str)}
    return msgspec.structs.replace(_bare(values, layer, named), tensors=tensors, missing=missing)


def _bare(values: Values, layer: LayerInfo, named: Mapping[str, Tensor]) -> LayerView:
    """A layer without what the cursor has reached of it."""
    own = [named[name] for name in layer.parameters.values()]
    return LayerView(
        layer.index,
        layer.path,
        layer.kind,
        _activation(values.tape, layer),
        sum(parameter.numel() for parameter in own),
        {},
        _shapes(values, layer, named),
        {},
        _memory(values.tape, layer, own),
    )


def _memory(tape: Tape | None, layer: LayerInfo, parameters: list[Tensor]) -> int:
    """Bytes of a layer's parameters, and of what its forward pass makes of the batch."""
    own = sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    made = 0.0 if tape is None else tape.once(f"memory {layer.index}", lambda: _made_by(tape, layer.index))
    return own + int(made)


def _made_by(tape: Tape, layer: int) -> float:
    """Bytes of a layer's new tensors: views and what is overwritten in place share those of another."""
    made = [
        value
        for event in tape.events
        if event.layer == layer and event.phase is Phase.FORWARD and not event.aten.endswith("_")
        for value in event.outputs
        if value.base is None
    ]
    return float(sum(math.prod(value.shape) * getattr(torch, value.dtype).itemsize for value in made))


def _statistics(values: Values, ref: Ref) -> Statistics:
    """Statistics of a named value; of one that there was no room for, those that were taken when it was made."""
    tape = values.tape
    value = None if tape is None or ref.is_gradient or values.parameter_name(ref) else tape.values.get(ref.name)
    lean = value.statistics if value is not None and values.reached(value) else None
    return lean or statistics(ref.name, values.get(ref))


def _activation(tape: Tape | None, layer: LayerInfo) -> str:
    if isinstance(layer.module, Layer) and (activation := layer.module.stages.get("activation")) is not None:
        return type(activation).__name__.lower().replace("leakyrelu", "leaky-relu")
    value = tape.values.get(f"A[{layer.index}]") if tape else None
    made_by = None if value is None or value.event is None else value.event.op
    return made_by.name if made_by is not None and made_by.activation else ""


def _shapes(values: Values, layer: LayerInfo, named: Mapping[str, Tensor]) -> dict[str, list[int]]:
    shapes = {s: list(named[full].shape) for s, full in layer.parameters.items() if s in ("W", "b")}
    tape = values.tape
    for symbol in ("Z", "A") if tape else ():
        value = tape.values.get(f"{symbol}[{layer.index}]") or tape.values.get(f"Z[{layer.index}]") if tape else None
        if value is not None:
            shapes[symbol] = list(value.shape)
    return shapes | {f"d{symbol}": shape for symbol, shape in shapes.items()}
