"""Sequences: a GRU that carries its hidden state over in an attribute, and a small transformer on batches by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

EPOCHS = 7
LETTERS = 12
LENGTH = 6


class Reader(nn.Module):
    """A GRU over letters; `hidden`, an attribute and no buffer, goes on from one batch to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(LETTERS, 8)
        self.gru = nn.GRU(8, 10, batch_first=True)
        self.next = nn.Linear(10, LETTERS)
        self.hidden: Tensor | None = None

    def forward(self, text: Tensor) -> Tensor:
        """Rows of letters → the scores of each next letter."""
        seen, hidden = self.gru(self.letters(text), self.hidden)
        self.hidden = hidden.detach()
        scores: Tensor = self.next(seen)
        return scores


def _reading() -> tuple[Reader, torch.optim.RMSprop, list[Tensor]]:
    """A reader, and a text in 4 rows cut into 8 batches that follow each other."""
    torch.manual_seed(6)
    reader = Reader()
    optimizer = torch.optim.RMSprop(reader.parameters(), lr=0.005)
    text = (torch.arange(4 * 8 * LENGTH) ** 2 % LETTERS).reshape(4, -1)
    return reader, optimizer, list(text.split(LENGTH, dim=1))


def carried_over() -> dict[str, Any]:
    """Truncated backpropagation through time; a batch is one tensor, the loader a list."""
    reader, optimizer, loader = _reading()

    def step(text: Tensor) -> Tensor:
        scores = reader(text[:, :-1])
        loss = F.cross_entropy(scores.flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(reader.parameters(), 0.1)
        optimizer.step()
        return loss

    return {
        "modules": {"": reader},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "epochs": EPOCHS,
    }


def plain_carried_over(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    reader, optimizer, loader = _reading()
    trained = {"modules": {"": reader}, "optimizers": {"": optimizer}}
    done = 0
    for _ in range(EPOCHS):
        for text in loader:
            if done == batches:
                return trained
            inputs, targets = text[:, :-1], text[:, 1:]
            scores = reader(inputs)
            optimizer.zero_grad()
            F.cross_entropy(scores.reshape(-1, LETTERS), targets.reshape(-1)).backward()
            torch.nn.utils.clip_grad_value_(reader.parameters(), clip_value=0.1)
            optimizer.step()
            done += 1
    return trained


class Writer(nn.Module):
    """A causal transformer of one block whose last layer shares the embedding's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(LETTERS, 8)
        self.places = nn.Embedding(LENGTH, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True, norm_first=True)
        self.next = nn.Linear(8, LETTERS, bias=False)
        self.next.weight = self.letters.weight

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Loss and scores, as models of language give them; where a label is −100 nothing is asked."""
        length = input_ids.shape[1]
        values = self.letters(input_ids) + self.places(torch.arange(length))
        future = torch.ones(length, length).triu(1).bool()
        scores = self.next(self.block(values, src_mask=future, src_key_padding_mask=attention_mask == 0))
        loss = F.cross_entropy(scores[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        return {"loss": loss, "logits": scores}


def _row(length: int) -> dict[str, Tensor]:
    """A word that counts upwards from a drawn letter, filled up to LENGTH."""
    letters = torch.zeros(LENGTH, dtype=torch.long)
    letters[:length] = (torch.randint(LETTERS, (1,)) + torch.arange(length)) % LETTERS
    mask = (torch.arange(LENGTH) < length).long()
    return {"input_ids": letters, "attention_mask": mask, "labels": letters.masked_fill(mask == 0, -100)}


def _writing() -> tuple[Writer, torch.optim.AdamW, DataLoader[dict[str, Tensor]], DataLoader[dict[str, Tensor]]]:
    """A writer, AdamW that lets norms and biases be, words to learn from, and a few held out."""
    torch.manual_seed(7)
    writer = Writer()
    parameters = list(writer.parameters())
    groups = [
        {"name": "matrices", "params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.1},
        {"name": "vectors", "params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01)
    words: Any = [_row(3 + number % 4) for number in range(40)]  # a list is a data set in all but its type
    held_out: Any = [_row(LENGTH) for _ in range(10)]
    return writer, optimizer, DataLoader(words, batch_size=5, shuffle=True), DataLoader(held_out, batch_size=4)


def language_model() -> dict[str, Any]:
    """Batches are dicts, the model gives its own loss, two groups differ in weight decay."""
    writer, optimizer, loader, held_out = _writing()

    def step(batch: dict[str, Tensor]) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = writer(**batch)["loss"]
        loss.backward()
        nn.utils.clip_grad_norm_(writer.parameters(), 1.0)
        optimizer.step()
        return loss

    def validate(batch: dict[str, Tensor]) -> Tensor:
        loss: Tensor = writer(**batch)["loss"]
        return loss

    return {
        "modules": {"": writer},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "validation": held_out,
        "validate": validate,
        "name": "words",
        "epochs": EPOCHS,
    }


def plain_language_model(batches: int) -> dict[str, Any]:
    """The same as a script's loop, without validation, which changes nothing."""
    writer, optimizer, loader, _ = _writing()
    trained = {"modules": {"": writer}, "optimizers": {"": optimizer}}
    done = 0
    for _ in range(EPOCHS):
        for batch in loader:
            if done == batches:
                return trained
            output = writer(batch["input_ids"], batch["attention_mask"], batch["labels"])
            optimizer.zero_grad()
            output["loss"].backward()
            torch.nn.utils.clip_grad_norm_(writer.parameters(), max_norm=1.0)
            optimizer.step()
            done += 1
    return trained
