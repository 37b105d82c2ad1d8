"""The engine ends with its screen, whatever the user's code is at."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.terminals import PATIENCE, Program

pytestmark = pytest.mark.alone

ASLEEP = """
import time, torch
from pathlib import Path
from torch import nn

class Sleeper(nn.Linear):
    def forward(self, inputs):
        Path(__file__).with_name("asleep").touch()
        time.sleep(3600)

def parts():
    model = Sleeper(3, 2)
    batches = [(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))] * 3
    return model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), batches
"""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_engine_whose_model_sleeps_ends_when_its_screen_is_killed(tmp_path: Path) -> None:
    (tmp_path / "asleep.py").write_text(ASLEEP)
    program = Program("run", f"{tmp_path}/asleep.py:parts", state=tmp_path)
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "asleep").exists():  # the first picture needs the first batch
        assert program.read(0.1)
        assert time.monotonic() < deadline
    (engine,) = program.engines()
    os.kill(program.pid, signal.SIGKILL)
    program.ended()
    deadline = time.monotonic() + PATIENCE
    while is_alive(engine):
        assert time.monotonic() < deadline
        time.sleep(0.05)
