"""What filters learnt on some digits are worth for others (course §9).

Yosinski et al. 2014, "How transferable are features in deep neural networks?".
"""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.course.findings import Cell, Finding, Table
from engine.course.pairs import digits
from engine.course.progress import told
from engine.course.training import Trained, aside, assembled, trained
from engine.experiments.experiment import Experiment
from engine.experiments.models import ConvNet

KNOWN, NEW = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
SIZE, SOURCE_EPOCHS, SOURCE_RATE = 2000, 4, 0.005
EPOCHS, RATE, BATCH, DRAWS = 30, 0.05, 10, 3
WAYS = {
    "scratch": "from the beginning",
    "frozen": "known filters, kept",
    "tuned": "known filters, trained further",
    "lot": "filters by lot, kept",
}
_SHORT = ("beginning", "kept", "fine-tuned", "by lot")  # of the same, for heads
_FEW = (1, 2, 5)  # pictures of each new digit


class Few(NamedTuple):
    """Pictures (N × 1 × 28 × 28) of the new digits, and their labels, 0 for the first of them (N)."""

    images: Tensor
    labels: Tensor


@lru_cache(maxsize=4)
def _source(seed: int) -> Trained:
    """A convolutional network that tells the digits 0 to 4 apart."""
    return trained(
        Experiment(
            model="convnet",
            classes=KNOWN,
            train_size=SIZE,
            optimizer="adam",
            learning_rate=SOURCE_RATE,
            epochs=SOURCE_EPOCHS,
            seed=seed,
        )
    )


def _fresh(seed: int) -> ConvNet:
    """The same network before training, with weights of its own."""
    model = assembled(Experiment(model="convnet", classes=NEW, train_size=SIZE, seed=seed + 100)).model
    assert isinstance(model, ConvNet)
    return model


def _few(each: int, seed: int) -> Few:
    """So many training pictures of each new digit, drawn by the seed."""
    part, generator = digits("subset").train, torch.Generator().manual_seed(seed)
    chosen = []
    for label in NEW:
        rows = (part.labels == label).nonzero()[:, 0]
        chosen.append(rows[torch.randperm(len(rows), generator=generator)[:each]])
    rows = torch.cat(chosen)
    return Few(part.images[rows], part.labels[rows] - NEW[0])


@lru_cache(maxsize=1)
def _judges() -> Few:
    part = digits("subset").valid
    kept = part.labels >= NEW[0]
    return Few(part.images[kept], part.labels[kept] - NEW[0])


@lru_cache(maxsize=64)
def _accuracy(way: str, each: int, seed: int) -> float:
    """On validation pictures of the new digits, the mean over three draws of the few that are learnt."""
    with aside():
        taken = [_learn(way, _few(each, 10 * seed + draw), 10 * seed + draw, seed) for draw in range(DRAWS)]
    return sum(taken) / DRAWS


def _learn(way: str, few: Few, draw: int, seed: int) -> float:
    model = _fresh(draw)
    if way in ("frozen", "tuned"):
        source = _source(seed).model
        last = model.linear
        model = copy.deepcopy(source)  # type: ignore[assignment]
        model.linear = last
    model.train()
    judges = _judges()
    if way in ("frozen", "lot"):  # what is kept is computed once
        with torch.no_grad():
            few, judges = (Few(_features(model, part.images), part.labels) for part in (few, judges))
        _descend(model.linear, few, draw)
        with torch.no_grad():
            logits: Tensor = model.linear(judges.images)
    else:
        _descend(model, few, draw)
        with torch.no_grad():
            logits = model.eval()(judges.images)
    return float((logits.argmax(1) == judges.labels).float().mean())


def _features(model: ConvNet, images: Tensor) -> Tensor:
    """What the last layer gets."""
    got: list[Tensor] = []
    handle = model.linear.register_forward_pre_hook(lambda module, inputs: got.append(inputs[0]))
    model(images)
    handle.remove()
    return got[0]


def _descend(model: nn.Module, few: Few, seed: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), RATE)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(few.labels), generator=generator).split(BATCH):
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(few.images[rows]), few.labels[rows]))
            optimizer.step()


def source(seed: int) -> Finding:
    """How well the digits 0 to 4 are told apart, and how many parameters do it: filters, and the last layer."""
    end = _source(seed)
    count = {name: parameter.numel() for name, parameter in end.model.named_parameters()}
    last = sum(number for name, number in count.items() if name.startswith("linear"))
    value = {"accuracy": end.valid.accuracy, "filters": sum(count.values()) - last, "last": last}
    row: list[Cell] = [f"{end.valid.accuracy:.3f}", value["filters"], last]
    return Finding(value, Table(["named rightly", "parameters of filters", "of the last layer"], [row]))


def few(each: int, seed: int) -> Finding:
    """Four ways to learn the digits 5 to 9 from a few pictures of each."""
    found = {way: _accuracy(way, each, seed) for way in told(list(WAYS))}
    rows: list[list[Cell]] = [[WAYS[way], f"{accuracy:.3f}"] for way, accuracy in found.items()]
    value = {**found, "lead": found["frozen"] - found["scratch"]}
    return Finding(value, Table([f"{each} of each digit", "named rightly"], rows))


def table(seed: int) -> Finding:
    """The same for ever more pictures."""
    found = {each: {way: _accuracy(way, each, seed) for way in WAYS} for each in told(list(_FEW))}
    rows: list[list[Cell]] = [
        [each, *(f"{accuracy:.3f}" for accuracy in accuracies.values())] for each, accuracies in found.items()
    ]
    value = {f"of{each}": accuracies for each, accuracies in found.items()}
    return Finding(value, Table(["pictures of each", *_SHORT], rows))
