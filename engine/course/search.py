"""A search that deceives itself: of many runs the best looks better than it is (course §12).

Cawley & Talbot 2010, "On over-fitting in model selection and subsequent selection bias in performance evaluation".
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.pairs import digits
from engine.course.progress import told
from engine.course.training import aside

RUNS, SIZE, HIDDEN, EPOCHS, BATCH = 60, 500, 16, 8, 50
RATE, MOMENTUM = 0.02, 0.9
VALIDATIONS = (50, 200, 1000)  # pictures
TRIES = (5, 20, 60)  # runs of which the best is taken
_SPLITS = 400


@lru_cache(maxsize=4)
def _right(seed: int) -> Tensor:
    """Which of the 2000 validation pictures each run names rightly: (60 × 2000), bool.

    784-16-10, relu, cross-entropy, on 500 digits; runs differ in their first weights and in nothing else. They are
    trained side by side, as one network of 60 × 16 neurons of which each 16 have outputs of their own.
    """
    part, generator = digits("subset"), torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(part.train.labels), generator=generator)[:SIZE]
    inputs, labels = part.train.images[rows].flatten(1), part.train.labels[rows]
    with aside():
        torch.manual_seed(seed)
        first = (torch.rand(784, RUNS * HIDDEN) * 2 - 1) / 784**0.5  # as torch draws a linear layer's
        second = (torch.rand(RUNS, HIDDEN, 10) * 2 - 1) / HIDDEN**0.5
    parameters = [first, torch.zeros(RUNS * HIDDEN), second, torch.zeros(RUNS, 1, 10)]
    for parameter in parameters:
        parameter.requires_grad_()
    optimizer = torch.optim.SGD(parameters, RATE, MOMENTUM)
    for _ in told(range(EPOCHS)):
        for chosen in torch.randperm(SIZE, generator=generator).split(BATCH):
            optimizer.zero_grad()
            logits = _logits(parameters, inputs[chosen])
            wanted = labels[chosen].expand(RUNS, -1)
            losses = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum")
            torch.autograd.backward(losses / len(chosen))  # the sum of the runs' means: none feels another
            optimizer.step()
    with torch.no_grad():
        guesses = _logits(parameters, part.valid.images.flatten(1)).argmax(-1)
    return guesses == part.valid.labels


def _logits(parameters: list[Tensor], inputs: Tensor) -> Tensor:
    """(N × 784) → (60 × N × 10)."""
    first, bias, second, last = parameters
    hidden = torch.relu(inputs @ first + bias).view(len(inputs), RUNS, HIDDEN).transpose(0, 1)
    return hidden @ second + last


def runs(seed: int) -> Finding:
    """The accuracies of 60 runs that differ only in their first weights, on all validation pictures."""
    found = _right(seed).float().mean(1)
    least, middle, most = (float(each) for each in (found.min(), found.median(), found.max()))
    ranked = sorted(found.tolist())
    value = {"least": least, "median": middle, "most": most, "deviation": float(found.std())}
    series = [Series("a network", [float(at) for at in range(1, RUNS + 1)], ranked, marks=True)]
    return Finding(value, plot=Plot(series, "networks, the worst first", "accuracy"))


@lru_cache(maxsize=64)
def _optimism(validation: int, tries: int, seed: int) -> Tensor:
    """Over 400 splits: the best run's accuracy on so many validation pictures less its accuracy on all the others."""
    right, generator = _right(seed).float(), torch.Generator().manual_seed(seed)
    total, count = right.sum(1), right.shape[1]
    found = []
    for _ in told(range(_SPLITS)):
        pictures = torch.randperm(count, generator=generator)[:validation]
        chosen = torch.randperm(RUNS, generator=generator)[:tries]
        seen = right[:, pictures].sum(1)
        best = chosen[seen[chosen].argmax()]
        found.append(float(seen[best] / validation - (total[best] - seen[best]) / (count - validation)))
    return torch.tensor(found)


def best(validation: int, tries: int, seed: int) -> Finding:
    """By how much the best of some runs looks better than it is."""
    gap = _optimism(validation, tries, seed)
    value = {
        "gap": float(gap.mean()),
        "low": float(gap.quantile(0.05)),
        "high": float(gap.quantile(0.95)),
        "flattered": float((gap > 0).float().mean()),
    }
    row: list[Cell] = [validation, tries, *(f"{number:.3f}" for number in value.values())]
    value["splits"] = _SPLITS
    return Finding(
        value, Table(["pictures", "runs", "looks better by", "5 % are below", "5 % above", "share above 0"], [row])
    )


def real(seed: int) -> Finding:
    """By how much the best of 60 by 1000 pictures seemed better than the median, and is so by the other 1000."""
    right, generator = _right(seed).float(), torch.Generator().manual_seed(seed)
    taken = []
    for _ in told(range(_SPLITS)):
        seen, kept = torch.randperm(right.shape[1], generator=generator).chunk(2)
        judged = [right[:, half].mean(1) for half in (seen, kept)]
        best = judged[0].argmax()
        taken.append([float(half[best] - half.median()) for half in judged])
    seemed, found = torch.tensor(taken).mean(0).tolist()
    value = {"seemed": seemed, "is": found}
    return Finding(value, Table(["seemed better by", "is better by"], [[f"{seemed:.4f}", f"{found:.4f}"]]))


def table(seed: int) -> Finding:
    """The same for more pictures, and for more runs."""
    found = {size: [float(_optimism(size, tries, seed).mean()) for tries in TRIES] for size in VALIDATIONS}
    rows: list[list[Cell]] = [[size, *(f"{gap:.3f}" for gap in gaps)] for size, gaps in found.items()]
    value = {
        f"of{size}": {f"best{tries}": gap for tries, gap in zip(TRIES, gaps, strict=True)}
        for size, gaps in found.items()
    }
    return Finding(value, Table(["validation pictures", *(f"best of {tries}" for tries in TRIES)], rows))
