"""Who looks where: a learnt query, a sequence reversed, and why scores are divided by √d (course §11).

Scaled dot-product attention is that of Vaswani et al. 2017, "Attention is all you need".
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.course.findings import Cell, Finding, Picture, Table
from engine.course.progress import told
from engine.course.training import aside

SYMBOLS, TOKENS, BATCH, MANY = 10, 8, 64, 1000
MARKER_WIDTH, MARKER_UPDATES = 16, 100
REVERSE_WIDTH, REVERSE_UPDATES = 32, 400
RATE, KNOWN = 0.01, 0.95
WIDTHS = (4, 16, 64, 256)  # of the queries and keys that are drawn to show what √d is for
_SHOWN = (0, 5, 10, 15, 20, 30, 50, 100)
_EXAMPLES = 9
_FRAME = 170.0  # grey


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """softmax(Q·Kᵀ/√d)·V, and the weights: (…, n, d), (…, m, d), (…, m, e) → (…, n, e), (…, n, m)."""
    weights = torch.softmax(queries @ keys.mT / math.sqrt(queries.shape[-1]), -1)
    return weights @ values, weights


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_QUERY = (1.0, 1.0, 0.0, 2.0)
_KEYS = ((1.0, 0.0, 1.0, 0.0), (1.0, 1.0, 0.0, 1.0), (0.0, 0.0, 3.0, 0.0))
_VALUES = (10.0, 20.0, 60.0)


def by_hand() -> Finding:
    """One query, three keys, three values: scores, weights, the answer, and how it moves with each score."""
    query, keys, values = (torch.tensor(each, dtype=torch.float64) for each in (_QUERY, _KEYS, _VALUES))
    products = keys @ query
    scores = (products / math.sqrt(len(_QUERY))).requires_grad_()
    weights = torch.softmax(scores, -1)
    answer = weights @ values
    (to_scores,) = torch.autograd.grad(answer, scores)
    numbers = [products.tolist(), scores.tolist(), weights.tolist(), _VALUES, to_scores.tolist()]
    rows: list[list[Cell]] = [
        [_listed(key), f"{product:.0f}", f"{score:.1f}", f"{weight:.3f}", f"{value:.0f}", f"{back:.2f}"]
        for key, product, score, weight, value, back in zip(_KEYS, *numbers, strict=True)
    ]
    value = {
        "score": scores[1].item(),
        "weights": weights.tolist(),
        "unscaled": torch.softmax(products, -1)[1].item(),
        "answer": answer.item(),
        "to_first": to_scores[0].item(),
        "sum_to_scores": to_scores.sum().item(),
    }
    return Finding(value, Table(["k", "q·k", "q·k / √d", "weight a", "v", "∂o/∂s"], rows))


def _listed(numbers: tuple[float, ...]) -> str:
    return " ".join(f"{number:.0f}" for number in numbers)


# ── a marked token ────────────────────────────────────────────────────────────────────────────────────────────────────


class Marker(nn.Module):
    """One learnt query over symbols (N, 8) and marks (N, 8), 0 or 1 → logits (N, 10) and weights (N, 1, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.mark = nn.Embedding(SYMBOLS, MARKER_WIDTH), nn.Embedding(2, MARKER_WIDTH)
        self.query = nn.Parameter(torch.zeros(1, MARKER_WIDTH))  # asks nothing yet: all weights are alike
        self.keys, self.values = (nn.Linear(MARKER_WIDTH, MARKER_WIDTH) for _ in range(2))
        self.linear = nn.Linear(MARKER_WIDTH, SYMBOLS)

    def forward(self, symbols: Tensor, marks: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.embedding(symbols) + self.mark(marks)
        found, weights = attend(self.query, self.keys(tokens), self.values(tokens))
        return self.linear(found[:, 0]), weights


class Marked(NamedTuple):
    """Sequences of symbols (N, 8), and the place of the mark in each (N)."""

    symbols: Tensor
    place: Tensor

    @property
    def inputs(self) -> tuple[Tensor, Tensor]:
        """The symbols, and 1 where the mark is: (N, 8) both."""
        return self.symbols, functional.one_hot(self.place, TOKENS)

    @property
    def targets(self) -> Tensor:
        """The symbol that is marked (N)."""
        return self.symbols.gather(1, self.place[:, None])[:, 0]


def draw_marked(count: int, generator: torch.Generator) -> Marked:
    """Eight symbols each, one of them marked."""
    symbols = torch.randint(SYMBOLS, (count, TOKENS), generator=generator)
    return Marked(symbols, torch.randint(TOKENS, (count,), generator=generator))


class Learnt(NamedTuple):
    """By number of updates: accuracy, mean weight on the marked token, and the weights of a few sequences (n, 8)."""

    accuracy: list[float]
    weight: list[float]
    examples: list[Tensor]
    shown: Marked


@lru_cache(maxsize=8)
def _marker(seed: int) -> Learnt:
    with aside():
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        model, generator = Marker(), torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        test = draw_marked(MANY, generator)
        learnt = Learnt([], [], [], Marked(test.symbols[:_EXAMPLES], test.place[:_EXAMPLES]))
        _look(model, test, learnt)
        for _ in told(range(MARKER_UPDATES)):
            batch = draw_marked(BATCH, generator)
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(*batch.inputs)[0], batch.targets))
            optimizer.step()
            _look(model, test, learnt)
    return learnt


def _look(model: Marker, test: Marked, learnt: Learnt) -> None:
    with torch.no_grad():
        logits, weights = model(*test.inputs)
    learnt.accuracy.append(float((logits.argmax(1) == test.targets).float().mean()))
    learnt.weight.append(float(weights[:, 0].gather(1, test.place[:, None]).mean()))
    learnt.examples.append(weights[:_EXAMPLES, 0])


def marker(seed: int) -> Finding:
    """Accuracy, and the weight on the marked token, by the number of updates; new sequences each time."""
    learnt = _marker(seed)
    rows: list[list[Cell]] = [
        [str(at), f"{learnt.accuracy[at]:.3f}", f"{learnt.weight[at]:.3f}", _bar(learnt.weight[at])] for at in _SHOWN
    ]
    known = next((at for at, each in enumerate(learnt.accuracy) if each >= KNOWN), MARKER_UPDATES)
    value = {
        "first": learnt.weight[0],
        "first_accuracy": learnt.accuracy[0],
        "known": known,
        "weight_known": learnt.weight[known],
        "last": learnt.weight[-1],
        "last_accuracy": learnt.accuracy[-1],
    }
    return Finding(value, Table(["updates", "accuracy", "weight on the marked token", ""], rows))


def who(updates: int, example: int, seed: int) -> Finding:
    """The weights of one sequence after so many updates, token by token."""
    learnt = _marker(seed)
    weights, place = learnt.examples[updates][example - 1], int(learnt.shown.place[example - 1])
    rows: list[list[Cell]] = [
        [f"{int(symbol)}{' ◀' if at == place else ''}", f"{float(weight):.3f}", _bar(float(weight))]
        for at, (symbol, weight) in enumerate(zip(learnt.shown.symbols[example - 1], weights, strict=True))
    ]
    value = {"marked": float(weights[place]), "sum": float(weights.sum()), "most": int(weights.argmax()) == place}
    return Finding(value, Table(["token", "weight", ""], rows))


def _bar(share: float) -> str:
    return "█" * round(24 * share)


# ── reversed ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class SelfAttention(nn.Module):
    """Each token asks all tokens: symbols (N, 8) → logits (N, 8, 10) and weights (N, 8, 8), row asks column."""

    def __init__(self, positions: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, REVERSE_WIDTH)
        self.positions = nn.Parameter(torch.randn(TOKENS, REVERSE_WIDTH)) if positions else None
        self.queries, self.keys, self.values = (nn.Linear(REVERSE_WIDTH, REVERSE_WIDTH) for _ in range(3))
        self.linear = nn.Linear(REVERSE_WIDTH, SYMBOLS)

    def forward(self, symbols: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.embedding(symbols)
        if self.positions is not None:
            rows = rows + self.positions
        found, weights = attend(self.queries(rows), self.keys(rows), self.values(rows))
        return self.linear(found), weights


class Reversed(NamedTuple):
    """What a network came to that was to say eight symbols backwards."""

    model: SelfAttention
    accuracy: float  # share of the symbols
    mirror: float  # mean weight on the token that is asked for
    weights: Tensor  # (8, 8), means
    best: float  # accuracy of who knows which symbols there are, but not where


@lru_cache(maxsize=8)
def _reversed(positions: bool, seed: int) -> Reversed:
    with aside():
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        model, generator = SelfAttention(positions), torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        for _ in told(range(REVERSE_UPDATES)):
            symbols = torch.randint(SYMBOLS, (BATCH, TOKENS), generator=generator)
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(symbols)[0].mT, symbols.flip(1)))
            optimizer.step()
        symbols = torch.randint(SYMBOLS, (MANY, TOKENS), generator=generator)
        with torch.no_grad():
            logits, weights = model(symbols)
    mean = weights.mean(0)
    accuracy = float((logits.argmax(-1) == symbols.flip(1)).float().mean())
    return Reversed(model, accuracy, float(mean.flip(1).diagonal().mean()), mean, _best_without_places(symbols))


def _best_without_places(symbols: Tensor) -> float:
    """Who stands at a token, and names the commonest of the other seven, is right so often."""
    one_hot = functional.one_hot(symbols, SYMBOLS)
    others = one_hot.sum(1, keepdim=True) - one_hot
    return float(others.max(-1).values.float().mean()) / (TOKENS - 1)


def reverse(seed: int) -> Finding:
    """Eight symbols backwards, with positions and without: who looks where, on average, when it has learnt."""
    pictures, rows, value = [], [], {}
    for key, positions in (("with", True), ("without", False)):
        found = _reversed(positions, seed)
        pictures.append(_map(found.weights, f"{key} positions"))
        rows.append([f"{key} positions", f"{found.accuracy:.3f}", f"{found.mirror:.3f}"])
        value[key] = {"accuracy": found.accuracy, "mirror": found.mirror, "best": found.best}
    columns = ["", "accuracy", "weight on the token asked for"]
    return Finding(value, Table(columns, [list[Cell](row) for row in rows]), pictures=pictures)


def shuffle(positions: str, seed: int) -> Finding:
    """How far the answers to shuffled tokens are from the shuffled answers, at most; of the trained network."""
    found = _reversed(positions == "yes", seed)
    generator = torch.Generator().manual_seed(seed)
    symbols = torch.randint(SYMBOLS, (MANY, TOKENS), generator=generator)
    order = torch.randperm(TOKENS, generator=generator)
    with torch.no_grad():
        plain, shuffled = found.model(symbols)[0], found.model(symbols[:, order])[0]
    value = {"difference": float((shuffled - plain[:, order]).abs().max()), "largest": float(plain.abs().max())}
    columns = ["shuffled back, they differ by up to", "largest score"]
    return Finding(value, Table(columns, [[f"{value['difference']:.2g}", f"{value['largest']:.2g}"]]))


def _map(weights: Tensor, caption: str) -> Picture:
    """Roots of weights as greys, so that 1/8 is seen, in a frame: 8 cells of 3 pixels, 28 in all."""
    cells = (255 * weights.sqrt()).round().repeat_interleave(3, 0).repeat_interleave(3, 1)
    grey = functional.pad(cells, (2, 2, 2, 2), value=_FRAME).to(torch.uint8)
    return Picture(grey.shape[0], grey.shape[1], grey.numpy().tobytes(), caption)


# ── why √d ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def scale(seed: int) -> Finding:
    """Random queries and keys of d numbers: the largest of eight weights, and softmax's slope, with √d and without."""
    generator = torch.Generator().manual_seed(seed)
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for width in WIDTHS:
        query = torch.randn(MANY, 1, width, generator=generator)
        keys = torch.randn(MANY, TOKENS, width, generator=generator)
        scores = (query @ keys.mT)[:, 0]
        pairs = [_largest_and_slope(torch.softmax(each, -1)) for each in (scores / math.sqrt(width), scores)]
        rows.append([width, *(f"{number:.3f}" for pair in zip(*pairs, strict=True) for number in pair)])
        names = ("largest", "slope"), ("unscaled_largest", "unscaled_slope")
        value[f"d_{width}"] = {
            name: number
            for keys_, pair in zip(names, pairs, strict=True)
            for name, number in zip(keys_, pair, strict=True)
        }
    columns = ["d", "largest, scaled", "largest, unscaled", "slope, scaled", "slope, unscaled"]
    return Finding(value, Table(columns, rows))


def _largest_and_slope(weights: Tensor) -> tuple[float, float]:
    return float(weights.max(-1).values.mean()), float((weights * (1 - weights)).mean())
