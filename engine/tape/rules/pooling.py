"""Pooling: the greatest, or the mean, of each window."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from engine.tape.rules.convolution import times
from engine.tape.rules.evaluation import MissingError
from engine.tape.rules.numbers import joined, number
from engine.tape.rules.rule import Call, Index, MakesRule, Rule, Shown, Sketch

_Window = list[range]  # of each of the last dimensions
_SHOWN = 4


class _Windows:
    """Which places of {self} a place of {out} is made of, in the last `n` dimensions."""

    def __init__(self, call: Call, n: int) -> None:
        self.n, self.sizes, self.outs = n, call.shape("self")[-n:], call.out[-n:]
        self.kernel = _each(call.get("kernel_size"), n)
        self.stride = _each(call.get("stride") or call.get("kernel_size"), n)
        self.padding, self.dilation = _each(call.get("padding", 0), n), _each(call.get("dilation", 1), n)
        self.adaptive = "output_size" in call.arguments

    def at(self, place: Index) -> _Window:
        """The window, cut where {self} ends."""
        return [range(*self._bounds(dim, at)) for dim, at in enumerate(place)]

    def _bounds(self, dim: int, at: int) -> tuple[int, int, int]:
        size, out = self.sizes[dim], self.outs[dim]
        if self.adaptive:
            return at * size // out, -(-(at + 1) * size // out), 1
        step = self.dilation[dim]
        start = at * self.stride[dim] - self.padding[dim]
        end = min(start + (self.kernel[dim] - 1) * step + 1, size)
        return start + max(0, -(start // step)) * step if start < 0 else start, end, step

    def counted(self, place: Index) -> int:
        """How many places a window has, padding included, but not what lies beyond that."""
        count = 1
        for dim, at in enumerate(place):
            start = at * self.stride[dim] - self.padding[dim]
            count *= min(start + self.kernel[dim], self.sizes[dim] + self.padding[dim]) - start
        return count

    def holding(self, place: Index) -> list[Index]:
        """The places of {out} whose windows hold a place of {self}."""
        each = [
            [at for at in range(self.outs[dim]) if where in range(*self._bounds(dim, at))]
            for dim, where in enumerate(place)
        ]
        return list(itertools.product(*each))

    def note(self, call: Call) -> str:
        if self.adaptive:
            return f"windows so that {times(list(self.outs))} come out"
        said = [f"windows {times(self.kernel)}", f"stride {times(self.stride)}"]
        said += [f"padding {times(self.padding)}"] if any(self.padding) else []
        said += [f"dilation {times(self.dilation)}"] if set(self.dilation) != {1} else []
        return ", ".join(said + (["rounded up (ceil_mode)"] if call.get("ceil_mode") else []))


def _each(sizes: object, n: int) -> list[int]:
    found = [sizes] if isinstance(sizes, int) else list(sizes or [])  # type: ignore[call-overload]
    return found * n if len(found) == 1 else found


def _needed(call: Call, name: str) -> Tensor:
    found = call.tensor(name)
    if found is None:
        raise MissingError(name)
    return found


def _values(tensor: Tensor, before: Index, window: _Window) -> Tensor:
    part = tensor[before]
    for dim, places in enumerate(window):
        part = part.index_select(dim, torch.tensor(list(places), dtype=torch.long))
    return part.reshape(-1).double()


def _listed(values: Tensor) -> str:
    shown = ", ".join(number(float(value)) for value in values[:_SHOWN])
    return shown + (f", … {values.numel()}" if values.numel() > _SHOWN else "")


def _max_pool(n: int) -> MakesRule:
    def forward(call: Call, index: Index) -> Shown:
        values = _values(_needed(call, "self"), index[:-n], _Windows(call, n).at(index[-n:]))
        return Shown(f"max({_listed(values)})", float(values.max()), float(values.abs().max()))

    def backward(call: Call, index: Index) -> Shown:
        flat = 0
        for size, at in zip(call.shape("self")[-n:], index[-n:], strict=True):
            flat = flat * size + at
        chosen, arrived = _needed(call, "out1"), _needed(call, "dout")
        outs = _Windows(call, n).holding(index[-n:])
        terms = [float(arrived[index[:-n] + out]) for out in outs if int(chosen[index[:-n] + out]) == flat]
        return _summed(terms, "the maximum of no window")

    def rule(call: Call) -> Rule | None:
        return Rule(
            Sketch("max of {self} in each window", forward),
            {"self": Sketch("Σ {dout} of the windows whose maximum it is", backward)},
            note=_Windows(call, n).note(call),
        )

    return rule


def _summed(terms: list[float], none: str) -> Shown:
    text = joined([number(term) for term in terms[:_SHOWN]], len(terms)) if terms else f"0, {none}"
    return Shown(text, sum(terms), sum(map(abs, terms)))


def _avg_pool(n: int) -> MakesRule:
    def divisor(call: Call, place: Index) -> int:
        windows = _Windows(call, n)
        if call.get("divisor_override"):
            return int(call["divisor_override"])
        if not windows.adaptive and call.get("count_include_pad", True):
            return windows.counted(place)
        return math.prod(map(len, windows.at(place)))

    def forward(call: Call, index: Index) -> Shown:
        values = _values(_needed(call, "self"), index[:-n], _Windows(call, n).at(index[-n:]))
        by = divisor(call, index[-n:])
        shown = joined([number(float(value)) for value in values[:_SHOWN]], values.numel())
        return Shown(f"({shown}) / {by}", float(values.sum()) / by, float(values.abs().sum()))

    def backward(call: Call, index: Index) -> Shown:
        arrived, outs = _needed(call, "dout"), _Windows(call, n).holding(index[-n:])
        parts = [(float(arrived[index[:-n] + out]), divisor(call, out)) for out in outs]
        text = joined([f"{number(value)} / {by}" for value, by in parts[:_SHOWN]], len(parts)) or "0"
        return Shown(text, sum(value / by for value, by in parts), sum(abs(value) for value, _ in parts))

    def rule(call: Call) -> Rule | None:
        return Rule(
            Sketch("mean of {self} in each window", forward),
            {"self": Sketch("Σ {dout} / n of the windows that it is in", backward)},
            note=_Windows(call, n).note(call),
        )

    return rule


POOLING: dict[str, tuple[str, MakesRule]] = {
    "max_pool2d_with_indices": ("max-pool", _max_pool(2)),
    "max_pool3d_with_indices": ("max-pool", _max_pool(3)),
    "adaptive_max_pool2d": ("max-pool", _max_pool(2)),
    "avg_pool2d": ("avg-pool", _avg_pool(2)),
    "avg_pool3d": ("avg-pool", _avg_pool(3)),
    "_adaptive_avg_pool2d": ("avg-pool", _avg_pool(2)),
    "_adaptive_avg_pool3d": ("avg-pool", _avg_pool(3)),
}
