"""Judging an answer, with the reason: numbers, shapes, choices and lines here, formulas by the engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from nnwalk_tui.lessons.answers import line_numbers, number_of, shape_of
from nnwalk_tui.lessons.document import Call, Question
from nnwalk_tui.lessons.pieces import text_of, written

Resolve = Callable[[Call], object]  # the value that the engine gave
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")
_FORMULAS_BEGIN = frozenset("(-0123456789AWXYZNDabdelmorstwxyz")  # the first signs of all that can be typed in one
_WITHIN = 0.01  # of a number, relative, where the lesson does not say


class Verdict(NamedTuple):
    """`right` is None where the answer could not be read, and does not count."""

    right: bool | None
    said: str


def judge(question: Question, given: str, resolve: Resolve) -> Verdict:
    """What is said of an answer to any question but a formula."""
    text = given.strip()
    if not text:
        return Verdict(None, "type an answer")
    return _JUDGES[question.kind](question, text, resolve)


def formula_command(question: Question, given: str) -> str:
    """The command that lets the engine judge a formula."""
    return f"formula {question.target} {question.network}: {given}"


def known_mistake(question: Question, given: str, resolve: Resolve) -> Verdict | None:
    """What the lesson itself says of this wrong formula; None where it has foreseen no such."""
    bare = "".join(given.split())
    for value, reason in question.wrong:
        if isinstance(value, str) and "".join(value.split()) == bare:
            return Verdict(False, text_of(reason, resolve))
    return None


def right_answer(question: Question, resolve: Resolve) -> str:
    """The right answer as text."""
    if isinstance(question.answer, Call):
        return written(resolve(question.answer), question.answer.style)
    if question.kind == "choice":
        return f"{question.answer} — {dict(question.choices)[question.answer]}"
    return question.answer


def begins_answer(question: Question, character: str) -> bool:
    """Whether a key that is pressed while a question is open is the beginning of its answer."""
    letters = {name for name, _ in question.choices}
    if question.kind == "formula" and not character.isascii():
        return True  # σ, ∂, ½
    begin = {"choice": letters, "shape": {*"([0123456789nN"}, "formula": _FORMULAS_BEGIN}
    return character in begin.get(question.kind, {*"0123456789-−"})


def without_key(given: str) -> str:
    """A formula without the `a` that opened the prompt, where that was typed on: aA[2] is A[2]; abs begins with one."""
    return re.sub(r"^a(?!bs\b)(?=[A-Za-zσ∂])", "", given)


def hint(question: Question, signs: bool = True) -> str:
    """What kind of answer is wanted; with the course's `signs`, how a formula's are typed."""
    return {
        "number": "a number; any guess will do" if question.guess else "a number",
        "shape": "a shape, like N x 3 or n_k x 7",
        "choice": "a letter",
        "formula": f"{question.target} = …" + ("  (@ is ·, * is ∗, .T is ᵀ)" if signs else ""),
        "line": "line numbers, like 3 or 5-7",
    }[question.kind]


def _number(question: Question, text: str, resolve: Resolve) -> Verdict:
    percent = isinstance(question.answer, Call) and question.answer.style.startswith("%")
    given = number_of(text, percent)
    if given is None:
        return Verdict(None, f"“{text}” is not a number; write for example 0.25, 67 % or 1/4")
    wanted = _as_number(question.answer, resolve)
    if question.guess:
        close = _close(given, wanted, question.within)
        how = "a good guess" if close else f"you guessed {_side(given, wanted)}"
        return Verdict(close, f"it is {right_answer(question, resolve)}: {how}")
    if _close(given, wanted, question.within):
        return Verdict(True, f"right: {right_answer(question, resolve)}")
    for value, reason in question.wrong:
        if _close(given, _as_number(value, resolve), question.within):
            return Verdict(False, text_of(reason, resolve))
    if percent and not 0 <= given <= 1:
        return Verdict(False, "a share lies between 0 and 100 %")
    if wanted and _close(-given, wanted, question.within):
        return Verdict(False, "the size is right, the sign is not")
    return Verdict(False, _side(given, wanted))


def _side(given: float, wanted: float) -> str:
    return "too much" if given > wanted else "too little"


def _as_number(value: str | Call, resolve: Resolve) -> float:
    found = resolve(value) if isinstance(value, Call) else number_of(value)
    return float(found) if isinstance(found, int | float) else float("nan")


def _close(given: float, wanted: float, within: float | None) -> bool:
    room = _WITHIN * abs(wanted) if within is None else within
    return abs(given - wanted) <= room + 1e-12


def _shape(question: Question, text: str, resolve: Resolve) -> Verdict:
    given = shape_of(text)
    if not given:
        return Verdict(None, f"“{text}” is not a shape; write for example 60000 × 784, or N × n_l")
    found = resolve(question.answer) if isinstance(question.answer, Call) else question.answer
    wanted = [str(size) for size in found] if isinstance(found, list) else shape_of(str(found))
    if given == wanted:
        return Verdict(True, f"right: {right_answer(question, resolve)}")
    for value, reason in question.wrong:
        if isinstance(value, str) and given == shape_of(value):
            return Verdict(False, text_of(reason, resolve))
    if given == wanted[::-1]:
        rows = "examples" if "n" in wanted else "the layer's own neurons"  # N is typed in either case
        return Verdict(False, f"rows and columns are swapped: rows are {rows}")
    if len(given) != len(wanted):
        return Verdict(False, f"it has {len(wanted)} sizes, not {len(given)}")
    at = next(at for at, (one, other) in enumerate(zip(given, wanted, strict=True)) if one != other)
    return Verdict(False, f"the {_PLACES[at]} size is another one")


def _choice(question: Question, text: str, resolve: Resolve) -> Verdict:
    letter = text.strip("() .").lower()
    letters = [name for name, _ in question.choices]
    if letter not in letters:
        return Verdict(None, f"choose one of {', '.join(letters)}")
    if letter == question.answer:
        return Verdict(True, f"right: {dict(question.choices)[letter]}")
    reasons = {str(value): reason for value, reason in question.wrong}
    return Verdict(False, text_of(reasons[letter], resolve))


def _line(question: Question, text: str, resolve: Resolve) -> Verdict:
    given, wanted = line_numbers(text), line_numbers(str(question.answer))
    if not given:
        return Verdict(None, f"“{text}” is not a line’s number; write for example 3 or 5-7")
    if given == wanted:
        return Verdict(True, f"right: {question.answer}")
    for value, reason in question.wrong:
        if given & line_numbers(str(value)) and not line_numbers(str(value)) & wanted:
            return Verdict(False, text_of(reason, resolve))
    missing = sorted(wanted - given)
    if given < wanted:
        return Verdict(False, f"so far right, but there is more: line {missing[0]} too")
    return Verdict(False, f"line {sorted(given - wanted)[0]} does something else")


_JUDGES: dict[str, Callable[[Question, str, Resolve], Verdict]] = {
    "number": _number,
    "shape": _shape,
    "choice": _choice,
    "line": _line,
}
