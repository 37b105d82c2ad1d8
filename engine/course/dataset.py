"""What a data set is made of: shapes, partitions, pixels, one-hot targets, and who is missing (course §2, §3.1)."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from engine.course.dense import size_text
from engine.course.findings import Cell, Finding, Picture, Table
from engine.course.pairs import digits
from engine.course.progress import told
from engine.experiments.data import MEAN, N_CLASSES, STD, BatchLoader


def picture(image: Tensor, caption: str) -> Picture:
    """A normalised image (…, 28, 28) as grey levels."""
    return shaded(image.reshape(28, 28) * STD + MEAN, caption)


def shaded(brightness: Tensor, caption: str) -> Picture:
    """Brightness 0…1, (height, width), as grey levels; what lies beyond is black or white."""
    levels = (brightness * 255).clamp(0, 255).round().to(torch.uint8)
    height, width = levels.shape
    return Picture(height, width, levels.numpy().tobytes(), caption)


def shapes(source: str) -> Finding:
    """What a loading program prints, and the matrices X and Y that the course makes of it."""
    loaded = digits(source)
    value: dict[str, object] = {}
    rows: list[list[Cell]] = []
    for name, part in (("train", loaded.train), ("valid", loaded.valid)):
        flat, hot = part.images.flatten(1), functional.one_hot(part.labels, N_CLASSES)
        for what, tensor in (("inputs", part.images), ("targets", part.labels), ("X", flat), ("Y", hot)):
            value[f"{name}_{what}"] = list(tensor.shape)
            rows.append([name, what, size_text(tensor)])
    value["n_train"], value["n_valid"] = len(loaded.train.labels), len(loaded.valid.labels)
    return Finding(value, Table(["partition", "what", "shape"], rows))


def normalised(source: str) -> Finding:
    """Pixels before and after (p/255 − 0.1307)/0.3081, and what that does to the whole training partition."""
    images = digits(source).train.images
    std, mean = torch.std_mean(images)
    rows: list[list[Cell]] = [[p, p / 255, (p / 255 - MEAN) / STD] for p in (0, 64, 128, 192, 255)]
    value = {"mean": float(mean), "std": float(std), "black": (0 - MEAN) / STD, "white": (1 - MEAN) / STD}
    return Finding(value, Table(["pixel", "pixel/255", "normalised"], rows))


def one_hot(count: int) -> Finding:
    """The first labels and their rows of Y."""
    labels = digits("subset").train.labels[:count]
    hot = functional.one_hot(labels, N_CLASSES)
    rows: list[list[Cell]] = [
        [int(label), " ".join(map(str, row.tolist()))] for label, row in zip(labels, hot, strict=True)
    ]
    value = {"ones_per_row": int(hot.sum(1).max()), "columns": hot.shape[1]}
    return Finding(value, Table(["label", "its row of Y"], rows))


def samples(count: int, first: int) -> Finding:
    """Some training images with their labels."""
    part = digits("subset").train
    chosen = range(first - 1, first - 1 + count)
    shown = [picture(part.images[at], f"label {int(part.labels[at])}") for at in chosen]
    return Finding([int(part.labels[at]) for at in chosen], pictures=shown)


def counts(source: str) -> Finding:
    """How many examples of each digit there are."""
    loaded = digits(source)
    train, valid = (torch.bincount(part.labels, minlength=N_CLASSES) for part in (loaded.train, loaded.valid))
    rows: list[list[Cell]] = [[digit, int(train[digit]), int(valid[digit])] for digit in range(N_CLASSES)]
    value = {"fewest": int(train.argmin()), "most": int(train.argmax())}
    return Finding(value, Table(["digit", "train", "valid"], rows))


_DRAWS = 3


def missing(digit: int, keep: int) -> Finding:
    """A softmax classifier trained with only `keep` pictures of one digit: accuracy over all, and for that digit.

    Which pictures are kept is drawn three times; the table is of the draw in the middle.
    """
    full = _with_all_pictures()
    drawn = sorted((_per_digit(_kept(digit, keep, seed)) for seed in told(range(_DRAWS))), key=lambda each: each[digit])
    fewer = drawn[_DRAWS // 2]
    rows: list[list[Cell]] = [[d, full[d], fewer[d], "◀ rare" if d == digit else ""] for d in range(N_CLASSES)]
    rows.append(["all", full[-1], fewer[-1], ""])
    value = {"overall_before": full[-1], "overall_after": fewer[-1], "before": full[digit], "after": fewer[digit]}
    value |= {"least": drawn[0][digit], "most": drawn[-1][digit]}
    band = f"{drawn[0][digit]:.3f} to {drawn[-1][digit]:.3f}"
    note = f"The middle one of three draws of those {keep}; on the {digit}s they came to {band}."
    return Finding(value, Table(["digit", "all pictures", f"{keep} of digit {digit}", ""], rows), note=note)


def _kept(digit: int, keep: int, seed: int) -> Tensor:
    """Which training pictures are left: all of the other digits, and `keep` of this one, drawn."""
    labels = digits("subset").train.labels
    places = (labels == digit).nonzero().flatten()
    drawn = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))
    kept = torch.ones(len(labels), dtype=torch.bool)
    kept[places[drawn[keep:]]] = False
    return kept


@cache
def _with_all_pictures() -> list[float]:
    """The same classifier to compare any other with: it is trained once."""
    return _per_digit(torch.ones(len(digits("subset").train.labels), dtype=torch.bool))


def _per_digit(kept: Tensor) -> list[float]:
    """Accuracy on each digit, then on all, of one linear layer after five epochs on the pictures kept."""
    part, valid = digits("subset").train, digits("subset").valid
    weight = torch.zeros(N_CLASSES, 784)
    loader = BatchLoader(part.images[kept].flatten(1), part.labels[kept], 250, 0)
    for _ in range(5):
        for x, y in loader:
            weight -= 0.1 * (torch.softmax(x @ weight.T, 1) - functional.one_hot(y, N_CLASSES).float()).T @ x / len(x)
    right = (valid.images.flatten(1) @ weight.T).argmax(1) == valid.labels
    each = [float(right[valid.labels == digit].float().mean()) for digit in range(N_CLASSES)]
    return [*each, float(right.float().mean())]


def broadcast(n: int) -> Finding:
    """(N, 1) − (N) is (N, N), silently."""
    column, flat = torch.zeros(n, 1), torch.zeros(n)
    rows: list[list[Cell]] = [
        ["ŷ (N,1) − y (N,1)", size_text(column - column)],
        ["ŷ (N) − y (N)", size_text(flat - flat)],
        ["ŷ (N,1) − y (N)", size_text(column - flat)],
    ]
    value = {"numbers": (column - flat).numel(), "shape": list((column - flat).shape)}
    return Finding(value, Table(["subtraction", "shape"], rows))
