"""What is left of the gradient on its way back through time, and who remembers (course §10).

The gradient's fate is that of a product of one matrix with itself: Bengio et al. 1994, "Learning long-term dependencies
with gradient descent is difficult"; the forget gate's bias: Jozefowicz et al. 2015, "An empirical exploration of
recurrent network architectures".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.course.findings import Cell, Finding, Plot, Series, Table
from engine.course.progress import told
from engine.course.training import aside, assembled, measure, told_epoch
from engine.experiments.experiment import Experiment

ROWS = 28
SIZES = (28, 32, 10)
DEFAULT = "default"  # of the forget gate's bias: as it is drawn
RADII = (0.5, 0.9, 1.0, 1.1, 1.5)
SYMBOLS, NOISE, UNITS, UPDATES, BATCH = 4, 0.3, 32, 300, 64  # of the task to remember


def experiment(model: str, bias: str, seed: int) -> Experiment:
    """A digit's rows as time, through one cell; Adam, one epoch."""
    forget = None if bias == DEFAULT or model != "lstm" else float(bias)
    return Experiment(
        model=model, layers=SIZES, optimizer="adam", learning_rate=0.003, epochs=1, seed=seed, forget_bias=forget
    )


# ── the gradient by time step ─────────────────────────────────────────────────────────────────────────────────────────


def norms_by_time(model: Any, loss: Any, inputs: Tensor, targets: Tensor) -> list[float]:
    """‖∂ℒ/∂H[t]‖ by t, of an LSTM ‖∂ℒ/∂C[t]‖: the total gradient towards what each step hands on."""
    states: list[Tensor] = []

    def keep(module: nn.Module, given: Any, out: Tensor | tuple[Tensor, ...]) -> None:
        state = out[-1] if isinstance(out, tuple) else out
        state.retain_grad()
        states.append(state)

    handle = model.cell.register_forward_hook(keep)
    try:
        torch.autograd.backward(loss(model(inputs), targets))
    finally:
        handle.remove()
    model.zero_grad(set_to_none=True)
    return [0.0 if state.grad is None else float(state.grad.double().norm()) for state in states]


class Flow(NamedTuple):
    """Norms by time step on a run's first batch, before training and after it, and what the run came to."""

    before: list[float]
    after: list[float]
    accuracy: float


@lru_cache(maxsize=16)
def _flow(model: str, bias: str, seed: int) -> Flow:
    with aside():
        parts = assembled(experiment(model, bias, seed))
        state = parts.loader.generator.get_state()
        first = next(iter(parts.loader))
        parts.loader.generator.set_state(state)  # as a run finds it
        before = norms_by_time(parts.model, parts.loss, *first)
        told_epoch(parts)
        after = norms_by_time(parts.model, parts.loss, *first)
        return Flow(before, after, measure(parts.model, parts.validation).accuracy)


def flow(model: str, bias: str, trained: str, seed: int) -> Finding:
    """What is left of the gradient at each row, at the start of a run or after its epoch."""
    found = _flow(model, bias, seed)
    norms = found.after if trained == "yes" else found.before
    x = [float(t) for t in range(1, len(norms) + 1)]
    symbol = "C" if model == "lstm" else "H"
    series = Series(f"‖∂ℒ/∂{symbol}[t]‖", x, norms)
    return Finding(_numbers(norms), plot=Plot([series], "t", series.name, logarithmic=True))


def _numbers(norms: list[float]) -> dict[str, float]:
    return {"first": norms[0], "middle": norms[len(norms) // 2 - 1], "last": norms[-1], "ratio": norms[0] / norms[-1]}


def compared(seed: int) -> Finding:
    """RNN, LSTM, and an LSTM whose forget gate begins open: the share before and after an epoch, and the accuracy."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for key, model, bias in (("rnn", "rnn", DEFAULT), ("lstm", "lstm", DEFAULT), ("open", "lstm", "1")):
        found = _flow(model, bias, seed)
        before, after = _numbers(found.before)["ratio"], _numbers(found.after)["ratio"]
        name = model.upper() + (", forget bias 1" if key == "open" else "")
        rows.append([name, before, after, f"{found.accuracy:.3f}"])
        value[key] = {"before": before, "after": after, "accuracy": found.accuracy}
    return Finding(value, Table(["cell", "row 1 / row 28 at the start", "after an epoch", "accuracy"], rows))


# ── one matrix, again and again ───────────────────────────────────────────────────────────────────────────────────────


def radius(rho: float, seed: int) -> Finding:
    """An RNN whose W_hh is ρ times a rotation, small inputs, no bias: what 27 steps leave of the gradient, and ρ²⁷."""
    return Finding(_of_radius(rho, seed))


def radii(seed: int) -> Finding:
    """The same for several ρ."""
    found = {rho: _of_radius(rho, seed) for rho in RADII}
    rows: list[list[Cell]] = [[rho, each["expected"], each["ratio"]] for rho, each in found.items()]
    return Finding({f"{rho:g}": each for rho, each in found.items()}, Table(["ρ", "ρ²⁷", "measured"], rows))


@lru_cache(maxsize=16)
def _of_radius(rho: float, seed: int) -> dict[str, float]:
    with aside():
        parts = assembled(experiment("rnn", DEFAULT, seed))
        inputs, targets = next(iter(parts.loader))
        model: Any = parts.model
        with torch.no_grad():
            nn.init.orthogonal_(model.cell.weight_hh).mul_(rho)
            model.cell.bias_ih.zero_()
            model.cell.bias_hh.zero_()
        norms = norms_by_time(model, parts.loss, 0.01 * inputs, targets)
    return {"ratio": norms[0] / norms[-1], "expected": rho ** (ROWS - 1)}


# ── the task to remember ──────────────────────────────────────────────────────────────────────────────────────────────


class Recall(NamedTuple):
    """What a cell came to that was to name the first of its inputs."""

    accuracy: float
    ratio: float  # of the gradient at the first and at the last step, before training
    kept: float  # the mean share that the forget gate keeps at a step, before training; NaN where there is none


def draw(steps: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences (count, steps, 4): one of four symbols, then noise; and which one it was (count)."""
    first = torch.randint(SYMBOLS, (count,), generator=generator)
    sequences = NOISE * torch.randn(count, steps, SYMBOLS, generator=generator)
    sequences[:, 0] = functional.one_hot(first, SYMBOLS).float()
    return sequences, first


@lru_cache(maxsize=32)
def _recall(model: str, bias: str, steps: int, seed: int) -> Recall:
    with aside():
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        network = _network(model, bias)
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
        loss = nn.CrossEntropyLoss()
        norms = norms_by_time(network, loss, *draw(steps, BATCH, generator))
        for _ in told(range(UPDATES)):
            sequences, first = draw(steps, BATCH, generator)
            optimizer.zero_grad()
            torch.autograd.backward(loss(network(sequences), first))
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        sequences, first = draw(steps, 2000, generator)
        with torch.no_grad():
            accuracy = float((network(sequences).argmax(1) == first).float().mean())
    kept = float("nan") if model != "lstm" else _kept(bias)
    return Recall(accuracy, norms[0] / norms[-1], kept)


def _network(model: str, bias: str) -> Any:
    from engine.experiments.recurrent import CELLS, Recurrent, set_forget_bias

    network = Recurrent(CELLS[model](SYMBOLS, UNITS), SYMBOLS)
    if model == "lstm" and bias != DEFAULT:
        set_forget_bias(network, float(bias))
    return network


def _kept(bias: str) -> float:
    return float(torch.sigmoid(torch.tensor(0.0 if bias == DEFAULT else float(bias))))


def recall(model: str, bias: str, steps: int, seed: int) -> Finding:
    """Name the first of four symbols after so many steps: accuracy, and what the gradient keeps on the way back."""
    return Finding(_recall(model, bias, steps, seed)._asdict())


def memories(steps: int, seed: int) -> Finding:
    """LSTMs whose forget gates begin more or less open."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for key, bias in (("drawn", DEFAULT), ("one", "1"), ("five", "5")):
        found = _recall("lstm", bias, steps, seed)
        kept = found.kept ** (steps - 1)
        rows.append(["as drawn" if bias == DEFAULT else bias, found.kept, kept, found.ratio, f"{found.accuracy:.3f}"])
        value[key] = {**found._asdict(), "left": kept}
    columns = ["bias", "F at a step", f"F to the power of {steps - 1}", "gradient, first / last", "accuracy"]
    return Finding(value, Table(columns, rows))
