"""A classifier that does not learn: the digit whose average image is nearest (course §3.2)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from engine.course.dataset import picture
from engine.course.findings import Cell, Finding, Table
from engine.course.pairs import digits
from engine.experiments.data import N_CLASSES


@lru_cache(maxsize=2)
def _averages(source: str) -> Tensor:
    """The mean training image of each digit, (10, 784)."""
    part = digits(source).train
    flat = part.images.flatten(1)
    return torch.stack([flat[part.labels == digit].mean(0) for digit in range(N_CLASSES)])


@lru_cache(maxsize=4)
def _distances(source: str, distance: str) -> Tensor:
    """Of every validation image from every average, (N, 10): the mean over the pixels of |difference| or its square."""
    flat, averages = digits(source).valid.images.flatten(1), _averages(source)
    columns = []
    for average in averages:  # one digit at a time: all at once would take N × 10 × 784 numbers
        difference = flat - average
        columns.append((difference.abs() if distance == "absolute" else difference.square()).mean(1))
    return torch.stack(columns, 1)


def averages(source: str) -> Finding:
    """The ten average images."""
    shown = [picture(image, str(digit)) for digit, image in enumerate(_averages(source))]
    ink = {str(digit): float(image.mean()) for digit, image in enumerate(_averages(source))}
    return Finding(ink, pictures=shown)


def accuracy(source: str, distance: str) -> Finding:
    """How many validation images the nearest average names rightly."""
    labels = digits(source).valid.labels
    right = int((_distances(source, distance).argmin(1) == labels).sum())
    value = {"accuracy": right / len(labels), "right": right, "of": len(labels)}
    return Finding(value, note=f"{right} of {len(labels)} right")


def random_guess(seed: int) -> Finding:
    """A guess without looking: its accuracy on the validation images, and what is expected of it."""
    labels = digits("subset").valid.labels
    guesses = torch.randint(0, N_CLASSES, labels.shape, generator=torch.Generator().manual_seed(seed))
    return Finding({"expected": 1 / N_CLASSES, "this_seed": float((guesses == labels).float().mean())})


def mistakes(source: str, distance: str) -> Finding:
    """For each digit: how often it is named rightly, what it is taken for, and one that went wrong."""
    part = digits(source).valid
    guesses = _distances(source, distance).argmin(1)
    table = torch.zeros(N_CLASSES, N_CLASSES, dtype=torch.int64)
    table.index_put_((part.labels, guesses), torch.ones_like(guesses), accumulate=True)
    rows: list[list[Cell]] = []
    for digit, row in enumerate(table):
        wrong = row.clone()
        wrong[digit] = 0
        taken_for: Cell = int(wrong.argmax()) if wrong.any() else "–"
        rows.append([digit, float(row[digit] / row.sum()), taken_for, int(wrong.max())])
    shares = [float(row[digit] / row.sum()) for digit, row in enumerate(table)]
    shown = []
    for at in (guesses != part.labels).nonzero().flatten()[:8].tolist():
        shown.append(picture(part.images[at], f"{int(part.labels[at])}→{int(guesses[at])}"))
    said = torch.bincount(guesses, minlength=N_CLASSES)
    value = {
        "worst": min(range(N_CLASSES), key=lambda digit: shares[digit]),
        "best": max(range(N_CLASSES), key=lambda digit: shares[digit]),
        "most_said": int(said.argmax()),
        "times_said": int(said.max()),
        "of": len(guesses),
    }
    return Finding(value, Table(["digit", "right", "most taken for", "times"], rows), pictures=shown)


def distances(example: int, distance: str) -> Finding:
    """One validation image, compared with the averages one after another: who leads after each."""
    part = digits("subset").valid
    row = _distances("subset", distance)[example - 1]
    rows: list[list[Cell]] = []
    best = 0
    for digit, value in enumerate(row.tolist()):
        best = digit if value < float(row[best]) else best
        rows.append([digit, value, f"{best}" + (" ◀ new best" if best == digit else "")])
    label = int(part.labels[example - 1])
    shown = [picture(part.images[example - 1], f"a {label}"), picture(_averages("subset")[best], f"nearest: {best}")]
    found = {"label": label, "guess": int(row.argmin()), "distance": float(row.min()), "to_own": float(row[label])}
    return Finding(found, Table(["average of", "distance", "nearest so far"], rows), pictures=shown)


def ink(source: str) -> Finding:
    """How much of a validation picture is ink, by digit; and how dark its average is."""
    part = digits(source).valid
    dark = part.images.flatten(1).mean(1)
    rows: list[list[Cell]] = [
        [digit, float(dark[part.labels == digit].mean()), float(_averages(source)[digit].abs().mean())]
        for digit in range(N_CLASSES)
    ]
    least = min(range(N_CLASSES), key=lambda digit: float(rows[digit][1]))
    return Finding({"least_ink": least}, Table(["digit", "mean pixel", "mean |average|"], rows))
