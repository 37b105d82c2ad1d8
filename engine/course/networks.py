""" "3-2-3 sigmoid sigmoid bce": a question's network, read without torch."""

from __future__ import annotations

from typing import NamedTuple

from engine.errors import ExperimentError
from engine.experiments.losses import LOSSES
from engine.experiments.networks import ACTIVATIONS

_UNDERIVED = ("mae",)  # derivations has no rule for it
LARGEST = 1000


class Description(NamedTuple):
    """Layer sizes from the inputs on, hidden activation, output activation, loss."""

    widths: list[int]
    activation: str
    output: str
    loss: str


def sizes(layers: str) -> list[int]:
    """The numbers of "3-2-3". Raises ExperimentError."""
    words = layers.split("-")
    if len(words) < 2 or not all(word.isdecimal() and 1 <= int(word) <= LARGEST for word in words):
        raise ExperimentError(f"“{layers}” is not sizes of layers", "write for example 3-2-3")
    return [int(word) for word in words]


def describe(text: str) -> Description:
    """What the four words mean. Raises ExperimentError naming the one that is wrong."""
    words = text.split()
    if len(words) != 4:
        raise ExperimentError(f"“{text}” does not describe a network", "write for example 3-2-3 sigmoid sigmoid bce")
    layers, activation, output, loss = words
    if activation not in ACTIVATIONS:
        raise ExperimentError(f"there is no activation “{activation}”", f"use one of {', '.join(ACTIVATIONS)}")
    known = [name for name in LOSSES if name not in _UNDERIVED]
    if loss not in known:
        raise ExperimentError(f"there is no loss “{loss}” here", f"use one of {', '.join(known)}")
    if output not in LOSSES[loss].outputs:
        raise ExperimentError(f"{output} outputs do not go with {loss}", f"use {' or '.join(LOSSES[loss].outputs)}")
    return Description(sizes(layers), activation, output, loss)
