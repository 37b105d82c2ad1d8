"""Normalisations: over the batch, over the features of an example, over groups of channels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.tape.rules.evaluation import MissingError
from engine.tape.rules.numbers import argument, number
from engine.tape.rules.rule import Call, Index, MakesRule, Right, Rule, Shown, Sketch, letters


def _rule(call: Call, dims: tuple[int, ...], others: tuple[int, ...], affine: tuple[int, ...]) -> Rule:
    """γ ∗ x̂ + β, with mean and variance over `dims`; γ and β run along `affine`, and their gradients over `others`."""
    below = letters(dims)
    x = "{input}"
    hat = f"({x} − mean{below}({x})) / √(var{below}({x}) + {argument(call['eps'])})"
    sent = "{dout} ∗ {weight}" if call.is_tensor("weight") else "{dout}"
    centred = f"{sent} − mean{below}({sent}) − {{x̂}} ∗ mean{below}({sent} ∗ {{x̂}})"
    back = f"({centred}) / √(var{below}({x}) + {argument(call['eps'])})"
    return _scaled(call, hat, back, others, affine)


def _scaled(call: Call, hat: str, back: str, others: tuple[int, ...], affine: tuple[int, ...]) -> Rule:
    weight, bias = call.is_tensor("weight"), call.is_tensor("bias")
    forward = ("{weight} ∗ " if weight else "") + "{x̂}" + (" + {bias}" if bias else "")
    summed = f"Σ{letters(others)} " if others else ""
    backward: dict[str, Right] = {"input": back, "weight": f"{summed}{{dout}} ∗ {{x̂}}", "bias": f"{summed}{{dout}}"}
    align = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), affine)
    return Rule(forward, backward, (("x̂", hat),), align)


def _batch_norm(call: Call) -> Rule | None:
    n = len(call.shape("input"))
    others = tuple(dim for dim in range(n) if dim != 1)
    training = call.get("training", call.get("train", False))
    if training or not call.is_tensor("running_mean"):
        return _rule(call, others, others, (1,))
    root = f"√({{running_var}} + {argument(call['eps'])})"
    sent = "{dout} ∗ {weight}" if call.is_tensor("weight") else "{dout}"
    return _scaled(call, f"({{input}} − {{running_mean}}) / {root}", f"{sent} / {root}", others, (1,))


def _layer_norm(call: Call) -> Rule | None:
    n, normalised = len(call.shape("input")), len(call["normalized_shape"])
    first = n - normalised
    dims = tuple(range(first, n))
    return _rule(call, dims, tuple(range(first)), dims)


def _group_norm(call: Call) -> Rule | None:
    """In words: no dimension of {input} is that of its groups."""
    text = f"({{input}} − mean) / √(var + {argument(call['eps'])})"
    weight, bias = call.is_tensor("weight"), call.is_tensor("bias")
    text = ("{weight} ∗ " if weight else "") + text + (" + {bias}" if bias else "")
    groups, channels = call["group"], call["C"]
    return Rule(
        Sketch(text, _group_forward),
        {
            "input": Sketch("(s − mean(s) − x̂ ∗ mean(s ∗ x̂)) / √(var + eps), s = {dout} ∗ γ", _group_backward),
            "weight": Sketch("Σ {dout} ∗ x̂", _group_weight),
            "bias": Sketch("Σ {dout}", _group_bias),
        },
        note=f"mean and var over the {channels // groups} channels of each of {groups} groups",
    )


def _needed(call: Call, name: str) -> Tensor:
    found = call.tensor(name)
    if found is None:
        raise MissingError(name)
    return found.double()


def _grouped(call: Call, name: str, example: int, channel: int) -> tuple[Tensor, int, int]:
    """A group's part of an example of a tensor, channels × places; the group's first channel."""
    size = call["C"] // call["group"]
    first = channel // size * size
    return _needed(call, name)[example, first : first + size].reshape(size, -1), first, size


def _along(call: Call, name: str, first: int, size: int, otherwise: float) -> Tensor:
    if not call.is_tensor(name):
        return torch.full((size, 1), otherwise, dtype=torch.float64)
    return _needed(call, name)[first : first + size].reshape(size, 1)


def _standardised(call: Call, example: int, channel: int) -> tuple[Tensor, Tensor]:
    """x̂ of a group, and √(var + ε)."""
    group, _, _ = _grouped(call, "input", example, channel)
    root = (group.var(correction=0) + call["eps"]).sqrt()
    return (group - group.mean()) / root, root


def _flat(call: Call, index: Index) -> int:
    return int(sum(at * math.prod(call.shape("input")[dim + 1 :]) for dim, at in enumerate(index) if dim > 1))


def _group_forward(call: Call, index: Index) -> Shown:
    hat, _ = _standardised(call, index[0], index[1])
    _, first, size = _grouped(call, "input", index[0], index[1])
    own = index[1] - first
    value = hat[own, _flat(call, index)]
    scale, shift = (_along(call, name, first, size, default)[own, 0] for name, default in (("weight", 1), ("bias", 0)))
    text = f"{number(float(scale))} ∗ {number(float(value))} + {number(float(shift))}"
    return Shown(text, float(scale * value + shift), float(hat.abs().max()))


def _group_backward(call: Call, index: Index) -> Shown:
    hat, root = _standardised(call, index[0], index[1])
    arrived, first, size = _grouped(call, "dout", index[0], index[1])
    sent = arrived * _along(call, "weight", first, size, 1)
    place = index[1] - first, _flat(call, index)
    s, x, mean, slope = sent[place], hat[place], sent.mean(), (sent * hat).mean()
    parts = [number(float(each)) for each in (s, mean, x, slope, root)]
    value = (s - mean - x * slope) / root
    return Shown("({} − ({}) − ({}) ∗ ({})) / {}".format(*parts), float(value), float(sent.abs().max()))


def _group_weight(call: Call, index: Index) -> Shown:
    total, most = 0.0, 0.0
    for example in range(call.shape("input")[0]):
        hat, _ = _standardised(call, example, index[0])
        arrived, first, _ = _grouped(call, "dout", example, index[0])
        products = arrived[index[0] - first] * hat[index[0] - first]
        total, most = total + float(products.sum()), most + float(products.abs().sum())
    return Shown(f"a sum of {call.shape('input')[0] * hat.shape[1]} products", total, most)


def _group_bias(call: Call, index: Index) -> Shown:
    arrived = _needed(call, "dout").transpose(0, 1)[index[0]]
    return Shown(f"a sum of {arrived.numel()} terms", float(arrived.sum()), float(arrived.abs().sum()))


NORMALISATIONS: dict[str, tuple[str, MakesRule]] = {
    "native_batch_norm": ("batch-norm", _batch_norm),
    "native_layer_norm": ("layer-norm", _layer_norm),
    "native_group_norm": ("group-norm", _group_norm),
}
