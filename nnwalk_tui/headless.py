"""The same engine without a screen: commands in, one line of text or JSON out for each.

The one module of this package that runs the engine in its own process; it imports it when it is called.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from engine.experiment import Experiment
from engine.views import Answer

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


def run_script(experiment: Experiment, lines: Iterable[str], *, as_json: bool, history_bytes: int) -> int:
    """Carry out commands until one fails. The exit status: 0, or 1 for a command that failed.

    Raises EngineError when the experiment cannot be opened.
    """
    from engine.launch import open_experiment

    progress = _progress if sys.stderr is not None and sys.stderr.isatty() else None
    session = open_experiment(experiment, progress, history_bytes)
    try:
        for line in lines:
            answer = session.do(line)
            print(_as_json(answer) if as_json else _as_text(answer), flush=True)
            if answer.error:
                if answer.details:
                    print(answer.details, file=sys.stderr)
                return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _as_text(answer: Answer) -> str:
    return f"error: {answer.error}" if answer.error else answer.text


def _as_json(answer: Answer) -> str:
    from engine.answers import for_json

    line: dict[str, object] = {"command": answer.command, "position": msgspec.to_builtins(answer.position)}
    if answer.error:
        line["error"] = answer.error
    elif answer.value is not None:
        line["value"] = for_json(answer.value)
    else:
        line |= for_json(answer.metrics)
    if answer.hit is not msgspec.UNSET:
        line["hit"] = for_json(msgspec.to_builtins(answer.hit))
    return json.dumps(line, ensure_ascii=False)


def _progress(label: str, done: int, total: int) -> None:
    share = f"{100 * done // total}%" if total else f"{done}"
    print(f"\r{label} {share}", end="" if done < total else "\n", file=sys.stderr, flush=True)
