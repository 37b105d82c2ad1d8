"""What is trained, and how: the recipe of a run, its defaults, and whether its parts fit together.

Importing this loads no torch, so that the command line can check an experiment before the engine starts. Longer than
others: what an option may be is checked beside the options that it must fit.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import msgspec

from engine.errors import ExperimentError
from engine.experiments.convolutions import Convolutions
from engine.experiments.data_options import GIVEN, MOST_MOVED, UNMOVED, widest_shift, wrong_share
from engine.experiments.kinds import DIGITS, POINTS, SYNTHETIC, TOKENS, kind_of
from engine.experiments.losses import LOSSES
from engine.experiments.networks import ACTIVATIONS, MODELS, OPTIONS, SIDE, WHOLE_SET, shape_of
from engine.experiments.optimizers import OPTIMIZERS, check_options
from engine.experiments.planes import BATCH, EPOCHS, MOST_POINTS, PLANES, POINT_COUNT
from engine.experiments.schedules import SCHEDULES
from engine.experiments.sequences import MOST_TOKENS, SEQUENCE_COUNT, SEQUENCE_EPOCHS, SEQUENCES

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
N_DIGITS = 10
DIGITS_EPOCHS = 4  # where nothing is said
TOKEN_CODE = 8  # numbers that a recurrent network takes for a token, where nothing is said
MOST_EPOCHS, MOST_THREADS, _MOST_WEIGHTS = 1_000_000, 1024, 10**9  # a slip of the finger, or a hostile file
_MOST_SIZES = 200  # of layers


class Usual(NamedTuple):
    """What is trained on examples of a kind where nothing is said; None: that of the model, or nothing."""

    epochs: int
    batch_size: int | None = None
    examples: int | None = None


USUAL = {
    DIGITS: Usual(DIGITS_EPOCHS),
    POINTS: Usual(EPOCHS, BATCH, POINT_COUNT),
    TOKENS: Usual(SEQUENCE_EPOCHS, None, SEQUENCE_COUNT),
}

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")

_T = TypeVar("_T")


class Experiment(msgspec.Struct, frozen=True):
    """The recipe of a run. None leaves the choice to `resolve`, which takes the other fields into account."""

    model: str = "mlp"  # of MODELS
    layers: tuple[int, ...] | None = None  # sizes from the inputs on; a convnet has none
    activation: str | None = None  # of ACTIVATIONS, of the hidden layers
    output: str | None = None  # of OUTPUTS; softmax with cross-entropy gives logits
    loss: str | None = None  # of losses.LOSSES
    optimizer: str | None = None  # of optimizers.OPTIMIZERS
    learning_rate: float | None = None
    momentum: float | None = None  # None: the optimizer's own, if it has any
    weight_decay: float | None = None
    batch_size: int | None = None  # WHOLE_SET: all training examples in one batch
    epochs: int | None = None
    seed: int = 0
    threads: int = 1
    init: str | None = None  # of INITS
    data: str = "subset"  # or "mnist", a set of kinds.SYNTHETIC, or a folder of IDX files
    classes: tuple[int, ...] | None = None  # None: all ten digits
    train_size: int | None = None  # training pictures, drawn by the seed; None: all there are
    labels: str = GIVEN  # or "random", or "noisy:20%": of the training pictures
    points: int | None = None  # or sequences, of a set of them, for training; None: none, or the usual number
    noise: float | None = None  # added to points: its deviation
    length: int | None = None  # tokens of a sequence
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
    heads: int | None = None  # of a network with attention, as the fields down to blocks: see `attention_options`
    width: int | None = None
    positions: str | None = None
    patch: int | None = None
    blocks: int | None = None
    code: int | None = None  # numbers of an autoencoder's code
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
    model, kind = MODELS[experiment.model], kind_of(experiment.data)
    optimizer = OPTIMIZERS[experiment.optimizer or model.optimizer]
    usual, plane = USUAL[kind], PLANES.get(experiment.data)
    rate = model.learning_rate if optimizer.name == model.optimizer and plane is None else None
    whole = msgspec.structs.replace(
        experiment,
        optimizer=optimizer.name,
        learning_rate=_given(experiment.learning_rate, _given(rate, optimizer.learning_rate)),
        weight_decay=_given(experiment.weight_decay, optimizer.weight_decay),
        batch_size=_given(experiment.batch_size, _given(usual.batch_size, model.batch_size)),
        epochs=_given(experiment.epochs, usual.epochs),
        points=_given(experiment.points, usual.examples),
        noise=_given(experiment.noise, plane.noise if plane else None),
        length=_given(experiment.length, SEQUENCES[experiment.data].length if kind == TOKENS else None),
        init=_given(experiment.init, model.init),
        activation=_given(experiment.activation, model.activation),
        classes=_given(experiment.classes, model.classes if kind == DIGITS else None),
    )
    _check_kind(whole)
    whole = _with_shape(_with_output(_with_layers(whole)))
    _check_numbers(whole)
    _check_data_options(whole)
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
    if experiment.data in SEQUENCES:
        return len(SEQUENCES[experiment.data].classes)
    return N_DIGITS if experiment.classes is None else len(experiment.classes)


def answers_each(experiment: Experiment) -> bool:
    """Whether each token of an example has an answer."""
    return experiment.data in SEQUENCES and SEQUENCES[experiment.data].each


def _given(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _with_layers(experiment: Experiment) -> Experiment:
    """The usual sizes where none are given, for what the examples are; and of what rebuilds them, the code's."""
    row, sizes = MODELS[experiment.model], experiment.layers
    if sizes is None and row.layers is not None:
        usual = row.layers(n_classes(experiment))
        sizes = (_inputs(experiment, usual[0]), *usual[1:])
        if row.rebuilds and experiment.code is not None:
            sizes = (*sizes[: len(sizes) // 2], experiment.code, *sizes[len(sizes) // 2 + 1 :])
    code = _given(experiment.code, sizes[len(sizes) // 2] if row.rebuilds and sizes else None)
    return msgspec.structs.replace(experiment, layers=sizes, code=code)


def _inputs(experiment: Experiment, usual: int) -> int:
    """How many numbers a layer takes that is the first."""
    return {DIGITS: usual, POINTS: 2, TOKENS: TOKEN_CODE}[kind_of(experiment.data)]


def _with_output(experiment: Experiment) -> Experiment:
    """The output activation follows from the loss, the loss from the output activation, and both from the outputs."""
    loss, output = experiment.loss, experiment.output
    if MODELS[experiment.model].rebuilds:
        return msgspec.structs.replace(experiment, loss=_given(loss, "mse"), output=_given(output, "linear"))
    if loss is None and output is None:
        loss = "bce" if _n_outputs(experiment) == 1 else "cross-entropy"
    elif loss is None:
        loss = {"softmax": "cross-entropy", "sigmoid": "bce", "linear": "mse"}[str(output)]
    return msgspec.structs.replace(experiment, loss=loss, output=_given(output, LOSSES[str(loss)].outputs[0]))


def shape(experiment: Experiment) -> Any:
    """What its model has to choose beside layers, all chosen: Convolutions, say, or None."""
    return shape_of(experiment.model, _chosen(experiment), kind_of(experiment.data))


def _chosen(experiment: Experiment) -> dict[str, Any]:
    return {name: value for name in OPTIONS if (value := getattr(experiment, name)) is not None}


def _with_shape(experiment: Experiment) -> Experiment:
    given = _chosen(experiment)
    for option in given:
        owners = OPTIONS[option]
        _require(
            experiment.model in owners,
            f"{_article(experiment.model)} has no {option.replace('_', '-')}",
            f"leave it out, or use the {' or the '.join(owners)}",
        )
    found = shape(experiment)
    if isinstance(found, Convolutions):
        found.features(SIDE)
    return experiment if found is None else msgspec.structs.replace(experiment, **found._asdict())


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


def _check_kind(experiment: Experiment) -> None:
    """Whether the model learns from examples of this kind."""
    name, data, kind, row = experiment.model, experiment.data, kind_of(experiment.data), MODELS[experiment.model]
    fitting = [each for each, other in MODELS.items() if kind in other.data]
    cures = fitting if not answers_each(experiment) else [each for each in fitting if MODELS[each].each]
    _require(
        kind in row.data,
        f"{_article(name)} takes {' or '.join(row.data)}, and {data} has {kind}",
        f"use the {', the '.join(cures)}, or other data",
    )
    _require(
        name in cures,
        f"{data} asks for an answer at each token, and {_article(name)} gives one at the end",
        f"use the {' or the '.join(cures)}, or the data {', '.join(k for k, v in SEQUENCES.items() if not v.each)}",
    )


_OF_PICTURES = (("classes", None), ("train_size", None), ("scramble", None), ("valid_shift", 0), ("augment", UNMOVED))


def _check_data_options(experiment: Experiment) -> None:
    kind, data = kind_of(experiment.data), experiment.data
    wrong_share(experiment.labels)
    for option, of, sets in (
        ("points", "points or sequences", SYNTHETIC),
        ("noise", "points of the plane", tuple(PLANES)),
        ("length", "sequences", tuple(SEQUENCES)),
    ):
        _require(
            data in sets or getattr(experiment, option) is None,
            f"{option} is of {of}, and {data} has {'pictures' if kind == DIGITS else kind}",
            f"leave it out, or use --data {', '.join(sets)}",
        )
    if kind == DIGITS:
        _check_pictures(experiment)
        return
    for option, usual in _OF_PICTURES:
        words = option.replace("_", "-")
        _require(getattr(experiment, option) == usual, f"{words} is of pictures, and {data} has {kind}", "leave it out")
    (_check_points if kind == POINTS else _check_sequences)(experiment)


def _check_points(experiment: Experiment) -> None:
    name, noise, sizes = experiment.data, experiment.noise or 0.0, experiment.layers
    _require(
        not sizes or sizes[0] == 2,
        f"layers {_shape(sizes)} take (N × {sizes and sizes[0]}) but the points of {name} give (N × 2)",
        "let the first layer size be 2",
    )
    _check_count(experiment, PLANES[name].classes)
    _require(noise >= 0 and math.isfinite(noise), f"the noise {noise:g} is not from 0 on", "use for example 0.1")


def _check_sequences(experiment: Experiment) -> None:
    length = experiment.length or 0
    _require(
        2 <= length <= MOST_TOKENS, f"{length} tokens are too few or too many for a sequence", f"use 2 to {MOST_TOKENS}"
    )
    _check_count(experiment, 2)


def _check_count(experiment: Experiment, fewest: int) -> None:
    what = kind_of(experiment.data) if experiment.data in PLANES else "sequences"
    _require(
        fewest <= (experiment.points or 0) <= MOST_POINTS,
        f"{experiment.points} {what} are too few or too many",
        f"use {fewest} to {MOST_POINTS:,}",
    )


def _check_pictures(experiment: Experiment) -> None:
    size, order = experiment.train_size, experiment.scramble
    _require(size is None or size >= 1, f"{size} training pictures teach nothing", "use a number from 1")
    _require(order is None or 0 <= order < 2**63, f"the scramble seed {order} is out of range", "use 0 to 2⁶³ − 1")
    _require(
        abs(experiment.valid_shift) <= MOST_MOVED,
        f"a picture moved by {experiment.valid_shift} of 28 pixels is out of sight",
        f"use −{MOST_MOVED} to {MOST_MOVED}",
    )
    moved = widest_shift(experiment.augment) > 0
    _require(
        not moved or order is None,
        f"{experiment.augment} moves pixels to their neighbours' places, which scrambled pictures do not have",
        "leave out one of augment and scramble",
    )
    if MODELS[experiment.model].rebuilds:
        _require(not moved, f"{experiment.augment} moves inputs away from their targets, themselves", "leave it out")
        _require(
            experiment.labels == GIVEN,
            f"{_article(experiment.model)} learns without labels, so {experiment.labels} ones change nothing",
            "leave them out",
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
    unknown = [digit for digit in classes if not 0 <= digit < N_DIGITS]
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
    if model.recurrent:
        digits = kind_of(experiment.data) == DIGITS
        _require(
            len(sizes) == 3 and (sizes[0] == SIDE or not digits),
            f"layers {_shape(sizes)} are not those of {_article(experiment.model)}, which takes "
            f"{f'{SIDE} pixels' if digits else 'a token'} a step",
            f"give inputs, units and outputs, like {SIDE if digits else TOKEN_CODE},32,{n_classes(experiment)}",
        )
    if model.rebuilds:
        _check_code(experiment, sizes)
    if model.single:
        _require(
            len(sizes) == 2 and sizes[1] == 1,
            f"layers {_shape(sizes)} are not those of one neuron",
            "leave them out, or use the mlp",
        )


def _check_code(experiment: Experiment, sizes: tuple[int, ...]) -> None:
    """Whether what rebuilds its inputs has a code in its middle, of the size that is asked for."""
    _require(
        len(sizes) % 2 == 1 and sizes[0] == sizes[-1],
        f"layers {_shape(sizes)} do not lead to a code in their middle and back to the {sizes[0]} inputs",
        f"use an odd number of sizes, the last as the first, like {sizes[0]},64,8,64,{sizes[0]}",
    )
    middle = sizes[len(sizes) // 2]
    _require(
        experiment.code == middle,
        f"layers {_shape(sizes)} have a code of {middle} numbers, not {experiment.code}",
        "leave out one of layers and code",
    )


def _check_extras(experiment: Experiment) -> None:
    model, name = MODELS[experiment.model], _article(experiment.model)
    _require(
        experiment.activation in model.activations,
        f"{name} does not take the activation {experiment.activation}",
        f"use {' or '.join(model.activations)}, or the mlp",
    )
    _require(model.rebuilds or experiment.code is None, f"{name} has no code", "leave it out, or use the autoencoder")
    bias = experiment.forget_bias
    _require(
        bias is None or (experiment.model == "lstm" and math.isfinite(bias)),
        f"{name} has no forget gate" if experiment.model != "lstm" else f"a forget bias of {bias} is no number",
        "only the lstm has one; 1 is usual",
    )
    hidden = not model.recurrent and len(experiment.layers or ()) > 2
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
    return f"an {model}" if model in ("rnn", "lstm", "mlp") or model[0] in "aeiou" else f"a {model}"


def _check_loss(experiment: Experiment) -> None:
    loss, classes, outputs = LOSSES[str(experiment.loss)], n_classes(experiment), _n_outputs(experiment)
    if MODELS[experiment.model].rebuilds:
        fitting = [row.name for row in LOSSES.values() if "linear" in row.outputs]
        _require(
            loss.name in fitting and experiment.output == "linear",
            f"{_article(experiment.model)} gives pixels of any size, which {loss.name} with output {experiment.output} "
            "does not take",
            f"use {', '.join(fitting)} with output linear",
        )
        return
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
