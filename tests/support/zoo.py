"""Models that the recorder was not written for, each with loss, optimizer and loader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from engine.session import Session


@dataclass
class Parts:
    """The arguments of a Session."""

    model: nn.Module
    loss: Callable[[Any, Any], Tensor]
    optimizer: torch.optim.Optimizer
    loader: list[tuple[Any, Tensor]]

    def session(self, epochs: int = 2, **options: Any) -> Session:
        """A session of these parts."""
        return Session(self.model, self.loss, self.optimizer, self.loader, epochs=epochs, **options)

    def plain_loop(self, batches: int) -> list[float]:
        """Train in the plainest way; the losses."""
        losses = []
        for number in range(batches):
            inputs, targets = self.loader[number % len(self.loader)]
            self.optimizer.zero_grad()
            loss = self.loss(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return losses


def _images(size: int = 28, channels: int = 1, classes: int = 10, batches: int = 3, n: int = 4) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(n, channels, size, size, generator=generator),
            torch.randint(0, classes, (n,), generator=generator),
        )
        for _ in range(batches)
    ]


def _rows(width: int = 6, classes: int = 3, batches: int = 3, n: int = 5) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(n, width, generator=generator), torch.randint(0, classes, (n,), generator=generator))
        for _ in range(batches)
    ]


def _sequences(steps: int = 5, width: int = 8, classes: int = 3, batches: int = 3, n: int = 4) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(n, steps, width, generator=generator), torch.randint(0, classes, (n,), generator=generator))
        for _ in range(batches)
    ]


class Convnet(nn.Module):
    """conv, batch norm, relu, pool, dropout, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(4 * 14 * 14, 10)

    def forward(self, images: Tensor) -> Tensor:
        hidden = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(images))), 2)
        logits: Tensor = self.head(self.drop(hidden).flatten(1))
        return logits


class LastStep(nn.Module):
    """A recurrent net whose last step is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, sequences: Tensor) -> Tensor:
        steps, _ = self.rnn(sequences)
        logits: Tensor = self.head(steps[:, -1])
        return logits


class Encoder(nn.Module):
    """A transformer layer, averaged over the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, sequences: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layer(sequences).mean(1))
        return logits


class InPlace(nn.Module):
    """Overwrites its activations: in-place relu, clamp and +=, and writes into slices."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.second = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = torch.relu_(self.first(rows))
        after = self.second(hidden)
        after += hidden
        after = after * 1.0
        after[:, 0] = hidden[:, 1]
        after[:, 2:].mul_(2.0)
        logits: Tensor = self.head(after.mul_(0.5).clamp_(max=2.0))
        return logits


class Shared(nn.Module):
    """One weight used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.inner(torch.tanh(self.inner(rows)))))
        return logits


class TwoOutputs(nn.Module):
    """Class scores, and a reconstruction."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 5)
        self.classes = nn.Linear(5, 3)
        self.again = nn.Linear(5, 6)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.sigmoid(self.body(rows))
        return self.classes(hidden), self.again(hidden)


def _two_losses(outputs: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs[0], targets) + outputs[1].square().mean()


def _sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def _adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.01)


_ZOO: dict[str, tuple[Callable[[], nn.Module], Callable[[Any, Any], Tensor], Any, Callable[[], list[Any]]]] = {
    "convnet": (Convnet, nn.CrossEntropyLoss(), _adam, _images),
    "resnet18": (
        lambda: resnet18(weights=None, num_classes=10),
        nn.CrossEntropyLoss(),
        _sgd,
        lambda: _images(32, 3, batches=2, n=2),
    ),
    "lstm": (LastStep, nn.CrossEntropyLoss(), _adam, _sequences),
    "transformer": (Encoder, nn.CrossEntropyLoss(), _adam, _sequences),
    "in place": (InPlace, nn.CrossEntropyLoss(), _sgd, _rows),
    "shared weight": (Shared, nn.CrossEntropyLoss(), _adam, _rows),
    "two outputs": (TwoOutputs, _two_losses, _adam, _rows),
}
ZOO = tuple(_ZOO)


def make(name: str) -> Parts:
    """A fresh model of the zoo, the same bits each time."""
    torch.manual_seed(0)
    model, loss, optimizer, loader = _ZOO[name]
    built = model()
    parts = Parts(built, loss, optimizer(built), loader())
    torch.manual_seed(3)
    return parts
