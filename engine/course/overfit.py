"""Knowing by heart: few digits, labels drawn by lot, and when to stop (course §8).

That labels drawn by lot are learnt, too, is the experiment of Zhang et al. 2017, "Understanding deep learning requires
rethinking generalization".
"""

from __future__ import annotations

from itertools import pairwise

from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.training import Course, course_of
from engine.experiments.experiment import Experiment

LABELS = {"given": "given", "random": "random", "noisy": "noisy:20%"}
SIZES = (784, 64, 10)
SIZE, EPOCHS = 200, 30

_SHOWN = (0, 1, 2, 3, 5, 10, 15, 20, 25, 30, 40, 60)


def experiment(size: int, labels: str, epochs: int, seed: int, hidden: int = SIZES[1]) -> Experiment:
    """A small network, few digits, batches of 20."""
    layers = (SIZES[0], hidden, SIZES[2])
    return Experiment(layers=layers, train_size=size, labels=LABELS[labels], batch_size=20, epochs=epochs, seed=seed)


def train(size: int, labels: str, epochs: int, seed: int) -> Finding:
    """Accuracy and loss on training and on validation pictures, epoch by epoch."""
    run = course_of(experiment(size, labels, epochs, seed))
    marked = {run.best: "◀ least validation loss", run.known: "◀ all training labels known"}
    shown = sorted({*(epoch for epoch in _SHOWN if epoch <= epochs), run.best, run.known, epochs})
    rows: list[list[Cell]] = [[str(epoch), *_numbers(run, epoch), marked.get(epoch, "")] for epoch in shown]
    columns = ["epoch", "training", "validation", "training ℒ", "validation ℒ", ""]
    return Finding(_value(run), Table(columns, rows))


def _numbers(run: Course, epoch: int) -> list[Cell]:
    train, valid = run.train[epoch], run.valid[epoch]
    return [f"{train.accuracy:.3f}", f"{valid.accuracy:.3f}", f"{train.loss:.3f}", f"{valid.loss:.3f}"]


def _value(run: Course) -> dict[str, object]:
    best, train, valid = run.valid[run.best], run.train[-1], run.valid[-1]
    return {
        "known": run.known,
        "train": train.accuracy,
        "valid": valid.accuracy,
        "gap": train.accuracy - valid.accuracy,
        "best": run.best,
        "best_loss": best.loss,
        "last_loss": valid.loss,
        "best_train": run.train[run.best].accuracy,
        "best_accuracy": best.accuracy,
        "sure_best": best.sure_of_wrong,
        "sure_last": valid.sure_of_wrong,
    }


def loss(size: int, labels: str, epochs: int, seed: int) -> Finding:
    """Both losses by epoch, and the least validation loss."""
    run = course_of(experiment(size, labels, epochs, seed))
    x = [float(epoch) for epoch in range(epochs + 1)]
    series = [
        Series("training", x, [each.loss for each in run.train]),
        Series("validation", x, [each.loss for each in run.valid]),
        Series("least", [float(run.best)], [run.valid[run.best].loss], marks=True),
    ]
    return Finding(_value(run), plot=Plot(series, "epoch", "ℒ"))


def labels(seed: int) -> Finding:
    """The same network on right labels and on labels drawn by lot."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {"parameters": sum(n_out * (n_in + 1) for n_in, n_out in pairwise(SIZES))}
    for kind, name in (("given", "right"), ("random", "by lot")):
        run = course_of(experiment(SIZE, kind, EPOCHS, seed))
        rows.append([name, run.known, *_accuracies(run)])
        value[kind] = _value(run)
    return Finding(value, Table(["labels", "all known after epoch", "training", "validation", "gap"], rows))


def cures(seed: int) -> Finding:
    """What closes the gap: twice the epochs, four times the neurons, or five times the digits."""
    chosen = {
        "epochs": (f"{2 * EPOCHS} epochs", experiment(SIZE, "given", 2 * EPOCHS, seed)),
        "neurons": (f"{4 * SIZES[1]} neurons", experiment(SIZE, "given", EPOCHS, seed, 4 * SIZES[1])),
        "digits": (f"{5 * SIZE} digits", experiment(5 * SIZE, "given", EPOCHS // 3, seed)),
    }
    plain = course_of(experiment(SIZE, "given", EPOCHS, seed))
    rows: list[list[Cell]] = [["as it was", *_accuracies(plain)]]
    value: dict[str, object] = {"plain": _value(plain)}
    for key, (name, each) in chosen.items():
        run = course_of(each)
        rows.append([name, *_accuracies(run)])
        value[key] = _value(run)
    return Finding(value, Table(["instead", "training", "validation", "gap"], rows))


def _accuracies(run: Course) -> list[Cell]:
    train, valid = run.train[-1].accuracy, run.valid[-1].accuracy
    return [f"{number:.3f}" for number in (train, valid, train - valid)]
