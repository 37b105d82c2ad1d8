"""One engine process after another job: the same bits as in a process of its own, and nothing more of the old one."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.protocol.command_table import parse
from engine.protocol.messages import Do, Look, Open
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer, Failed, Frame
from nnwalk_tui.client.spawned import Spawned
from nnwalk_tui.client.target import EngineDied, FromTarget
from tests.support.school import School

pytestmark = pytest.mark.alone

PATIENCE = 60.0  # seconds that a busy machine may take
OTHER = Experiment(model="mlp", layers=(784, 8, 10), seed=3)


class Heard:
    """A real engine, and all that was heard of it."""

    def __init__(self, job: Job) -> None:
        self.client = Spawned(job)
        self._asked = 0
        self.inbox: queue.SimpleQueue[FromTarget] = queue.SimpleQueue()
        self.client.on_message(self.inbox.put)
        self.client.start()

    def do(self, text: str) -> int:
        """Ask for a command; the number that its answer will have."""
        self._asked += 1
        self.client.send(Do(self._asked, text, parse(text)))
        return self._asked

    def until(self, kind: type, id: int | None = None) -> list[FromTarget]:
        """All messages up to one of a kind, or the answer under a number."""
        heard: list[FromTarget] = []
        while not heard or not isinstance(heard[-1], kind) or (id is not None and getattr(heard[-1], "id", id) != id):
            heard.append(self.inbox.get(timeout=PATIENCE))
            assert not isinstance(heard[-1], EngineDied)
        return heard


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard(Job(experiment=Experiment(model="neuron", batch_size=1, epochs=50)))
    yield heard
    heard.client.close()


def test_a_running_job_gives_way_to_another_with_the_bits_of_a_fresh_process(heard: Heard) -> None:
    heard.until(Answer, heard.do("step batch 2"))
    heard.client.send(Look(["loss"]))
    heard.do("run")
    heard.until(Frame)
    heard.client.send(Open(Job(experiment=OTHER)))
    while not heard.inbox.empty():
        heard.inbox.get()
    heard.client.send(Look([]))
    heard.do("step batch 5")
    wanted = heard.do("digest")
    told = heard.until(Answer, wanted)
    fresh = open_experiment(OTHER)
    fresh.do("step batch 5")
    assert isinstance(told[-1], Answer)
    assert told[-1].text == fresh.digest()
    assert [m.command for m in told if isinstance(m, Answer)] == ["step batch 5", "digest"]
    assert {m.snapshot.run.seed for m in told if isinstance(m, Frame)} <= {OTHER.seed}


def test_a_job_that_cannot_be_opened_does_no_harm_to_the_next(heard: Heard, tmp_path: Path) -> None:
    heard.client.send(Open(Job(experiment=Experiment(data=str(tmp_path)))))
    failed = heard.until(Failed)[-1]
    assert isinstance(failed, Failed)
    heard.client.send(Open(Job(experiment=OTHER)))
    answer = heard.until(Answer, heard.do("print shape(W[1])"))[-1]
    assert isinstance(answer, Answer)
    assert answer.text == "[8, 784]"


async def test_lessons_go_on_in_the_engine_of_the_last_one_and_the_first_has_a_warm_one(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(120, 40)) as pilot:
        school.app.perform("lesson network")
        await pilot.pause()
        assert len(school.started) == 1  # while the first pages, which run nothing, are read
        assert school.app.talk.target is school.own
        school.app.perform("page 4")
        await pilot.pause()
        assert school.app.talk.target is school.started[0]
        assert school.started[0].asked[0] == "reopen"
        school.app.perform("lesson two-layer")
        school.app.perform("page 4")
        await pilot.pause()
        assert len(school.started) == 1
        assert school.started[0].asked.count("reopen") == 2
        school.app.perform("leave")
        await pilot.pause()
    assert school.started[0].closed
    assert not school.own.closed


async def test_a_spare_engine_that_was_not_needed_ends_with_the_lesson(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(120, 40)) as pilot:
        school.app.perform("lesson network")
        await pilot.pause()
        school.app.perform("leave")
        await pilot.pause()
        await pilot.pause()
        assert school.started[0].closed
