"""A lesson without a screen: its experiments run, its questions are answered, and every number is printed.

Runs the engine in its own process, like nnwalk_tui.headless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from nnwalk_tui.lessons.document import Call, Computed, Lesson, Question, Script, Start, Text, calls
from nnwalk_tui.lessons.library import BUNDLED, on_data
from nnwalk_tui.lessons.pieces import part_of, written
from nnwalk_tui.lessons.questions import formula_command, judge, right_answer
from nnwalk_tui.lessons.trust import is_ours, reach, reach_of
from nnwalk_tui.terminal import json_line

if TYPE_CHECKING:
    from engine.protocol.replies import Answer
    from engine.session import Session

_FAILED = 1


class _Run:
    """A lesson on its way: the live session, and the values that were given so far."""

    def __init__(self, lesson: Lesson, trust: bool, data: str | None = None) -> None:
        self._lesson = lesson
        self._data = data or BUNDLED
        self._trusted = trust or is_ours(lesson)
        self._session: Session | None = None
        self._values: dict[str, object] = {}
        self.failed = self._refused = False

    def lines(self) -> Iterator[dict[str, Any]]:
        """One dict for each experiment, command, computation and question."""
        for page in self._lesson.pages:
            self._values = {key: value for key, value in self._values.items() if key.startswith("compute")}
            for block in page.blocks:
                yield from self._block(block)
                if self._refused:
                    return

    def _block(self, block: object) -> Iterator[dict[str, Any]]:
        match block:
            case Start(line=line, experiment=experiment) if what := self._refusal(self._reach_of(experiment)):
                self.failed = self._refused = True  # what follows is meant for an experiment that is not there
                yield {"line": line, "kind": "experiment", "name": experiment.model, "error": what}
            case Start(line=line, experiment=experiment):
                self._open(experiment)
                yield {"line": line, "kind": "experiment", "experiment": msgspec.to_builtins(experiment)}
            case Script(commands=commands, by_learner=by_learner):
                for call in commands:
                    yield self._line(call, "try" if by_learner else "script", self._do(call.command))
            case Text() | Computed():
                for call in calls(block):
                    yield self._line(call, "compute", self._do(call.command))
            case Question():
                yield self._question(block)

    def _open(self, experiment: Any) -> None:
        from engine.launch import open_experiment

        self._session = open_experiment(experiment)

    def _reach_of(self, experiment: Any) -> str:
        """The data that it opens, unless it is what the reader chose."""
        return "" if experiment.data == self._data else reach_of(experiment)

    def _refusal(self, what: str) -> str:
        """Why a lesson may not do something that reaches further than its run; "" where it may."""
        if self._trusted or not what:
            return ""
        return f"a lesson may not {what} unasked, and without a screen nobody can be asked — --trust lets it"

    def _do(self, command: str) -> Answer:
        from engine.protocol.replies import Answer

        if said := self._refusal(reach(command)):
            return Answer(0, command, None, error=said)
        if self._session is None:
            from engine.experiments.experiment import Experiment

            self._open(Experiment(model="neuron", data=self._data))
        assert self._session is not None
        return self._session.do(command)

    def _line(self, call: Call, kind: str, answer: Answer) -> dict[str, Any]:
        line: dict[str, Any] = {"line": call.line, "kind": kind, "command": call.command}
        if answer.error:
            self.failed = True
            return {**line, "error": answer.error}
        if kind == "compute":
            try:
                value = self._resolve(call)
            except KeyError as error:
                self.failed = True
                return {**line, "error": str(error.args[0])}
            return {**line, "part": call.part, "value": value}
        return {
            **line,
            **({"value": answer.value} if answer.value is not None else answer.metrics),
            "text": answer.text,
        }

    def _resolve(self, call: Call) -> object:
        if call.command not in self._values:
            answer = self._do(call.command)
            if answer.error:
                raise KeyError(answer.error)
            found: Any = answer.value
            self._values[call.command] = found["value"] if call.command.startswith("compute") else found
        return part_of(self._values[call.command], call.part)

    def _question(self, question: Question) -> dict[str, Any]:
        line: dict[str, Any] = {"line": question.line, "kind": "question", "name": question.name, "type": question.kind}
        try:
            answer = self._resolve(question.answer) if isinstance(question.answer, Call) else question.answer
            if question.kind == "formula":
                judged: Any = self._do(formula_command(question, str(answer))).value
                right, said = judged["right"], judged["said"]
            else:
                verdict = judge(question, _as_given(question, answer), self._resolve)
                right, said = verdict.right, verdict.said
            for call in calls(question):
                written(self._resolve(call), call.style)
        except KeyError as error:
            self.failed = True
            return {**line, "error": str(error.args[0])}
        self.failed = self.failed or not right
        return {**line, "answer": answer, "right": right, "said": said, "shown": right_answer(question, self._resolve)}


def _as_given(question: Question, answer: object) -> str:
    """The right answer as a learner would type it."""
    if isinstance(answer, list):
        return " × ".join(map(str, answer))
    return str(answer)


def run_lesson(lesson: Lesson, as_json: bool, *, trust: bool = False, data: str | None = None) -> int:
    """Print a lesson's lines; the exit status: 0, or 1 where a command failed or an answer is not right."""
    from engine.lookup.answers import for_json

    run = _Run(on_data(lesson, data), trust, data)
    for line in run.lines():
        whole = {"lesson": lesson.slug, **line}
        print(json_line(for_json(whole)) if as_json else _readable(line), flush=True)
    return _FAILED if run.failed else 0


def _readable(line: dict[str, Any]) -> str:
    where = f"{line['line']:>4}  {line['kind']}"
    if "error" in line:
        return f"{where}  {line.get('command', line.get('name', ''))}: error: {line['error']}"
    if line["kind"] == "question":
        return f"{where}  {line['name']}: {line['shown']}"
    if line["kind"] == "experiment":
        return f"{where}  {line['experiment']['model']}"
    part = f" .{line['part']}" if line.get("part") else ""
    said = line.get("text") or line.get("value", "")
    return f"{where}  {line['command']}{part}: {said}"


def check_values(lesson: Lesson, *, trust: bool = False) -> Iterable[tuple[int, str]]:
    """What only running a lesson shows to be wrong: line and problem."""
    for line in _Run(lesson, trust).lines():
        if "error" in line:
            yield line["line"], line["error"]
        elif line["kind"] == "question" and not line["right"]:
            yield line["line"], f"the lesson's own answer to {line['name']} is not right: {line['said']}"
