"""A layer of an LSTM over all of its steps at once, as torch computes it on a CPU.

z = x·W_ihᵀ + h′·W_hhᵀ + b_ih + b_hh holds the four gates i, f, g, o one after another; ′ is the step before
(Hochreiter & Schmidhuber 1997; Gers et al. 2000). Backwards the gradients go from the last step to the first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.tape.rules.evaluation import MissingError, products
from engine.tape.rules.numbers import bracketed, number
from engine.tape.rules.rule import Call, Index, MakesRule, Rule, Shown, Sketch

_LSTM = 2  # torch's number of it


def _needed(call: Call, name: str) -> Tensor:
    found = call.tensor(name)
    if found is None:
        raise MissingError(name)
    return found.double()


class _Layer:
    """Everything that the layer computes, in float64: steps × examples × units, in the order in which it goes."""

    def __init__(self, call: Call) -> None:
        self.x = self._in_order(call, _needed(call, "input"))
        self.w_ih, self.w_hh = _needed(call, "weight0"), _needed(call, "weight1")
        bias = _needed(call, "weight2") + _needed(call, "weight3") if call["has_biases"] else 0.0
        h, c = _needed(call, "hx_").reshape(self.x.shape[1], -1), _needed(call, "cx_").reshape(self.x.shape[1], -1)
        self.h, self.c = [h], [c]  # before each step, and after the last
        self.gates: list[tuple[Tensor, ...]] = []
        for x in self.x:
            i, f, g, o = (x @ self.w_ih.T + self.h[-1] @ self.w_hh.T + bias).chunk(4, 1)
            gates = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            self.gates.append(gates)
            self.c.append(gates[1] * self.c[-1] + gates[0] * gates[2])
            self.h.append(gates[3] * self.c[-1].tanh())

    @staticmethod
    def _in_order(call: Call, steps: Tensor) -> Tensor:
        return steps.flip(0) if call["reverse"] else steps

    def back(self, call: Call) -> Tensor:
        """ℒ's gradient towards z of each step."""
        return self.backward(call)[0]

    def backward(self, call: Call) -> tuple[Tensor, Tensor, Tensor]:
        """ℒ's gradients towards z of each step, and c of the first: what comes to it, and its share of that before."""
        arrived = self._in_order(call, _needed(call, "dout"))
        dh, dc = (self._last(call, name) for name in ("dout1", "dout2"))
        found: list[Tensor] = []
        came = dc
        for step in reversed(range(len(self.x))):
            i, f, g, o = self.gates[step]
            squashed = self.c[step + 1].tanh()
            dh = dh + arrived[step]
            dc = dc + dh * o * (1 - squashed**2)
            dz = dc * g * i * (1 - i), dc * self.c[step] * f * (1 - f), dc * i * (1 - g**2), dh * squashed * o * (1 - o)
            found.append(torch.cat(dz, 1))
            dh, came, dc = found[-1] @ self.w_hh, dc, dc * f
        return torch.stack(found[::-1]), came, self.gates[0][1]

    def _last(self, call: Call, name: str) -> Tensor:
        found = call.tensor(name)
        return torch.zeros_like(self.h[0]) if found is None else found.double().reshape(self.h[0].shape)


def _step(call: Call, layer: _Layer, step: int) -> int:
    return len(layer.x) - 1 - step if call["reverse"] else step


def _forward(call: Call, index: Index) -> Shown:
    layer = _Layer(call)
    step = _step(call, layer, index[0])
    i, f, g, o = (number(float(gate[index[1:]])) for gate in layer.gates[step])
    before, after = float(layer.c[step][index[1:]]), float(layer.c[step + 1][index[1:]])
    text = f"{o} ∗ tanh({number(after)}), c = {f} ∗ {bracketed(number(before))} + {i} ∗ {bracketed(g)}"
    return Shown(text, float(layer.h[step + 1][index[1:]]), max(1.0, abs(after)))


def _pairs(left: Tensor, right: Tensor) -> Shown:
    left, right = left.reshape(-1), right.reshape(-1)
    text = f"{products(left, right)} ({left.numel()} products)"
    return Shown(text, float(left @ right), float(left.abs() @ right.abs()))


def _to_input(call: Call, index: Index) -> Shown:
    layer = _Layer(call)
    return _pairs(layer.back(call)[_step(call, layer, index[0]), index[1]], layer.w_ih[:, index[2]])


def _to_weight_ih(call: Call, index: Index) -> Shown:
    layer = _Layer(call)
    return _pairs(layer.back(call)[:, :, index[0]], layer.x[:, :, index[1]])


def _to_weight_hh(call: Call, index: Index) -> Shown:
    layer = _Layer(call)
    return _pairs(layer.back(call)[:, :, index[0]], torch.stack(layer.h[:-1])[:, :, index[1]])


def _to_bias(call: Call, index: Index) -> Shown:
    terms = _Layer(call).back(call)[:, :, index[0]].reshape(-1)
    return Shown(f"a sum of {terms.numel()} terms", float(terms.sum()), float(terms.abs().sum()))


def _to_first_h(call: Call, index: Index) -> Shown:
    layer = _Layer(call)
    example, unit = index[-2:]
    return _pairs(layer.back(call)[0, example], layer.w_hh[:, unit])


def _to_first_c(call: Call, index: Index) -> Shown:
    _, came, forget = (each[..., index[-2], index[-1]] for each in _Layer(call).backward(call))
    found = float(came) * float(forget)
    return Shown(f"{number(float(came))} ∗ {number(float(forget))}", found, max(abs(float(came)), abs(found)))


def _lstm(call: Call) -> Rule | None:
    if call["mode"] != _LSTM or call.get("batch_sizes"):
        return None
    biases = " + {weight2} + {weight3}" if call["has_biases"] else ""
    names = "i, f, g, o: the quarters of {input}·{weight0}ᵀ + h′·{weight1}ᵀ" + biases
    back = {
        "input": Sketch("dz·{weight0}", _to_input),
        "weight0": Sketch("Σ dzᵀ·{input} of all steps", _to_weight_ih),
        "weight1": Sketch("Σ dzᵀ·h′ of all steps", _to_weight_hh),
        "weight2": Sketch("Σ dz of all steps and examples", _to_bias) if biases else "",
        "weight3": Sketch("Σ dz of all steps and examples", _to_bias) if biases else "",
        "hx_": Sketch("dz·{weight1} of the first step", _to_first_h),
        "cx_": Sketch("dc ∗ σ(f) of the first step", _to_first_c),
    }
    forward = Sketch("σ(o) ∗ tanh(c), c = σ(f) ∗ c′ + σ(i) ∗ tanh(g)", _forward)
    return Rule(forward, back, note=f"{names}; ′ is the step before")


RECURRENT: dict[str, tuple[str, MakesRule]] = {"mkldnn_rnn_layer": ("rnn", _lstm)}
