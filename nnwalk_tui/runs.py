"""Where interactive runs are kept up to date on disk, each under the process that shows it, so that none is lost."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_KEPT = 20


def _folder() -> Path:
    from platformdirs import user_state_path

    return user_state_path("nnwalk-tui") / "runs"


def new_run() -> str:
    """The path of a new recording; "" where there is no place to write. Old ones are cleared away."""
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return ""
    for old in _by_age(folder)[_KEPT:]:
        _remove(old)
    return str(folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.json")


def last_run() -> Path | None:
    """The recording of the run that was shown last and is shown no more; None where there is none."""
    return next((path for path in _by_age(_folder()) if not _is_shown(path)), None)


def _by_age(folder: Path) -> list[Path]:
    """The youngest first."""
    return sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)


def _is_shown(path: Path) -> bool:
    """Whether the process that its name ends in still lives."""
    process = path.stem.rpartition("-")[2]
    if not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return False  # the number is another user's process by now
    return True


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
        path.with_suffix(".safetensors").unlink(missing_ok=True)
