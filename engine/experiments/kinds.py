"""What an experiment's examples can be: digits, points of the plane, or sequences of tokens. It loads no torch."""

from __future__ import annotations

from engine.experiments.planes import PLANES
from engine.experiments.sequences import SEQUENCES

DIGITS, POINTS, TOKENS = "digits", "points", "tokens"
SYNTHETIC = (*PLANES, *SEQUENCES)  # sets that are drawn by the seed


def kind_of(data: str) -> str:
    """What the examples of a data set are."""
    return POINTS if data in PLANES else TOKENS if data in SEQUENCES else DIGITS
