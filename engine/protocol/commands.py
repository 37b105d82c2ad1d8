"""What a client may ask of the engine: one frozen struct a command, and the row that says how it is typed.

A new command is a struct and a row of COMMANDS here, and a row of `engine.interpreter`. `command_table.py` finds rows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Union

from engine.course.requests import parse_request
from engine.errors import CommandError
from engine.protocol.grammar import Command as Command
from engine.protocol.grammar import Looking, Spec, Until, Word, row
from engine.protocol.positions import Unit


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
    until: Until = ""


class ReverseRun(Command, frozen=True):
    """Go back to where a condition, or a watch, was last true."""

    until: Until = ""


class AddWatch(Command, frozen=True):
    """Stop every run where a condition is true."""

    expression: str


class Break(Command, frozen=True):
    """Stop every run at a place of the batch: a phase, an operation, a layer's number, a module's path, or several."""

    words: list[str]


class ListWatches(Looking, frozen=True):
    """The watches, and what each says at the cursor."""


class EnableWatch(Command, frozen=True):
    """Let a watch ("all": every watch) stop runs, or not."""

    number: str
    enabled: bool


class DeleteWatch(Command, frozen=True):
    """Forget a watch ("all": every watch)."""

    number: str


class ListBranches(Looking, frozen=True):
    """The branches of the run."""


class Switch(Command, frozen=True):
    """Go to another branch."""

    name: str


class NameBranch(Command, frozen=True):
    """Give the current branch another name."""

    name: Word


class Compare(Command, frozen=True):
    """Where two branches first differ; without the second, the current one."""

    first: Word
    second: Word = ""


class Pause(Command, frozen=True):
    """Stop what is running after the batch it is in."""


class Goto(Command, frozen=True):
    """Go to a position: "3:12", "3:12:5", "start", "end" or "last"."""

    target: str


class Print(Looking, frozen=True):
    """The value of an expression at the cursor."""

    expression: str


class Stats(Looking, frozen=True):
    """Statistics of an expression at the cursor."""

    expression: str


class Compute(Looking, frozen=True):
    """A computation of the course: "similarity.accuracy distance=squared"."""

    request: str


class CheckFormula(Looking, frozen=True):
    """Whether a formula gives a target's value in a network: "dZ[1]", "3-2-3 sigmoid sigmoid bce"."""

    target: str
    network: str
    formula: str


class Set(Command, frozen=True):
    """Change a value; from there on the run differs."""

    name: str
    expression: str


class Digest(Looking, frozen=True):
    """SHA-256 of parameters, buffers and optimizer state at the cursor."""


class Pick(Looking, frozen=True):
    """Let every pane follow one example, by its row in the batch, and one neuron."""

    row: int
    neuron: int | None = None


class Place(Looking, frozen=True):
    """Which tensor an expression looks into, and at which row and column of its table."""

    expression: str


class Plot(Command, frozen=True):
    """Plot an expression over the batches, or no more."""

    expression: str
    wanted: bool = True


class PlotPast(Command, frozen=True):
    """Compute what a plotted expression was in the batches that ran before it was."""

    expression: str


class Write(Looking, frozen=True):
    """Save an expression's value to a file; one that is there is replaced only if `over`."""

    expression: str
    file: str
    over: bool = False


class Names(Looking, frozen=True):
    """What `print` can show at the cursor."""


class Save(Command, frozen=True):
    """Write the run to a recording; a file that is there is replaced only if `over`."""

    path: str
    over: bool = False


class Export(Command, frozen=True):
    """Write the run's script, weights or metrics to a file; one that is there is replaced only if `over`."""

    kind: Word
    path: str
    over: bool = False


class Help(Looking, frozen=True):
    """What commands there are, or how one is used."""

    name: str = ""


class Terms(Looking, frozen=True):
    """What a word of the course means; "": all words."""

    word: str = ""


# ── how they are typed ────────────────────────────────────────────────────────────────────────────────────────────────


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


def _write(rest: str, over: bool = False) -> Command:
    expression, _, file = rest.strip().rpartition(" ")
    if not expression.strip():
        raise CommandError("write needs an expression and a file", "for example: write W[1] weights.npy")
    return Write(expression.strip(), file, over)


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
    row(Step, "step [op|time|layer|phase|batch|epoch] [N]", "go on by N units (batches)"),
    row(Back, "back [op|time|layer|phase|batch|epoch] [N]", "go back by N units (batches)"),
    row(RunOn, "run [N UNITS] [until EXPRESSION]", "train on: N units, to where it is true, or to the last epoch"),
    row(ReverseRun, "reverse-run [until EXPRESSION]", "go back to where it, or a watch, was last true"),
    row(Pause, "pause", "stop a run or a jump after the batch it is in"),
    row(Goto, "goto EPOCH:BATCH[:EVENT] | start | end | last",
        "go to a position; end is the end of the run, last the furthest reached", "goto 1:20"),
    row(Print, "print EXPRESSION", "show a value at the cursor", "print W[1][3,5]"),
    row(Stats, "stats EXPRESSION", "mean, std, min, max, norm, zeros, NaNs", "stats dW[1]"),
    row(AddWatch, "watch EXPRESSION", "stop every run where it is true", "watch loss > 2"),
    row(Break, "break [PHASE] [OP] [LAYER|MODULE]", "stop every run at a place of the batch",
        "break backward relu, break layer1.0.conv1", "a place"),
    row(ListWatches, "watches", "list the watches, and what each says here"),
    row(EnableWatch, "disable N|all", "let a watch rest", "disable 1", enabled=False),
    row(EnableWatch, "enable N|all", "let it stop runs again", "enable 1", enabled=True),
    row(DeleteWatch, "unwatch N|all", "delete a watch", "unwatch 1"),
    Spec("set", "set NAME VALUE", "change a rate, a weight, the batch size, the optimizer; it goes on from there",
         _set, True),
    row(Set, "freeze LAYER|PARAMETER", "train it no further", "freeze 1", name="freeze"),
    row(Set, "unfreeze LAYER|PARAMETER", "train it again", "unfreeze 1", name="unfreeze"),
    row(ListBranches, "branches", "list the branches of the run"),
    row(Switch, "switch BRANCH", "go to another branch, where it was left", "switch main"),
    row(NameBranch, "name BRANCH", "give this branch another name", "name low-rate"),
    row(Compare, "compare BRANCH [BRANCH]", "where two branches first differ",
        "compare main; branches lists them", "a branch"),
    row(Pick, "pick ROW [NEURON]", "the example, and the neuron, that every pane follows",
        needs="a row of the batch"),
    row(Place, "place EXPRESSION", "the tensor, row and column that an address means", "place z₃[2](17)"),
    Spec("write", "write EXPRESSION FILE", "save a value as .npy, .safetensors or .csv", _write, True),
    Spec("write!", "write! EXPRESSION FILE", "the same, and a file that is there is replaced",
         partial(_write, over=True), True),
    row(Plot, "plot EXPRESSION", "plot a number over the batches, from here on", "plot norm(dW[1])", wanted=True),
    row(PlotPast, "past EXPRESSION", "plot it of the batches before, too: they are gone through again",
        "past norm(dW[1])"),
    row(Plot, "unplot EXPRESSION", "plot it no more", "unplot norm(dW[1])", wanted=False),
    Spec("compute", "compute NAME [KEY=VALUE …]", "a table, plot or number of the course", _compute, True),
    Spec("formula", "formula TARGET LAYERS HIDDEN OUTPUT LOSS: FORMULA",
         "check a derivative of yours against autograd", _check_formula, True),
    row(Digest, "digest", "SHA-256 of parameters, buffers and optimizer state"),
    row(Save, "save FILE", "keep this run, for nnwalk-tui open FILE", "save run.json", over=False),
    row(Save, "save! FILE", "the same, and a file that is there is replaced", "save! run.json", over=True),
    row(Export, "export script|weights|metrics FILE", "a plain PyTorch loop, safetensors, or CSV",
        "export script run.py", "a kind and a file", over=False),
    row(Export, "export! script|weights|metrics FILE", "the same, and a file that is there is replaced",
        "export! script run.py", "a kind and a file", over=True),
    row(Terms, "terms [WORD]", "what a word of the course means, or all words"),
    row(Names, "names", "list what print can show"),
    row(Help, "help [COMMAND]", "list the commands, or explain one"),
)  # fmt: skip

if TYPE_CHECKING:
    AnyCommand = Command
else:  # msgspec tells them apart by their tags
    _KINDS = [kind for kind in (*Command.__subclasses__(), *Looking.__subclasses__()) if kind is not Looking]
    AnyCommand = Union[tuple(_KINDS)]  # noqa: UP007
