"""How sure a network is, and how right: calibration, an ensemble, dropout left on, pictures of nothing (course §12).

Guo et al. 2017, "On calibration of modern neural networks"; Gal & Ghahramani 2016, "Dropout as a Bayesian
approximation"; Lakshminarayanan et al. 2017, "Simple and scalable predictive uncertainty estimation".
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from engine.course.dataset import picture
from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.pairs import digits
from engine.course.progress import told
from engine.course.training import aside, assembled, train_epoch
from engine.experiments.data import MEAN, STD
from engine.experiments.experiment import Experiment

NETWORKS, DRAWS, BINS = 3, 30, 10
KINDS = ("one", "ensemble", "dropout")
NAMES = {"one": "one network", "ensemble": f"mean of {NETWORKS}", "dropout": f"{DRAWS} × with dropout"}
STRANGE = ("digits", "upside-down", "mixed", "noise")
_NONE_UPSIDE_DOWN = (4, 6, 7, 9)
_SIZE, _EPOCHS, _DROPOUT, _SURE = 500, 30, 0.3, 0.9


@lru_cache(maxsize=16)
def _network(seed: int, member: int = 0) -> nn.Module:
    """784-128-10 with dropout, trained on 500 digits until it names them all.

    Further members of an ensemble learn from the same batches; their first weights differ, and what dropout draws.
    """
    chosen = Experiment(
        layers=(784, 128, 10), train_size=_SIZE, batch_size=50, epochs=_EPOCHS, dropout=_DROPOUT, seed=seed
    )
    with aside():
        parts = assembled(chosen)
        if member:
            torch.manual_seed(1000 * (seed + 1) + member)
            for module in parts.model.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()
        for _ in told(range(_EPOCHS)):
            train_epoch(parts)
    return parts.model


def _networks(kind: str, seed: int) -> list[nn.Module]:
    return [_network(seed, member) for member in range(NETWORKS if kind == "ensemble" else 1)]


def _likely(kind: str, pictures: Tensor, seed: int) -> Tensor:
    """Probabilities (N × 10): of one network, the mean of several, or the mean of one with its dropout left on."""
    models = _networks(kind, seed)
    models = [models[0].train()] * DRAWS if kind == "dropout" else [model.eval() for model in models]
    with aside(), torch.no_grad():
        torch.manual_seed(seed)
        return torch.stack([torch.softmax(model(pictures), 1) for model in told(models)]).mean(0)


# ── digits, and the numbers that go with them ─────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=16)
def _judged(kind: str, seed: int) -> tuple[Tensor, Tensor]:
    """Of each validation picture how sure the answer is, and whether it is right: (N), (N)."""
    part = digits("subset").valid
    sure, guess = _likely(kind, part.images.flatten(1), seed).max(1)
    return sure, guess == part.labels


def calibration_error(sure: Tensor, right: Tensor) -> float:
    """Expected calibration error: |accuracy − mean confidence| of ten bins of equal width, weighted by their counts."""
    at = (sure * BINS).long().clamp(max=BINS - 1)
    gaps = [
        (at == place).float().mean() * (right[at == place].float().mean() - sure[at == place].mean()).abs()
        for place in range(BINS)
        if bool((at == place).any())
    ]
    return float(torch.stack(gaps).sum())


def table(seed: int) -> Finding:
    """Accuracy, confidence and calibration of one network, of several, and of one with its dropout left on."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {"draws": DRAWS}
    for kind in KINDS:
        sure, right = _judged(kind, seed)
        value[kind] = found = {
            "accuracy": float(right.float().mean()),
            "confidence": float(sure.mean()),
            "confidence_wrong": float(sure[~right].mean()),
            "error": calibration_error(sure, right),
        }
        rows.append([NAMES[kind], *(f"{number:.3f}" for number in found.values())])
    value["epochs"] = _EPOCHS
    heads = ["who answers", "right", "sure", "when wrong", "ECE"]
    return Finding(value, Table(heads, rows))


def refuse(share: float, seed: int) -> Finding:
    """Accuracy on what is left when the share that one network is least sure of is put aside."""
    sure, right = _judged("one", seed)
    ranked = right[sure.argsort(descending=True)].float()
    kept = round(len(ranked) * (1 - share))
    value = {"right": float(ranked[:kept].mean()), "caught": float((1 - ranked[kept:]).sum() / (1 - ranked).sum())}
    row: list[Cell] = [f"{share:g}", *(f"{number:.3f}" for number in value.values())]
    return Finding(value, Table(["refused", "right of what is left", "wrong ones in what is refused"], [row]))


def reliability(kind: str, seed: int) -> Finding:
    """How often answers of each confidence are right, from the first bin that has ten."""
    sure, right = _judged(kind, seed)
    at = (sure * BINS).long().clamp(max=BINS - 1)
    bins = [place for place in range(BINS) if int((at == place).sum()) >= 10]
    x = [float(sure[at == place].mean()) for place in bins]
    y = [float(right[at == place].float().mean()) for place in bins]
    counts = [int((at == place).sum()) for place in bins]
    rows: list[list[Cell]] = [[f"{a:.2f}", f"{b:.2f}", n] for a, b, n in zip(x, y, counts, strict=True)]
    series = [Series("right", x, y, marks=True), Series("as sure as right", [0.0, 1.0], [0.0, 1.0])]
    return Finding(
        {"sure": x, "right": y, "counts": counts},
        Table(["sure", "right", "digits"], rows),
        Plot(series, "sure", "right"),
    )


# ── what is no digit ──────────────────────────────────────────────────────────────────────────────────────────────────


def _strange(kind: str, seed: int) -> Tensor:
    """Pictures (N × 784) as a network gets them: digits, digits upside down, halves of a 3 and an 8, noise.

    Upside down are those that are no digit then: a 0, 1, 3 or 8 remains one, a 2 turns into a 5.
    """
    part = digits("subset").valid
    if kind == "upside-down":
        return part.images[torch.isin(part.labels, torch.tensor(_NONE_UPSIDE_DOWN))].flip(-2).flatten(1)
    if kind == "mixed":
        threes, eights = (part.images[part.labels == label].flatten(1) for label in (3, 8))
        count = min(len(threes), len(eights))
        return (threes[:count] + eights[:count]) / 2
    if kind == "noise":
        generator = torch.Generator().manual_seed(seed)
        return (torch.rand(1000, 784, generator=generator) - MEAN) / STD
    return part.images.flatten(1)


def strange(seed: int) -> Finding:
    """How sure the answers are where there is no right one."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {"agree": _agreement(_strange("upside-down", seed), seed)}
    for pictures in STRANGE:
        found = {kind: _likely(kind, _strange(pictures, seed), seed).max(1).values for kind in KINDS}
        value[pictures.replace("-", "_")] = {
            **{kind: float(sure.mean()) for kind, sure in found.items()},
            "very_sure": float((found["one"] > _SURE).float().mean()),
        }
        share = f"{float((found['one'] > _SURE).float().mean()):.2f}"
        rows.append([pictures.replace("-", " "), *(f"{float(sure.mean()):.3f}" for sure in found.values()), share])
    return Finding(value, Table(["pictures", *NAMES.values(), f"share > {_SURE}"], rows))


def _agreement(pictures: Tensor, seed: int) -> float:
    """Of which share of the pictures all members of the ensemble name the same digit."""
    with torch.no_grad():
        guesses = torch.stack([model.eval()(pictures).argmax(1) for model in _networks("ensemble", seed)])
    return float((guesses == guesses[0]).all(0).float().mean())


def show(pictures: str, example: int, seed: int) -> Finding:
    """One such picture, and what the network says of it."""
    found = _strange(pictures, seed)
    at = (example - 1) % len(found)
    likely = _likely("one", found[at : at + 1], seed)[0]
    order = likely.argsort(descending=True)[:2].tolist()
    said = ", ".join(f"{digit}: {float(likely[digit]):.0%}" for digit in order)
    value = {"first": order[0], "sure": float(likely[order[0]]), "second": order[1]}
    return Finding(value, pictures=[picture(found[at], said)])
