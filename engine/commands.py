"""What a client may ask of the engine, and the one table that names it.

`parse("step op 3")` gives the message that `Session.do`, the engine process, the screen's keys, its palette and `:`,
and headless scripts all share. A new command is a Struct, a row of COMMANDS and a method of `engine.session.Session`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from engine.errors import CommandError
from engine.views import Unit


class Command(msgspec.Struct, frozen=True, tag=True):
    """Base of every command."""


class Step(Command, frozen=True):
    """Go on by `count` units."""

    unit: Unit = Unit.BATCH
    count: int = 1


class Back(Command, frozen=True):
    """Go back by `count` units."""

    unit: Unit = Unit.BATCH
    count: int = 1


class RunOn(Command, frozen=True):
    """Train without stopping: `count` batches or epochs, or to the last epoch."""

    count: int | None = None
    unit: Unit = Unit.BATCH


class Pause(Command, frozen=True):
    """Stop what is running after the batch it is in."""


class Goto(Command, frozen=True):
    """Go to a position: "3:12", "3:12:5", "start", "end" or "last"."""

    target: str


class Print(Command, frozen=True):
    """The value of an expression at the cursor."""

    expression: str


class Stats(Command, frozen=True):
    """Statistics of an expression at the cursor."""

    expression: str


class Set(Command, frozen=True):
    """Change a value; from there on the run differs."""

    name: str
    expression: str


class Digest(Command, frozen=True):
    """SHA-256 of parameters, buffers and optimizer state at the cursor."""


class Names(Command, frozen=True):
    """What `print` can show at the cursor."""


class Help(Command, frozen=True):
    """What commands there are, or how one is used."""

    name: str = ""


class Spec(NamedTuple):
    """A row of the command table."""

    name: str
    usage: str
    summary: str
    parse: Callable[[str], Command]
    needs_argument: bool = False


def _count(word: str, usage: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise CommandError(f"“{word}” is not a count", f"use a whole number from 1: {usage}")
    return int(word)


def _unit(word: str) -> Unit:
    singular = word.lower().removesuffix("es") if word.lower() == "batches" else word.lower().removesuffix("s")
    try:
        return Unit(singular)
    except ValueError:
        raise CommandError(f"“{word}” is not a unit", f"units are {', '.join(Unit)}") from None


def _too_many(words: list[str], most: int, usage: str) -> None:
    if len(words) > most:
        raise CommandError(f"“{words[most]}” is one word too many", f"use: {usage}")


def _walk(kind: type[Step] | type[Back], usage: str) -> Callable[[str], Command]:
    def parse_walk(rest: str) -> Command:
        words = rest.split()
        _too_many(words, 2, usage)
        if words and words[0].isdecimal():
            words.reverse()  # "step 3 op" and "step 3" read as well as "step op 3"
        if words and words[-1].isdecimal() and len(words) == 1:
            return kind(Unit.BATCH, _count(words[0], usage))
        unit = _unit(words[0]) if words else Unit.BATCH
        return kind(unit, _count(words[1], usage) if len(words) > 1 else 1)

    return parse_walk


def _run(rest: str) -> Command:
    usage = "run [N batches|epochs]"
    words = rest.split()
    _too_many(words, 2, usage)
    if not words:
        return RunOn()
    return RunOn(_count(words[0], usage), _unit(words[1]) if len(words) > 1 else Unit.BATCH)


def _set(rest: str) -> Command:
    name, _, value = rest.strip().replace("=", " ", 1).partition(" ")
    if not value.strip():
        raise CommandError("set needs a name and a value", "for example: set learning_rate 0.1")
    return Set(name, value.strip())


def _with_argument(kind: Callable[[str], Command], example: str) -> Callable[[str], Command]:
    def parse_argument(rest: str) -> Command:
        if not rest.strip():
            raise CommandError(f"{example.split()[0]} needs an argument", f"for example: {example}")
        return kind(rest.strip())

    return parse_argument


def _bare(kind: Callable[[], Command], name: str) -> Callable[[str], Command]:
    def parse_bare(rest: str) -> Command:
        _too_many(rest.split(), 0, name)
        return kind()

    return parse_bare


COMMANDS: tuple[Spec, ...] = (
    Spec("step", "step [op|layer|phase|batch|epoch] [N]", "go on by N units (batches)", _walk(Step, "step [UNIT] [N]")),
    Spec(
        "back", "back [op|layer|phase|batch|epoch] [N]", "go back by N units (batches)", _walk(Back, "back [UNIT] [N]")
    ),
    Spec("run", "run [N batches|epochs]", "train on, to the last epoch without N", _run),
    Spec("pause", "pause", "stop a run or a jump after the batch it is in", _bare(Pause, "pause")),
    Spec(
        "goto",
        "goto EPOCH:BATCH[:EVENT] | start | end | last",
        "go to a position; end is the end of the run, last the furthest reached",
        _with_argument(Goto, "goto 1:20"),
        True,
    ),
    Spec("print", "print EXPRESSION", "show a value at the cursor", _with_argument(Print, "print W[1][3,5]"), True),
    Spec(
        "stats",
        "stats EXPRESSION",
        "mean, std, min, max, norm, zeros, NaNs",
        _with_argument(Stats, "stats dW[1]"),
        True,
    ),
    Spec("set", "set NAME VALUE", "change the learning rate", _set, True),
    Spec("digest", "digest", "SHA-256 of parameters, buffers and optimizer state", _bare(Digest, "digest")),
    Spec("names", "names", "list what print can show", _bare(Names, "names")),
    Spec("help", "help [COMMAND]", "list the commands, or explain one", lambda rest: Help(rest.strip())),
)


def parse(text: str) -> Command:
    """The command that a line of text means.

    Raises CommandError, naming the word that is wrong and what it could have been.
    """
    name, _, rest = text.strip().partition(" ")
    for spec in COMMANDS:
        if spec.name == name.lower():
            return spec.parse(rest)
    known = [spec.name for spec in COMMANDS]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"commands are {', '.join(known)}"
    raise CommandError(f"there is no command “{name}”", hint)


def help_text(name: str = "") -> str:
    """The command table as text, or one row of it. Raises CommandError for an unknown name."""
    rows = [spec for spec in COMMANDS if not name or spec.name == name]
    if not rows:
        parse(name)  # raises, with a suggestion
    width = max(len(spec.usage) for spec in rows)
    return "\n".join(f"{spec.usage:<{width}}  {spec.summary}" for spec in rows)


class Do(msgspec.Struct, frozen=True, tag="do"):
    """Carry out a command; an Answer with the same id follows."""

    id: int
    text: str


class Look(msgspec.Struct, frozen=True, tag="look"):
    """The screen has painted, and wants to see these panes of the next snapshot."""

    panes: list[str]  # of: tape, here, graph, layers, gradients, curves, batch
    columns: int = 100  # buckets of the curves
    digits: int = 16  # examples of the batch
    rows_from: int = 1  # first row of the tape; 0 centres on the cursor
    rows: int = 0


class Interrupt(msgspec.Struct, frozen=True, tag="interrupt"):
    """Pause, or cancel a jump, without waiting for an answer."""


ToEngine = Do | Look | Interrupt
