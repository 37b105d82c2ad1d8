"""Scripts with loops of their own, unchanged: the bits, files and status of plain Python, and the way back."""

from __future__ import annotations

import os
import random
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from engine.history.history import History
from engine.history.tapes import Tapes
from engine.launch import open_command
from engine.own_loop.forks import obstacle
from engine.own_loop.sleepers import no_overlay
from engine.protocol.positions import Unit
from engine.protocol.recipe import Command
from engine.session import Session
from tests.support.forked import cli, forked

pytestmark = pytest.mark.skipif(bool(no_overlay()), reason="no file system of its own for a process: no way back")
LOOPS = Path(__file__).parents[1] / "support" / "loops"


class Loop(NamedTuple):
    words: tuple[str, ...]
    batches: int
    epochs: int
    module: bool = False

    def command(self, out: Path) -> Command:
        return Command(tuple(word.format(out=out) for word in self.words), self.module)


def script(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(LOOPS / name), *arguments)


SCRIPTS = {
    "adversarial": Loop(script("adversarial.py"), 15, 3),
    "by hand": Loop(script("by_hand.py", "--out", "{out}", "--steps", "6"), 6, 1),
    "closing": Loop(script("closing.py"), 6, 1),
    "acting": Loop(script("acting.py"), 6, 1),
    "package": Loop(("package.train", "{out}"), 12, 4, module=True),
    "raising": Loop(script("raising.py"), 6, 1),
}


def plainly(loop: Loop, out: Path) -> tuple[str, int]:
    """What plain Python prints, and its exit status."""
    command = loop.command(out)

    def run() -> None:
        os.chdir(LOOPS)
        sys.argv = list(command.words)
        if loop.module:
            sys.path.insert(0, "")
            runpy.run_module(command.words[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(command.words[0], run_name="__main__")

    done = forked(run)
    return done.stdout, done.returncode


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture(params=SCRIPTS)
def loop(request: pytest.FixtureRequest) -> Loop:
    return SCRIPTS[request.param]


def test_a_script_ends_in_the_bits_files_and_status_of_plain_python(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plain := tmp_path / "plain").mkdir()
    (ours := tmp_path / "ours").mkdir()
    printed, status = plainly(loop, plain)
    walk = ["step op 3", "step layer", "step batch 2", "back op 4", "goto 1:1:2", "step phase", "run 2", "back batch 1"]
    walk += ["print norm(W[1])", "run", "goto 1:2", "print norm(W[1])", "digest", "goto last"]
    options = [word for line in walk for word in ("-c", line)]
    words = loop.command(ours).words
    monkeypatch.chdir(LOOPS)
    done = cli("exec", "--headless", *options, *(["-m"] if loop.module else []), *words)
    assert done.returncode == status, done.stdout
    assert done.stderr.startswith(printed)
    assert files(ours) == files(plain)
    if status != 1:
        assert f"batch {loop.batches // loop.epochs}/{loop.batches // loop.epochs}" in done.stdout.splitlines()[-1]
        assert "end of the run" in done.stdout


def in_session(loop: Loop, out: Path, work: Callable[[Session], None]) -> None:
    """Do something with a session of a script, in a process of its own."""

    def run() -> None:
        os.chdir(LOOPS)
        work(open_command(loop.command(out)))

    done = forked(run)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["adversarial", "by hand", "package"])
def test_any_jump_finds_the_bits_that_were_there(name: str, tmp_path: Path) -> None:
    loop = SCRIPTS[name]

    def walk(session: Session) -> None:
        digests, norms = [session.digest()], ["0"]
        for _ in range(loop.batches):
            session.step(Unit.OP, 3)
            session.step()
            digests.append(session.digest())
            norms.append(session.do("print norm(W[1])").text)
        start = session.timeline.history.at(0)
        assert start is not None
        session.timeline.history = History(2**28)  # what was kept on the way would answer by itself
        session.timeline.history.add_checkpoint(start)
        session.timeline._tapes = Tapes(2**28)
        draw = random.Random(1)
        for _ in range(8):
            target = draw.randint(1, loop.batches)
            session.go_to(target)
            assert session.digest() == digests[target]
            assert session.do("print norm(W[1])").text == norms[target]
        assert not session.timeline.divergence

    in_session(loop, tmp_path, walk)


def test_a_run_in_reverse_and_one_from_the_past_stop_where_it_is_so(tmp_path: Path) -> None:
    def walk(session: Session) -> None:
        session.run()
        losses = list(session.timeline.series.whole("loss_g"))
        low = max(number for number, loss in enumerate(losses[:-1], 1) if loss < 0.6)
        assert session.reverse_run("loss_g < 0.6") is not None
        assert session.iteration == low
        session.goto("start")
        first = next(number for number, loss in enumerate(losses, 1) if loss < 0.6)
        assert session.run(until="loss_g < 0.6") is not None
        assert session.iteration == first
        session.run()
        assert (session.iteration, session.event) == (15, None)

    in_session(SCRIPTS["adversarial"], tmp_path, walk)


def test_where_it_raises_its_line_is_named_and_the_way_back_stays_open(tmp_path: Path) -> None:
    done = cli("exec", "--headless", "-c", "run", *script("raising.py"))
    assert "at raising.py:19" in done.stdout
    assert done.returncode == 1
    assert done.stderr.index("raising.py") < done.stderr.index("torch/nn")

    def walk(session: Session) -> None:
        assert "raising.py:19" in session.do("run").error
        session.goto("1:3")
        assert session.do("print norm(W[1])").error == ""

    in_session(SCRIPTS["raising"], tmp_path, walk)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("import os; os.environ['NNWALK_NO_FORKS'] = '1'", "forks are switched off"),
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True, name='own').start()",
            "the script runs a thread of its own (own)",
        ),
    ],
)
def test_without_a_way_back_that_is_said_and_forward_works(first: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "obstructed.py"
    path.write_text(f"{first}\n{(LOOPS / 'closing.py').read_text()}")
    lines = ("step op 2", "step batch 2", "back op 3", "goto 1:1", "print norm(W[1])", "run", "step batch")
    done = cli("exec", "--headless", *(word for line in lines for word in ("-c", line)), str(path))
    assert f"no way back: {words}" in done.stderr
    assert done.returncode == 0
    assert "batch 6/6" in done.stdout


def test_loader_workers_are_an_obstacle_with_a_cure() -> None:
    with patch("multiprocessing.active_children", lambda: [object()]):
        assert "num_workers=0" in obstacle()


def test_what_trains_nothing_runs_to_its_end_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "idle.py"
    path.write_text("print('done')\n")
    done = cli("exec", "--headless", "-c", "step", str(path))
    assert "done" in done.stderr
    assert "trained no batch" in done.stderr


def test_the_name_of_a_script_that_is_not_there_is_told() -> None:
    assert "there is no file" in cli("exec", "--headless", "-c", "step", "nowhere.py").stderr
    assert "there is no module “no.where”" in cli("exec", "--headless", "-c", "step", "-m", "no.where").stderr
    assert "name the script" in cli("exec", "--headless", "python").stderr + cli("exec", "--", "-x").stderr
