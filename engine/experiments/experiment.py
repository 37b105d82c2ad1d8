"""What is trained, and how: the recipe of a run, its defaults, and whether its parts fit together.

Importing this loads no torch, so that the command line can check an experiment before the engine starts. Longer than
others: what an option may be is checked beside the options that it must fit.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple, TypeVar

import msgspec

from engine.errors import ExperimentError
from engine.experiments.convolutions import Convolutions
from engine.experiments.data_options import GIVEN, MOST_MOVED, UNMOVED, widest_shift, wrong_share
from engine.experiments.losses import LOSSES
from engine.experiments.optimizers import OPTIMIZERS, check_options
from engine.experiments.planes import BATCH, EPOCHS, MOST_POINTS, PLANES, POINTS
from engine.experiments.schedules import SCHEDULES

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky-relu", "linear")
OUTPUTS = ("sigmoid", "softmax", "linear")
INITS = {  # of models.INITIALISATIONS
    "pytorch": "as torch.nn draws them: uniform in ±1/√n_in",
    "zeros": "all zero",
    "small-normal": "0.01·randn, b = 0",
    "normal": "randn, b too",
    "scaled-normal": "randn/√n_in, b = 0",
    "xavier": "uniform in ±√(6/(n_in + n_out)), b = 0",
    "kaiming": "√(2/n_in)·randn, b = 0",
}
SIDE = 28  # pixels of a picture, each way
PIXELS = SIDE * SIDE
DIGITS = 10
DIGITS_EPOCHS = 4  # where nothing is said
WHOLE_SET = 0  # as a batch size
MOST_EPOCHS, MOST_THREADS, _MOST_WEIGHTS = 1_000_000, 1024, 10**9  # a slip of the finger, or a hostile file
_MOST_SIZES = 200  # of layers

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")

_T = TypeVar("_T")


class Model(NamedTuple):
    """A built-in model: the class of `models.py` that it is, and what is trained where nothing is said."""

    summary: str
    made_by: str  # a class, whose `of` takes the experiment
    layers: Callable[[int], tuple[int, ...]] | None  # sizes by the number of classes; None: it has none to choose
    takes: str = "pixels"  # (N, 784); or "pictures", (N, 1, 28, 28), or "rows", (N, 28, 28): a time step each
    single: bool = False  # one layer of one neuron
    logits: bool = False  # its outputs are logits, whatever is asked for
    learning_rate: float | None = None  # with plain SGD; None: the optimizer's own
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
        logits=True,
        activation="tanh",
        activations=("tanh", *more),
    )


MODELS: dict[str, Model] = {
    "mlp": Model("fully connected layers", "MLP", lambda classes: (PIXELS, 32, 16, classes)),
    "neuron": Model(
        "one sigmoid neuron that tells two classes apart",
        "Neuron",
        lambda classes: (PIXELS, 1),
        single=True,
        learning_rate=0.01,  # course §4.6
        batch_size=WHOLE_SET,
        init="small-normal",
        classes=(1, 7),
    ),
    "rnn": _recurrent("a recurrent network over the rows of a picture", "relu"),
    "lstm": _recurrent("the same with a long short-term memory"),
    "gru": _recurrent("the same with gated recurrent units"),
    "convnet": Model("convolutions and a linear layer", "ConvNet", None, takes="pictures", logits=True),
}


class Experiment(msgspec.Struct, frozen=True):
    """The recipe of a run. None leaves the choice to `resolve`, which takes the other fields into account."""

    model: str = "mlp"  # of MODELS
    layers: tuple[int, ...] | None = None  # sizes from the inputs on; a convnet has none
    activation: str | None = None  # of ACTIVATIONS, of the hidden layers
    output: str | None = None  # of OUTPUTS; softmax with cross-entropy gives logits
    loss: str | None = None  # of losses.LOSSES
    optimizer: str = "sgd"  # of optimizers.OPTIMIZERS
    learning_rate: float | None = None
    momentum: float | None = None  # None: the optimizer's own, if it has any
    weight_decay: float | None = None
    batch_size: int | None = None  # WHOLE_SET: all training examples in one batch
    epochs: int | None = None
    seed: int = 0
    threads: int = 1
    init: str | None = None  # of INITS
    data: str = "subset"  # or "mnist", a set of points of planes.PLANES, or a folder of IDX files
    classes: tuple[int, ...] | None = None  # None: all ten digits
    train_size: int | None = None  # training pictures, drawn by the seed; None: all there are
    labels: str = GIVEN  # or "random", or "noisy:20%": of the training pictures
    points: int | None = None  # of a set of points, for training; None: there are none, or the usual number
    noise: float | None = None  # added to them: its deviation
    augment: str = UNMOVED  # or "shift:2": each training picture moved anew in each epoch, up to so many pixels
    scramble: int | None = None  # a seed: the pixels of all pictures in one other order
    valid_shift: int = 0  # pixels that the validation pictures are moved to the right
    dropout: float = 0.0
    batch_norm: bool = False
    schedule: str = "constant"  # of schedules.SCHEDULES
    forget_bias: float | None = None  # where an LSTM's forget gate begins; None: as it is drawn
    channels: tuple[int, ...] | None = None  # of a convnet, as the fields down to global_pool: see `Convolutions`
    kernel: int | None = None
    stride: int | None = None
    padding: int | None = None
    dilation: int | None = None
    pool: str | None = None
    global_pool: bool | None = None
    device: str = "cpu"  # or cuda, cuda:N, mps; auto is settled where the parts are made


def defaults(model: str) -> Experiment:
    """What is trained, all fields chosen, when nothing but the model is said."""
    return resolve(Experiment(model=model))


def resolve(experiment: Experiment) -> Experiment:
    """The experiment with every choice made that was left open; it is checked, too.

    What stays None does not apply: `layers` of a convnet, `momentum` of an optimizer at its own, `classes` for all ten
    digits. `resolve(resolve(e)) == resolve(e)`. Raises ExperimentError as `check` does.
    """
    _check_names(experiment)
    model, optimizer = MODELS[experiment.model], OPTIMIZERS[experiment.optimizer]
    plane = PLANES.get(experiment.data)
    rate = model.learning_rate if optimizer.name == "sgd" and plane is None else None
    whole = msgspec.structs.replace(
        experiment,
        learning_rate=_given(experiment.learning_rate, _given(rate, optimizer.learning_rate)),
        weight_decay=_given(experiment.weight_decay, optimizer.weight_decay),
        batch_size=_given(experiment.batch_size, BATCH if plane else model.batch_size),
        epochs=_given(experiment.epochs, EPOCHS if plane else DIGITS_EPOCHS),
        points=_given(experiment.points, POINTS if plane else None),
        noise=_given(experiment.noise, plane.noise if plane else None),
        init=_given(experiment.init, model.init),
        activation=_given(experiment.activation, model.activation),
        classes=_given(experiment.classes, None if plane else model.classes),
    )
    whole = _with_convolutions(_with_output(msgspec.structs.replace(whole, layers=_layers(whole))))
    _check_numbers(whole)
    (_check_points if plane else _check_data_options)(whole)
    _check_shapes(whole)
    check_options(optimizer, whole.momentum, whole.weight_decay)
    return whole


def check(experiment: Experiment) -> None:
    """Raise ExperimentError for what cannot work, as far as that can be told without the data.

    It names the option, or the two that do not fit with their shapes, and the cure.
    """
    resolve(experiment)


def n_classes(experiment: Experiment) -> int:
    """How many classes the labels have."""
    if experiment.data in PLANES:
        return PLANES[experiment.data].classes
    return DIGITS if experiment.classes is None else len(experiment.classes)


def _given(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _layers(experiment: Experiment) -> tuple[int, ...] | None:
    sizes = MODELS[experiment.model].layers
    if sizes is None or experiment.layers is not None:
        return experiment.layers
    usual = sizes(n_classes(experiment))
    return (2, *usual[1:]) if experiment.data in PLANES else usual


def _with_output(experiment: Experiment) -> Experiment:
    """The output activation follows from the loss, the loss from the output activation, and both from the outputs."""
    loss, output = experiment.loss, experiment.output
    if loss is None and output is None:
        loss = "bce" if _n_outputs(experiment) == 1 else "cross-entropy"
    elif loss is None:
        loss = {"softmax": "cross-entropy", "sigmoid": "bce", "linear": "mse"}[str(output)]
    return msgspec.structs.replace(experiment, loss=loss, output=_given(output, LOSSES[str(loss)].outputs[0]))


def convolutions(experiment: Experiment) -> Convolutions:
    """Those of a convnet, all of whose choices are made."""
    return Convolutions(*(getattr(experiment, name) for name in Convolutions._fields))


def _with_convolutions(experiment: Experiment) -> Experiment:
    found = {name: getattr(experiment, name) for name in Convolutions._fields}
    given = {name: value for name, value in found.items() if value is not None}
    if experiment.model == "convnet":
        whole = Convolutions.of(given)
        whole.features(SIDE)
        return msgspec.structs.replace(experiment, **whole._asdict())
    named = next(iter(given), "").replace("_", "-")
    _require(not given, f"{_article(experiment.model)} has no {named}", "leave it out, or use the convnet")
    return experiment


def _n_outputs(experiment: Experiment) -> int:
    return experiment.layers[-1] if experiment.layers else n_classes(experiment)


def _check_names(experiment: Experiment) -> None:
    _check_name("model", experiment.model, MODELS)
    _check_name("activation", experiment.activation, ACTIVATIONS)
    _check_name("output activation", experiment.output, OUTPUTS)
    _check_name("loss", experiment.loss, LOSSES)
    _check_name("optimizer", experiment.optimizer, OPTIMIZERS)
    _check_name("initialisation", experiment.init, INITS)
    _check_name("schedule", experiment.schedule, SCHEDULES)
    _require(
        _DEVICE.fullmatch(experiment.device) is not None,
        f"there is no kind of device “{experiment.device}”",
        "use cpu, cuda, cuda:N, mps or auto",
    )


def _check_name(what: str, name: str | None, known: Iterable[str]) -> None:
    if name is None or name in known:
        return
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ExperimentError(f"there is no {what} “{name}”", f"{hint}there are {', '.join(known)}")


def _check_numbers(experiment: Experiment) -> None:
    rate = experiment.learning_rate or 0.0
    _require(rate > 0 and math.isfinite(rate), f"the learning rate {experiment.learning_rate} is not above 0")
    momentum = experiment.momentum or 0.0
    _require(0 <= momentum < 1, f"the momentum {momentum:g} is not in 0 … 1", "0.9 is usual")
    decay = experiment.weight_decay or 0.0
    _require(decay >= 0 and math.isfinite(decay), f"the weight decay {decay:g} is negative", "0.0001 is usual")
    size = experiment.batch_size or 0
    _require(size >= 0, f"the batch size {size} is negative", f"use 64, or {WHOLE_SET} for all examples in one batch")
    epochs = experiment.epochs or 0
    _require(epochs >= 1, f"{epochs} epochs train nothing", "use a number from 1")
    _require(epochs <= MOST_EPOCHS, f"{epochs} epochs are too many", f"use 1 to {MOST_EPOCHS}")
    _require(
        experiment.threads <= MOST_THREADS,
        f"{experiment.threads} threads are too many",
        "1 gives the same bits everywhere",
    )
    _require(experiment.threads >= 1, f"{experiment.threads} threads compute nothing", "use a number from 1")
    _require(0 <= experiment.seed < 2**63, f"the seed {experiment.seed} is out of range", "use 0 to 2⁶³ − 1")
    _require(0 <= experiment.dropout < 1, f"the dropout {experiment.dropout:g} is not in 0 … 1", "use for example 0.2")


def _check_points(experiment: Experiment) -> None:
    name, count, noise, sizes = experiment.data, experiment.points or 0, experiment.noise or 0.0, experiment.layers
    _require(
        MODELS[experiment.model].takes == "pixels",
        f"{_article(experiment.model)} takes pictures, and {name} has points (N × 2)",
        "use the mlp or the neuron",
    )
    _require(
        not sizes or sizes[0] == 2,
        f"layers {_shape(sizes)} take (N × {sizes and sizes[0]}) but the points of {name} give (N × 2)",
        "let the first layer size be 2",
    )
    fewest = PLANES[name].classes
    _require(
        fewest <= count <= MOST_POINTS, f"{count} points are too few or too many", f"use {fewest} to {MOST_POINTS:,}"
    )
    _require(noise >= 0 and math.isfinite(noise), f"the noise {noise:g} is not from 0 on", "use for example 0.1")
    for option, usual in (("classes", None), ("train_size", None), ("scramble", None), ("valid_shift", 0)):
        words = option.replace("_", "-")
        _require(getattr(experiment, option) == usual, f"{words} is of pictures, and {name} has points", "leave it out")
    _require(experiment.augment == UNMOVED, f"augment is of pictures, and {name} has points", "leave it out")
    wrong_share(experiment.labels)


def _check_data_options(experiment: Experiment) -> None:
    for option in ("points", "noise"):
        _require(
            getattr(experiment, option) is None,
            f"{option} is of points of the plane, and {experiment.data} has pictures",
            f"leave it out, or use --data {', '.join(PLANES)}",
        )
    size, order = experiment.train_size, experiment.scramble
    _require(size is None or size >= 1, f"{size} training pictures teach nothing", "use a number from 1")
    _require(order is None or 0 <= order < 2**63, f"the scramble seed {order} is out of range", "use 0 to 2⁶³ − 1")
    _require(
        abs(experiment.valid_shift) <= MOST_MOVED,
        f"a picture moved by {experiment.valid_shift} of 28 pixels is out of sight",
        f"use −{MOST_MOVED} to {MOST_MOVED}",
    )
    wrong_share(experiment.labels)
    _require(
        widest_shift(experiment.augment) == 0 or order is None,
        f"{experiment.augment} moves pixels to their neighbours' places, which scrambled pictures do not have",
        "leave out one of augment and scramble",
    )


def _require(holds: bool, problem: str, cure: str = "use for example 0.01") -> None:
    if not holds:
        raise ExperimentError(problem, cure)


def _check_shapes(experiment: Experiment) -> None:
    _check_classes(experiment)
    _check_layers(experiment)
    _check_extras(experiment)
    _check_loss(experiment)


def _check_classes(experiment: Experiment) -> None:
    classes = experiment.classes
    if classes is None:
        return
    written = ",".join(map(str, classes))
    unknown = [digit for digit in classes if not 0 <= digit < DIGITS]
    _require(not unknown, f"classes {written}: there is no digit {unknown and unknown[0]}", "use the digits 0 to 9")
    _require(len(set(classes)) == len(classes), f"classes {written} name a digit twice", "name each digit once")
    _require(len(classes) >= 2, f"{len(classes)} classes leave nothing to tell apart", "name two or more, like 1,7")


def _check_layers(experiment: Experiment) -> None:
    layers, model = experiment.layers, MODELS[experiment.model]
    if model.layers is None:
        _require(
            layers is None,
            f"{_article(experiment.model)} has no layer sizes {_shape(layers)}",
            "leave them out, or use the mlp",
        )
        return
    sizes = layers or ()
    _require(len(sizes) >= 2, f"layers {_shape(sizes)} are fewer than 2 sizes", "give inputs and outputs, like 784,10")
    _require(len(sizes) <= _MOST_SIZES, f"layers are {len(sizes):,} sizes", f"use at most {_MOST_SIZES}")
    weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    _require(weights <= _MOST_WEIGHTS, f"layers {_shape(sizes)} have {weights:,} weights", "use smaller sizes")
    _require(all(size >= 1 for size in sizes), f"layers {_shape(sizes)} have a size below 1", "use sizes from 1")
    if model.takes == "rows":
        _require(
            len(sizes) == 3 and sizes[0] == SIDE,
            f"layers {_shape(sizes)} are not those of {_article(experiment.model)}, which takes {SIDE} pixels a step",
            f"give inputs, units and outputs, like {SIDE},32,{n_classes(experiment)}",
        )
    if model.single:
        _require(
            len(sizes) == 2 and sizes[1] == 1,
            f"layers {_shape(sizes)} are not those of one neuron",
            "leave them out, or use the mlp",
        )


def _check_extras(experiment: Experiment) -> None:
    model, name = MODELS[experiment.model], _article(experiment.model)
    _require(
        experiment.activation in model.activations,
        f"{name} does not take the activation {experiment.activation}",
        f"use {' or '.join(model.activations)}, or the mlp",
    )
    bias = experiment.forget_bias
    _require(
        bias is None or (experiment.model == "lstm" and math.isfinite(bias)),
        f"{name} has no forget gate" if experiment.model != "lstm" else f"a forget bias of {bias} is no number",
        "only the lstm has one; 1 is usual",
    )
    hidden = model.takes == "pixels" and len(experiment.layers or ()) > 2
    _require(
        hidden or not (experiment.dropout or experiment.batch_norm),
        f"{_layers_text(experiment)} has no hidden layer for dropout or batch norm",
        "leave them out, or use an mlp with a hidden layer, like 784,32,10",
    )
    _require(
        not (experiment.batch_norm and experiment.batch_size == 1),
        "batch norm has no spread to divide by in a batch of one example",
        "use a batch size from 2",
    )


def _article(model: str) -> str:
    return f"an {model}" if model in ("rnn", "lstm", "mlp") else f"a {model}"


def _check_loss(experiment: Experiment) -> None:
    loss, classes, outputs = LOSSES[str(experiment.loss)], n_classes(experiment), _n_outputs(experiment)
    _require(
        not (loss.class_indices and outputs == 1),
        f"{loss.name} with one output, {_layers_text(experiment)}: softmax of one value is always 1",
        f"use bce, or one output for each of the {classes} classes",
    )
    _require(
        experiment.output in loss.outputs,
        f"{loss.name} does not go with output {experiment.output}",
        f"with {loss.name} use output {' or '.join(loss.outputs)}; with output {experiment.output} use "
        f"{' or '.join(row.name for row in LOSSES.values() if experiment.output in row.outputs)}",
    )
    _require(
        not MODELS[experiment.model].logits or loss.class_indices,
        f"{_article(experiment.model)} gives logits, which {loss.name} does not take",
        "use cross-entropy, or the mlp",
    )
    column = outputs == 1 and classes == 2
    _require(
        outputs == classes or column,
        f"{_layers_text(experiment)} gives {outputs} outputs (N × {outputs}) but there are {classes} classes",
        _sizes_cure(experiment),
    )


def _sizes_cure(experiment: Experiment) -> str:
    if experiment.data in PLANES and MODELS[experiment.model].single:
        two = [name for name, plane in PLANES.items() if plane.classes == 2]
        return f"a {experiment.model} tells two classes apart: use the data {', '.join(two)}, or the mlp"
    if MODELS[experiment.model].single:
        return f"a {experiment.model} tells two classes apart: name two, like 1,7, or use the mlp"
    sizes = (*(experiment.layers or ())[:-1], n_classes(experiment))
    return f"use layers {','.join(map(str, sizes))}, or choose as many classes as outputs"


def _layers_text(experiment: Experiment) -> str:
    return f"{experiment.model} {_shape(experiment.layers)}".rstrip()


def _shape(layers: tuple[int, ...] | None) -> str:
    return "-".join(map(str, layers or ()))
