"""The cost of recording, of moving the cursor, and of going back."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import msgspec
import torch
from torch import nn

from benchmarks.harness import Benchmark, Reading, cpu_seconds, percentile_95, ratio, ratio_of, seconds
from benchmarks.subjects import BATCH, PlainLoop, examples, plain_model, session
from engine import Session
from engine.experiments import models
from engine.experiments.experiment import Experiment, resolve
from engine.experiments.networks import MODELS
from engine.protocol.messages import Look
from engine.protocol.positions import Unit
from engine.protocol.replies import Frame

_OVERVIEW = ("here", "graph", "layers", "gradients", "curves", "batch")  # what the screen shows at first
_EVERY_PANE = (*_OVERVIEW, "tape", "tensor", "neurons", "landscape")  # more than any layout has room for


# ── recording ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _recording(look: Callable[[Session], object]) -> Reading:
    recorded, plain = session(), PlainLoop()
    return Reading(ratio(lambda: look(recorded), plain.train, pairs=300, warm_up=20, clock=cpu_seconds))


def _step(run: Session) -> None:
    run.step()


def _step_and_read(run: Session) -> None:
    run.step()
    tape = run.tape()
    assert tape is not None
    assert tape.events


def resnet() -> nn.Module:
    from torchvision.models import resnet18

    model: nn.Module = resnet18(num_classes=10)
    return model


def _recording_resnet(look: Callable[[Session], object]) -> Reading:
    data = examples((3, 32, 32), 256)
    recorded = session(resnet(), data=data, batch_size=8)
    plain = PlainLoop(resnet(), data=data, batch_size=8)
    return Reading(ratio(lambda: look(recorded), plain.train, pairs=25, clock=cpu_seconds))


def _recording_of(name: str, shape: tuple[int, ...], pairs: int) -> Reading:
    """A built-in model at its defaults, its tape read, over itself in a plain loop."""
    experiment = resolve(Experiment(model=name))
    data = examples(shape, 1024)
    made = [getattr(models, MODELS[name].made_by).of(experiment) for _ in range(2)]
    recorded, plain = session(made[0], data=data), PlainLoop(made[1], data=data)
    return Reading(
        ratio(lambda: _step_and_read(recorded), plain.train, pairs=pairs, clock=cpu_seconds), f"{pairs} pairs"
    )


def _torchlens(model: nn.Module, data: tuple[torch.Tensor, torch.Tensor], batch_size: int) -> Reading:
    """A forward pass under TorchLens, over the plain batch; it has no trace of the backward pass or of updates."""
    if importlib.util.find_spec("torchlens") is None:
        return Reading(None, "torchlens is not installed: pip install torchlens")
    torchlens = importlib.import_module("torchlens")
    plain = PlainLoop(model, data=data, batch_size=batch_size)
    inputs = data[0][:batch_size]
    return Reading(ratio(lambda: torchlens.trace(model, inputs), plain.train, pairs=5, warm_up=1))


def _torchlens_mlp() -> Reading:
    return _torchlens(plain_model(), examples(), BATCH)


def _torchlens_resnet() -> Reading:
    return _torchlens(resnet(), examples((3, 32, 32), 256), 8)


# ── moving ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cursor_move(panes: tuple[str, ...]) -> Reading:
    """Every event of some new batches, forward and back: the step, and the message with these panes for the screen."""
    look = Look(list(panes), columns=100, digits=16, rows_from=0, rows=40)
    run = session(optimizer="Adam")
    taken: list[float] = []
    for _ in range(12):
        run.step(Unit.BATCH)
        run.step(Unit.OP)  # into the next batch, which is recorded here
        _show(run, look)
        for move in (run.step, run.back):
            taken += [seconds(partial(_move, run, move, look)) for _ in range(len(run.tape() or ()) - 2)]
    return Reading(1000 * statistics.median(taken), f"95th percentile {1000 * percentile_95(taken):.2f} ms")


def _move(run: Session, move: Callable[[Unit], object], look: Look) -> None:
    move(Unit.OP)
    _show(run, look)


def _show(run: Session, look: Look) -> None:
    msgspec.msgpack.encode(Frame(run.viewer.see(look)))


# ── back ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _back(look: Callable[[Session], object]) -> Reading:
    """Walks of 40 batches back, from several places of a run of 2,000."""
    run, plain = session(optimizer="Adam"), PlainLoop(optimizer="Adam")
    run.run(2000)
    plain.train(50)
    taken: list[tuple[float, float]] = []
    for place in (2000, 1500, 1011, 507):
        run.goto(f"{(place - 1) // run.batches + 1}:{(place - 1) % run.batches + 1}")
        look(run)
        taken += [(seconds(lambda: _back_one(run, look)), seconds(plain.train)) for _ in range(40)]
    return Reading(ratio_of(taken), f"95th percentile {percentile_95([a / b for a, b in taken]):.1f} ×")


def _back_one(run: Session, look: Callable[[Session], object]) -> None:
    run.back(Unit.BATCH)
    look(run)


def _back_state() -> Reading:
    return _back(lambda run: run.values().tensors())


def _back_tape() -> Reading:
    return _back(Session.tape)


# ── a long history ────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_new_process() -> dict[str, float]:
    """benchmarks.long_history in a process of its own, whose memory holds nothing else."""
    command = [sys.executable, "-m", "benchmarks.long_history"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(made.stdout)
    return found


def _memory() -> Reading:
    found = _in_new_process()
    return Reading(found["megabytes"], f"{found['accounted']:.0f} MB by the history's own account")


def _jump() -> Reading:
    found = _in_new_process()
    return Reading(found["jump"], f"median {found['jump_median']:.0f} plain batches")


BENCHMARKS = (
    Benchmark(
        "record-mlp",
        "a batch recorded, over the plain batch: 784-128-64-10, batch 64",
        1.7,
        partial(_recording, _step),
    ),
    Benchmark("record-read-mlp", "the same, and its tape read", 2.2, partial(_recording, _step_and_read)),
    Benchmark(
        "record-resnet18",
        "a batch recorded, over the plain batch: resnet18, 32×32, batch 8",
        1.3,
        partial(_recording_resnet, _step),
    ),
    Benchmark("record-read-resnet18", "the same, and its tape read", 1.4, partial(_recording_resnet, _step_and_read)),
    Benchmark(
        "record-read-convnet",
        "a batch recorded and its tape read, over the plain batch: the built-in convnet, batch 64",
        2.5,
        partial(_recording_of, "convnet", (1, 28, 28), 40),
    ),
    Benchmark(
        "record-read-transformer",
        "the same for the built-in transformer, 16 patches",
        2.5,
        partial(_recording_of, "transformer", (1, 28, 28), 60),
    ),
    Benchmark(
        "record-read-lstm",
        "the same for the built-in lstm, unrolled over 28 steps",
        4,
        partial(_recording_of, "lstm", (28, 28), 40),
    ),
    Benchmark("torchlens-mlp", "the same under TorchLens's trace of the forward pass", None, _torchlens_mlp),
    Benchmark("torchlens-resnet18", "the same under TorchLens's trace of the forward pass", None, _torchlens_resnet),
    Benchmark(
        "cursor-move",
        "a cursor move within the batch, engine side, the panes of the first screen",
        1,
        lambda: _cursor_move(_OVERVIEW),
        unit="ms",
    ),
    Benchmark(
        "cursor-move-all",
        "the same with every pane that there is, more than fit",
        None,
        lambda: _cursor_move(_EVERY_PANE),
        unit="ms",
    ),
    Benchmark("back-state", "back one batch (Adam): its state, over the plain batch", 1.5, _back_state),
    Benchmark("back-tape", "back one batch (Adam): its tape, over the plain batch", 6, _back_tape),
    Benchmark("history-memory", "memory that 8,000 batches of history take (Adam)", 256, _memory, unit="MB"),
    Benchmark("history-jump", "a random jump in it, 95th percentile, over the plain batch", 45, _jump),
)
