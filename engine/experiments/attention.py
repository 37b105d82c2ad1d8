"""Networks with attention, over the patches of a picture or the tokens of a sequence (course §11).

Scaled dot-product attention is that of Vaswani et al. 2017, "Attention is all you need"; a block is normalised before
each of its parts, and takes patches as in Dosovitskiy et al. 2021, "An image is worth 16x16 words". An exported script
has these classes word for word: they need no more than torch and math. `symbols` say what a debugger calls what
a part of a module gives; "" is the module itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Patches(nn.Module):
    """A code of each patch of a picture: (N, 1, 28, 28) → (N, n, width), row by row from the upper left."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, patch, patch)

    def forward(self, pictures: Tensor) -> Tensor:
        codes: Tensor = self.patches(pictures)
        return codes.flatten(2).mT


class Positions(nn.Module):
    """Adds to each token what tells its place: (N, n, width) → the same."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.weight


class Scores(nn.Module):
    """S = Q·Kᵀ/√d: (N, heads, n, d) twice → (N, heads, n, n)."""

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        products: Tensor = queries @ keys.mT
        return products / math.sqrt(queries.shape[-1])


class Attention(nn.Module):
    """Each token asks all: O = P·V with the weights P = softmax(S), head beside head; (N, n, width) → the same."""

    def __init__(self, width: int, heads: int, place: int = 1) -> None:
        super().__init__()
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.scores = Scores()
        self.weights = nn.Softmax(-1)
        self.heads = heads
        named = {"queries": "Q", "keys": "K", "values": "V", "scores": "S", "weights": "P", "": "O"}
        self.symbols = {part: f"{symbol}[{place}]" for part, symbol in named.items()}

    def forward(self, tokens: Tensor) -> Tensor:
        layers = (self.queries, self.keys, self.values)
        queries, keys, values = (self.split(layer(tokens)) for layer in layers)
        found: Tensor = self.weights(self.scores(queries, keys)) @ values
        return found.transpose(1, 2).flatten(2)

    def split(self, tokens: Tensor) -> Tensor:
        heads: Tensor = tokens.unflatten(-1, (self.heads, -1))
        return heads.transpose(1, 2)


class Block(nn.Module):
    """Attention, then a network for each token, both added to what came in: H → H + …; (N, n, width) → the same."""

    def __init__(self, width: int, heads: int, activation: nn.Module | None, place: int = 1) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, place)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 2 * width)
        self.activation = activation or nn.Identity()
        self.linear = nn.Linear(2 * width, width)
        self.symbols = {"": f"H[{place}]"}

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = tokens + self.out(self.attention(self.norm1(tokens)))
        further: Tensor = self.linear(self.activation(self.hidden(self.norm2(found))))
        return found + further


class Attentive(nn.Module):
    """Tokens, with their positions, through attention or blocks of it; logits of their mean, or of each token.

    Shapes: whatever `embedding` takes → (N, n_classes), or, with `each`, (N, n_classes, n). `count` is how many tokens
    there are, 0 without positions.
    """

    def __init__(
        self, embedding: nn.Module, count: int, blocks: list[nn.Module], width: int, n_classes: int, each: bool = False
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.positions = Positions(count, width) if count else None
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(width, n_classes)
        self.each = each
        self.output_activation = "" if each else "softmax"
        self.symbols = {"positions" if count else "embedding": "H[0]"}

    def forward(self, inputs: Tensor) -> Tensor:
        tokens: Tensor = self.embedding(inputs)
        if self.positions is not None:
            tokens = self.positions(tokens)
        tokens = self.blocks(tokens)
        logits: Tensor = self.linear(tokens if self.each else tokens.mean(1))
        return logits.mT if self.each else logits
