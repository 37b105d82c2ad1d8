"""A digit as a bag of patches: a small transformer with positions, without, and without its attention (course §11).

One block as in Vaswani et al. 2017, normalised before each part, on patches as in Dosovitskiy et al. 2021, "An image is
worth 16x16 words".
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.course.attention import attend
from engine.course.dataset import shaded
from engine.course.findings import Cell, Finding, Table
from engine.course.pairs import digits
from engine.course.progress import told_batches
from engine.course.training import aside, trained
from engine.experiments.data import MEAN, STD, BatchLoader
from engine.experiments.experiment import Experiment

SIDE, PATCHES, PIXELS = 7, 16, 49
WIDTH, HIDDEN, CLASSES = 32, 64, 10
BATCH, RATE, EPOCHS = 64, 0.003, 3
DENSE = (784, 13, 10)
_BORDER = 0.3  # how light a border between patches is
KINDS = {"positions": (True, True), "bag": (False, True), "mean": (True, False)}  # positions, attention


def patches(pictures: Tensor) -> Tensor:
    """(N, 1, 28, 28) → (N, 16, 49), row by row from the upper left."""
    return functional.unfold(pictures, SIDE, stride=SIDE).mT.contiguous()


def joined(cut: Tensor) -> Tensor:
    """Back to (N, 1, 28, 28)."""
    return functional.fold(cut.mT, (4 * SIDE, 4 * SIDE), SIDE, stride=SIDE)


class Attention(nn.Module):
    """One head: tokens (N, n, d) → (N, n, d)."""

    def __init__(self) -> None:
        super().__init__()
        self.queries, self.keys, self.values, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        found, _ = attend(self.queries(tokens), self.keys(tokens), self.values(tokens))
        out: Tensor = self.out(found)
        return out


class Transformer(nn.Module):
    """Patches (N, 16, 49) → logits (N, 10): one block of attention and a network for each token, then the mean."""

    def __init__(self, positions: bool, attention: bool) -> None:
        super().__init__()
        self.embedding = nn.Linear(PIXELS, WIDTH)
        self.positions = nn.Parameter(0.1 * torch.randn(PATCHES, WIDTH)) if positions else None
        self.attention = nn.Sequential(nn.LayerNorm(WIDTH), Attention()) if attention else None
        self.each = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH))
        self.linear = nn.Linear(WIDTH, CLASSES)

    def forward(self, cut: Tensor) -> Tensor:
        tokens = self.embedding(cut)
        if self.positions is not None:
            tokens = tokens + self.positions
        if self.attention is not None:
            tokens = tokens + self.attention(tokens)
        tokens = tokens + self.each(tokens)
        logits: Tensor = self.linear(tokens.mean(1))
        return logits


class Trained(NamedTuple):
    """A network after its epochs, and the shares of validation digits that it names, whole and shuffled."""

    model: Transformer
    accuracy: float
    shuffled: float
    difference: float  # the largest, between logits of a digit and of its shuffled patches


@lru_cache(maxsize=8)
def _trained(kind: str, seed: int) -> Trained:
    with aside():
        torch.set_num_threads(1)  # of so small matrices two threads make nothing faster
        torch.manual_seed(seed)
        model = Transformer(*KINDS[kind])
        data = digits("subset")
        loader = BatchLoader(patches(data.train.images), data.train.labels, BATCH, seed=seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        for inputs, targets in told_batches(loader, EPOCHS, len(loader)):
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(inputs), targets))
            optimizer.step()
        cut, labels = patches(data.valid.images), data.valid.labels
        with torch.no_grad():
            whole, shuffled = model(cut), model(_shuffled(cut, seed))
    rates = [float((logits.argmax(1) == labels).float().mean()) for logits in (whole, shuffled)]
    return Trained(model, rates[0], rates[1], float((whole - shuffled).abs().max()))


def _shuffled(cut: Tensor, seed: int) -> Tensor:
    """The patches of every picture in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(cut.shape[:2], generator=generator).argsort(1)
    return cut.gather(1, order[..., None].expand_as(cut))


def train(kind: str, seed: int) -> Finding:
    """One of the three networks: how much it names, and what shuffling the patches does to it."""
    found = _trained(kind, seed)
    columns = ["whole digits", "patches shuffled", "largest difference of a score"]
    rows: list[list[Cell]] = [[f"{found.accuracy:.3f}", f"{found.shuffled:.3f}", f"{found.difference:.2g}"]]
    return Finding(_value(found), Table(columns, rows))


def table(seed: int) -> Finding:
    """All three, and a dense network with as many parameters, trained alike."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for kind, name in (("positions", "positions and attention"), ("mean", "no attention"), ("bag", "no positions")):
        found = _trained(kind, seed)
        rows.append([name, _size(found.model), f"{found.accuracy:.3f}"])
        value[kind] = _value(found)
    experiment = Experiment(
        layers=DENSE, optimizer="adam", learning_rate=RATE, batch_size=BATCH, epochs=EPOCHS, seed=seed
    )
    dense = trained(experiment)
    rows.append([f"dense, {'-'.join(map(str, DENSE))}", _size(dense.model), f"{dense.valid.accuracy:.3f}"])
    value["dense"] = {"accuracy": dense.valid.accuracy, "parameters": _size(dense.model)}
    return Finding(value, Table(["network", "parameters", "accuracy"], rows))


def _value(found: Trained) -> dict[str, float]:
    return {
        "accuracy": found.accuracy,
        "shuffled": found.shuffled,
        "difference": found.difference,
        "parameters": _size(found.model),
        "epochs": EPOCHS,
    }


def _size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def cut(example: int, shuffled: str, seed: int) -> Finding:
    """A validation digit with the borders of its patches, or its patches shuffled."""
    data = digits("subset").valid
    picture = data.images[example - 1 : example] * STD + MEAN
    caption = f"a {int(data.labels[example - 1])}, in {PATCHES} patches"
    if shuffled == "yes":
        picture = joined(_shuffled(patches(picture), seed + example))
        caption = f"{PATCHES} patches, shuffled"
    for at in range(SIDE, 4 * SIDE, SIDE):
        picture[..., at, :].clamp_(min=_BORDER)
        picture[..., at].clamp_(min=_BORDER)
    drawn = shaded(picture[0, 0], caption)
    return Finding({"label": int(data.labels[example - 1])}, pictures=[drawn])
