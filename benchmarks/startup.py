"""From the command to the first picture, and to the first batch."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.harness import Benchmark, Reading, ratio_of, seconds
from benchmarks.terminal import PROGRAM, Program

_ONE_STATIC = """
from textual.app import App
from textual.widgets import Static

class OneStatic(App):
    def compose(self):
        yield Static("painted")

OneStatic().run()
"""
_ONE_BATCH = """
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 784), torch.randint(0, 10, (64,))
loss = nn.functional.cross_entropy(model(inputs), targets)
loss.backward()
optimizer.step()
print(loss.item())
"""


def _first_paint() -> Reading:
    taken = [(_shown([*PROGRAM], "here"), _shown([sys.executable, "-c", _ONE_STATIC], "painted")) for _ in range(6)]
    return Reading(ratio_of(taken[1:]), f"{1000 * taken[-1][0]:.0f} ms")


def _shown(command: list[str], text: str) -> float:
    with Program(command, 80, 24) as program:
        return program.await_text(text)


def _first_batch() -> Reading:
    taken = [(_stepped(), seconds(_plain_script)) for _ in range(5)]
    return Reading(ratio_of(taken[1:]), f"{taken[-1][0]:.2f} s")


def _stepped() -> float:
    """Seconds from the command until the first batch is on screen, its key pressed as soon as there is a screen."""
    with Program([*PROGRAM], 80, 24) as program:
        program.await_text("here")
        program.type("b")
        return program.await_text(" 1/157")


def _plain_script() -> None:
    subprocess.run([sys.executable, "-c", _ONE_BATCH], check=True, capture_output=True)


BENCHMARKS = (
    Benchmark(
        "first-paint", "first paint of the main screen, over that of a Textual app with one Static", 1.5, _first_paint
    ),
    Benchmark("first-batch", "first batch on screen, over a plain script that trains one", 1.3, _first_batch),
)
