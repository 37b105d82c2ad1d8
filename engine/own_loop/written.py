"""What a script writes to: each file as it was before, so that a replay reads what stood there then.

Seen by Python's audit hook, which cannot be taken off again; what native code opens by itself is not seen.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

_MOST = 2**24  # bytes of a file that is kept
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
Files = dict[str, bytes | None]  # by path; None for one that was not there


class Written:
    """Files and folders that this process has written to since it was asked to note them."""

    def __init__(self) -> None:
        self.before: Files = {}
        self.folders: list[str] = []  # that it made, the outer first
        self._noting = False

    def note(self) -> None:
        """Note them from here on."""
        self._noting = True
        sys.addaudithook(self._heard)

    def now(self) -> Files:
        """What those files hold now."""
        return {path: _content(path) for path in self.before}

    def put_back(self, then: Files, since: Written) -> None:
        """Let every file be as it was then, or, where it was written to since for the first time, before that.

        Folders that were made `since` go, if they are empty now.
        """
        self._noting = False
        for path, before in since.before.items():
            with contextlib.suppress(OSError):
                _put(path, then.get(path, before))
        for folder in reversed(since.folders):
            if folder not in self.folders:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    def __getstate__(self) -> dict[str, Any]:
        return {"before": self.before, "folders": self.folders, "_noting": False}

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS or not self._noting:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self._note(path)
        elif event == "os.mkdir":
            self.folders.append(os.path.abspath(os.fsdecode(arguments[0])))
        else:
            for path in arguments[: _EVENTS[event]]:
                self._note(path)

    def _note(self, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor, that was opened by a name before
        name = os.path.abspath(os.fsdecode(path))
        if name not in self.before and not name.startswith(("/dev/", "/proc/")):
            self._noting = False  # to read it is no writing
            self.before[name] = _content(name)
            self._noting = True


_EVENTS = {"open": 1, "os.mkdir": 1, "os.rename": 2, "os.remove": 1, "os.truncate": 1}  # and how many paths it has


def _content(path: str) -> bytes | None:
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MOST:
            return None
        return Path(path).read_bytes()
    except OSError:
        return None


def _put(path: str, content: bytes | None) -> None:
    if content is None:
        os.remove(path)
    elif _content(path) != content:
        Path(path).write_bytes(content)
