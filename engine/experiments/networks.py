"""The built-in models, a row each: what is trained where nothing is said, and on what. It loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from engine.experiments.attention_options import Blocks, OneAttention
from engine.experiments.convolutions import Convolutions
from engine.experiments.kinds import DIGITS, POINTS, TOKENS

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky-relu", "linear")
SIDE = 28  # pixels of a picture, each way
PIXELS = SIDE * SIDE
WHOLE_SET = 0  # as a batch size

Shape = type[Convolutions] | type[OneAttention] | type[Blocks]  # made by its `of`; its fields are an experiment's


class Model(NamedTuple):
    """A built-in model: the class of `models.py` that it is, and what is trained where nothing is said."""

    summary: str
    made_by: str  # a class, whose `of` takes the experiment
    layers: Callable[[int], tuple[int, ...]] | None  # sizes by the number of classes; None: it has none to choose
    takes: str = "pixels"  # (N, 784) digits; or "pictures", (N, 1, 28, 28), or "rows", (N, 28, 28), a time step each
    data: tuple[str, ...] = (DIGITS,)  # kinds of examples that it learns from
    shape: Shape | None = None  # what else it has to choose
    single: bool = False  # one layer of one neuron
    recurrent: bool = False  # one cell, from time step to time step
    rebuilds: bool = False  # its targets are its inputs, which it gives again from a code
    each: bool = False  # it can answer at each token
    logits: bool = False  # its outputs are logits, whatever is asked for
    optimizer: str = "sgd"
    learning_rate: float | None = None  # with this optimizer; None: the optimizer's own
    batch_size: int = 64
    init: str = "pytorch"
    activation: str = "relu"
    activations: tuple[str, ...] = ACTIVATIONS  # that it can have
    classes: tuple[int, ...] | None = None


def _recurrent(summary: str, *more: str) -> Model:
    return Model(
        summary,
        "Recurrent",
        lambda classes: (SIDE, 32, classes),
        takes="rows",
        data=(DIGITS, TOKENS),
        recurrent=True,
        logits=True,
        activation="tanh",
        activations=("tanh", *more),
    )


def _attentive(summary: str, shape: Shape, rate: float, activations: tuple[str, ...]) -> Model:
    return Model(
        summary,
        "Attending",
        None,
        takes="pictures",
        data=(DIGITS, TOKENS),
        shape=shape,
        each=True,
        logits=True,
        optimizer="adam",
        learning_rate=rate,
        activation="relu" if "relu" in activations else activations[0],
        activations=activations,
    )


MODELS: dict[str, Model] = {
    "mlp": Model("fully connected layers", "MLP", lambda classes: (PIXELS, 32, 16, classes), data=(DIGITS, POINTS)),
    "neuron": Model(
        "one sigmoid neuron that tells two classes apart",
        "Neuron",
        lambda classes: (PIXELS, 1),
        data=(DIGITS, POINTS),
        single=True,
        learning_rate=0.01,  # course §4.6
        batch_size=WHOLE_SET,
        init="small-normal",
        classes=(1, 7),
    ),
    "rnn": _recurrent("a recurrent network over the rows of a picture, or over tokens", "relu"),
    "lstm": _recurrent("the same with a long short-term memory"),
    "gru": _recurrent("the same with gated recurrent units"),
    "convnet": Model(
        "convolutions and a linear layer", "ConvNet", None, takes="pictures", shape=Convolutions, logits=True
    ),
    "attention": _attentive(
        "one layer of attention over the patches of a picture, or over tokens", OneAttention, 0.01, ("linear",)
    ),
    "transformer": _attentive("blocks of attention and a network for each token", Blocks, 0.003, ACTIVATIONS),
    "autoencoder": Model(
        "a network that gives its input again, from a code of few numbers",
        "Autoencoder",
        lambda classes: (PIXELS, 64, 8, 64, PIXELS),
        rebuilds=True,
        optimizer="adam",
        learning_rate=0.002,
    ),
}

OPTIONS: dict[str, tuple[str, ...]] = {  # of the shapes: which models have them
    option: tuple(name for name, row in MODELS.items() if row.shape is not None and option in row.shape._fields)
    for model in MODELS.values()
    if model.shape is not None
    for option in model.shape._fields
}


def shape_of(model: str, given: dict[str, Any], kind: str) -> Convolutions | OneAttention | Blocks | None:
    """What a model has to choose beside its layers, with what is not given chosen. Raises ExperimentError."""
    shape = MODELS[model].shape
    return None if shape is None else shape.of(given, kind)
