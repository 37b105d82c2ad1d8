"""The losses: how to make them, what targets they want, and which output activation they go with.

Importing this loads no torch. A new loss is a row of LOSSES.
"""

from __future__ import annotations

import msgspec


class LossSpec(msgspec.Struct, frozen=True):
    """One loss, as a mean over all values of (N × n_y) predictions."""

    name: str
    formula: str
    outputs: tuple[str, ...]  # output activations it goes with, the default first
    class_indices: bool = False  # targets are (N) int64; else float (N × n_y): one column for two classes, or one-hot


_ROWS = (
    LossSpec("bce", "−mean(Y ∗ log Ŷ + (1 − Y) ∗ log(1 − Ŷ))", ("sigmoid",)),
    LossSpec("cross-entropy", "−mean₀(log softmax(Z)[label])", ("softmax",), class_indices=True),
    LossSpec("mse", "mean((Ŷ − Y)²)", ("sigmoid", "linear")),
    LossSpec("half-mse", "½·mean((Ŷ − Y)²)", ("sigmoid", "linear")),
    LossSpec("mae", "mean(|Ŷ − Y|)", ("sigmoid", "linear")),
)

LOSSES: dict[str, LossSpec] = {row.name: row for row in _ROWS}
