"""An adversary's tiny step: a picture moved along the sign of ∂ℒ/∂X, or at random (course §12).

Goodfellow et al. 2015, "Explaining and harnessing adversarial examples".
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.course.dataset import picture, shaded
from engine.course.findings import Cell, Finding, Table
from engine.course.pairs import digits
from engine.course.training import trained
from engine.experiments.data import MEAN, STD
from engine.experiments.experiment import Experiment

WAYS = ("gradient", "random")
STEPS = (0.0, 0.02, 0.05, 0.1, 0.2)  # of the way from black to white
_PIXELS = 784


class Attacked(NamedTuple):
    """A network's accuracy on moved pictures, and by how much ℒ rose: in fact, and as its slopes foretold."""

    accuracy: float
    rise: float
    foretold: float


@lru_cache(maxsize=4)
def _network(seed: int) -> nn.Module:
    """784-32-16-10 after two epochs, as `nnwalk-tui mlp` trains it; in evaluation mode."""
    model = trained(Experiment(epochs=2, seed=seed)).model
    return model.eval()


def _pictures() -> tuple[Tensor, Tensor]:
    part = digits("subset").valid
    return part.images.flatten(1), part.labels


def _slopes(model: nn.Module, pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Each picture's ℒ (N), and the gradient of it towards its pixels (N × 784)."""
    inputs = pictures.clone().requires_grad_()
    losses = functional.cross_entropy(model(inputs), labels, reduction="none")
    (slopes,) = torch.autograd.grad(losses.sum(), inputs)
    return losses.detach(), slopes


def _moved(pictures: Tensor, slopes: Tensor, way: str, eps: float, seed: int) -> Tensor:
    """Every pixel by eps up or down, as far as there is black and white."""
    if way == "random":
        generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(0, 2, pictures.shape, generator=generator) * 2.0 - 1
    else:
        signs = slopes.sign()
    return (pictures + eps / STD * signs).clamp(-MEAN / STD, (1 - MEAN) / STD)


def _attack(way: str, eps: float, seed: int, victim: int | None = None) -> Attacked:
    """The pictures are moved by the slopes of network `seed`, and judged by `victim`, itself where that is None."""
    model, (pictures, labels) = _network(seed), _pictures()
    losses, slopes = _slopes(model, pictures, labels)
    moved = _moved(pictures, slopes, way, eps, seed)
    judge = model if victim is None else _network(victim)
    with torch.no_grad():
        logits = judge(moved)
    rise = functional.cross_entropy(logits, labels, reduction="none") - losses
    foretold = (slopes * (moved - pictures)).sum(1)
    accuracy = float((logits.argmax(1) == labels).float().mean())
    return Attacked(accuracy, float(rise.mean()), float(foretold.mean()))


def table(seed: int) -> Finding:
    """Accuracy after steps of ever more grey, along the slopes and at random."""
    found = {way: {eps: _attack(way, eps, seed) for eps in STEPS} for way in WAYS}
    rows: list[list[Cell]] = [
        [
            f"{eps:.0%}",
            *(f"{found[way][eps].accuracy:.3f}" for way in WAYS),
            f"{round(found['gradient'][eps].rise, 2) + 0:.2f}",
        ]
        for eps in STEPS
    ]
    value = {way: {_key(eps): each._asdict() for eps, each in steps.items()} for way, steps in found.items()}
    return Finding(value, Table(["grey a pixel", "along ∂ℒ/∂X", "at random", "along it ℒ rises by"], rows))


def _key(eps: float) -> str:
    return f"by{100 * eps:.0f}"


def step(eps: float, way: str, seed: int) -> Finding:
    """One step for all validation pictures."""
    found = _attack(way, eps, seed)
    row: list[Cell] = [f"{found.accuracy:.3f}", f"{found.rise:.3f}", f"{found.foretold:.3f}"]
    return Finding(found._asdict(), Table(["named rightly", "ℒ rises by", "foretold by the slopes"], [row]))


def other(eps: float, seed: int) -> Finding:
    """The same pictures, shown to a network that learnt from another seed."""
    own, others = _attack("gradient", eps, seed), _attack("gradient", eps, seed, victim=seed + 1)
    plain = _attack("gradient", 0.0, seed, victim=seed + 1)
    value = {"own": own.accuracy, "other": others.accuracy, "before": plain.accuracy}
    rows: list[list[Cell]] = [[f"{each:.3f}" for each in value.values()]]
    return Finding(value, Table(["the network itself", "another network", "that, untouched pictures"], rows))


def slopes(seed: int) -> Finding:
    """What a step along the signs gains, Σ|∂ℒ/∂x|, and of which size one at random is, ‖∂ℒ/∂X‖; means over pictures."""
    _, found = _slopes(_network(seed), *_pictures())
    size, length = float(found.abs().sum(1).mean()), float(found.norm(dim=1).mean())
    value = {"sum": size, "length": length, "ratio": size / length, "pixels": _PIXELS}
    return Finding(
        value, Table(["Σ|∂ℒ/∂x|", "‖∂ℒ/∂X‖", "ratio"], [[f"{size:.3f}", f"{length:.4f}", f"{size / length:.1f}"]])
    )


def look(example: int, eps: float, seed: int) -> Finding:
    """A digit, its slopes, and the moved digit, with what the network says of each."""
    model, (pictures, labels) = _network(seed), _pictures()
    at = slice(example - 1, example)
    _, slope = _slopes(model, pictures[at], labels[at])
    moved = _moved(pictures[at], slope, "gradient", eps, seed)
    with torch.no_grad():
        before, after = (torch.softmax(model(each), 1)[0] for each in (pictures[at], moved))
    value = {
        "label": int(labels[example - 1]),
        "before": int(before.argmax()),
        "sure_before": float(before.max()),
        "after": int(after.argmax()),
        "sure_after": float(after.max()),
    }
    shown = [
        picture(pictures[at], f"{value['before']}: {value['sure_before']:.0%}"),
        shaded((slope.sign() + 1).view(28, 28) / 2, f"± {eps:.0%} grey"),
        picture(moved, f"{value['after']}: {value['sure_after']:.0%}"),
    ]
    return Finding(value, pictures=shown)
