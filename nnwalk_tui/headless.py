"""The same engine without a screen: commands in, one line of text or JSON out for each.

It runs the engine in its own process, imported when it is called; `lessons/headless.py` does that for lessons.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
import msgspec

from engine.errors import EngineError
from engine.protocol.messages import Do, Look
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer
from engine.protocol.views import Snapshot
from nnwalk_tui import actions
from nnwalk_tui.config.settings import USUAL, Chosen, Settings
from nnwalk_tui.terminal import json_line, plain

if TYPE_CHECKING:
    from engine.session import Session
    from nnwalk_tui.off_screen import OffScreen

_FAILED = 1
_INTERRUPTED = 130


def script_lines(commands: tuple[str, ...], script: str | None, no_screen: str | None) -> Iterator[str]:
    """The commands of -c, then those of -x. Without either, and without a screen, those on standard input.

    Raises click.UsageError where there is nothing to do, or the script cannot be read.
    """
    if no_screen and not commands and script is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError(f"{no_screen}: give commands with -c or -x, like -c 'step batch 20' -c 'print loss'")
        click.echo(f"nnwalk-tui: {no_screen}: reading commands from standard input", err=True)
        script = "-"
    return _lines(commands, _read(script))


def _lines(commands: tuple[str, ...], script: Iterable[str]) -> Iterator[str]:
    for line in (*commands,):
        yield from (part.strip() for part in line.splitlines() if part.strip())
    for line in script:
        text = line.strip()
        if text and not text.startswith("#"):
            yield text


def _read(script: str | None) -> Iterable[str]:
    if script is None:
        return ()
    if script == "-":
        return sys.stdin
    try:
        return Path(script).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"the script {script} cannot be read: {error}") from None


def run_script(job: Job, lines: Iterable[str], *, as_json: bool, looks: Chosen = USUAL, force: bool = False) -> int:
    """Carry out commands until one fails. The exit status: 0, or 1 for a command that failed.

    What the user's own code prints goes to standard error; `force` replaces files that are there. Raises EngineError
    when the job cannot be opened.
    """
    from engine.launch import open_job
    from engine.recordings.restore import restore

    if warning := looks.warning([]):
        print(warning, file=sys.stderr)
    progress = _progress if sys.stderr is not None and sys.stderr.isatty() else None
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        try:
            session, recording = open_job(job, progress)
            session.trainer.at_work.have_process()
            if recording is not None:
                said = restore(session, recording, [Path(job.recording).with_suffix(".safetensors")])
                opened = Answer(0, f"open {job.recording}", session.position, value=said, text=said)
                _say(answers, opened, as_json)
            screen = _Screen(session, looks.settings)
            failed = _carry_out(session, screen, map(actions.insisting, lines) if force else lines, answers, as_json)
            return failed or session.trainer.exit_status or 0
        except KeyboardInterrupt:
            return _INTERRUPTED


class _Screen:
    """The screen that pictures are taken of; what it needs is imported when the first is asked for."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._off_screen: OffScreen | None = None

    def knows(self, line: str) -> bool:
        """Whether a line is for the screen."""
        return line.split()[0].lower() in actions.SCREEN_ALONE

    def do(self, line: str) -> Answer:
        """Carry out a command of the screen's; what goes wrong is in the answer's `error`."""
        position = self._session.position
        try:
            command = actions.parse(line)
            assert isinstance(command, actions.ScreenCommand)
            said = self._opened().perform(command, line)
        except EngineError as error:
            return Answer(0, line, position, error=str(error))
        return Answer(0, line, position, value=said, text=said)

    def _opened(self) -> OffScreen:
        if self._off_screen is None:
            from nnwalk_tui.off_screen import OffScreen

            self._session.trainer.at_work.share_process()  # a screen draws random numbers for its links
            self._off_screen = OffScreen(SessionRun(self._session), self._settings)
        return self._off_screen


class SessionRun:
    """A session in this process, to be shown by a Local target."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def obey(self, request: Do) -> Answer:
        """Carry out a command."""
        return self.session.obey(request)

    def see(self, look: Look) -> Snapshot:
        """What there is to be seen, a landscape to its end."""
        viewer = self.session.viewer
        seen = viewer.see(look)
        if not viewer.landscape.pending:
            return seen
        viewer.work(math.inf)
        return viewer.see(look)

    def arrange(self, layout: dict[str, Any]) -> None:
        """A picture is no screen whose layout a recording should keep."""


def _carry_out(session: Session, screen: _Screen, lines: Iterable[str], answers: TextIO, as_json: bool) -> int:
    for line in lines:
        answer = screen.do(line) if screen.knows(line) else session.do(line)
        _say(answers, answer, as_json)
        if answer.error:
            return _FAILED
    return 0


def _say(answers: TextIO, answer: Answer, as_json: bool) -> None:
    if as_json or answer.error or answer.text:
        print(_as_json(answer) if as_json else _as_text(answer), file=answers, flush=True)
    for more in (answer.details, answer.warning and f"warning: {answer.warning}"):
        if more:
            print(more, file=sys.stderr)


def _as_text(answer: Answer) -> str:
    return f"error: {answer.error}" if answer.error else answer.text


def _as_json(answer: Answer) -> str:
    from engine.lookup.answers import for_json

    line: dict[str, object] = {"command": answer.command, "position": msgspec.to_builtins(answer.position)}
    if answer.error:
        line["error"] = answer.error
    elif answer.value is not None:
        line["value"] = for_json(answer.value)
    else:
        line |= for_json(answer.metrics)
    if answer.warning:
        line["warning"] = answer.warning
    if answer.hit is not msgspec.UNSET:
        line["hit"] = for_json(msgspec.to_builtins(answer.hit))
    return json_line(line)


def _progress(label: str, done: int, total: int) -> None:
    share = f"{100 * done // total}%" if total else f"{done}"
    assert sys.__stderr__ is not None  # the guarded one lets no carriage return out
    print(f"\r{plain(label)} {share}", end="" if done < total else "\n", file=sys.__stderr__, flush=True)
