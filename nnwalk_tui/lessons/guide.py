"""Leads through a lesson: which page, what the engine was asked for it, what was answered. It knows no screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from engine.course.findings import Finding
from engine.errors import CommandError
from engine.experiments.experiment import Experiment
from engine.protocol.replies import Answer
from nnwalk_tui.lessons.document import Beside, Block, Call, Computed, Lesson, Question, Script, Start, calls
from nnwalk_tui.lessons.pieces import arguments_of, changed, part_of, text_of, written
from nnwalk_tui.lessons.progress import Progress
from nnwalk_tui.lessons.questions import Verdict, formula_command, judge, known_mistake, right_answer, without_key

PENDING = "…"
_WALKS = ("step", "back", "goto", "run")
_SEEN = (*_WALKS, "set", "inspect", "focus")  # what they do is seen in panes
_TWICE = re.compile(r": (\w+) \1\b")  # "load load": a phase of one operation
_WHERE_TO = re.compile(r"^epoch 1 |  valid_loss \S+(  valid_accuracy \S+)?")  # of a walk: noise beside the panes


class Outcome(NamedTuple):
    """What came of a command that the learner tried."""

    text: str
    finding: Finding | None = None
    failed: bool = False


class Given(NamedTuple):
    """An answer that was given, and what is said of it; None while the engine judges it.

    `look` goes to the event where the live run computes what is wrong in a formula, `looked` is what came of that.
    """

    text: str
    verdict: Verdict | None
    look: Call | None = None
    looked: Outcome | None = None


class Guide:
    """A lesson being read.

    `ask` sends a command to the engine and gives the id of its answer; `open_engine` starts another experiment.
    """

    def __init__(
        self,
        lesson: Lesson,
        progress: Progress,
        ask: Callable[[str], int],
        open_engine: Callable[[Experiment], None],
        experiment: Experiment | None = None,
    ) -> None:
        self.lesson = lesson
        self.page = 0
        self._progress = progress
        self._ask = ask
        self._open_engine = open_engine
        self._experiment = experiment
        self._values: dict[str, object] = {}
        self._errors: dict[str, str] = {}
        self._waiting: dict[int, tuple[str, Any]] = {}
        self._given: dict[str, Given] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._changed: dict[int, Call] = {}  # by the block's line
        self.latest = 0  # the file's line of what was tried or answered last on this page; 0 for nothing yet

    # Pages

    def resume(self) -> None:
        """Open the page where the lesson was left; a finished one from its start."""
        finished = self._progress.finished(self.lesson)
        self.open_page(0 if finished else self._progress.of(self.lesson).page)

    def open_page(self, number: int) -> None:
        """Open a page, counted from 0: its experiment, its script, then whatever it shows."""
        self.page = max(0, min(number, len(self.lesson.pages) - 1))
        self._progress.reached(self.lesson, self.page)
        self._outcomes.clear()
        self._changed.clear()
        self.latest = 0
        experiment = experiment_at(self.lesson, self.page)
        if experiment is not None and experiment != self._experiment:
            self._experiment = experiment
            self._waiting.clear()
            self._open_engine(experiment)
        self._values = {command: value for command, value in self._values.items() if command.startswith("compute")}
        self._errors.clear()
        for block in self._blocks:
            if isinstance(block, Script) and not block.by_learner:
                for call in block.commands:
                    self._send(call.command, "script", call)
        waiting = {call.command for kind, call in self._waiting.values() if kind == "value"}
        wanted = dict.fromkeys(call.command for block in self._blocks for call in calls(block))
        for command in wanted:
            if command not in self._values and command not in waiting:
                self._send(command, "value", Call(0, command))

    @property
    def _blocks(self) -> tuple[Block, ...]:
        return self.lesson.pages[self.page].blocks

    @property
    def beside(self) -> tuple[str, ...]:
        """The panes that stand beside the text."""
        return panes_at(self.lesson, self.page)

    @property
    def watched(self) -> bool:
        """Whether something that can be done on this page now is seen in those panes."""
        found = list(self.visible())
        walks = (
            call.command.split()[0] in _SEEN
            for block in found
            if isinstance(block, Script) and block.by_learner
            for call in block.commands
        )
        given = (self._given.get(block.name) for block in found if isinstance(block, Question))
        return any(walks) or any(each is not None and each.look is not None for each in given)

    @property
    def live(self) -> bool:
        """Whether the page has a run."""
        return experiment_at(self.lesson, self.page) is not None

    @property
    def title(self) -> str:
        """The page's."""
        return self.lesson.pages[self.page].title

    @property
    def is_last(self) -> bool:
        """Whether no page follows."""
        return self.page == len(self.lesson.pages) - 1

    def visible(self) -> Iterator[Block]:
        """The page's blocks, up to a question that is still open."""
        for block in self._blocks:
            yield block
            if isinstance(block, Question) and self.is_open(block):
                return

    # What is to be done next

    def next_thing(self) -> Question | Call | None:
        """The first question that is open, or command that was not tried; None where the page is done.

        Before a formula that was wrong is tried again, its first wrong factor is there to be looked at.
        """
        for block in self.visible():
            if isinstance(block, Question) and self.is_open(block):
                given = self._given.get(block.name)
                return given.look if given and given.look and not given.looked else block
            if isinstance(block, Script) and block.by_learner:
                for call in block.commands:
                    if call.line not in self._outcomes:
                        return call
        return None

    def is_open(self, question: Question) -> bool:
        """Whether a question still hides what comes after it."""
        return self._progress.is_open(self.lesson, question.name)

    def was_right(self, question: Question) -> bool:
        """Whether a question has been answered rightly, now or before."""
        known = self._progress.of(self.lesson).questions.get(question.name)
        return known is not None and known.right

    def open_question(self) -> Question | None:
        """The question that an answer goes to; None where none is open."""
        return next((block for block in self.visible() if isinstance(block, Question) and self.is_open(block)), None)

    def try_next(self) -> bool:
        """Carry out the next command of the page; False where there is none."""
        call, question = self.next_thing(), self.open_question()
        if not isinstance(call, Call):
            return False
        if question is not None and call is self._given.get(question.name, Given("", None)).look:
            self._given[question.name] = self._given[question.name]._replace(looked=Outcome(PENDING))
            self._send(call.command, "look", question)
        else:
            self._outcomes[call.line] = Outcome(PENDING)
            self._send(call.command, "try", call)
        self.latest = call.line
        return True

    def computed(self, block: Computed) -> Call:
        """What a block of the page computes: what the lesson says, or what the reader has changed of it."""
        return self._changed.get(block.line, block.call)

    def change(self, words: str) -> None:
        """Compute the page's last table that takes these arguments anew, with them.

        Raises CommandError for arguments that none takes, or values that do not do.
        """
        tables = [block for block in self.visible() if isinstance(block, Computed)]
        keys = [word.partition("=")[0] for word in words.split()]
        takes = [block for block in tables if set(keys) <= arguments_of(self.computed(block)).keys()]
        if not keys or not takes:
            known = dict.fromkeys(key for block in tables for key in arguments_of(self.computed(block)))
            hint = (
                f"use: change KEY=VALUE …, with {', '.join(known)}" if known else "nothing on this page can be changed"
            )
            raise CommandError(f"no table here takes “{words.strip()}”" if keys else "change needs a value", hint)
        block = takes[-1]
        call = self.computed(block)
        command = changed(call.command, words)
        self._changed[block.line] = msgspec.structs.replace(call, command=command)
        self.latest = block.line
        if command not in self._values:
            self._send(command, "value", self._changed[block.line])

    def answer(self, text: str) -> str:
        """Answer the open question; "" or why that cannot be done now."""
        question = self.open_question()
        if question is None:
            return "no question is open on this page"
        self.latest = question.line
        if question.kind == "formula":
            text = without_key(text.strip())
            if (mistake := known_mistake(question, text, self._value)) is not None:
                self._settle(question, text, mistake)
                return ""
            self._given[question.name] = Given(text, None)
            self._send(formula_command(question, text), "formula", question)
            return ""
        self._given[question.name] = Given(text, None)
        self._judge(question, text)
        return ""

    def _judge(self, question: Question, text: str) -> None:
        """Judge an answer, now or when what it is compared with has been computed."""
        try:
            self._settle(question, text, judge(question, text, self._value))
        except KeyError:
            for call in calls(question):
                if call.command in self._errors:
                    self._given[question.name] = Given(text, Verdict(None, self._errors[call.command]))

    def _judge_late(self) -> None:
        for question in self.lesson.pages[self.page].questions:
            given = self._given.get(question.name)
            if given is not None and given.verdict is None and question.kind != "formula":
                self._judge(question, given.text)

    def reveal(self) -> bool:
        """Show the answer of the open question; False where none is open."""
        question = self.open_question()
        if question is not None:
            self._progress.gave_up(self.lesson, question.name)
            self.latest = question.line
        return question is not None

    def _settle(self, question: Question, text: str, verdict: Verdict) -> None:
        self._given[question.name] = Given(text, verdict)
        if verdict.right is not None:
            self._progress.answered(self.lesson, question.name, verdict.right)
        if verdict.right is False and question.guess:
            self._progress.gave_up(self.lesson, question.name)

    # The engine's answers

    def _send(self, command: str, kind: str, about: Any) -> None:
        self._waiting[self._ask(command)] = (kind, about)

    def take(self, answer: Answer) -> bool:
        """An answer came; False where it is not to something that was asked for here."""
        if answer.id not in self._waiting:
            return False
        kind, about = self._waiting.pop(answer.id)
        if kind == "formula":
            self._take_formula(about, answer)
        elif kind == "try":
            self._outcomes[about.line] = _outcome(answer)
        elif kind == "look":
            self._given[about.name] = self._given[about.name]._replace(looked=_outcome(answer))
        elif answer.error:
            self._errors[about.command] = answer.error
        elif kind == "value":
            self._values[about.command] = answer.value
        self._judge_late()
        return True

    def _take_formula(self, question: Question, answer: Answer) -> None:
        given = self._given[question.name].text
        value = answer.value
        if answer.error or not isinstance(value, dict):
            self._given[question.name] = Given(given, Verdict(None, answer.error))
            return
        self._settle(question, given, Verdict(bool(value["right"]), str(value["said"])))
        if value.get("place") and experiment_at(self.lesson, self.page) is not None:
            about = f"{value['first_wrong']}, as the machine computes it"
            look = Call(question.line, f"goto {value['place']}", about)
            self._given[question.name] = self._given[question.name]._replace(look=look)

    def _value(self, call: Call) -> object:
        """The value of a call. Raises KeyError where it has not come."""
        found: Any = self._values[call.command]
        whole = found["value"] if call.command.startswith("compute") else found
        return part_of(whole, call.part)

    # What is shown

    def text(self, call: Call) -> str:
        """A computed value as text; while it is being computed, that; what went wrong where it cannot be."""
        if call.command in self._errors:
            return f"({self._errors[call.command]})"
        try:
            return written(self._value(call), call.style)
        except KeyError:
            return f"(computing{PENDING})"

    def finding(self, call: Call) -> Finding | None:
        """A table, plot or picture; None while it is being computed."""
        found = self._values.get(call.command)
        return None if found is None else msgspec.convert(found, Finding)

    def error(self, call: Call) -> str:
        """What went wrong with a call, "" for nothing."""
        return self._errors.get(call.command, "")

    def given(self, question: Question) -> Given | None:
        """The last answer to a question in this visit."""
        return self._given.get(question.name)

    def solution(self, question: Question) -> tuple[str, str]:
        """The right answer of a question that is settled, and why it is right."""
        try:
            return right_answer(question, self._value), text_of(question.because, self._value)
        except KeyError:
            return PENDING, ""

    def outcome(self, call: Call) -> Outcome | None:
        """What came of a command that was tried."""
        return self._outcomes.get(call.line)


def _outcome(answer: Answer) -> Outcome:
    if answer.error:
        return Outcome(answer.error, failed=True)
    value: Any = answer.value
    if answer.command.startswith("compute") and isinstance(value, dict) and "table" in value:
        return Outcome("", msgspec.convert(value, Finding))
    if answer.command.split()[0] in _WALKS:
        return Outcome(_TWICE.sub(r": \1", _WHERE_TO.sub("", answer.text)).replace("  ", " · "))
    return Outcome(answer.text)


def experiments(lesson: Lesson, last: int | None = None) -> list[Experiment]:
    """The live experiments of a lesson's pages, up to page `last`, counted from 0."""
    pages = lesson.pages if last is None else lesson.pages[: last + 1]
    return [block.experiment for each in pages for block in each.blocks if isinstance(block, Start)]


def experiment_at(lesson: Lesson, page: int) -> Experiment | None:
    """The live experiment of a page: its own, or the last before it; None before the first."""
    found = experiments(lesson, page)
    return found[-1] if found else None


def panes_at(lesson: Lesson, page: int) -> tuple[str, ...]:
    """The panes beside a page: its own, or the last before it; none before the first."""
    found = [block.panes for each in lesson.pages[: page + 1] for block in each.blocks if isinstance(block, Beside)]
    return found[-1] if found else ()
