"""What a client may ask of the engine: one frozen struct a command.

`command_table.py` gives each its name and its way of being typed, `engine.interpreter` carries them out.
"""

from __future__ import annotations

import msgspec

from engine.protocol.positions import Unit


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


class Terms(Command, frozen=True):
    """What a word of the course means; "": all words."""

    word: str = ""
