"""What a convolutional network takes for granted: that neighbours belong together, wherever they stand (course §9)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from torch import Tensor

from engine.course.findings import Cell, Finding, Table
from engine.course.pairs import digits
from engine.course.progress import told
from engine.course.training import Trained, measure, trained
from engine.experiments.alterations import altered
from engine.experiments.experiment import Experiment

SIZE, EPOCHS, RATE = 2000, 4, 0.005
SCRAMBLE = 1
MOVES = (0, 2, 4, 6)  # pixels to the right

_KINDS: dict[str, dict[str, Any]] = {
    "dense": {"model": "mlp"},
    "conv": {"model": "convnet"},
    "global": {"model": "convnet", "global_pool": True},
}


def _end(kind: str, seed: int, scramble: int | None = None) -> Trained:
    return trained(
        Experiment(
            train_size=SIZE,
            optimizer="adam",
            learning_rate=RATE,
            epochs=EPOCHS,
            seed=seed,
            scramble=scramble,
            **_KINDS[kind],
        )
    )


def _parameters(end: Trained) -> int:
    return sum(parameter.numel() for parameter in end.model.parameters())


def scrambled(seed: int) -> Finding:
    """A dense and a convolutional network, on digits and on digits whose pixels stand in one other order."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for kind, name in told((("dense", "dense"), ("conv", "convolutional"))):
        plain, other = _end(kind, seed), _end(kind, seed, SCRAMBLE)
        rows.append([name, _parameters(plain), f"{plain.valid.accuracy:.3f}", f"{other.valid.accuracy:.3f}"])
        value[kind] = {
            "parameters": _parameters(plain),
            "plain": plain.valid.accuracy,
            "scrambled": other.valid.accuracy,
        }
    return Finding(value, Table(["network", "parameters", "digits", "scrambled"], rows))


def shifted(seed: int) -> Finding:
    """Trained on digits as they are, judged on validation digits that are moved to the right."""
    found: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for kind, by in told([(kind, by) for kind in _KINDS for by in MOVES]):
        found[kind].append(_moved(kind, seed, by))
    rows: list[list[Cell]] = [
        [by, *(f"{accuracies[at]:.3f}" for accuracies in found.values())] for at, by in enumerate(MOVES)
    ]
    value: dict[str, object] = {
        kind: {f"by{by}": accuracy for by, accuracy in zip(MOVES, accuracies, strict=True)}
        for kind, accuracies in found.items()
    }
    return Finding(value, Table(["moved by", "dense", "convolutional", "with global pooling"], rows))


@lru_cache(maxsize=len(_KINDS) * len(MOVES))
def _moved(kind: str, seed: int, by: int) -> float:
    end = _end(kind, seed)
    part = altered(digits("subset"), Experiment(valid_shift=by)).valid
    inputs: Tensor = part.images.flatten(1) if kind == "dense" else part.images
    return measure(end.model, [(inputs, part.labels)]).accuracy
