"""Losses: summed, averaged or left as they are, weighted, and without the targets that are not to count."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.tape.rules.evaluation import MissingError
from engine.tape.rules.numbers import argument, bracketed, joined, number
from engine.tape.rules.rule import Call, Index, MakesRule, Right, Rule, Shown, Sketch

NONE, MEAN, SUM = 0, 1, 2  # torch's reductions
_SHOWN = 3


def _of_each(call: Call, each: str, slopes: dict[str, str], where: tuple[tuple[str, str], ...] = ()) -> Rule:
    """A loss that is taken element by element."""
    reduction, shape = call.get("reduction", MEAN), call.shape("self")
    if call.is_tensor("weight"):
        each, slopes = f"{{weight}} ∗ ({each})", {name: f"{slope} ∗ {{weight}}" for name, slope in slopes.items()}
    count = math.prod(shape)
    by = f" / {count}" if reduction == MEAN and count != 1 else ""
    forward = {NONE: each, MEAN: f"mean({each})", SUM: f"Σ ({each})"}[reduction]
    backward: dict[str, Right] = {name: f"{_times(slope)}{by}" for name, slope in slopes.items()}
    return Rule(forward, backward, where, {} if reduction == NONE else {"out": ()}, space=shape)


def _times(slope: str) -> str:
    return f"−{{dout}} ∗ {slope[1:]}" if slope.startswith("−") else f"{{dout}} ∗ {slope}"


def _same_shapes(rule: Callable[[Call], Rule]) -> MakesRule:
    return lambda call: rule(call) if call.shape("self") == call.shape("target") else None


def _mse(call: Call) -> Rule:
    slopes = {"self": "2·({self} − {target})", "target": "2·({target} − {self})"}
    return _of_each(call, "({self} − {target})²", slopes)


def _smooth_l1(call: Call) -> Rule:
    beta = call.get("beta", 1.0)
    if beta == 0:
        return _of_each(call, "|{self} − {target}|", {"self": "sign({self} − {target})"})
    small = f"|{{δ}}| < {argument(beta)}"
    each = f"0.5·{{δ}}² / {argument(beta)} if {small} else |{{δ}}| − {argument(beta / 2)}"
    slope = f"({{δ}} / {argument(beta)} if {small} else sign({{δ}}))"
    return _of_each(call, each, {"self": slope, "target": f"−{slope}"}, (("δ", "{self} − {target}"),))


def _huber(call: Call) -> Rule:
    delta = argument(call.get("delta", 1.0))
    small = f"|{{δ}}| ≤ {delta}"
    each = f"0.5·{{δ}}² if {small} else {delta}·(|{{δ}}| − 0.5·{delta})"
    slope = f"({{δ}} if {small} else {delta}·sign({{δ}}))"
    return _of_each(call, each, {"self": slope, "target": f"−{slope}"}, (("δ", "{self} − {target}"),))


def _bce(call: Call) -> Rule:
    """torch takes no logarithm below −100, and divides by no less than 1e−12."""
    each = "−({target} ∗ max(log({self}), −100) + (1 − {target}) ∗ max(log(1 − {self}), −100))"
    return _of_each(call, each, {"self": "({self} − {target}) / max({self} ∗ (1 − {self}), 1e−12)"})


def _bce_logits(call: Call) -> Rule:
    if not call.is_tensor("pos_weight"):
        return _of_each(call, "log(1 + exp({self})) − {target} ∗ {self}", {"self": "(σ({self}) − {target})"})
    heavier = "(1 + ({pos_weight} − 1) ∗ {target})"
    each = f"(1 − {{target}}) ∗ {{self}} + {heavier} ∗ log(1 + exp(−{{self}}))"
    return _of_each(call, each, {"self": f"({heavier} ∗ σ({{self}}) − {{pos_weight}} ∗ {{target}})"})


# ── cross-entropy, of log-probabilities ───────────────────────────────────────────────────────────────────────────────


class _Picked:
    """What each target picks of {self}, with its weight; 0 for one that is ignored."""

    def __init__(self, call: Call) -> None:
        target = call.tensor("target")
        if target is None:
            raise MissingError("target")
        self.target = target
        self.counts = target != call["ignore_index"]
        self.weights = self.counts.double()
        if call.is_tensor("weight"):
            weight = call.tensor("weight")
            if weight is None:
                raise MissingError("weight")
            self.weights = weight.double()[target.where(self.counts, 0)] * self.counts
        self.total = float(self.weights.sum())

    def of(self, scores: Tensor) -> Tensor:
        """The picked elements of {self}, in the order of the targets."""
        classes = min(1, scores.dim() - 1)
        chosen = self.target.where(self.counts, 0)
        return scores.double().gather(classes, chosen.unsqueeze(classes)).squeeze(classes)


def _nll(call: Call) -> Rule | None:
    reduction, weighted = call["reduction"], call.is_tensor("weight")
    picked = "{self} at {target}"
    texts = {
        NONE: f"−{'w ∗ ' if weighted else ''}({picked})",
        MEAN: f"−Σ w ∗ ({picked}) / Σ w" if weighted else f"−mean({picked})",
        SUM: f"−Σ {'w ∗ ' if weighted else ''}({picked})",
    }
    by, note = _divisor(call)
    back = "−{dout} ∗ " + ("w ∗ " if weighted else "") + f"1[class = {{target}}]{by}"
    return Rule(Sketch(texts[reduction], _nll_forward), {"self": Sketch(back, _nll_backward)}, note=note)


def _divisor(call: Call) -> tuple[str, str]:
    """What the gradient is divided by, and what is said of weights and of targets that do not count."""
    said = ["w = {weight} at {target}"] if call.is_tensor("weight") else []
    try:
        picked = _Picked(call)
    except MissingError:
        left_out = f"targets {call['ignore_index']} do not count"
        return " / N" if call["reduction"] == MEAN else "", ", ".join([*said, left_out])
    ignored = picked.target.numel() - int(picked.counts.sum())
    if ignored:
        said.append(f"{ignored} of {picked.target.numel()} targets are {call['ignore_index']} and do not count")
    by = "" if call["reduction"] != MEAN or picked.total == 1 else f" / {number(picked.total)}"
    return by, ", ".join(said)


def _nll_forward(call: Call, index: Index) -> Shown:
    scores = call.tensor("self")
    if scores is None:
        raise MissingError("self")
    picked = _Picked(call)
    terms = (picked.of(scores) * picked.weights).masked_fill(~picked.counts, 0.0)
    if call["reduction"] == NONE:
        value = float(terms[index])
        return Shown(f"−{bracketed(number(value))}", -value, abs(value))
    counted, most = terms[picked.counts], float(terms.abs().sum())
    text = f"−({joined([number(float(term)) for term in counted[:_SHOWN]], counted.numel())})"
    if call["reduction"] == SUM:
        return Shown(text, -float(terms.sum()), most)
    total = -float(terms.sum() / torch.tensor(picked.total, dtype=torch.float64))
    return Shown(f"{text} / {number(picked.total)}", total, most)


def _nll_backward(call: Call, index: Index) -> Shown:
    arrived = call.tensor("dout")
    if arrived is None:
        raise MissingError("dout")
    picked = _Picked(call)
    classes = min(1, len(index) - 1)
    place = (*index[:classes], *index[classes + 1 :])
    if not picked.counts[place]:
        return Shown("0, its target does not count", 0.0)
    target, weight = int(picked.target[place]), float(picked.weights[place])
    came = float(arrived[place] if call["reduction"] == NONE else arrived)
    value = -came * weight * (index[classes] == target)
    text = f"−{bracketed(number(came))}" + (f" ∗ {number(weight)}" if call.is_tensor("weight") else "")
    text += f" ∗ 1[{index[classes]} = {target}]"
    if call["reduction"] == MEAN:
        return Shown(f"{text} / {number(picked.total)}", value / picked.total, abs(came))
    return Shown(text, value, abs(came))


LOSSES: dict[str, tuple[str, MakesRule]] = {
    "nll_loss_forward": ("cross-entropy", _nll),
    "nll_loss2d_forward": ("cross-entropy", _nll),
    "binary_cross_entropy": ("bce", _same_shapes(_bce)),
    "binary_cross_entropy_with_logits": ("bce-logits", _same_shapes(_bce_logits)),
    "mse_loss": ("mse", _same_shapes(_mse)),
    "smooth_l1_loss": ("smooth-l1", _same_shapes(_smooth_l1)),
    "huber_loss": ("huber", _same_shapes(_huber)),
}
