"""The lessons' part of the application: the list, the page, answers, and the engine that a lesson runs on.

What a lesson needs is imported when one is wanted: the program's first picture does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from engine.experiments.experiment import Experiment
from engine.protocol.messages import Look
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer, FromEngine
from engine.protocol.views import Snapshot
from nnwalk_tui.client.engine_client import EngineClient, EngineDied
from nnwalk_tui.in_turn import InTurnApp
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.screens.command_line import Tone
from nnwalk_tui.screens.main import MainScreen

if TYPE_CHECKING:
    from nnwalk_tui.lessons.document import Lesson
    from nnwalk_tui.lessons.guide import Guide
    from nnwalk_tui.lessons.progress import Progress


class Client(Protocol):
    """What the app needs of an engine client."""

    def start(self) -> None: ...
    def on_message(self, callback: Callable[[FromEngine | EngineDied], None]) -> None: ...
    def do(self, text: str) -> int: ...
    def look(self, look: Look) -> None: ...
    def arrange(self, layout: dict[str, Any]) -> None: ...
    def interrupt(self) -> None: ...
    def reopen(self, job: Job) -> None: ...
    def restart(self) -> None: ...
    def close(self) -> None: ...


class Plan(NamedTuple):
    """Which lessons there are, and with which the program begins ("" for the list, None for none)."""

    folder: Path = COURSE
    first: str | None = None
    experiment: Experiment | None = None  # that the first engine was started with, for a lesson


class Parked(NamedTuple):
    """The user's own run while a lesson has the screen: it lives on, paused."""

    client: Client
    snapshot: Snapshot | None
    messages: deque[FromEngine | EngineDied]


def start_engine(experiment: Experiment) -> Client:
    """A new engine process on an experiment."""
    client = EngineClient(Job(experiment=experiment))
    client.start()
    return client


class TeachingApp(InTurnApp):
    """What the application does about lessons; the rest of it is in nnwalk_tui.app."""

    main: MainScreen
    client: Client
    snapshot: Snapshot | None
    over: str  # why there is no engine to talk to; "" while there is one

    def begin_teaching(self, plan: Plan, learnt: Path, new_client: Callable[[Experiment], Client]) -> None:
        """Be ready for lessons; what was learnt is kept in the file `learnt`."""
        self._plan = plan
        self._learnt_file = learnt
        self._new_client = new_client
        self.guide: Guide | None = None
        self._parked: Parked | None = None
        self._spare: Client | None = None  # an engine that has imported torch while the first pages are read
        self._lesson_run = plan.experiment  # what the engine on screen runs, if a lesson chose it

    @cached_property
    def _learnt(self) -> Progress:
        from nnwalk_tui.lessons.progress import Progress

        return Progress(self._learnt_file)

    # What the application must offer

    def say(self, text: str, tone: Tone = "text") -> None:
        """Show a line."""
        raise NotImplementedError

    def show_run_of(self, client: Client, snapshot: Snapshot | None) -> None:
        """Show another engine's run."""
        raise NotImplementedError

    def screen_command(self, text: str) -> None:
        """Let a command be typed."""
        raise NotImplementedError

    # Beginning and ending

    def open_first_lesson(self) -> None:
        """Open what the program was started with."""
        if self._plan.first:
            self._open_lesson(self._plan.first)
        elif self._plan.first == "":
            self.list_lessons()

    def end_teaching(self) -> None:
        """The program ends: so does the engine that a lesson started, and the user's that was parked."""
        if self._spare is not None:
            self._spare.close()
        if self._parked is not None:
            self.client.close()
            self.client = self._parked.client

    def take_lesson_answer(self, answer: Answer) -> bool:
        """Whether an answer was the lesson's."""
        if self.guide is None or not self.guide.take(answer):
            return False
        self.main.lesson.tell(self.guide)
        return True

    # Commands

    def screen_lesson(self, name: str) -> None:
        """Open a lesson; without a name, go to the one that is open, or choose from the list."""
        if name.strip():
            self._open_lesson(name.strip())
        elif self.guide is not None and self.main.current != "lesson":
            self.main.focus_pane("lesson")
        else:
            self.list_lessons()

    def list_lessons(self) -> None:
        """Choose from the list."""
        from nnwalk_tui.lessons.library import LessonError, lessons
        from nnwalk_tui.screens.lessons import LessonsScreen

        try:
            every = lessons(self._plan.folder)
        except LessonError as error:
            self.say(str(error), "wrong")
            return
        self.push_screen(LessonsScreen(every, self._learnt, self._marked(every)), self._chosen)

    def _marked(self, every: tuple[Lesson, ...]) -> str:
        """The lesson that the list marks: the open one, or, where that is done, the one after it."""
        if self.guide is None:
            return ""
        slugs = [each.slug for each in every]
        at = slugs.index(self.guide.lesson.slug) if self.guide.lesson.slug in slugs else 0
        done = self.guide.is_last and self.guide.next_thing() is None
        return slugs[min(at + 1, len(slugs) - 1) if done else at]

    def _chosen(self, name: str | None) -> None:
        if name is not None:
            self._open_lesson(name)

    def screen_terms(self, words: str) -> None:
        """Search the glossary; a word's lesson may be opened from it."""
        from nnwalk_tui.screens.terms import TermsScreen

        self.push_screen(TermsScreen(words), self._chosen)

    def _open_lesson(self, name: str) -> None:
        from nnwalk_tui.lessons.guide import experiments
        from nnwalk_tui.lessons.library import LessonError, find

        try:
            lesson = find(name, self._plan.folder)
        except LessonError as error:
            self.say(str(error), "wrong")
            return
        self.guide = self._guide(lesson)
        self.guide.resume()
        if self._lesson_run is None and self._spare is None and any(experiments(lesson)):
            self._spare = self._new_client(Experiment(model="neuron"))
        self._show_page()

    def _guide(self, lesson: Lesson) -> Guide:
        from nnwalk_tui.lessons.guide import Guide

        return Guide(lesson, self._learnt, lambda text: self.client.do(text), self._run, self._lesson_run)

    def _show_page(self) -> None:
        assert self.guide is not None
        self.main.lesson.tell(self.guide, from_top=True)
        self.main.open_lesson(self.guide.beside)

    def screen_page(self, where: str) -> None:
        """Turn the page; after the last, the list."""
        guide = self._open_guide()
        if guide is None:
            return
        word = where.strip()
        if not word.isdecimal() and word not in ("next", "previous"):
            self.say(f"there is no page “{word}” — use: page next | previous | NUMBER", "wrong")
            return
        if word == "next" and guide.is_last:
            self.list_lessons()
            return
        guide.open_page(int(word) - 1 if word.isdecimal() else guide.page + (1 if word == "next" else -1))
        self._show_page()

    def screen_answer(self, text: str) -> None:
        """Answer the open question."""
        guide = self._open_guide()
        if guide is not None:
            problem = guide.answer(text)
            if problem:
                self.say(problem, "wrong")
            self.main.lesson.tell(guide)
            self.main.focus_pane("lesson")

    def screen_show(self, _: str) -> None:
        """Show the answer of the open question."""
        guide = self._open_guide()
        if guide is not None:
            if not guide.reveal():
                self.say("no question is open on this page")
            self.main.lesson.tell(guide)

    def screen_try(self, _: str) -> None:
        """Do the next thing that the page suggests."""
        guide = self._open_guide()
        if guide is not None:
            if not guide.try_next():
                self.say("all of this page is done: . turns it")
            self.main.lesson.tell(guide)

    def go_on(self) -> None:
        """Enter, in the lesson: whatever comes next, once it is in view."""
        from nnwalk_tui.lessons.document import Question

        guide = self._open_guide()
        if guide is None or self.main.lesson.scroll_on():
            return
        thing = guide.next_thing()
        if isinstance(thing, Question):
            self.screen_command("answer ")
        elif thing is not None:
            self.screen_try("")
        else:
            self.screen_page("next")

    def screen_leave(self, _: str) -> None:
        """Leave the lesson: back to the user's own run, or on with the lesson's where there is none."""
        if self.guide is None:
            self.say("no lesson is open")
            return
        self.guide = None
        if self._spare is not None:
            self._end(self._spare)
            self._spare = None
        self.main.lesson.tell(None)
        self.main.close_lesson()
        if self._parked is not None:
            parked, self._parked = self._parked, None
            self._lesson_run = None
            self._end(self.client)
            self.show_run_of(parked.client, parked.snapshot)
            for message in parked.messages:
                self.hear(message)

    def hear(self, message: FromEngine | EngineDied) -> None:
        """Take a message of the engine's."""
        raise NotImplementedError

    def _open_guide(self) -> Guide | None:
        if self.guide is None:
            self.say("no lesson is open — t lists them")
        return self.guide

    # The engine that a lesson runs on

    def _run(self, experiment: Experiment) -> None:
        """Run the lesson's experiment, in the engine of its last one if that lives; the user's own run is parked."""
        before, snapshot = self.client, self.snapshot
        if self._lesson_run is None:
            messages: deque[FromEngine | EngineDied] = deque(maxlen=100)
            before.interrupt()
            self.show_run_of(self._spare_engine(experiment), None)
            before.on_message(lambda message: messages.append(message) if isinstance(message, EngineDied) else None)
            self._parked = Parked(before, snapshot, messages)
        elif self.over:
            self.show_run_of(self._new_client(experiment), None)
            self._end(before)
        else:
            before.reopen(Job(experiment=experiment))
            self.show_run_of(before, None)
        self._lesson_run = experiment

    def _spare_engine(self, experiment: Experiment) -> Client:
        """An engine on an experiment: the spare one, or a new one."""
        spare, self._spare = self._spare, None
        if spare is None:
            return self._new_client(experiment)
        spare.reopen(Job(experiment=experiment))
        return spare

    def _end(self, client: Client) -> None:
        """End an engine without waiting for it."""
        client.on_message(lambda _: None)
        self.run_worker(asyncio.to_thread(client.close))
