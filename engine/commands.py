"""What a client may ask of the engine, and the one table that names it.

`parse("step op 3")` gives the message that `Session.do`, the engine process, the screen's keys, its palette and `:`,
and headless scripts all share. A new command is a Struct, a row of COMMANDS and a method of `engine.session.Session`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from engine.course.requests import parse_request
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
    """Train without stopping: `count` units, until a condition is true, or to the last epoch."""

    count: int | None = None
    unit: Unit = Unit.BATCH
    until: str = ""


class ReverseRun(Command, frozen=True):
    """Go back to where a condition, or a watch, was last true."""

    until: str = ""


class AddWatch(Command, frozen=True):
    """Stop every run where a condition is true."""

    expression: str


class Break(Command, frozen=True):
    """Stop every run at a place of the batch: a phase, an operation, a layer's number, a module's path, or several."""

    words: list[str]


class ListWatches(Command, frozen=True):
    """The watches, and what each says at the cursor."""


class EnableWatch(Command, frozen=True):
    """Let a watch ("all": every watch) stop runs, or not."""

    number: str
    enabled: bool


class DeleteWatch(Command, frozen=True):
    """Forget a watch ("all": every watch)."""

    number: str


class ListBranches(Command, frozen=True):
    """The branches of the run."""


class Switch(Command, frozen=True):
    """Go to another branch."""

    name: str


class NameBranch(Command, frozen=True):
    """Give the current branch another name."""

    name: str


class Compare(Command, frozen=True):
    """Where two branches first differ; without the second, the current one."""

    first: str
    second: str = ""


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


class Compute(Command, frozen=True):
    """A computation of the course: "similarity.accuracy distance=squared"."""

    request: str


class CheckFormula(Command, frozen=True):
    """Whether a formula gives a target's value in a network: "dZ[1]", "3-2-3 sigmoid sigmoid bce"."""

    target: str
    network: str
    formula: str


class Set(Command, frozen=True):
    """Change a value; from there on the run differs."""

    name: str
    expression: str


class Digest(Command, frozen=True):
    """SHA-256 of parameters, buffers and optimizer state at the cursor."""


class Pick(Command, frozen=True):
    """Let every pane follow one example, by its row in the batch, and one neuron."""

    row: int
    neuron: int | None = None


class Place(Command, frozen=True):
    """Which tensor an expression looks into, and at which row and column of its table."""

    expression: str


class Plot(Command, frozen=True):
    """Plot an expression over the batches, or no more."""

    expression: str
    wanted: bool = True


class Write(Command, frozen=True):
    """Save an expression's value to a file."""

    expression: str
    file: str


class Names(Command, frozen=True):
    """What `print` can show at the cursor."""


class Save(Command, frozen=True):
    """Write the run to a recording."""

    path: str


class Export(Command, frozen=True):
    """Write the run's script, weights or metrics to a file."""

    kind: str
    path: str


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


def parse_or_none(text: str) -> Command | None:
    """The same, None for a text that is no command."""
    try:
        return parse(text)
    except CommandError:
        return None


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


class TensorLook(msgspec.Struct, frozen=True):
    """What the tensor pane shows: rows and columns are those of the tensor's table, from 1."""

    expression: str = ""  # "" follows the cursor: what its event has just made
    against: str = ""  # "gradient", "before" (one batch earlier), a position, or an expression of the same shape
    row: int = 1  # first of the window, or of the whole table where `whole`
    column: int = 1
    rows: int = 0
    columns: int = 0
    at_row: int = 1  # the chosen element
    at_column: int = 1
    whole: bool = False  # the whole table in rows × columns blocks, instead of a window of it


class BatchLook(msgspec.Struct, frozen=True):
    """What the digits pane shows."""

    kind: str = "examples"  # or averages, input gradient, first layer, confusion
    order: str = "batch"  # of the examples: batch, wrong, least sure, highest loss, class; confusion: validation, batch
    first: int = 1  # place in the order of the first


class NeuronsLook(msgspec.Struct, frozen=True):
    """What the neuron pane shows."""

    layer: int = 1  # of the picked neuron; 0 is the input
    rows: int = 12  # neurons that a column has room for


class PlotLook(msgspec.Struct, frozen=True):
    """What the plot shows."""

    quantity: str = "loss"  # or accuracy, learning_rate, a plotted expression
    first: int = 1  # batches that it spans; last 0 is the whole run
    last: int = 0
    at: int = 0  # the batch that is asked about; 0 is none


class LandscapeLook(msgspec.Struct, frozen=True):
    """What the landscape pane shows."""

    kind: str = "parameter"  # or update, plane
    parameter: str = ""  # "W[1][3,5]"; "": where the gradient of the last layer's weight is greatest
    zoom: float = 1.0  # how far it reaches, as a multiple of the usual
    seed: int = 0  # of the random directions


class GraphLook(msgspec.Struct, frozen=True):
    """What the graph pane shows."""

    level: str = "layers"  # or "ops": every single operation
    toggled: list[str] = []  # modules that are open where they usually are folded, or the other way round
    first: int = 1  # line that is wanted, and so many after it …
    rows: int = 400
    follow: bool = True  # … or as many around the cursor's, where that is not well within
    search: str = ""


class Look(msgspec.Struct, frozen=True, tag="look"):
    """The screen has painted, and wants to see these panes of the next snapshot."""

    panes: list[str]  # of: tape here graph layers gradients distribution curves batch tensor neurons landscape
    columns: int = 100  # buckets of the curves
    plot: PlotLook = PlotLook()
    digits: int = 16  # examples of the batch, or pictures
    batch: BatchLook = BatchLook()
    rows_from: int = 1  # first line of the tape; 0 centres on the cursor
    rows: int = 0
    folded: bool = False  # bookkeeping has lines, too
    graph: GraphLook = GraphLook()
    quantity: str = "A"  # whose history the layers show
    points: int = 0  # batches of it at most
    gradient_points: int = 0  # batches of the gradients' history
    gradient: str = ""  # whose distribution is shown, "dW[1]"
    bins: int = 0
    tensor: TensorLook = TensorLook()
    neurons: NeuronsLook = NeuronsLook()
    landscape: LandscapeLook = LandscapeLook()


class Interrupt(msgspec.Struct, frozen=True, tag="interrupt"):
    """Pause, or cancel a jump, without waiting for an answer."""


class Arrange(msgspec.Struct, frozen=True, tag="arrange"):
    """The screen's layout, for the recording to keep."""

    layout: dict[str, Any]


ToEngine = Do | Look | Interrupt | Arrange
