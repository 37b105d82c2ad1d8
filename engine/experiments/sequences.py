"""Sequences of tokens as data sets: what there is, and how much of it where nothing is said. It loads no torch."""

from __future__ import annotations

from typing import NamedTuple

SYMBOLS = 10  # 0 … 9, of which sequences are made
SEQUENCE_COUNT, SEQUENCE_EPOCHS = 2000, 20  # where nothing is said
MOST_TOKENS = 100  # of a sequence


class Sequences(NamedTuple):
    """A set of sequences, drawn by the function of its name in `tokens.py`, each with one answer, or one a token."""

    about: str
    length: int = 8  # tokens
    tokens: tuple[str, ...] = tuple(map(str, range(SYMBOLS)))  # what each is called
    classes: tuple[str, ...] = tuple(map(str, range(SYMBOLS)))  # what the answers are called
    each: bool = False  # whether each token has an answer


SEQUENCES: dict[str, Sequences] = {
    "recall": Sequences("which symbol came first?", length=10),
    "marker": Sequences(
        "which symbol is marked?", tokens=tuple(f"{symbol}{mark}" for mark in ("", "*") for symbol in range(SYMBOLS))
    ),
    "reverse": Sequences("the symbols backwards", each=True),
    "greater-than": Sequences("is the first symbol greater than the last?", length=2, classes=("<", ">")),
}
