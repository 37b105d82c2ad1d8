"""The README's recipes, as they are written there, run: forward, and back to the same bits."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent, indent

import pytest

from engine.launch import open_script
from engine.protocol.positions import Unit
from engine.protocol.recipe import Script

README = Path(__file__).parents[2] / "README.md"
GIVEN = """
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader, TensorDataset

DATA = TensorDataset(torch.randn(24, 5), torch.randint(3, (24,)))
criterion = bce = nn.CrossEntropyLoss()


class Dicts(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, inputs, labels):
        logits = self.linear(inputs)
        return SimpleNamespace(logits=logits, loss=criterion(logits, labels))


class OfGraphs(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x, edge_index, batch):
        neighbours = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])
        nodes = self.linear(x + neighbours)
        return torch.zeros(int(batch.max()) + 1, 3).index_add(0, batch, nodes)


@dataclass
class Graph:
    x: torch.Tensor
    edge_index: torch.Tensor
    batch: torch.Tensor
    y: torch.Tensor


class LitModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def log(self, *args, **options):
        raise RuntimeError("there is no trainer")

    def training_step(self, batch, place):
        loss = criterion(self.linear(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return Adam(self.parameters(), 0.01)


def parts():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    return model, torch.optim.SGD(model.parameters(), 0.1), DataLoader(DATA, 4, shuffle=True)


def graphs():
    return [Graph(torch.randn(6, 5), torch.tensor([[0, 1, 3], [1, 2, 4]]), torch.tensor([0, 0, 0, 1, 1, 1]),
                  torch.randint(3, (2,))) for _ in range(6)]
"""
BEFORE = "    model, optimizer, loader = parts()\n    loss = criterion\n    valid_loader = DataLoader(DATA, 8)\n"
RETURNED = "    return dict(modules=model, optimizers=optimizer, loader=loader, step=step)\n"
STEP = "    def step(batch):\n        x, y = batch\n        optimizer.zero_grad()\n"


def recipes() -> dict[str, str]:
    """Each recipe's lines by the first words of its comment."""
    block = README.read_text().partition("<summary>Recipes")[2].partition("</details>")[0]
    block = dedent(block.partition("</summary>")[2])
    found = re.split(r"^# (.*)\n", block, flags=re.MULTILINE)[1:]
    return {
        title.partition(",")[0].partition(":")[0]: text for title, text in zip(found[::2], found[1::2], strict=True)
    }


def inside(text: str) -> str:
    """A recipe that is a part of the step."""
    return STEP + indent(text, " " * 8)


def programs() -> dict[str, str]:
    """A function for each recipe, which makes a program of it."""
    found = recipes()
    amp, _, state = found["AMP; the scaler's state comes back"].partition("…\n")
    before, after = found["a scheduler with the four things"].strip().splitlines()
    dicts = (
        "    model = Dicts()\n    optimizer = Adam(model.parameters(), 0.01)\n"
        "    loader = [dict(inputs=x, labels=y) for x, y in DataLoader(DATA, 4)]\n"
    )
    of_graphs = "    model, loader = OfGraphs(), graphs()\n    optimizer = Adam(model.parameters(), 0.01)\n"
    forward = "        loss = criterion(model(x), y)\n"
    return {
        "accumulation": BEFORE + indent(found["accumulation over 4 batches"], "    ") + RETURNED,
        "clipping": BEFORE + STEP + forward + indent(found["clipping"], " " * 8) + "        return loss\n" + RETURNED,
        "amp": BEFORE + '    scaler = torch.amp.GradScaler("cpu")\n' + inside(amp) + "        return loss\n"
        + indent(state, "    "),
        "lbfgs": BEFORE + "    optimizer = torch.optim.LBFGS(model.parameters())\n"
        + inside(found["LBFGS"]) + RETURNED,
        "once an epoch": BEFORE + indent(before, "    ") + "\n",
        "once a batch": BEFORE + indent(after, "    ") + "\n",
        "hugging face": dicts + indent(found["a Hugging Face model"], "    ") + RETURNED,
        "graphs": of_graphs + indent(found["PyTorch Geometric"], "    ") + RETURNED,
        "lightning": BEFORE + indent(found["a Lightning module with automatic optimization"], "    ")
        + RETURNED.replace("modules=model", "modules=module"),
    }  # fmt: skip


@pytest.mark.parametrize("name", programs())
def test_a_recipe_of_the_readme_runs_and_goes_back_to_the_same_bits(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.py"
    path.write_text(f"{GIVEN}\n\ndef program():\n{programs()[name]}")
    session = open_script(Script(str(path), "program", 1))
    digests = [session.digest()]
    for _ in range(5):
        session.step(Unit.BATCH)
        digests.append(session.digest())
    assert len(set(digests)) > 1
    for batch in (1, 4, 0, 5):
        session.do(f"goto 1:{batch}" if batch else "goto start")
        assert session.digest() == digests[batch]
    phases = {event.phase for event in session.tape().events}  # type: ignore[union-attr]
    assert {"load", "forward", "backward"} <= phases


def test_every_recipe_of_the_readme_is_tried() -> None:
    assert len(recipes()) == 8
