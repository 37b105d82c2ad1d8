"""Processes of their own that need not import torch: forked from this one, which has it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import IO, NoReturn
from unittest.mock import patch


def forked(work: Callable[[], object]) -> subprocess.CompletedProcess[str]:
    """What a copy of this process printed and ended with that did the work and then ended."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other threads, which the copy needs none of
            pid = os.fork()
        if pid == 0:
            _work(work, out, err)
        _, status = os.waitpid(pid, 0)
        printed = [_read(file) for file in (out, err)]
    return subprocess.CompletedProcess([], os.waitstatus_to_exitcode(status), *printed)


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`nnwalk-tui …`, without a terminal."""
    from nnwalk_tui.cli import main

    def work() -> None:
        with patch.object(sys, "argv", ["nnwalk-tui", *arguments]):
            main()

    return forked(work)


def _work(work: Callable[[], object], out: IO[str], err: IO[str]) -> NoReturn:
    status = 1
    try:
        for stream, file in ((1, out), (2, err)):
            os.dup2(file.fileno(), stream)
        with open(1, "w", closefd=False) as sys.stdout, open(2, "w", closefd=False) as sys.stderr:
            status = _status_of(work)
    finally:
        os._exit(status)


def _status_of(work: Callable[[], object]) -> int:
    try:
        work()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
