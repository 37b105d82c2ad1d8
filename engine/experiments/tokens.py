"""The sequences of `sequences.SEQUENCES`: of each set a function that draws them, with their answers.

An exported script has the function of its set word for word: it needs no more than torch.
"""

from __future__ import annotations

import torch

from engine.experiments.data import Digits, Partition
from engine.experiments.sequences import SEQUENCES


def load_sequences(name: str, count: int, length: int, seed: int) -> Digits:
    """Sequences for training, then as many for validation, drawn by one generator.

    `images` are the tokens, int64 (N, length); `labels` are (N), or (N, length) where each token has an answer.
    """
    generator = torch.Generator().manual_seed(seed)
    train, valid = (Partition(*SETS[name](count, length, generator), torch.arange(1, count + 1)) for _ in range(2))
    about = SEQUENCES[name]
    return Digits(name=name, train=train, valid=valid, classes=about.classes, mean=None, std=1.0, tokens=about.tokens)


def recall(n: int, length: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The answer is the first symbol."""
    symbols = torch.randint(10, (n, length), generator=generator)
    return symbols, symbols[:, 0].clone()


def marker(n: int, length: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One symbol is marked, which makes another token of it, s + 10; the answer is this symbol."""
    symbols = torch.randint(10, (n, length), generator=generator)
    rows, places = torch.arange(n), torch.randint(length, (n,), generator=generator)
    answers = symbols[rows, places]
    symbols[rows, places] += 10
    return symbols, answers


def reverse(n: int, length: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The answer at each place is the symbol at the place that is as far from the other end."""
    symbols = torch.randint(10, (n, length), generator=generator)
    return symbols, symbols.flip(1)


def greater_than(n: int, length: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The answer is 1 where the first symbol is greater than the last, else 0; the two are never the same."""
    symbols = torch.randint(10, (n, length), generator=generator)
    symbols[:, -1] = (symbols[:, 0] + torch.randint(1, 10, (n,), generator=generator)) % 10
    return symbols, (symbols[:, 0] > symbols[:, -1]).long()


SETS = {"recall": recall, "marker": marker, "reverse": reverse, "greater-than": greater_than}
