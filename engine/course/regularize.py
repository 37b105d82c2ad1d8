"""Four switches against overfitting, alone and together (course §8)."""

from __future__ import annotations

from engine.course.findings import Cell, Finding, Table
from engine.course.training import Trained, trained
from engine.experiments.experiment import Experiment

SIZE, EPOCHS, DECAY, DROPOUT, SHIFT = 500, 40, 0.01, 0.5, 2


def run(decay: float, dropout: float, shift: int, epochs: int, seed: int) -> Finding:
    """500 digits, with weight decay, dropout and shifted pictures as asked for."""
    end = _end(decay, dropout, shift, epochs, seed)
    return Finding(_value(end), Table(_COLUMNS[1:], [_row(end)]))


def table(seed: int) -> Finding:
    """Each switch alone, and all of them."""
    chosen = {
        "none": ("nothing", 0.0, 0.0, 0),
        "decay": (f"weight decay {DECAY}", DECAY, 0.0, 0),
        "dropout": (f"dropout {DROPOUT}", 0.0, DROPOUT, 0),
        "shift": (f"shifts up to {SHIFT}", 0.0, 0.0, SHIFT),
        "all": ("all three", DECAY, DROPOUT, SHIFT),
    }
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for key, (name, decay, dropout, shift) in chosen.items():
        end = _end(decay, dropout, shift, EPOCHS, seed)
        rows.append([name, *_row(end)])
        value[key] = _value(end)
    return Finding(value, Table(_COLUMNS, rows))


_COLUMNS = ["switched on", "training", "validation", "validation ℒ", "‖W[1]‖"]


def _end(decay: float, dropout: float, shift: int, epochs: int, seed: int) -> Trained:
    return trained(
        Experiment(
            layers=(784, 128, 10),
            train_size=SIZE,
            batch_size=50,
            epochs=epochs,
            seed=seed,
            weight_decay=decay,
            dropout=dropout,
            augment=f"shift:{shift}" if shift else "none",
        )
    )


def _row(end: Trained) -> list[Cell]:
    accuracies = f"{end.on_training().accuracy:.3f}", f"{end.valid.accuracy:.3f}"
    return [*accuracies, f"{end.valid.loss:.3f}", f"{_norm(end):.2f}"]


def _value(end: Trained) -> dict[str, float]:
    return {
        "train": end.on_training().accuracy,
        "valid": end.valid.accuracy,
        "loss": end.valid.loss,
        "norm": _norm(end),
    }


def _norm(end: Trained) -> float:
    """‖W[1]‖."""
    return float(next(end.model.parameters()).detach().norm())
