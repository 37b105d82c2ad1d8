"""Learning without labels: embeddings that line up, clusters, and autoencoders (course §1, §12).

k-means: Lloyd 1982, "Least squares quantization in PCM". A linear autoencoder finds the principal components: Baldi &
Hornik 1989, "Neural networks and principal component analysis".
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.course.dataset import picture
from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.pairs import digits
from engine.course.progress import told
from engine.course.training import aside

SYMBOLS, UPDATES = 10, 400
CLUSTERS, ROUNDS = 10, 20
CODE, BATCH = 8, 64
KINDS = ("linear", "relu")
_NAMES = {
    "mean": "the mean picture",
    "pca": "principal components",
    "linear": "784-8-784, linear",
    "relu": "784-64-8-64-784, relu",
}
_SIZE = 4000  # digits that are sorted, and that an autoencoder learns from
_TRAINED = {"linear": (0.005, 12), "relu": (0.002, 4)}  # rate of Adam, epochs


# ── which is greater? ─────────────────────────────────────────────────────────────────────────────────────────────────


class Ordered(NamedTuple):
    """Codes (10 × 2) of ten symbols, and how many of all pairs are answered rightly."""

    codes: Tensor
    right: float
    apart: int  # of the pairs that are answered wrongly, the greatest difference


@lru_cache(maxsize=8)
def _ordered(updates: int, seed: int) -> Ordered:
    """A learnt code of two numbers for each symbol, and a linear layer on the codes of two; asked: is a > b?"""
    pairs = torch.cartesian_prod(torch.arange(SYMBOLS), torch.arange(SYMBOLS))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    greater = (pairs[:, 0] > pairs[:, 1]).float()
    with aside():
        torch.manual_seed(seed)
        embedding, judge = nn.Embedding(SYMBOLS, 2), nn.Linear(4, 1)
    optimizer = torch.optim.Adam([*embedding.parameters(), *judge.parameters()], 0.02)

    for _ in told(range(updates)):
        optimizer.zero_grad()
        torch.autograd.backward(functional.binary_cross_entropy_with_logits(_asked(embedding, judge, pairs), greater))
        optimizer.step()
    with torch.no_grad():
        right = (_asked(embedding, judge, pairs) > 0) == greater.bool()
    apart = (pairs[:, 0] - pairs[:, 1]).abs()[~right].tolist()
    return Ordered(embedding.weight.detach(), float(right.float().mean()), max(apart, default=0))


def _asked(embedding: nn.Embedding, judge: nn.Linear, pairs: Tensor) -> Tensor:
    """Logits (N) of: is the first of each pair (N × 2) greater?"""
    found: Tensor = judge(embedding(pairs).flatten(1))[:, 0]
    return found


def order(updates: int, seed: int) -> Finding:
    """Where the symbols lie, and how well their order is that of the numbers that nobody told."""
    found = _ordered(updates, seed)
    along = _first_direction(found.codes)
    value = {"right": found.right, "rank_correlation": _rank_correlation(along), "apart": found.apart}
    row: list[Cell] = [updates, f"{found.right:.3f}", f"{value['rank_correlation']:.3f}"]
    table = Table(["updates", "pairs answered rightly", "rank correlation"], [row])
    series = [
        Series(str(symbol), [float(x)], [float(y)], marks=True) for symbol, (x, y) in enumerate(found.codes.tolist())
    ]
    return Finding(value, table, Plot(series, "first number of the code", "second"))


def _first_direction(codes: Tensor) -> Tensor:
    """Each code's place along the line on which they are spread most (N × d → N)."""
    centred = codes - codes.mean(0)
    along: Tensor = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]
    return along


def _rank_correlation(places: Tensor) -> float:
    """Spearman's, with the order 0, 1, 2 …; a line has no sign, so that of its size."""
    ranks = places.argsort().argsort().double()
    wanted = torch.arange(len(places)).double()
    return float(torch.corrcoef(torch.stack([ranks, wanted]))[0, 1].abs())


class Pictures(NamedTuple):
    """Pictures (N × 1 × 28 × 28), and labels (N) that only judge."""

    images: Tensor
    labels: Tensor


# ── ten heaps ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _drawn(generator: torch.Generator) -> Pictures:
    """The training digits that are learnt from."""
    part = digits("subset").train
    rows = torch.randperm(len(part.labels), generator=generator)[:_SIZE]
    return Pictures(part.images[rows], part.labels[rows])


class Heaps(NamedTuple):
    """Means (10 × 784) of the heaps that pictures were sorted into, and the heap of each picture (N)."""

    means: Tensor
    of: Tensor
    moved: float  # share of them that changed their heap in the last round


@lru_cache(maxsize=4)
def _heaps(seed: int) -> Heaps:
    """k-means, from ten of the pictures; which, the seed says."""
    generator = torch.Generator().manual_seed(seed)
    pictures = _drawn(generator).images.flatten(1)
    means = pictures[torch.randperm(len(pictures), generator=generator)[:CLUSTERS]]
    for _ in told(range(ROUNDS)):
        nearest = torch.cdist(pictures, means).argmin(1)
        heaps = [pictures[nearest == heap] for heap in range(CLUSTERS)]
        means = torch.stack([heap.mean(0) if len(heap) else mean for heap, mean in zip(heaps, means, strict=True)])
    last = torch.cdist(pictures, means).argmin(1)
    return Heaps(means, last, float((last != nearest).float().mean()))


def clusters(seed: int) -> Finding:
    """Ten heaps without a label; then each is called by the digit that most of it is."""
    labels, heaps = _drawn(torch.Generator().manual_seed(seed)).labels, _heaps(seed)
    counts = torch.zeros(CLUSTERS, 10, dtype=torch.long).index_put_(
        (heaps.of, labels), torch.ones_like(labels), accumulate=True
    )
    names, sizes = counts.argmax(1), counts.sum(1)
    right = float(counts.max(1).values.sum() / len(labels))
    value = {
        "right": right,
        "digits": len(labels),
        "rounds": ROUNDS,
        "moved": heaps.moved,
        "names": names.tolist(),
        "missing": sorted({*range(10)} - {*names.tolist()}),
    }
    shown = [
        picture(mean, f"{name}: {int(most)} of {int(size)}")
        for mean, name, most, size in zip(heaps.means, names, counts.max(1).values, sizes, strict=True)
    ]
    return Finding(value, pictures=shown)


# ── eight numbers for a picture ───────────────────────────────────────────────────────────────────────────────────────


class Squeezed(NamedTuple):
    """An encoder and decoder, with the mean squared error a pixel on validation pictures."""

    encoder: nn.Module
    decoder: nn.Module
    error: float


@lru_cache(maxsize=4)
def _autoencoder(kind: str, seed: int) -> Squeezed:
    """784-8-784, or 784-64-8-64-784 with relu; the target is the input itself."""
    generator = torch.Generator().manual_seed(seed)
    inputs = _drawn(generator).images.flatten(1)
    with aside():
        torch.manual_seed(seed)
        if kind == "linear":
            encoder, decoder = nn.Sequential(nn.Linear(784, CODE)), nn.Sequential(nn.Linear(CODE, 784))
        else:
            encoder = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, CODE))
            decoder = nn.Sequential(nn.Linear(CODE, 64), nn.ReLU(), nn.Linear(64, 784))
    rate, epochs = _TRAINED[kind]
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], rate)
    for _ in told(range(epochs)):
        for rows in torch.randperm(len(inputs), generator=generator).split(BATCH):
            optimizer.zero_grad()
            torch.autograd.backward(functional.mse_loss(decoder(encoder(inputs[rows])), inputs[rows]))
            optimizer.step()
    judged = digits("subset").valid.images.flatten(1)
    with torch.no_grad():
        return Squeezed(encoder, decoder, float(functional.mse_loss(decoder(encoder(judged)), judged)))


@lru_cache(maxsize=1)
def _components() -> tuple[Tensor, Tensor, float]:
    """Mean (784), the eight principal components (8 × 784), and their squared error on validation pictures."""
    inputs = digits("subset").train.images.flatten(1)
    mean = inputs.mean(0)
    spread = (inputs - mean).T @ (inputs - mean)
    components = torch.linalg.eigh(spread).eigenvectors[:, -CODE:].T
    judged = digits("subset").valid.images.flatten(1) - mean
    return mean, components, float(functional.mse_loss(judged @ components.T @ components, judged))


def squeezed(seed: int) -> Finding:
    """Eight numbers for 784 pixels: what is lost, beside a picture that is always the mean."""
    judged = digits("subset").valid.images.flatten(1)
    spread = float(functional.mse_loss(judged.mean(0).expand_as(judged), judged))
    value: dict[str, dict[str, float]] = {"mean": {"error": spread}, "pca": {"error": _components()[2]}}
    for kind in told(list(KINDS)):
        value[kind] = {"error": _autoencoder(kind, seed).error}
    rows: list[list[Cell]] = [[_NAMES[kind], f"{each['error']:.3f}"] for kind, each in value.items()]
    return Finding(value, Table(["8 numbers from", "squared error"], rows))


def alike(seed: int) -> Finding:
    """Whether pictures with like codes show the same digit."""
    part = digits("subset").valid
    judged = part.images.flatten(1)
    mean, components, _ = _components()
    value = {"pca": _alike((judged - mean) @ components.T, part.labels)}
    for kind in told(list(KINDS)):
        with torch.no_grad():
            value[kind] = _alike(_autoencoder(kind, seed).encoder(judged), part.labels)
    rows: list[list[Cell]] = [[_NAMES[kind], f"{share:.3f}"] for kind, share in value.items()]
    return Finding(value, Table(["8 numbers from", "most of the 5 nearest agree"], rows))


def _alike(codes: Tensor, labels: Tensor) -> float:
    """Share of pictures whose label most of their five nearest have."""
    apart = torch.cdist(codes, codes).fill_diagonal_(float("inf"))
    near = labels[apart.topk(5, largest=False).indices]
    return float((near.mode(1).values == labels).float().mean())


def rebuilt(kind: str, example: int, seed: int) -> Finding:
    """A validation picture, and what comes back from its eight numbers."""
    found, part = _autoencoder(kind, seed), digits("subset").valid
    pixels = part.images[example - 1].flatten()
    with torch.no_grad():
        code = found.encoder(pixels)
        back = found.decoder(code)
    value = {"label": int(part.labels[example - 1]), "code": [round(number, 2) for number in code.tolist()]}
    shown = [picture(pixels, f"{value['label']}: 784 pixels"), picture(back, f"{CODE} numbers")]
    return Finding(value, pictures=shown)
