"""Operations over a whole dimension whose elements differ in what they are made of: running sums, products, gates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.tape.rules.evaluation import MissingError
from engine.tape.rules.numbers import bracketed, joined, number
from engine.tape.rules.rule import Call, Index, MakesRule, Rule, Shown, Sketch

_SHOWN = 4


def _needed(call: Call, name: str) -> Tensor:
    found = call.tensor(name)
    if found is None:
        raise MissingError(name)
    return found.double()


def _line(tensor: Tensor, index: Index, dim: int) -> Tensor:
    """All elements along a dimension through a place."""
    for at in reversed(range(len(index))):
        if at != dim:
            tensor = tensor.select(at, index[at])
    return tensor


def _cumsum(call: Call) -> Rule | None:
    if not call.shape("self"):
        return None
    (dim,) = call.dims("self", call["dim"])

    def summed(terms: Tensor) -> Shown:
        shown = joined([number(float(each)) for each in terms[:_SHOWN]], terms.numel())
        return Shown(shown, float(terms.sum()), float(terms.abs().sum()))

    def forward(call: Call, index: Index) -> Shown:
        return summed(_line(_needed(call, "self"), index, dim)[: index[dim] + 1])

    def backward(call: Call, index: Index) -> Shown:
        return summed(_line(_needed(call, "dout"), index, dim)[index[dim] :])

    of = f"along dimension {dim + 1}"
    return Rule(
        Sketch(f"Σ {{self}} up to here, {of}", forward), {"self": Sketch(f"Σ {{dout}} from here on, {of}", backward)}
    )


def _prod(call: Call) -> Rule | None:
    """Of all elements, or along one dimension, which may be kept."""
    if not call.shape("self") or getattr(call["self"], "dtype", "").startswith("complex"):
        return None
    dim = call.dims("self", call["dim"])[0] if call.get("dim") is not None else None
    kept = len(call.out) == len(call.shape("self"))

    def factors(call: Call, index: Index) -> Tensor:
        given = _needed(call, "self")
        return given.reshape(-1) if dim is None else _line(given, index, dim)

    def shown(values: Tensor) -> str:
        words = [bracketed(number(float(each))) for each in values[:_SHOWN]] + ["…"] * (values.numel() > _SHOWN)
        return "·".join(words) or "1"

    def forward(call: Call, index: Index) -> Shown:
        whole = index if dim is None or kept else (*index[:dim], 0, *index[dim:])
        values = factors(call, whole)
        return Shown(shown(values), float(values.prod()), float(values.abs().prod()))

    def backward(call: Call, index: Index) -> Shown:
        values, arrived = factors(call, index), _needed(call, "dout")
        place = _flat(index, call.shape("self")) if dim is None else index[dim]
        others = torch.cat([values[:place], values[place + 1 :]])
        at: Index = ()
        if dim is not None:
            at = (*index[:dim], *([0] if kept else []), *index[dim + 1 :])
        came = float(arrived[at])
        found = came * float(others.prod())
        return Shown(f"{number(came)} ∗ {shown(others)}", found, abs(found))

    return Rule(Sketch("∏ {self}", forward), {"self": Sketch("{dout} ∗ ∏ of the others", backward)})


def _flat(index: Index, shape: tuple[int, ...]) -> int:
    return sum(at * math.prod(shape[dim + 1 :]) for dim, at in enumerate(index))


def _glu(call: Call) -> Rule | None:
    """The first half along a dimension, let through by the second (Dauphin et al. 2017)."""
    (dim,) = call.dims("self", call.get("dim", -1))
    half = call.shape("self")[dim] // 2

    def halves(call: Call, index: Index) -> tuple[float, float, Index]:
        first = (*index[:dim], index[dim] % half, *index[dim + 1 :])
        given = _needed(call, "self")
        second = (*first[:dim], first[dim] + half, *first[dim + 1 :])
        return float(given[first]), float(given[second]), first

    def forward(call: Call, index: Index) -> Shown:
        a, b, _ = halves(call, index)
        return Shown(f"{number(a)} ∗ σ({number(b)})", a * _sigmoid(b), abs(a))

    def backward(call: Call, index: Index) -> Shown:
        a, b, first = halves(call, index)
        came, gate = float(_needed(call, "dout")[first]), _sigmoid(b)
        if index[dim] < half:
            return Shown(f"{number(came)} ∗ σ({number(b)})", came * gate, abs(came))
        text = f"{number(came)} ∗ {bracketed(number(a))} ∗ {number(gate)} ∗ (1 − {number(gate)})"
        return Shown(text, came * a * gate * (1 - gate), abs(came * a))

    return Rule(
        Sketch("a ∗ σ(b)", forward),
        {"self": Sketch("{dout} ∗ σ(b) towards a, {dout} ∗ a ∗ σ(b) ∗ (1 − σ(b)) towards b", backward)},
        note=f"a, b: the halves of {{self}} along dimension {dim + 1}",
    )


def _sigmoid(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float64).sigmoid())


def whole_median(call: Call) -> Rule | None:
    """Of all elements; of two in the middle the lower. Those that are equal to it share the gradient."""
    shape = call.shape("self")
    if not shape:
        return None

    def forward(call: Call, index: Index) -> Shown:
        values = _needed(call, "self").reshape(-1).sort().values
        place = (values.numel() - 1) // 2
        return Shown(f"number {place + 1} of {values.numel()} in order", float(values[place]))

    share = "{dout} ∗ 1[{self} = {out}] / Σ 1[{self} = {out}]"
    return Rule(Sketch("median of {self}", forward), {"self": share}, align={"out": ()}, space=shape)


RUNNING: dict[str, tuple[str, MakesRule]] = {
    "cumsum": ("cumsum", _cumsum),
    "prod": ("prod", _prod),
    "glu": ("glu", _glu),
}
