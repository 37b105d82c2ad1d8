"""The one table of commands: how each is typed, what it is for, and the struct that it means.

`parse("step op 3")` gives the command that `Session.do`, the engine process, the screen's keys, its palette and `:`,
and headless scripts all share. A new command is a struct of `commands.py`, a row of COMMANDS and a case of
`engine.interpreter`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from engine.course.requests import parse_request
from engine.errors import CommandError
from engine.protocol.commands import (
    AddWatch,
    Back,
    Break,
    CheckFormula,
    Command,
    Compare,
    Compute,
    DeleteWatch,
    Digest,
    EnableWatch,
    Export,
    Goto,
    Help,
    ListBranches,
    ListWatches,
    NameBranch,
    Names,
    Pause,
    Pick,
    Place,
    Plot,
    Print,
    ReverseRun,
    RunOn,
    Save,
    Set,
    Stats,
    Step,
    Switch,
    Terms,
    Write,
)
from engine.protocol.positions import Unit


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
    usage = "run [N UNITS] [until EXPRESSION]"
    head, until = _until(rest, usage)
    words = head.split()
    _too_many(words, 2, usage)
    if not words:
        return RunOn(until=until)
    return RunOn(_count(words[0], usage), _unit(words[1]) if len(words) > 1 else Unit.BATCH, until)


def _until(rest: str, usage: str) -> tuple[str, str]:
    """What stands before and after the word until."""
    head, word, expression = f" {rest} ".partition(" until ")
    if word and not expression.strip():
        raise CommandError("until needs an expression", f"use: {usage}, like until loss < 0.5")
    return head.strip(), expression.strip()


def _reverse_run(rest: str) -> Command:
    usage = "reverse-run [until EXPRESSION]"
    head, until = _until(rest, usage)
    _too_many(head.split(), 0, usage)
    return ReverseRun(until)


def _break(rest: str) -> Command:
    if not rest.split():
        raise CommandError("break needs a place", "for example: break backward relu, break layer1.0.conv1")
    return Break(rest.split())


def _set(rest: str) -> Command:
    name, value = _split_name(rest.strip())
    if not name or not value:
        raise CommandError("set needs a name and a value", "for example: set learning_rate 0.1")
    return Set(name, value)


def _split_name(text: str) -> tuple[str, str]:
    """`W[1][3, 5] = 0.5` as name and value: they part at the first blank or = outside of brackets."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign in "[(") - (sign in "])")
        if depth == 0 and sign in " =":
            return text[:at], text[at:].strip().removeprefix("=").strip()
    return text, ""


def _export(rest: str) -> Command:
    kind, _, path = rest.strip().partition(" ")
    if not path.strip():
        raise CommandError("export needs a kind and a file", "for example: export script run.py")
    return Export(kind, path.strip())


def _compare(rest: str) -> Command:
    words = rest.split()
    _too_many(words, 2, "compare BRANCH [BRANCH]")
    if not words:
        raise CommandError("compare needs a branch", "use: compare BRANCH [BRANCH]; branches lists them")
    return Compare(*words)


def _pick(rest: str) -> Command:
    usage = "pick ROW [NEURON]"
    words = rest.split()
    _too_many(words, 2, usage)
    if not words:
        raise CommandError("pick needs a row of the batch", f"use: {usage}")
    return Pick(*(_count(word, usage) for word in words))


def _write(rest: str) -> Command:
    expression, _, file = rest.strip().rpartition(" ")
    if not expression.strip():
        raise CommandError("write needs an expression and a file", "for example: write W[1] weights.npy")
    return Write(expression.strip(), file)


def _with_argument(kind: Callable[[str], Command], example: str) -> Callable[[str], Command]:
    def parse_argument(rest: str) -> Command:
        if not rest.strip():
            raise CommandError(f"{example.split()[0]} needs an argument", f"for example: {example}")
        return kind(rest.strip())

    return parse_argument


def _one_word(kind: Callable[[str], Command], name: str) -> Callable[[str], Command]:
    def parse_word(rest: str) -> Command:
        _too_many(rest.split(), 1, f"{name} WORD")
        return kind(rest)

    return parse_word


def _bare(kind: Callable[[], Command], name: str) -> Callable[[str], Command]:
    def parse_bare(rest: str) -> Command:
        _too_many(rest.split(), 0, name)
        return kind()

    return parse_bare


def _compute(rest: str) -> Command:
    parse_request(rest)
    return Compute(rest.strip())


def _check_formula(rest: str) -> Command:
    head, colon, formula = rest.partition(":")
    target, _, network = head.strip().partition(" ")
    if not colon or not network or not formula.strip():
        raise CommandError(
            "formula needs a target, a network and a formula", "like formula dZ[2] 3-2-3 sigmoid sigmoid bce: A[2] - Y"
        )
    return CheckFormula(target, network.strip(), formula.strip())


COMMANDS: tuple[Spec, ...] = (
    Spec("step", "step [op|layer|phase|batch|epoch] [N]", "go on by N units (batches)", _walk(Step, "step [UNIT] [N]")),
    Spec(
        "back", "back [op|layer|phase|batch|epoch] [N]", "go back by N units (batches)", _walk(Back, "back [UNIT] [N]")
    ),
    Spec(
        "run", "run [N UNITS] [until EXPRESSION]", "train on: N units, to where it is true, or to the last epoch", _run
    ),
    Spec(
        "reverse-run",
        "reverse-run [until EXPRESSION]",
        "go back to where it, or a watch, was last true",
        _reverse_run,
    ),
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
    Spec(
        "watch", "watch EXPRESSION", "stop every run where it is true", _with_argument(AddWatch, "watch loss > 2"), True
    ),
    Spec("break", "break [PHASE] [OP] [LAYER|MODULE]", "stop every run at a place of the batch", _break, True),
    Spec("watches", "watches", "list the watches, and what each says here", _bare(ListWatches, "watches")),
    Spec(
        "disable",
        "disable N|all",
        "let a watch rest",
        _with_argument(partial(EnableWatch, enabled=False), "disable 1"),
        True,
    ),
    Spec(
        "enable",
        "enable N|all",
        "let it stop runs again",
        _with_argument(partial(EnableWatch, enabled=True), "enable 1"),
        True,
    ),
    Spec("unwatch", "unwatch N|all", "delete a watch", _with_argument(DeleteWatch, "unwatch 1"), True),
    Spec(
        "set",
        "set NAME VALUE",
        "change a rate, a weight, the batch size, the optimizer; it goes on from there",
        _set,
        True,
    ),
    Spec(
        "freeze",
        "freeze LAYER|PARAMETER",
        "train it no further",
        _with_argument(partial(Set, "freeze"), "freeze 1"),
        True,
    ),
    Spec(
        "unfreeze",
        "unfreeze LAYER|PARAMETER",
        "train it again",
        _with_argument(partial(Set, "unfreeze"), "unfreeze 1"),
        True,
    ),
    Spec("branches", "branches", "list the branches of the run", _bare(ListBranches, "branches")),
    Spec(
        "switch",
        "switch BRANCH",
        "go to another branch, where it was left",
        _with_argument(Switch, "switch main"),
        True,
    ),
    Spec(
        "name",
        "name BRANCH",
        "give this branch another name",
        _with_argument(_one_word(NameBranch, "name"), "name low-rate"),
        True,
    ),
    Spec("compare", "compare BRANCH [BRANCH]", "where two branches first differ", _compare, True),
    Spec("pick", "pick ROW [NEURON]", "the example, and the neuron, that every pane follows", _pick, True),
    Spec(
        "place",
        "place EXPRESSION",
        "the tensor, row and column that an address means",
        _with_argument(Place, "place z₃[2](17)"),
        True,
    ),
    Spec("write", "write EXPRESSION FILE", "save a value as .npy, .safetensors or .csv", _write, True),
    Spec(
        "plot",
        "plot EXPRESSION",
        "plot a number over the batches, from here on",
        _with_argument(Plot, "plot norm(dW[1])"),
        True,
    ),
    Spec(
        "unplot",
        "unplot EXPRESSION",
        "plot it no more",
        _with_argument(partial(Plot, wanted=False), "unplot norm(dW[1])"),
        True,
    ),
    Spec("compute", "compute NAME [KEY=VALUE …]", "a table, plot or number of the course", _compute, True),
    Spec(
        "formula",
        "formula TARGET LAYERS HIDDEN OUTPUT LOSS: FORMULA",
        "check a derivative of yours against autograd",
        _check_formula,
        True,
    ),
    Spec("digest", "digest", "SHA-256 of parameters, buffers and optimizer state", _bare(Digest, "digest")),
    Spec(
        "save",
        "save FILE",
        "keep this run, for nnwalk-tui open FILE",
        _with_argument(Save, "save run.json"),
        True,
    ),
    Spec("export", "export script|weights|metrics FILE", "a plain PyTorch loop, safetensors, or CSV", _export, True),
    Spec("terms", "terms [WORD]", "what a word of the course means, or all words", lambda rest: Terms(rest.strip())),
    Spec("names", "names", "list what print can show", _bare(Names, "names")),
    Spec("help", "help [COMMAND]", "list the commands, or explain one", lambda rest: Help(rest.strip())),
)


def find(name: str, rows: Sequence[Spec] = COMMANDS, cure: str = "") -> Spec:
    """The row of a command. Raises CommandError for an unknown name, saying which is near it, or the cure."""
    names = [spec.name for spec in rows]
    if name.lower() in names:
        return rows[names.index(name.lower())]
    near = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {near[0]}?" if near else cure or f"commands are {', '.join(names)}"
    raise CommandError(f"there is no command “{name}”", hint)


def parse(text: str) -> Command:
    """The command that a line of text means.

    Raises CommandError, naming the word that is wrong and what it could have been.
    """
    name, _, rest = text.strip().partition(" ")
    return find(name).parse(rest)


def parse_or_none(text: str) -> Command | None:
    """The same, None for a text that is no command."""
    try:
        return parse(text)
    except CommandError:
        return None


def help_text(name: str = "") -> str:
    """The command table as text, or one row of it. Raises CommandError for an unknown name."""
    rows = [find(name)] if name else COMMANDS
    width = max(len(spec.usage) for spec in rows)
    return "\n".join(f"{spec.usage:<{width}}  {spec.summary}" for spec in rows)
