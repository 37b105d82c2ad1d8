"""Sums, means, extremes and norms over dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from engine.tape.rules.numbers import argument
from engine.tape.rules.rule import Call, MakesRule, Rule, letters, over


def _over(call: Call, dims: tuple[int, ...], forward: str, backward: str, **more: object) -> Rule:
    """A rule over dimensions of {self}, which may be left out of the result."""
    n = len(call.shape("self"))
    kept = tuple(dim for dim in range(n) if dim not in dims) if len(call.out) < n else tuple(range(n))
    return Rule(forward, {"self": backward}, align={"out": kept, "out1": kept}, space=call.shape("self"), **more)  # type: ignore[arg-type]


def _count(call: Call, dims: tuple[int, ...]) -> int:
    return math.prod(call.shape("self")[dim] for dim in dims)


def _dims(call: Call) -> tuple[tuple[int, ...], str]:
    dims = call.dims("self", call.get("dim"))
    return dims, over(call, "self", dims)


def _sum(call: Call) -> Rule | None:
    dims, below = _dims(call)
    return _over(call, dims, f"Σ{below} {{self}}" if dims else "{self}", "{dout}")


def _mean(call: Call) -> Rule | None:
    dims, below = _dims(call)
    count = _count(call, dims)
    return _over(call, dims, f"mean{below}({{self}})", f"{{dout}} / {count}" if count != 1 else "{dout}")


def _extreme(kind: str) -> MakesRule:
    """amax, amin, and max, min of a whole tensor: the gradient is shared by all that are equal to it."""

    def rule(call: Call) -> Rule | None:
        dims, below = _dims(call)
        share = f"{{dout}} ∗ 1[{{self}} = {{out}}] / Σ{below} 1[{{self}} = {{out}}]"
        return _over(call, dims, f"{kind}{below}({{self}})", share)

    return rule


def _chosen(kind: str) -> MakesRule:
    """max and min along one dimension: the gradient goes to the place that was chosen, also where others are equal."""
    whole = _extreme(kind)

    def rule(call: Call) -> Rule | None:
        if call.is_tensor("other"):
            return None
        if "dim" not in call.arguments:
            return whole(call)
        dims = call.dims("self", call["dim"])
        return _at_place(call, dims, f"{kind}{letters(dims)}({{self}})")

    return rule


def _at_place(call: Call, dims: tuple[int, ...], forward: str) -> Rule:
    place = torch.arange(call.shape("self")[dims[0]])
    letter = "ijklmn"[dims[0]]
    rule = _over(call, dims, forward, f"{{dout}} ∗ 1[{{{letter}}} = {{out1}}]", given={letter: place})
    return Rule(rule.forward, rule.backward, rule.where, {**rule.align, letter: dims}, rule.given, rule.space)


def _spread(root: bool) -> MakesRule:
    """var and std: of the sample where one is taken off the count (`correction`)."""

    def rule(call: Call) -> Rule | None:
        dims, below = _dims(call)
        correction = call.get("correction", 1)
        if call.get("unbiased") is False:
            correction = 0
        count = argument(_count(call, dims) - correction)
        if _count(call, dims) <= correction:
            return None
        apart = f"({{self}} − mean{below}({{self}}))"
        forward = f"Σ{below} {apart}² / {count}"
        if not root:
            return _over(call, dims, forward, f"{{dout}} ∗ 2·{apart} / {count}")
        back = f"0 if {{out}} = 0 else {{dout}} ∗ {apart} / ({count}·{{out}})"
        return _over(call, dims, f"√({forward})", back)

    return rule


def _norm(call: Call) -> Rule | None:
    dims, below = _dims(call)
    order = float(call.get("ord", 2))
    if order == 2:
        return _over(call, dims, f"√(Σ{below} {{self}}²)", "{dout} ∗ (0 if {out} = 0 else {self} / {out})")
    if order == 1:
        return _over(call, dims, f"Σ{below} |{{self}}|", "{dout} ∗ sign({self})")
    if order == math.inf:
        equal = "1[|{self}| = {out}]"
        back = f"{{dout}} ∗ sign({{self}}) ∗ {equal} / Σ{below} {equal}"
        return _over(call, dims, f"max{below}(|{{self}}|)", back)
    return None


def _logsumexp(call: Call) -> Rule | None:
    dims, below = _dims(call)
    return _over(call, dims, f"log(Σ{below} exp({{self}}))", "{dout} ∗ exp({self} − {out})")


def _of_numbers(rule: Callable[[Call], Rule | None]) -> MakesRule:
    """Not for complex numbers, nor for a tensor without dimensions."""

    def checked(call: Call) -> Rule | None:
        complex_ = getattr(call.arguments.get("self"), "dtype", "").startswith("complex")
        return None if complex_ or not call.shape("self") else rule(call)

    return checked


REDUCTIONS: dict[str, tuple[str, MakesRule]] = {
    name: (shown, _of_numbers(rule))
    for name, shown, rule in (
        ("sum", "sum", _sum),
        ("mean", "mean", _mean),
        ("amax", "amax", _extreme("max")),
        ("amin", "amin", _extreme("min")),
        ("max", "max", _chosen("max")),
        ("min", "min", _chosen("min")),
        ("var", "var", _spread(root=False)),
        ("std", "std", _spread(root=True)),
        ("linalg_vector_norm", "norm", _norm),
        ("logsumexp", "logsumexp", _logsumexp),
    )
}
