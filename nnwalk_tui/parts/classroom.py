"""Lessons on the screen: the list, the page, answers, and the engine that a lesson runs on.

What a lesson needs is imported when one is wanted: the program's first picture does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from textual.app import App

from engine.experiments.experiment import Experiment
from engine.protocol.command_table import parse
from engine.protocol.messages import Interrupt, Open
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer
from engine.protocol.views import Snapshot
from nnwalk_tui.catalogue import LESSON
from nnwalk_tui.client.spawned import Spawned
from nnwalk_tui.client.target import EngineDied, FromTarget, Target
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.parts.conversation import Conversation
from nnwalk_tui.parts.status import Status
from nnwalk_tui.places.layout import Page
from nnwalk_tui.screens.main import MainScreen

if TYPE_CHECKING:
    from nnwalk_tui.lessons.document import Lesson
    from nnwalk_tui.lessons.guide import Guide
    from nnwalk_tui.lessons.progress import Progress


class Plan(NamedTuple):
    """Which lessons there are, and with which the program begins ("" for the list, None for none)."""

    folder: Path = COURSE
    first: str | None = None
    experiment: Experiment | None = None  # that the first engine was started with, for a lesson
    trust: bool = False  # the reader vouches for the lessons: they may write and open files unasked
    data: str | None = None  # digits to compute on instead of the bundled ones


class Parked(NamedTuple):
    """The user's own run while a lesson has the screen: it lives on, paused."""

    target: Target
    snapshot: Snapshot | None
    messages: deque[FromTarget]


def start_engine(experiment: Experiment) -> Target:
    """A new engine process on an experiment."""
    target = Spawned(Job(experiment=experiment))
    target.start()
    return target


def _page(guide: Guide) -> Page:
    return Page(guide.beside, guide.watched, guide.live)


class Classroom:
    """The list of lessons, the page that is open, answers, and the engine that a lesson runs on.

    `learnt` is the file of what was learnt; `new_target` starts an engine, `type_command` lets a command be typed,
    `perform` carries one out.
    """

    def __init__(
        self,
        app: App[None],
        main: MainScreen,
        conversation: Conversation,
        status: Status,
        plan: Plan,
        learnt: Path,
        new_target: Callable[[Experiment], Target],
        type_command: Callable[[str], None],
        perform: Callable[[str], None],
    ) -> None:
        self.guide: Guide | None = None
        self._app, self._main, self._talk, self._status = app, main, conversation, status
        self._plan = plan
        self._learnt_file = learnt
        self._new_target = new_target
        self._type_command, self._perform = type_command, perform
        self._parked: Parked | None = None
        self._spare: Target | None = None  # an engine that has imported torch while the first pages are read
        self._lesson_run = plan.experiment  # what the engine on screen runs, if a lesson chose it
        self._held = 0  # commands that the reader was asked about: their numbers are below 0

    @cached_property
    def _learnt(self) -> Progress:
        from nnwalk_tui.lessons.progress import Progress

        return Progress(self._learnt_file)

    # Beginning and ending

    def open_first(self) -> None:
        """Open what the program was started with."""
        if self._plan.first:
            self._open_lesson(self._plan.first)
        elif self._plan.first == "":
            self.list_lessons()

    def end(self) -> None:
        """The program ends: so does the engine that a lesson started, and the user's that was parked."""
        if self._spare is not None:
            self._spare.close()
        if self._parked is not None:
            self._talk.target.close()
            self._talk.target = self._parked.target

    # Commands

    def screen_lesson(self, name: str) -> None:
        """Open a lesson; without a name, go to the one that is open, or choose from the list."""
        if name.strip():
            self._open_lesson(name.strip())
        elif self.guide is not None and self._main.current != LESSON:
            self._main.focus_pane(LESSON)
        else:
            self.list_lessons()

    def list_lessons(self) -> None:
        """Choose from the list."""
        from nnwalk_tui.lessons.library import LessonError, lessons
        from nnwalk_tui.screens.lessons import LessonsScreen

        try:
            every = lessons(self._plan.folder)
        except LessonError as error:
            self._status.say(str(error), "wrong")
            return
        self._app.push_screen(LessonsScreen(every, self._learnt, self._marked(every)), self._chosen)

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
        """Search the glossary, and go from it to where a word is met."""
        from nnwalk_tui.screens.terms import TermsScreen

        self._app.push_screen(TermsScreen(words), self._go_to_word)

    def screen_word(self, _: str) -> None:
        """Look up the word under the mouse, or the words where the focused pane stands."""
        from engine.course.terms import spoken_of, term_at
        from nnwalk_tui.screens.terms import TermsScreen

        line, column = self._main.under(self._app.mouse_position)
        pointed = term_at(line, column)
        here = [pointed] if pointed else spoken_of("\n".join(self._main.current_pane.read_from_cursor()))
        self._app.push_screen(TermsScreen(here=here), self._go_to_word)

    def _go_to_word(self, command: str | None) -> None:
        if command is not None:
            self._perform(command)

    def _open_lesson(self, name: str) -> None:
        from nnwalk_tui.lessons.guide import experiments
        from nnwalk_tui.lessons.library import LessonError, find
        from nnwalk_tui.lessons.trust import reach_of

        try:
            lesson = find(name, self._plan.folder)
        except LessonError as error:
            self._status.say(str(error), "wrong")
            return
        opened = [] if self._trusts(lesson) else list(dict.fromkeys(filter(None, map(reach_of, experiments(lesson)))))
        if opened:
            question = f"The lesson {lesson.path} is going to {', and to '.join(opened)}. Let it?"
            self._talk.confirm(question, lambda yes: self._begin_lesson(lesson) if yes else None)
        else:
            self._begin_lesson(lesson)

    def _trusts(self, lesson: Lesson) -> bool:
        from nnwalk_tui.lessons.trust import is_ours

        return self._plan.trust or is_ours(lesson)

    def _begin_lesson(self, lesson: Lesson) -> None:
        from nnwalk_tui.lessons.guide import experiments
        from nnwalk_tui.lessons.library import BUNDLED, on_data

        self.guide = self._guide(on_data(lesson, self._plan.data))
        self.guide.resume()
        if self._lesson_run is None and self._spare is None and any(experiments(lesson)):
            self._spare = self._new_target(Experiment(model="neuron", data=self._plan.data or BUNDLED))
        self._show_page()

    def _guide(self, lesson: Lesson) -> Guide:
        from nnwalk_tui.lessons.guide import Guide

        return Guide(lesson, self._learnt, self._ask, self._run, self._lesson_run)

    def _ask(self, text: str) -> int:
        """Ask for what a lesson wants to know; first the reader, where it reaches further than the run."""
        from nnwalk_tui.lessons.trust import reach

        assert self.guide is not None
        what = "" if self._trusts(self.guide.lesson) else reach(text)
        return self._hold(text, what) if what else self._talk.ask(text, parse(text), self._take_answer, own=True)

    def _hold(self, text: str, what: str) -> int:
        """Carry out a command of the lesson once the reader has allowed it; the number of its answer."""
        assert self.guide is not None
        self._held -= 1
        number = self._held

        def numbered(answer: Answer) -> None:
            self._take_answer(msgspec.structs.replace(answer, id=number))

        def answered(yes: bool) -> None:
            if yes:
                self._talk.ask(text, parse(text), numbered, own=True)
            else:
                self._take_answer(Answer(number, text, None, error=f"not done: you did not let it {what}"))

        self._talk.confirm(f"The lesson {self.guide.lesson.path} is going to {what}. Let it?", answered)
        return number

    def _take_answer(self, answer: Answer) -> None:
        if self.guide is not None and self.guide.take(answer):
            self._tell(self.guide)

    def _show_page(self) -> None:
        assert self.guide is not None
        self._main.lesson.tell(self.guide, from_top=True)
        lesson = self.guide.lesson
        self._main.open_lesson(_page(self.guide), f"lesson {lesson.slug} · {lesson.title}")

    def _tell(self, guide: Guide) -> None:
        """Draw what the guide says now, and beside it what is watched."""
        self._main.lesson.tell(guide)
        self._main.turn_lesson(_page(guide))

    def screen_page(self, where: str) -> None:
        """Turn the page; after the last, the list."""
        guide = self._open_guide()
        if guide is None:
            return
        word = where.strip()
        if not word.isdecimal() and word not in ("next", "previous"):
            self._status.say(f"there is no page “{word}” — use: page next | previous | NUMBER", "wrong")
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
                self._status.say(problem, "wrong")
            self._tell(guide)
            self._main.focus_pane(LESSON)

    def screen_show(self, _: str) -> None:
        """Show the answer of the open question."""
        guide = self._open_guide()
        if guide is not None:
            if not guide.reveal():
                self._status.say("no question is open on this page")
            self._tell(guide)

    def screen_change(self, words: str) -> None:
        """Compute the page's table anew with other values."""
        guide = self._open_guide()
        if guide is not None:
            guide.change(words)
            self._tell(guide)
            self._main.focus_pane(LESSON)

    def screen_try(self, _: str) -> None:
        """Do the next thing that the page suggests."""
        guide = self._open_guide()
        if guide is not None:
            if not guide.try_next():
                self._status.say("all of this page is done: . turns it")
            self._tell(guide)

    def go_on(self) -> None:
        """Enter, in the lesson: whatever comes next, once it is in view; with the text hidden, only a command."""
        from nnwalk_tui.lessons.document import Call, Question

        guide = self._open_guide()
        if guide is None:
            return
        thing = guide.next_thing()
        if LESSON not in self._main.plan.panes:
            if not isinstance(thing, Call):
                self._main.focus_pane(LESSON)
                return
        elif self._main.lesson.scroll_on():
            return
        if isinstance(thing, Question):
            self._type_command("answer ")
        elif thing is not None:
            self.screen_try("")
        else:
            self.screen_page("next")

    def screen_leave(self, _: str) -> None:
        """Leave the lesson: back to the user's own run, or on with the lesson's where there is none."""
        if self.guide is None:
            self._status.say("no lesson is open")
            return
        self.guide = None
        if self._spare is not None:
            self._end(self._spare)
            self._spare = None
        self._main.lesson.tell(None)
        self._main.close_lesson()
        if self._parked is not None:
            parked, self._parked = self._parked, None
            self._lesson_run = None
            self._end(self._talk.target)
            self._talk.turn_to(parked.target, parked.snapshot)
            for message in parked.messages:
                self._talk.hear(message)

    def _open_guide(self) -> Guide | None:
        if self.guide is None:
            self._status.say("no lesson is open — t lists them")
        return self.guide

    # The engine that a lesson runs on

    def _run(self, experiment: Experiment) -> None:
        """Run the lesson's experiment, in the engine of its last one if that lives; the user's own run is parked."""
        before, snapshot = self._talk.target, self._talk.snapshot
        if self._lesson_run is None:
            messages: deque[FromTarget] = deque(maxlen=100)
            before.send(Interrupt())
            self._talk.turn_to(self._spare_engine(experiment), None)
            before.on_message(lambda message: messages.append(message) if isinstance(message, EngineDied) else None)
            self._parked = Parked(before, snapshot, messages)
        elif self._talk.over or not before.can.reopen:
            self._talk.turn_to(self._new_target(experiment), None)
            self._end(before)
        else:
            before.send(Open(Job(experiment=experiment)))
            self._talk.turn_to(before, None)
        self._lesson_run = experiment

    def _spare_engine(self, experiment: Experiment) -> Target:
        """An engine on an experiment: the spare one, or a new one."""
        spare, self._spare = self._spare, None
        if spare is None:
            return self._new_target(experiment)
        spare.send(Open(Job(experiment=experiment)))
        return spare

    def _end(self, target: Target) -> None:
        """End an engine without waiting for it."""
        target.on_message(lambda _: None)
        self._app.run_worker(asyncio.to_thread(target.close))
