"""What makes a run, as data: the script that it is of, the job that an engine opens, the edits made on the way."""

from __future__ import annotations

import msgspec

from engine.experiments.experiment import Experiment


class Script(msgspec.Struct, frozen=True):
    """The user's own program: a function in a Python file that returns its parts."""

    path: str
    function: str
    epochs: int = 1
    seed: int = 0
    threads: int = 1
    batches: int = 0  # per epoch; 0: as many as the loader has, or the function says
    epochs_given: bool = False  # on the command line, which wins over what the function says
    arguments: tuple[str, ...] = ()  # what the file finds in sys.argv[1:]


class Command(msgspec.Struct, frozen=True):
    """A script whose loop is its own, with its arguments: what stands after `python`, or after `python -m`."""

    words: tuple[str, ...]
    module: bool = False
    keep: int = 20  # tapes that are held where there is no way back

    @property
    def name(self) -> str:
        """What it is called: the file without its folder, or the module."""
        return self.words[0] if self.module else self.words[0].rpartition("/")[2]


class Job(msgspec.Struct, frozen=True):
    """What an engine is to open: an experiment, a script or a command, anew or as a recording left it."""

    experiment: Experiment | None = None
    script: Script | None = None
    command: Command | None = None
    recording: str = ""  # path
    device: str = ""  # another than the recording's
    history_bytes: int = 256 * 2**20
    audit: bool = False  # batches are run and shown, but not applied
    autosave: str = ""  # path of the recording that is kept up to date


class Edit(msgspec.Struct, frozen=True):
    """`name` is what is set, `value` an expression; it takes effect when `iteration` batches are done."""

    iteration: int
    name: str
    value: str

    @property
    def text(self) -> str:
        """As it is typed."""
        return f"{self.name} {self.value}" if self.name in ("freeze", "unfreeze") else f"set {self.name} {self.value}"
