"""Points of the plane as data sets: what there is, and how much of it where nothing is said. It loads no torch."""

from __future__ import annotations

from typing import NamedTuple

MOST_POINTS = 100_000
POINT_COUNT, BATCH, EPOCHS = 500, 32, 40  # where nothing is said: they let mlp 2-32-16-2 learn the spiral with sgd 0.1


class Plane(NamedTuple):
    """A set of points, drawn by the function of its name in `points.py`."""

    about: str
    classes: int = 2
    noise: float = 0.1  # deviation of what is added to each coordinate


PLANES: dict[str, Plane] = {
    "xor": Plane("four squares, opposite ones of one class"),
    "circles": Plane("a circle in a circle"),
    "moons": Plane("two half circles that reach into each other"),
    "spiral": Plane("two arms wound round each other"),
    "blobs": Plane("three clouds", classes=3, noise=0.5),
}
