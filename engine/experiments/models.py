"""The built-in networks and the ways to draw their first parameters.

A new model is a class here, made by its `of`, and a row of `experiment.MODELS`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn

from engine.experiments.attention import Attention, Attentive, Block, Patches, Positions
from engine.experiments.convolutions import Convolutions
from engine.experiments.experiment import Experiment, answers_each, n_classes, shape
from engine.experiments.networks import SIDE
from engine.experiments.recurrent import Recurrent as Recurrent
from engine.experiments.recurrent import initialise_cell
from engine.experiments.sequences import SEQUENCES

ACTIVATIONS: dict[str, Callable[[], nn.Module | None]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "linear": lambda: None,
}
POOLS: dict[str, Callable[[], nn.Module | None]] = {
    "max": lambda: nn.MaxPool2d(2),
    "average": lambda: nn.AvgPool2d(2),
    "none": lambda: None,
}


class Layer(nn.Sequential):
    """Z = A·Wᵀ + b, then A = g(Z): linear, norm, activation and dropout, in this order (Ioffe & Szegedy 2015, §3.2).

    What a layer does not have is left out. Shapes: (N, n_in) → (N, n_out).
    """

    def __init__(
        self, n_in: int, n_out: int, activation: str = "linear", *, batch_norm: bool = False, dropout: float = 0.0
    ) -> None:
        stages = {
            "linear": nn.Linear(n_in, n_out),
            "norm": nn.BatchNorm1d(n_out) if batch_norm else None,
            "activation": ACTIVATIONS[activation](),
            "dropout": nn.Dropout(dropout) if dropout else None,
        }
        super().__init__(OrderedDict((name, stage) for name, stage in stages.items() if stage is not None))

    @property
    def stages(self) -> dict[str, nn.Module]:
        """Those that it has, by name."""
        return dict(self.named_children())


class MLP(nn.Module):
    """Fully connected layers of `sizes` neurons, sizes[0] being the inputs (course §5.1).

    Shapes: (N, sizes[0]) → (N, sizes[-1]). Neither norm nor dropout follows the last layer.

    `output` is "sigmoid", "linear" or "softmax". With "softmax" the model gives logits, as nn.CrossEntropyLoss wants
    them, and `output_activation` is "softmax": what turns its outputs into probabilities. Else it is "".
    """

    def __init__(
        self, sizes: Sequence[int], activation: str, output: str, dropout: float = 0.0, batch_norm: bool = False
    ) -> None:
        super().__init__()
        *hidden, last = pairwise(sizes)
        layers = [Layer(*shape, activation, batch_norm=batch_norm, dropout=dropout) for shape in hidden]
        self.output_activation = output if output == "softmax" else ""
        layers.append(Layer(*last, "linear" if self.output_activation else output))
        self.layers = nn.ModuleList(layers)

    @classmethod
    def of(cls, experiment: Experiment) -> MLP:
        """The model of an experiment, all of whose choices are made."""
        dropout, norm = experiment.dropout, experiment.batch_norm
        return MLP(experiment.layers or (), str(experiment.activation), str(experiment.output), dropout, norm)

    def forward(self, inputs: Tensor) -> Tensor:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


class Neuron(MLP):
    """One sigmoid neuron, ŷ = σ(X·w + b) with w = W[1]ᵀ (course §4). Shapes: (N, n_x) → (N, 1)."""

    def __init__(self, n_inputs: int, output: str = "sigmoid") -> None:
        super().__init__((n_inputs, 1), "linear", output)

    @classmethod
    def of(cls, experiment: Experiment) -> Neuron:
        return Neuron((experiment.layers or ())[0], str(experiment.output))


class ConvNet(nn.Module):
    """Convolutions, each with activation and pooling, and a linear layer (after LeNet-5, LeCun et al. 1998).

    Shapes: (N, 1, 28, 28) → (N, n_classes) logits; `output_activation` is as in MLP.
    """

    output_activation = "softmax"

    def __init__(self, n_classes: int, activation: str = "relu", shape: Convolutions | None = None) -> None:
        super().__init__()
        shape = shape or Convolutions()
        for number, (n_in, n_out) in enumerate(pairwise((1, *shape.channels)), 1):
            convolution = nn.Conv2d(n_in, n_out, shape.kernel, shape.stride, shape.padding, shape.dilation)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"activation{number}", ACTIVATIONS[activation]())
            self.add_module(f"pool{number}", POOLS[shape.pool]())
        self.add_module("global_pool", nn.AdaptiveMaxPool2d(1) if shape.global_pool else None)
        self.linear = nn.Linear(shape.features(SIDE), n_classes)

    @classmethod
    def of(cls, experiment: Experiment) -> ConvNet:
        """The model of an experiment, all of whose choices are made."""
        return ConvNet(n_classes(experiment), str(experiment.activation), shape(experiment))

    def forward(self, inputs: Tensor) -> Tensor:
        *stages, linear = self.children()
        for stage in stages:
            inputs = stage(inputs)
        logits: Tensor = linear(inputs.flatten(start_dim=1))
        return logits


class Autoencoder(nn.Module):
    """Layers to a code and back, 784-…-code-…-784: code and output without activation (Hinton & Salakhutdinov 2006).

    Shapes: (N, sizes[0]) → the same. `symbols` is as in `attention`.
    """

    output_activation = ""

    def __init__(self, sizes: Sequence[int], activation: str, dropout: float = 0.0, batch_norm: bool = False) -> None:
        super().__init__()
        middle, last = len(sizes) // 2, len(sizes) - 1
        layers = [
            Layer(*pair) if at in (middle, last) else Layer(*pair, activation, batch_norm=batch_norm, dropout=dropout)
            for at, pair in enumerate(pairwise(sizes), 1)
        ]
        self.encoder, self.decoder = nn.Sequential(*layers[:middle]), nn.Sequential(*layers[middle:])
        self.symbols = {"encoder": "code"}

    @classmethod
    def of(cls, experiment: Experiment) -> Autoencoder:
        """The model of an experiment, all of whose choices are made."""
        return Autoencoder(
            experiment.layers or (), str(experiment.activation), experiment.dropout, experiment.batch_norm
        )

    def forward(self, inputs: Tensor) -> Tensor:
        rebuilt: Tensor = self.decoder(self.encoder(inputs))
        return rebuilt


class Attending(Attentive):
    """Attention, or blocks of it, over the patches of a picture or the tokens of a sequence, as an experiment says."""

    @classmethod
    def of(cls, experiment: Experiment) -> Attentive:
        """The model of an experiment, all of whose choices are made."""
        options, sequences = shape(experiment), SEQUENCES.get(experiment.data)
        width, heads = options.width, options.heads
        if sequences is None:
            embedding: nn.Module = Patches(options.patch, width)
            count = (SIDE // options.patch) ** 2
        else:
            embedding, count = nn.Embedding(len(sequences.tokens), width), experiment.length or 0
        activation = ACTIVATIONS[str(experiment.activation)]
        blocks: list[nn.Module] = [
            Block(width, heads, activation(), place) for place in range(1, getattr(options, "blocks", 0) + 1)
        ] or [Attention(width, heads)]
        known = count if options.positions == "learnt" else 0
        return Attentive(embedding, known, blocks, width, n_classes(experiment), answers_each(experiment))


class HalfMSELoss(nn.Module):
    """ℒ = ½·mean((Ŷ − Y)²), whose derivative has no 2 (course §4.4). Shapes: (N, n_y) twice → scalar."""

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        return 0.5 * (predictions - targets).square().mean()


LOSS_MODULES: dict[str, type[nn.Module]] = {
    "bce": nn.BCELoss,
    "cross-entropy": nn.CrossEntropyLoss,
    "mse": nn.MSELoss,
    "half-mse": HalfMSELoss,
    "mae": nn.L1Loss,
}


def make_loss(name: str) -> nn.Module:
    """The loss as a module: called with predictions (N × n_y) and targets, it gives a scalar."""
    return LOSS_MODULES[name]()


def initialise(model: nn.Module, name: str, generator: Generator) -> None:
    """Draw the weights and biases of all modules that have them anew, in the order of `model.modules()`.

    Of each module the weight is drawn first, then the bias, both from `generator`. So a plain loop gets the same bits:
    `torch.manual_seed(s)` and building the modules for "pytorch"; `torch.manual_seed(s)` and then, layer by layer,
    `0.01 * torch.randn(n_out, n_in)` for "small-normal", and so on for the names of INITIALISATIONS.
    """
    draw = INITIALISATIONS[name]
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                bias = module.bias if module.bias is not None else module.weight.new_empty(0)
                draw(module.weight, bias, generator)
            elif isinstance(module, nn.Embedding | Positions):
                _draw_codes(module.weight, name, generator)
            elif isinstance(module, nn.RNNCellBase):
                initialise_cell(module, None if name == "pytorch" else draw, generator)


def _draw_codes(weight: Tensor, name: str, generator: Generator) -> None:
    """Codes of tokens or places, (n, width): by torch's own way randn, as nn.Embedding has them, else by `name`."""
    if name == "pytorch":
        nn.init.normal_(weight, generator=generator)
    else:
        INITIALISATIONS[name](weight, weight.new_empty(0), generator)


def _pytorch(weight: Tensor, bias: Tensor, generator: Generator) -> None:
    """nn.Linear's and nn.Conv2d's own: both uniform in ±1/√n_in (LeCun et al. 1998, "Efficient BackProp")."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    bound = 1 / math.sqrt(_fan_in(weight))
    nn.init.uniform_(bias, -bound, bound, generator=generator)


def _zeros(weight: Tensor, bias: Tensor, generator: Generator) -> None:
    """All zero: neurons of a layer stay alike, since their gradients are (Goodfellow et al. 2016, §8.4)."""
    weight.zero_()
    bias.zero_()


def _small_normal(weight: Tensor, bias: Tensor, generator: Generator) -> None:
    """0.01·randn, b = 0 (course §4.6)."""
    weight.copy_(0.01 * torch.randn(weight.shape, generator=generator))
    bias.zero_()


def _normal(weight: Tensor, bias: Tensor, generator: Generator) -> None:
    """Unscaled randn for both: sigmoids start saturated (course §5.3)."""
    weight.copy_(torch.randn(weight.shape, generator=generator))
    bias.copy_(torch.randn(bias.shape, generator=generator))


def _scaled_normal(weight: Tensor, bias: Tensor, generator: Generator) -> None:
    """randn/√n_in, b = 0: Z keeps the variance of its inputs (LeCun et al. 1998, "Efficient BackProp"; course §5.3)."""
    weight.copy_(torch.randn(weight.shape, generator=generator) / math.sqrt(_fan_in(weight)))
    bias.zero_()


def _xavier(weight: Tensor, bias: Tensor, generator: Generator) -> None:
    """Uniform in ±√(6/(n_in + n_out)), b = 0 (Glorot & Bengio 2010, equation 16)."""
    nn.init.xavier_uniform_(weight, generator=generator)
    bias.zero_()


def _kaiming(weight: Tensor, bias: Tensor, generator: Generator) -> None:
    """√(2/n_in)·randn, b = 0, for ReLU (He et al. 2015, equation 10)."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
    bias.zero_()


def _fan_in(weight: Tensor) -> int:
    return weight[0].numel()


INITIALISATIONS: dict[str, Callable[[Tensor, Tensor, Generator], None]] = {
    "pytorch": _pytorch,
    "zeros": _zeros,
    "small-normal": _small_normal,
    "normal": _normal,
    "scaled-normal": _scaled_normal,
    "xavier": _xavier,
    "kaiming": _kaiming,
}
