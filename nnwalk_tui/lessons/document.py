"""What a lesson file says, as data. Lines count from 1 and are those of the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.experiments.experiment import Experiment


class Call(msgspec.Struct, frozen=True):
    """Something that the engine is asked for: `command` is a command line, `part` which piece of its value is meant.

    `style` says how a number is written: "" (four digits), "3" (decimals), "%", "%0" (percent) or "shape".
    """

    line: int
    command: str
    part: str = ""
    style: str = ""


class Text(msgspec.Struct, frozen=True):
    """A paragraph, a heading ("## ") or a bullet ("- "): pieces of text and calls, in order."""

    line: int
    kind: str  # "paragraph", "heading" or "bullet"
    pieces: tuple[str | Call, ...]


class Verbatim(msgspec.Struct, frozen=True):
    """Lines that are shown as they are: a figure, or a listing with line numbers."""

    line: int
    kind: str  # "figure" or "code"
    rows: tuple[str, ...]


class Equation(msgspec.Struct, frozen=True):
    """Rows of terms; a term is a text and the shape that is written under it ("" for none)."""

    line: int
    rows: tuple[tuple[tuple[str, str], ...], ...]


class Computed(msgspec.Struct, frozen=True):
    """A table, plot or picture of the engine's."""

    line: int
    call: Call


class Start(msgspec.Struct, frozen=True):
    """The live experiment, from here on."""

    line: int
    experiment: Experiment


class Beside(msgspec.Struct, frozen=True):
    """The panes that stand beside the text, from here on."""

    line: int
    panes: tuple[str, ...]


class Script(msgspec.Struct, frozen=True):
    """Commands for the live experiment: carried out when the page opens, or, to `try`, when the learner wants it."""

    line: int
    commands: tuple[Call, ...]
    by_learner: bool


class Question(msgspec.Struct, frozen=True):
    """Something to commit to before the rest of the page is shown."""

    line: int
    name: str
    kind: str  # of KINDS
    ask: tuple[str | Call, ...]
    answer: str | Call
    because: tuple[str | Call, ...]
    within: float | None = None  # of a number; None: 1 % of it
    guess: bool = False  # the first answer settles it: nobody can know, and what matters is to have committed
    choices: tuple[tuple[str, str], ...] = ()  # letter and text
    wrong: tuple[tuple[str | Call, tuple[str | Call, ...]], ...] = ()  # an answer, and why it is not right
    target: str = ""  # of a formula
    network: str = ""


Block = Text | Verbatim | Equation | Computed | Start | Beside | Script | Question


class Page(msgspec.Struct, frozen=True):
    """What is read at once."""

    line: int
    title: str
    blocks: tuple[Block, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions of the page, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Question))


class Lesson(msgspec.Struct, frozen=True):
    """One lesson file."""

    slug: str
    title: str
    section: str
    minutes: int
    order: int
    finds: str  # what the learner finds out by themself
    pages: tuple[Page, ...]
    path: Path

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions, in order."""
        return tuple(question for page in self.pages for question in page.questions)


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong in a lesson file, and where."""

    line: int
    text: str


def calls(block: Block) -> Iterator[Call]:
    """Everything that a block asks the engine for before it can be shown, in order."""
    match block:
        case Text(pieces=pieces):
            yield from _among(pieces)
        case Computed(call=call):
            yield call
        case Question():
            yield from _among(block.ask)
            yield from _among((block.answer, *(value for value, _ in block.wrong)))
            for _, reason in block.wrong:
                yield from _among(reason)
            yield from _among(block.because)


def _among(pieces: tuple[str | Call, ...]) -> Iterator[Call]:
    for piece in pieces:
        if isinstance(piece, Call):
            yield piece
