"""The command line's options for an experiment, as click types: text → the fields of an `Experiment`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from engine.experiments.attention_options import PATCHES, POSITIONS
from engine.experiments.convolutions import POOLS
from engine.experiments.experiment import INITS, OUTPUTS
from engine.experiments.losses import LOSSES
from engine.experiments.networks import ACTIVATIONS, WHOLE_SET
from engine.experiments.optimizers import OPTIMIZERS
from engine.experiments.planes import EPOCHS, PLANES, POINT_COUNT
from engine.experiments.schedules import SCHEDULES
from engine.experiments.sequences import SEQUENCE_COUNT, SEQUENCE_EPOCHS, SEQUENCES
from engine.protocol.recipe import Script
from nnwalk_tui.colours.schemes import SCHEMES

_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "k": 2**10, "m": 2**20, "g": 2**30, "": 1}


_MOST_BYTES = 2**60
_MOST_DIGITS = 18  # what has more fits into no message


def _is_whole(word: str) -> bool:
    return word.strip().isdecimal() and len(word.strip()) <= _MOST_DIGITS


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.5 on
    """Whole numbers with - or , between them: 784-32-16-10, or 1,7."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers; a usage error where one is not a whole number."""
        if isinstance(value, tuple):
            return value
        words = str(value).replace("-", ",").split(",")
        if not all(map(_is_whole, words)):
            self.fail(f"“{value:.40}” is not whole numbers with - or , between them, like 784-32-16-10", param, ctx)
        return tuple(int(word) for word in words)


class BatchSize(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.5 on
    """A number of examples, or all."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, WHOLE_SET for all."""
        if value == "all":
            return WHOLE_SET
        if not _is_whole(str(value)) or int(value) < 1:
            self.fail(f"“{value:.40}” is neither a whole number from 1 nor all", param, ctx)
        return int(value)


class Bytes(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.5 on
    """A size: 256MB, 1GB, 500000."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        digits = str(value).rstrip("kKmMgGbB")
        unit = str(value)[len(digits) :].lower()
        if not _is_whole(digits) or unit not in _UNITS or int(digits) * _UNITS[unit] > _MOST_BYTES:
            self.fail(f"“{value:.40}” is not a size like 256MB", param, ctx)
        return int(digits) * _UNITS[unit]


class ScriptName(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.5 on
    """FILE.py:FUNCTION."""

    name = "FILE.py:FUNCTION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Script:
        """The script; a usage error where no function is named."""
        if isinstance(value, Script):
            return value
        path, colon, function = str(value).rpartition(":")
        if not colon or not function.isidentifier():
            self.fail(f"“{value}” names no function: write FILE.py:FUNCTION", param, ctx)
        return Script(path, function)


_EXPERIMENT = (
    click.option("--layers", type=Numbers(), help="Sizes from the inputs on, like 784-32-16-10."),
    click.option("--activation", help=f"Of the hidden layers: {', '.join(ACTIVATIONS)}."),
    click.option("--output", help=f"Of the last layer: {', '.join(OUTPUTS)}; follows from the loss."),
    click.option(
        "--loss", help=f"{', '.join(LOSSES)}; bce for one output, cross-entropy for several, mse of pictures."
    ),
    click.option("--optimizer", help=f"{', '.join(OPTIMIZERS)}; sgd, of attention and codes adam."),
    click.option("--learning-rate", type=float, help="η; 0.1 for sgd, else the optimizer's usual one, or the model's."),
    click.option("--momentum", type=float, help="Of sgd and rmsprop."),
    click.option("--weight-decay", type=float, help="λ, as the optimizer defines it."),
    click.option("--schedule", help=f"Of the learning rate: {', '.join(SCHEDULES)}."),
    click.option("--batch-size", type=BatchSize(), help="Examples in a mini-batch, or all for batch gradient descent."),
    click.option(
        "--epochs",
        type=int,
        help=f"How often all examples are seen; 4, of points {EPOCHS}, of sequences {SEQUENCE_EPOCHS}.",
    ),
    click.option("--seed", type=int, help="Of parameters, order and dropout; 0."),
    click.option("--threads", type=int, help="For torch; 1. Other numbers give other bits."),
    click.option("--device", help="cpu, cuda, cuda:N, mps, or auto: the first accelerator there; cpu."),
    click.option("--init", help=f"Of the parameters: {', '.join(INITS)}."),
    click.option(
        "--data",
        help=f"subset (bundled), mnist (downloaded once), a folder of IDX files; points of the plane: "
        f"{', '.join(PLANES)}; or sequences of symbols: {', '.join(SEQUENCES)}.",
    ),
    click.option(
        "--points", type=int, help=f"How many points to train on, or sequences; {POINT_COUNT}, {SEQUENCE_COUNT:,}."
    ),
    click.option(
        "--length",
        type=int,
        help="Symbols of a sequence; "
        + ", ".join(f"{each.length} of {name}" for name, each in SEQUENCES.items())
        + ".",
    ),
    click.option("--noise", type=float, help="Deviation of what is added to each coordinate of a point."),
    click.option("--classes", type=Numbers(), help="Only these digits, in this order: 1,7."),
    click.option("--train-size", type=int, help="Only so many training pictures, drawn by the seed."),
    click.option("--labels", help="Of the training pictures: given, random, or noisy:20%, a share of them wrong."),
    click.option(
        "--augment", help="none, or shift:2: each training picture is moved anew in each epoch, up to 2 pixels."
    ),
    click.option("--scramble", type=int, metavar="SEED", help="The pixels of all pictures in one other order."),
    click.option("--valid-shift", type=int, metavar="PIXELS", help="Validation pictures moved to the right."),
    click.option("--channels", type=Numbers(), help="Of a convnet's convolutions, like 8-16."),
    click.option("--kernel", type=int, help="Height and width of a convnet's kernels; 3."),
    click.option("--stride", type=int, help="By how many pixels a kernel moves on; 1."),
    click.option(
        "--padding", type=int, help="Pixels of 0 on each side; as many as keep the size of an odd kernel's output."
    ),
    click.option("--dilation", type=int, help="How many pixels lie between two that a kernel looks at, and one; 1."),
    click.option("--pool", help=f"Of 2 × 2, after each convolution: {', '.join(POOLS)}; max."),
    click.option(
        "--global-pool", is_flag=True, default=None, help="At a convnet's end only each channel's greatest value."
    ),
    click.option("--heads", type=int, help="Of attention: each looks elsewhere; 1, of a transformer 2."),
    click.option("--width", type=int, help="Numbers that stand for a token where there is attention; 32."),
    click.option("--positions", help=f"Added to tokens, so that their places count: {', '.join(POSITIONS)}; learnt."),
    click.option(
        "--patch", type=int, help=f"Height and width of a picture's patch, a token: {', '.join(map(str, PATCHES))}; 7."
    ),
    click.option("--blocks", type=int, help="Of a transformer; 1."),
    click.option("--code", type=int, help="Numbers that an autoencoder makes of a picture; 8."),
    click.option("--forget-bias", type=float, help="Where an LSTM's forget gate begins, like 1."),
    click.option("--dropout", type=float, help="Probability with which hidden activations are dropped."),
    click.option("--batch-norm", is_flag=True, default=None, help="Normalise Z over the batch in hidden layers."),
)

LOOKS = (
    click.option("--theme", type=click.Choice(tuple(SCHEMES)), help=f"Colours: {', '.join(SCHEMES)}; the terminal's."),
    click.option("--ascii", "ascii_only", is_flag=True, help="No character outside ASCII."),
    click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal."),
)

_PROGRAM = (
    click.option("--history", type=Bytes(), help="Memory for going back; 256MB."),
    click.option("--audit", is_flag=True, help="Run and show each batch, but apply no update."),
    click.option("--headless", is_flag=True, help="No screen: carry out -c and -x, print, end."),
    click.option("-c", "--command", "commands", multiple=True, help="A command to carry out at the start; repeatable."),
    click.option(
        "-x",
        "--commands-from",
        "script_file",
        type=click.Path(),
        help="A file of commands; - for standard input.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Headless: one JSON object a command."),
    click.option("--force", is_flag=True, help="Headless: replace files that are there, as save! does."),
    *LOOKS,
)


class Program(NamedTuple):
    """The options that are not of the experiment, but of how it is shown."""

    history: int | None
    audit: bool
    headless: bool
    commands: tuple[str, ...]
    script_file: str | None
    as_json: bool
    force: bool
    theme: str | None
    ascii_only: bool
    no_mouse: bool

    @classmethod
    def of(cls, options: dict[str, Any]) -> Program:
        """Taken out of a command's options."""
        return cls(*(options.pop(name) for name in cls._fields))


def experiment_options(function: Callable[..., None]) -> Callable[..., None]:
    """All options of an experiment."""
    return _with(_EXPERIMENT, function)


def program_options(function: Callable[..., None]) -> Callable[..., None]:
    """All options of the program."""
    return _with(_PROGRAM, function)


def looks_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options about how the screen looks."""
    return _with(LOOKS, function)


def _with(options: Sequence[Callable[..., Any]], function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(options):
        function = option(function)
    return function
