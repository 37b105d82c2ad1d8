"""Batches of their own kind: graphs as one object, as PyTorch Geometric has them, and pictures of different sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

EPOCHS = 9

Picture = tuple[Tensor, int]


class Graphs:
    """Graphs side by side: the rows of `x` are nodes, `batch` says whose; `edge_index` is 2 × edges, from and to."""

    def __init__(self, x: Tensor, edge_index: Tensor, y: Tensor, batch: Tensor) -> None:
        self.x, self.edge_index, self.y, self.batch = x, edge_index, y, batch

    @property
    def num_graphs(self) -> int:
        """How many graphs there are."""
        return len(self.y)

    def to(self, device: torch.device | str) -> Graphs:
        """The same on a device."""
        return Graphs(self.x.to(device), self.edge_index.to(device), self.y.to(device), self.batch.to(device))


@dataclass
class Graph:
    """One graph: a ring, or a chain, of nodes with values."""

    x: Tensor
    edge_index: Tensor
    y: int


def _graph(nodes: int, ring: bool) -> Graph:
    start = torch.arange(nodes if ring else nodes - 1)
    there = torch.stack([start, (start + 1) % nodes])
    return Graph(torch.randn(nodes, 3), torch.cat([there, there.flip(0)], dim=1), int(ring))


def _side_by_side(graphs: list[Graph]) -> Graphs:
    sizes = torch.tensor([len(graph.x) for graph in graphs])
    firsts = sizes.cumsum(0) - sizes
    edges = [graph.edge_index + first for graph, first in zip(graphs, firsts, strict=True)]
    return Graphs(
        torch.cat([graph.x for graph in graphs]),
        torch.cat(edges, dim=1),
        torch.tensor([graph.y for graph in graphs]),
        torch.arange(len(graphs)).repeat_interleave(sizes),
    )


class Passing(nn.Module):
    """Two rounds of messages along the edges, then the mean over each graph's nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(6, 8), nn.Linear(16, 8), nn.Linear(8, 2)

    def forward(self, graphs: Graphs) -> Tensor:
        """The scores of each graph's kinds."""
        values = torch.relu(self.first(self._with_neighbours(graphs.x, graphs.edge_index)))
        values = torch.relu(self.second(self._with_neighbours(values, graphs.edge_index)))
        sums = torch.zeros(graphs.num_graphs, 8).index_add(0, graphs.batch, values)
        counts = torch.bincount(graphs.batch, minlength=graphs.num_graphs).unsqueeze(1)
        scores: Tensor = self.out(sums / counts)
        return scores

    @staticmethod
    def _with_neighbours(values: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index
        return torch.cat([values, torch.zeros_like(values).index_add(0, target, values[source])], dim=1)


def _passing() -> tuple[Passing, torch.optim.Adam, DataLoader[Graph]]:
    """A network, Adam, and 6 batches of 5 graphs of 3 to 7 nodes."""
    torch.manual_seed(9)
    model = Passing()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    data: Any = [_graph(3 + number % 5, number % 2 == 0) for number in range(30)]
    return model, optimizer, DataLoader(data, batch_size=5, shuffle=True, collate_fn=_side_by_side)


def graphs() -> dict[str, Any]:
    """Rings told from chains."""
    model, optimizer, loader = _passing()

    def step(batch: Graphs) -> Tensor:
        batch = batch.to("cpu")
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch), batch.y)
        loss.backward()
        optimizer.step()
        return loss

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "epochs": EPOCHS,
    }


def plain_graphs(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    model, optimizer, loader = _passing()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}}
    done = 0
    for _ in range(EPOCHS):
        for data in loader:
            if done == batches:
                return trained
            scores = model(data)
            optimizer.zero_grad()
            F.cross_entropy(scores, data.y).backward()
            optimizer.step()
            done += 1
    return trained


def _listed(rows: list[Picture]) -> tuple[list[Tensor], list[int]]:
    return [picture for picture, _ in rows], [kind for _, kind in rows]


def _looking() -> tuple[nn.Module, torch.optim.SGD, DataLoader[Picture]]:
    """A network with buffers that takes any size, SGD, and 6 batches of 4 pictures of 5 to 9 rows."""
    torch.manual_seed(10)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, nesterov=True, momentum=0.8)
    data: Any = [(torch.randn(1, 5 + number % 5, 6 + number % 3), number % 3) for number in range(24)]
    return model, optimizer, DataLoader(data, batch_size=4, shuffle=True, collate_fn=_listed)


def pictures() -> dict[str, Any]:
    """A batch is a list of pictures and a list of ints; the network is called once for each."""
    model, optimizer, loader = _looking()

    def step(batch: tuple[list[Tensor], list[int]]) -> Tensor:
        optimizer.zero_grad()
        losses = [
            F.cross_entropy(model(picture.unsqueeze(0)), torch.tensor([kind]))
            for picture, kind in zip(*batch, strict=True)
        ]
        loss = torch.stack(losses).mean()
        loss.backward()
        optimizer.step()
        return loss

    return {
        "modules": {"": model},
        "optimizers": {"": optimizer},
        "loader": loader,
        "step": step,
        "epochs": EPOCHS,
    }


def plain_pictures(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    model, optimizer, loader = _looking()
    trained = {"modules": {"": model}, "optimizers": {"": optimizer}}
    done = 0
    for _ in range(EPOCHS):
        for images, kinds in loader:
            if done == batches:
                return trained
            scores = torch.cat([model(image[None]) for image in images])
            losses = [F.cross_entropy(scores[i : i + 1], torch.tensor([kind])) for i, kind in enumerate(kinds)]
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            optimizer.step()
            done += 1
    return trained
