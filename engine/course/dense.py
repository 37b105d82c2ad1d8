"""A dense network as plain float64 tensors: its forward pass, its loss and autograd's gradients, by the course's names.

Values are keyed by how they are typed: "Z[1]", "A[1]", "dZ[1]" for ∂ℒ/∂Z[1], "dA[1]/dZ[1]" for a local derivative.
Rows are examples; W[l] is (n_l × n_(l−1)), and Z[l] = A[l−1] · W[l]ᵀ + 1·b[l]ᵀ (course §5.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor
from torch.func import jacrev, vjp, vmap
from torch.nn import functional

from engine.errors import ExperimentError

Elementwise = Callable[[Tensor], Tensor]
LEAKY_SLOPE = 0.01

ACTIVATIONS: dict[str, Elementwise] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky-relu": lambda z: functional.leaky_relu(z, LEAKY_SLOPE),
    "linear": lambda z: z * 1.0,
}
OUTPUTS: dict[str, Elementwise] = {
    "sigmoid": torch.sigmoid,
    "softmax": lambda z: torch.softmax(z, -1),
    "linear": ACTIVATIONS["linear"],
}
PAIRS = (
    ("sigmoid", "bce"),
    ("softmax", "cross-entropy"),
    ("sigmoid", "mse"),
    ("linear", "mse"),
    ("sigmoid", "half-mse"),
    ("linear", "half-mse"),
)


class Criterion(StrEnum):
    """Whose loss autograd differentiates."""

    COURSE = "course"
    """Σ_j mean₀ of the loss as the course writes it, half-MSE for both squared losses."""
    TORCH = "torch"
    """BCELoss, CrossEntropyLoss or MSELoss, a mean over all of their values."""


@dataclass(frozen=True)
class Network:
    """Weights W[1] … W[L] (n_l × n_(l−1)), biases b[1] … b[L] (n_l), and what is applied to Z[l]."""

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    activation: str
    output: str
    loss: str

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return len(self.weights)

    def function(self, layer: int) -> Elementwise:
        """g[layer], applied to all of Z[layer]."""
        return OUTPUTS[self.output] if layer == self.depth else ACTIVATIONS[self.activation]


@dataclass(frozen=True)
class Autograd:
    """What autograd computes for one batch, by name; what it has no value for is missing."""

    criterion: Criterion
    loss: str
    n_examples: int
    n_outputs: int
    values: dict[str, Tensor]


def network(weights: Sequence[Tensor], biases: Sequence[Tensor], activation: str, output: str, loss: str) -> Network:
    """A network in float64, detached from where its tensors come from.

    Raises ExperimentError naming the shape, activation, or pair of output and loss that does not fit.
    """
    if activation not in ACTIVATIONS:
        raise ExperimentError(f"there is no activation “{activation}” here", f"use one of {', '.join(ACTIVATIONS)}")
    if (output, loss) not in PAIRS:
        known = ", ".join(f"{o} with {e}" for o, e in PAIRS)
        raise ExperimentError(f"{output} outputs do not go with the loss {loss} here", f"use {known}")
    _check_shapes(weights, biases)
    return Network(tuple(map(_double, weights)), tuple(map(_double, biases)), activation, output, loss)


def forward(net: Network, inputs: Tensor) -> dict[str, Tensor]:
    """A[0], Z[1], A[1] … Z[L], A[L] for inputs (N × n_0)."""
    values = {"A[0]": inputs}
    for layer, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        values[f"Z[{layer}]"] = values[f"A[{layer - 1}]"] @ weight.T + bias
        values[f"A[{layer}]"] = net.function(layer)(values[f"Z[{layer}]"])
    return values


def course_loss(net: Network, predictions: Tensor, targets: Tensor) -> Tensor:
    """Σ_j mean₀ of the loss of (N × n_y) predictions, a number; half-MSE for both squared losses (course §4.4)."""
    if net.loss == "bce":
        terms = -(targets * predictions.log() + (1 - targets) * (1 - predictions).log())
    elif net.loss == "cross-entropy":
        terms = -targets * predictions.log()
    else:
        terms = (predictions - targets) ** 2 / 2
    return terms.sum() / len(targets)


def torch_loss(net: Network, values: dict[str, Tensor], targets: Tensor) -> Tensor:
    """What torch's own criterion gives; cross-entropy takes Z[L], the others A[L]."""
    scores, predictions = values[f"Z[{net.depth}]"], values[f"A[{net.depth}]"]
    if net.loss == "bce":
        return functional.binary_cross_entropy(predictions, targets)
    if net.loss == "cross-entropy":
        return functional.cross_entropy(scores, targets)
    return functional.mse_loss(predictions, targets) * (0.5 if net.loss == "half-mse" else 1.0)


def autograd(net: Network, inputs: Tensor, targets: Tensor, criterion: Criterion = Criterion.TORCH) -> Autograd:
    """Every value of a batch, by reverse mode; local derivatives as the block that repeats in their Jacobian.

    `targets` are (N × n_y): 0 or 1, one-hot, or real numbers, as the loss wants.
    """
    inputs, targets = _double(inputs), _double(targets)
    weights, biases = ([t.clone().requires_grad_() for t in side] for side in (net.weights, net.biases))
    live = Network(tuple(weights), tuple(biases), net.activation, net.output, net.loss)
    values = forward(live, inputs)
    if criterion is Criterion.COURSE:
        loss = course_loss(live, values[f"A[{net.depth}]"], targets)
    else:
        loss = torch_loss(live, values, targets)
    numbered = {f"W[{k}]": w for k, w in enumerate(weights, 1)} | {f"b[{k}]": b for k, b in enumerate(biases, 1)}
    reached = {name: value for name, value in (values | numbered).items() if value.requires_grad}
    gradients = torch.autograd.grad(loss, list(reached.values()), allow_unused=True)
    found = {f"d{name}": g for name, g in zip(reached, gradients, strict=True) if g is not None}
    plain = {name: value.detach() for name, value in values.items()}
    everything = {"L": loss.detach(), **plain, **found, **_local_derivatives(net, plain)}
    return Autograd(criterion, net.loss, len(inputs), targets.shape[1], everything)


def _local_derivatives(net: Network, values: dict[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for layer, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        before, scores = values[f"A[{layer - 1}]"], values[f"Z[{layer}]"]
        found[f"dA[{layer}]/dZ[{layer}]"] = slope(net, layer, scores)
        by_weight, by_bias = _neuron_block(before, weight[0], bias[0])
        found[f"dZ[{layer}]/dW[{layer}]"] = by_weight
        found[f"dZ[{layer}]/db[{layer}]"] = by_bias
        found[f"dZ[{layer}]/dA[{layer - 1}]"] = _example_block(before[0], weight, bias)
    return found


def slope(net: Network, layer: int, scores: Tensor) -> Tensor:
    """∂A[l]/∂Z[l] by autograd: (N × n_l), or (N × n_l × n_l), a Jacobian for each example, for softmax."""
    function = net.function(layer)
    if layer == net.depth and net.output == "softmax":
        jacobians: Tensor = vmap(jacrev(function))(scores)
        return jacobians
    activations, pull, *_ = vjp(function, scores)
    derivative: Tensor = pull(torch.ones_like(activations))[0]
    return derivative


def _neuron_block(before: Tensor, row: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """∂z_j(i)/∂w_j and ∂z_j(i)/∂b_j for every example: the same for each neuron j, and 0 for other neurons' weights."""
    by_weight, by_bias = vmap(jacrev(lambda w, b, example: example @ w + b, argnums=(0, 1)), in_dims=(None, None, 0))(
        row, bias, before
    )
    return by_weight, by_bias


def _example_block(example: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """∂z(i)/∂a(i): the same for each example i, and 0 for other examples."""
    block: Tensor = jacrev(lambda a: weight @ a + bias)(example)
    return block


def _check_shapes(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
    if not weights or len(weights) != len(biases):
        raise ExperimentError(
            f"there are {len(weights)} weights and {len(biases)} biases", "give one of each for every layer"
        )
    width = weights[0].shape[1]
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        if tuple(weight.shape) != (len(bias), width):
            raise ExperimentError(
                f"W[{layer}] is {size_text(weight)}, but {width} values come in and b[{layer}] is {size_text(bias)}",
                f"W[{layer}] wants the shape {len(bias)}×{width}",
            )
        width = len(bias)


def size_text(tensor: Tensor) -> str:
    """The shape as it is written under a factor: "7×3", "3", or "one number"."""
    return "×".join(map(str, tensor.shape)) or "one number"


def _double(tensor: Tensor) -> Tensor:
    return tensor.detach().to(torch.float64)
