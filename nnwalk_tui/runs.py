"""Where interactive runs are kept up to date on disk, so that none is lost.

A run that is on a screen is known by a lock that its screen holds, on a file beside the recording: it ends with the
process, however that ends, and means the same in every container that shares the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from engine.errors import EngineError
from engine.files import our_folder
from engine.recordings.recording import Recording, read_recording

_KEPT = 20
_DRAFT_LIVES = 3600.0  # seconds until a draft that nobody finished is cleared away


def folder_of_runs() -> Path:
    """Where they are."""
    from platformdirs import user_state_path

    return user_state_path("nnwalk-tui") / "runs"


class Kept:
    """The place of a new recording, held until the process ends; `path` is "" where there is no place to write.

    `goes_on` is the recording that the run goes on from: no other screen takes it meanwhile.
    """

    def __init__(self, goes_on: str = "") -> None:
        self.path = ""
        self._locks: list[int] = []  # descriptors: the locks last as long as they are open
        folder = folder_of_runs()
        with contextlib.suppress(OSError):
            our_folder(folder.parent)
            our_folder(folder)
            _clear(folder)
            path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}.json"
            self._locks += _locked(path)
            self.path = str(path)
            if Path(goes_on).parent == folder:
                self._locks += _locked(Path(goes_on))

    def leave(self) -> None:
        """Let others have it, as the end of the process does."""
        for lock in self._locks:
            os.close(lock)
        self._locks.clear()


def runs() -> Iterator[Path]:
    """The recordings of runs that are shown no more, the youngest first, whether they can be read or not."""
    yield from (path for _, path in _by_age(folder_of_runs()) if not _is_shown(path))


def readable_runs() -> Iterator[tuple[Path, Recording | EngineError]]:
    """The same with what is in them, or why that cannot be read."""
    for path in runs():
        try:
            yield path, read_recording(path)
        except EngineError as error:
            yield path, error


def last_run() -> Path | None:
    """The recording of the run that was shown last, is shown no more and can be read; None where there is none."""
    return next((path for path, found in readable_runs() if isinstance(found, Recording)), None)


def _by_age(folder: Path) -> list[tuple[float, Path]]:
    """Every recording and when it was written, the youngest first; drafts, folders and pipes are none."""
    found = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):  # it is gone by now
                about = path.stat()
                if path.suffix == ".json" and not path.name.startswith(".") and stat.S_ISREG(about.st_mode):
                    found.append((about.st_mtime, path))
    return sorted(found, reverse=True)


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _locked(path: Path) -> list[int]:
    """The lock of a recording, held; none where another process holds it, or the file system has no locks."""
    lock = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return []
    return [lock]


def _is_shown(path: Path) -> bool:
    """Whether some process holds its lock."""
    try:
        with _lock_path(path).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # there is no lock: the run is of another version of this program, or was carried here
    return False


def _clear(folder: Path) -> None:
    """Remove the oldest recordings, and drafts that a killed process left."""
    for _, path in _by_age(folder)[_KEPT:]:
        if not _is_shown(path):
            for each in (path, path.with_suffix(".safetensors"), _lock_path(path)):
                each.unlink(missing_ok=True)
    for draft in folder.glob(".*"):
        with contextlib.suppress(OSError):
            if time.time() - draft.lstat().st_mtime > _DRAFT_LIVES:
                draft.unlink()
