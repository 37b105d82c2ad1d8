"""The fences of a lesson: a new kind is a reader and a row of READERS."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from engine.course.networks import describe
from engine.errors import EngineError
from engine.experiments.experiment import Experiment, resolve
from engine.protocol.command_table import parse as parse_command
from nnwalk_tui.catalogue import EVERY_PANE, PANE_NAMES
from nnwalk_tui.lessons.answers import line_numbers, number_of, shape_of
from nnwalk_tui.lessons.document import Beside, Block, Call, Computed, Equation, Question, Script, Start, Verbatim
from nnwalk_tui.lessons.pieces import LineError, call_of, pieces_of

Body = list[tuple[int, str]]  # line and text
KINDS = ("number", "shape", "choice", "formula", "line")
_KEY = re.compile(r"^(type|ask|answer|within|guess|because|target|network|wrong .+?|[a-h]): ?(.*)$")
_NOT_LIVE = ("help", "names", "pause")  # commands that have no place in a lesson
_TERM = re.compile(r"^(.*?)(?::([\w×,′ₗₓᵧ₀-₉₋−+*-]+))?$")


def _pairs(body: Body) -> dict[str, tuple[int, str]]:
    """`key: value` lines by key; an indented line goes on with the one before."""
    found: dict[str, tuple[int, str]] = {}
    last = ""
    for line, text in body:
        if not text.strip():
            continue
        match = _KEY.match(text)
        if match:
            last = match.group(1)
            if last in found:
                raise LineError(line, f"“{last}” stands here twice")
            found[last] = (line, match.group(2).strip())
        elif last and text.startswith(" "):
            found[last] = (found[last][0], f"{found[last][1]} {text.strip()}")
        else:
            raise LineError(line, f"“{text.strip()[:30]}” is not a key of a question; write for example “ask: …”")
    return found


def read_question(line: int, argument: str, body: Body) -> Question:
    """A question; its argument is its name."""
    if not re.fullmatch(r"[a-z0-9-]+", argument):
        raise LineError(line, f"a question needs a name of small letters and -, not “{argument}”")
    pairs = _pairs(body)
    kind_line, kind = pairs.get("type", (line, ""))
    if kind not in KINDS:
        raise LineError(kind_line, f"the question {argument} has no type “{kind}”; types are {', '.join(KINDS)}")
    for key in ("ask", "answer", "because"):
        if not pairs.get(key, (0, ""))[1]:
            raise LineError(line, f"the question {argument} lacks “{key}: …”")
    question = Question(
        line,
        argument,
        kind,
        pieces_of(pairs["ask"][1], pairs["ask"][0]),
        _value(*pairs["answer"]),
        pieces_of(pairs["because"][1], pairs["because"][0]),
        _within(pairs),
        _guess(pairs),
        tuple((key, text) for key, (_, text) in pairs.items() if len(key) == 1),
        tuple((_value(at, k[6:]), pieces_of(text, at)) for k, (at, text) in pairs.items() if k.startswith("wrong ")),
        pairs.get("target", (0, ""))[1],
        pairs.get("network", (0, ""))[1],
    )
    _CHECKS[kind](question, pairs)
    return question


def _value(line: int, text: str) -> str | Call:
    return call_of(text[1:-1], line) if text.startswith("{") and text.endswith("}") else text


def _within(pairs: dict[str, tuple[int, str]]) -> float | None:
    if "within" not in pairs:
        return None
    line, text = pairs["within"]
    try:
        return float(text)
    except ValueError:
        raise LineError(line, f"within: “{text}” is not a number") from None


def _guess(pairs: dict[str, tuple[int, str]]) -> bool:
    line, text = pairs.get("guess", (0, "no"))
    if text not in ("yes", "no"):
        raise LineError(line, f"guess: “{text}” is neither yes nor no")
    return text == "yes"


def _check_number(question: Question, pairs: dict[str, tuple[int, str]]) -> None:
    for value, line in [(question.answer, pairs["answer"][0]), *_wrong_lines(question, pairs)]:
        if isinstance(value, str) and number_of(value) is None:
            raise LineError(line, f"“{value}” is not a number")


def _wrong_lines(question: Question, pairs: dict[str, tuple[int, str]]) -> list[tuple[str | Call, int]]:
    lines = [line for key, (line, _) in pairs.items() if key.startswith("wrong ")]
    return [(value, line) for (value, _), line in zip(question.wrong, lines, strict=True)]


def _check_shape(question: Question, pairs: dict[str, tuple[int, str]]) -> None:
    if isinstance(question.answer, str) and not shape_of(question.answer):
        raise LineError(pairs["answer"][0], f"“{question.answer}” is not a shape like 60000 × 784 or N × n_l")


def _check_choice(question: Question, pairs: dict[str, tuple[int, str]]) -> None:
    letters = [letter for letter, _ in question.choices]
    if len(letters) < 2:
        raise LineError(question.line, f"the question {question.name} has fewer than two choices: “a: …”, “b: …”")
    if question.answer not in letters:
        raise LineError(pairs["answer"][0], f"the answer “{question.answer}” is none of {', '.join(letters)}")
    reasons = {value for value, _ in question.wrong}
    for value, line in _wrong_lines(question, pairs):
        if value not in letters:
            raise LineError(line, f"“wrong {value}” is none of the choices {', '.join(letters)}")
    for letter in letters:
        if letter != question.answer and letter not in reasons:
            raise LineError(
                pairs[letter][0], f"choice {letter} is wrong, and nothing says why: add “wrong {letter}: …”"
            )


def _check_formula(question: Question, pairs: dict[str, tuple[int, str]]) -> None:
    for key in ("target", "network"):
        if key not in pairs:
            raise LineError(question.line, f"the formula question {question.name} lacks “{key}: …”")
    line, network = pairs["network"]
    try:
        describe(network)
    except EngineError as error:
        raise LineError(line, str(error)) from None


def _check_line(question: Question, pairs: dict[str, tuple[int, str]]) -> None:
    if not isinstance(question.answer, str) or not line_numbers(question.answer):
        raise LineError(pairs["answer"][0], f"“{question.answer}” is not numbers of lines, like 5 or 5-7")


_CHECKS: dict[str, Callable[[Question, dict[str, tuple[int, str]]], None]] = {
    "number": _check_number,
    "shape": _check_shape,
    "choice": _check_choice,
    "formula": _check_formula,
    "line": _check_line,
}


def read_experiment(line: int, argument: str, body: Body) -> Start:
    """`field: value` lines of an Experiment."""
    _no_argument("experiment", line, argument)
    kinds = {each.name: each for each in msgspec.structs.fields(Experiment)}
    chosen: dict[str, Any] = {}
    for at, text in body:
        key, colon, value = text.partition(":")
        key = key.strip().replace("-", "_")
        if not text.strip():
            continue
        if not colon or key not in kinds:
            raise LineError(at, f"an experiment has no “{key or text.strip()}”; it has {', '.join(kinds)}")
        chosen[key] = _experiment_value(key, value.strip())
        try:
            msgspec.convert({key: chosen[key]}, Experiment, strict=False)
        except msgspec.ValidationError:
            raise LineError(at, f"{key}: “{value.strip()}” is not a value that it can have") from None
    return Start(line, resolve(msgspec.convert(chosen, Experiment, strict=False)))


def _experiment_value(key: str, value: str) -> object:
    if key in ("layers", "classes", "channels"):
        return [word for word in re.split(r"[-,\s]+", value) if word]
    if key == "batch_size" and value == "all":
        return 0
    return {"yes": True, "no": False}.get(value, value) if key in ("batch_norm", "global_pool") else value


def read_layout(line: int, argument: str, body: Body) -> Beside:
    """Names of panes, in the argument or the body; "alone" for none beside the text."""
    names = f"{argument} {' '.join(text for _, text in body)}".replace(",", " ").split()
    if names == ["alone"]:
        return Beside(line, ())
    if not names:
        raise LineError(line, f"a layout needs panes: {', '.join(EVERY_PANE)}")
    for name in names:
        if name not in PANE_NAMES:
            raise LineError(line, f"there is no pane “{name}”; there are {', '.join(PANE_NAMES)}")
    return Beside(line, tuple(names))


def _read_commands(line: int, argument: str, body: Body, by_learner: bool) -> Script:
    _no_argument("try" if by_learner else "script", line, argument)
    commands = []
    for at, text in body:
        command = text.partition("#")[0].strip()
        if not command:
            continue
        try:
            parse_command(command)
        except EngineError as error:
            raise LineError(at, str(error)) from None
        if command.split()[0] in _NOT_LIVE:
            raise LineError(at, f"“{command.split()[0]}” has no place in a lesson")
        commands.append(Call(at, command, text.partition("#")[2].strip()))
    if not commands:
        raise LineError(line, "there is no command here, like: step op 3")
    return Script(line, tuple(commands), by_learner)


def read_script(line: int, argument: str, body: Body) -> Script:
    """Commands that are carried out when the page opens; what follows a # is shown beside them."""
    return _read_commands(line, argument, body, by_learner=False)


def read_try(line: int, argument: str, body: Body) -> Script:
    """Commands for the learner to carry out one by one."""
    return _read_commands(line, argument, body, by_learner=True)


def read_compute(line: int, argument: str, body: Body) -> Computed:
    """A computation of the catalogue, in the argument."""
    _empty("compute", body)
    return Computed(line, call_of(argument, line))


def read_equation(line: int, argument: str, body: Body) -> Equation:
    """Terms with their shapes, `∂_Z[1]:N×n_1 = …`, set apart by blanks."""
    _no_argument("equation", line, argument)
    rows = []
    for at, text in body:
        if not text.strip():
            continue
        terms = []
        for word in text.split():
            match = _TERM.match(word) if ":=" not in word else None
            name, shape = (match.group(1), match.group(2) or "") if match else (word, "")
            if not name:
                raise LineError(at, f"“{word}” has a shape but no name: write name:shape")
            terms.append((name, shape))
        rows.append(tuple(terms))
    if not rows:
        raise LineError(line, "the equation is empty")
    return Equation(line, tuple(rows))


def read_figure(line: int, argument: str, body: Body) -> Verbatim:
    """Lines as they are."""
    _no_argument("figure", line, argument)
    return Verbatim(line, "figure", tuple(text for _, text in body))


def read_code(line: int, argument: str, body: Body) -> Verbatim:
    """A listing; its lines are numbered."""
    _no_argument("code", line, argument)
    return Verbatim(line, "code", tuple(text for _, text in body))


def _no_argument(kind: str, line: int, argument: str) -> None:
    if argument:
        raise LineError(line, f"{kind} takes nothing on its line; “{argument}” belongs into the body")


def _empty(kind: str, body: Body) -> None:
    for line, text in body:
        if text.strip():
            raise LineError(line, f"{kind} has no body; “{text.strip()[:30]}” belongs onto its first line")


READERS: dict[str, Callable[[int, str, Body], Block]] = {
    "experiment": read_experiment,
    "layout": read_layout,
    "script": read_script,
    "try": read_try,
    "compute": read_compute,
    "question": read_question,
    "equation": read_equation,
    "figure": read_figure,
    "code": read_code,
}
