"""A script that runs as `python SCRIPT.py ARGUMENTS` would, on a stack of its own, and stands still at each border."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greenlet import getcurrent, greenlet

from engine.errors import ModelError
from engine.own_loop.borders import Border, Borders
from engine.own_loop.thread import ThreadState, dispatch_modes
from engine.own_loop.written import Written
from engine.protocol.recipe import Command
from engine.tape.onlooker import Onlooker
from engine.users_code import users_code


class Running:
    """A script on its way. `border` is where it stands, None once it has ended; `status` is what it ended with.

    It shares the engine's thread: one of the two stacks runs at a time.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        self.border: Border | None = None
        self.status: int | None = None
        self.onlooker: Onlooker | None = None  # of the batch that runs
        self.borders = Borders(self._stand, self._aside)
        self.written = Written()
        self._script = greenlet(self._run)
        self._engine = getcurrent()
        self._own: ThreadState | None = None
        self._below = 0
        self._raised: BaseException | None = None

    def start(self) -> None:
        """Run to where the first batch begins. Raises ModelError for a script that raises, or has none."""
        path = Path(self.command.words[0])
        if not self.command.module and not path.is_file():
            raise ModelError(f"there is no file “{path}”", "name the script as you would after python")
        if self.command.module:
            sys.path.insert(0, "")  # as `python -m` does
            self._find_module()
        self.borders.__enter__()
        self.written.note()
        with users_code(f"running {self.command.name}"):
            self._switch()

    def _find_module(self) -> None:
        name = self.command.words[0]
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise ModelError(f"there is no module “{name}” here", "run it where python -m finds it")

    def go_on(self) -> None:
        """Run to the next border, or to the script's end; raises what the script raises."""
        self.borders.begin()
        self._switch()

    @property
    def ended(self) -> bool:
        """Whether the script has come to its end, in whatever way."""
        return bool(self._script.dead)

    def _switch(self) -> None:
        self._engine, self._below = getcurrent(), dispatch_modes()
        if self._own is not None:
            self._own.put_on()
        self._own = None
        self._script.switch()
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised

    def _stand(self, border: Border) -> None:
        """The script's side of a border: the engine works until it lets the script go on."""
        self.border = border
        self._own = ThreadState(self._below)
        self._engine.switch()

    @contextmanager
    def _aside(self) -> Iterator[None]:
        if self.onlooker is None:
            yield
            return
        with self.onlooker.unseen():
            yield

    def _run(self) -> None:
        """The script's stack, from its bottom."""
        try:
            self._as_main()
            self.status = 0
        except SystemExit as left:
            self.status = _status(left)
        except BaseException as error:  # it may raise anything at all
            self.status, self._raised = 1, error
        self.border = None
        self.borders.__exit__()

    def _as_main(self) -> None:
        words = self.command.words
        sys.argv = list(words)
        if self.command.module:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")


def _status(left: SystemExit) -> int:
    """The exit status that Python gives a process that is left so; what it would print goes to standard error."""
    if left.code is None:
        return 0
    if isinstance(left.code, int):
        return left.code
    sys.stderr.write(f"{left.code}\n")
    return 1
