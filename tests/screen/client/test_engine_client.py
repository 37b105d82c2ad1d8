"""The engine client against a real process that speaks the protocol."""

from __future__ import annotations

import glob
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from engine.errors import EngineError
from engine.experiments.experiment import Experiment
from engine.protocol.command_table import parse
from engine.protocol.commands import Print
from engine.protocol.messages import Do, Look
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer, Failed, Frame, Log
from nnwalk_tui.client.spawned import Spawned
from nnwalk_tui.client.target import EngineDied, FromTarget

pytestmark = pytest.mark.alone

FAKE = [sys.executable, "-m", "tests.support.fake_engine"]
PATIENCE = 20.0  # seconds that a busy machine may take


class Talk:
    """A client, and what it was told."""

    def __init__(self, *fault: str) -> None:
        self.client = Spawned(Job(Experiment(model="mlp")), [*FAKE, *fault])
        self._asked = 0
        self.inbox: queue.SimpleQueue[FromTarget] = queue.SimpleQueue()
        self.client.on_message(self.inbox.put)
        self.client.start()

    def do(self, text: str) -> int:
        """Ask for a command; the number that its answer will have."""
        self._asked += 1
        self.client.send(Do(self._asked, text, parse(text)))
        return self._asked

    def until(self, wanted: Callable[[FromTarget], bool]) -> list[FromTarget]:
        """All messages up to and with the wanted one."""
        told = [self.inbox.get(timeout=PATIENCE)]
        while not wanted(told[-1]):
            told.append(self.inbox.get(timeout=PATIENCE))
        return told

    def until_a(self, kind: type) -> list[FromTarget]:
        """All messages up to and with the first of a kind."""
        return self.until(lambda message: isinstance(message, kind))


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk()
    yield talk
    talk.client.close()


def process_of(talk: Talk) -> subprocess.Popen[bytes]:
    assert talk.client._engine is not None
    return talk.client._engine._process


def test_a_command_is_answered_under_its_number(talk: Talk) -> None:
    first, second = talk.do("step op 2"), talk.do("print loss")
    answers = [m for m in talk.until(lambda m: isinstance(m, Answer) and m.id == second) if isinstance(m, Answer)]
    assert [answer.id for answer in answers] == [first, second]
    assert answers[1].text == "print loss = 42"


def test_a_look_is_answered_by_one_frame_with_the_panes_asked_for(talk: Talk) -> None:
    talk.client.send(Look(panes=["tape"]))
    frame = talk.until_a(Frame)[-1]
    assert isinstance(frame, Frame)
    assert frame.snapshot.tape is not None
    assert frame.snapshot.graph is None


def test_what_the_engine_prints_is_logged(talk: Talk) -> None:
    line = talk.until_a(Log)[-1]
    assert line == Log("the fake engine is here")


def test_messages_that_come_before_anybody_listens_are_kept() -> None:
    client = Spawned(Job(), FAKE)
    client.start()
    early: queue.SimpleQueue[object] = queue.SimpleQueue()
    try:
        client.send(Do(1, "print loss", Print("loss")))
        process = client._engine
        assert process is not None
        process._message_thread.join(0)
        client.on_message(early.put)
        while not isinstance(early.get(timeout=PATIENCE), Answer):
            pass
    finally:
        client.close()


def test_a_killed_engine_is_reported_with_its_signal(talk: Talk) -> None:
    talk.client.send(Look(panes=[]))
    talk.until_a(Frame)
    os.kill(process_of(talk).pid, signal.SIGKILL)
    death = talk.until_a(EngineDied)[-1]
    assert isinstance(death, EngineDied)
    assert death.reason == "killed by signal 9, SIGKILL"


def test_an_engine_that_dies_before_it_connects_is_reported_after_its_last_words() -> None:
    talk = Talk("crash")
    told = talk.until_a(EngineDied)
    assert told == [Log("Traceback: no such model"), EngineDied("exit status 3")]
    talk.client.close()


def test_a_run_that_cannot_start_is_reported_before_the_end_of_the_engine() -> None:
    talk = Talk("fail")
    told = talk.until_a(EngineDied)
    assert any(isinstance(message, Failed) for message in told)
    talk.client.close()


def test_after_a_restart_the_engine_answers_again_and_numbers_go_on(talk: Talk) -> None:
    before = talk.do("step op")
    talk.until_a(Answer)
    os.kill(process_of(talk).pid, signal.SIGSEGV)
    assert talk.until_a(EngineDied)[-1] == EngineDied("killed by signal 11, SIGSEGV")
    talk.client.close()
    talk.client.start()
    after = talk.do("print loss")
    answer = talk.until_a(Answer)[-1]
    assert isinstance(answer, Answer)
    assert answer.id == after == before + 1


@pytest.mark.parametrize("fault", ["", "mute", "deaf"])
def test_close_ends_the_process_within_a_second_and_leaves_no_folder(
    fault: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    talk = Talk(fault)
    if fault != "mute":
        talk.client.send(Look(panes=[]))
        talk.until_a(Frame)
    process = process_of(talk)
    began = time.monotonic()
    talk.client.close()
    assert time.monotonic() - began < 1.0
    assert process.wait(PATIENCE) is not None
    assert glob.glob(f"{tmp_path}/nnwalk-*") == []


def test_an_asked_for_end_is_not_reported_as_a_death(talk: Talk) -> None:
    talk.client.send(Look(panes=[]))
    talk.until_a(Frame)
    watchers = talk.client._engine
    assert watchers is not None
    talk.client.close()
    watchers._message_thread.join(PATIENCE)
    watchers._output_thread.join(PATIENCE)
    while not talk.inbox.empty():
        assert not isinstance(talk.inbox.get(), EngineDied)


def test_the_engine_ends_when_the_screen_is_killed() -> None:
    code = (
        "import os, sys; from nnwalk_tui.client.spawned import Spawned;"
        "from engine.protocol.messages import Do; from engine.protocol.commands import Print;"
        "from engine.protocol.recipe import Job; from engine.protocol.replies import Answer;"
        f"c = Spawned(Job(), {FAKE!r}); c.start(); c.send(Do(1, 'print loss', Print('loss')));"
        "c.on_message(lambda m: isinstance(m, Answer) and (print(c._engine._process.pid, flush=True)));"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as screen:
        assert screen.stdout is not None
        engine = int(screen.stdout.readline())
        pidfd = os.pidfd_open(engine)
        screen.kill()
    import select

    assert select.select([pidfd], [], [], PATIENCE)[0], "the engine lives on"
    os.close(pidfd)


def test_a_temporary_folder_too_deep_for_a_socket_is_named_with_its_cure(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = f"{tmp_path}/{'deep' * 30}"
    os.mkdir(deep)
    monkeypatch.setattr(tempfile, "tempdir", deep)
    with pytest.raises(EngineError, match="TMPDIR"):
        Spawned(Job(), FAKE).start()
    assert os.listdir(deep) == []


def test_the_client_imports_neither_textual_nor_torch() -> None:
    code = "import nnwalk_tui.client.engine_life, sys; print({'textual', 'rich', 'torch'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_an_engine_that_hangs_up_and_lives_on_is_not_said_to_have_been_killed_by_somebody() -> None:
    talk = Talk("hang-up")
    death = talk.until_a(EngineDied)[-1]
    assert isinstance(death, EngineDied)
    assert death.reason == "it closed its connection to the screen, and was killed for it"
    talk.client.close()
