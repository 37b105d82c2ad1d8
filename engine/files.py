"""Where files are written, whole or not at all: the user's are replaced only at their word, ours are for them alone."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import EngineError

_OURS, _OUR_FOLDER = 0o600, 0o700  # what the program keeps may tell of the user's model, and where it is

Content = bytes | Callable[[Path], object]


class FileError(EngineError):
    """A file that cannot be written."""


class FileThereError(FileError):
    """A file that is there already, and is replaced only at the user's word."""

    def __init__(self, problem: str, path: Path) -> None:
        super().__init__(problem, "a ! after the command's name replaces it; or choose another name")
        self.path = path


def write_file(path: str | Path, content: Content, *, over: bool) -> Path:
    """Write a file that the user has named, and say where; `content` is bytes, or writes to the path that it is given.

    One that is there is replaced only if `over`, and keeps its mode. A link is followed within its folder; where it
    leads elsewhere, that, too, wants the user's word. Raises FileThereError, FileError.
    """
    target = place_of_file(path, over=over)
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        with _draft_of(target, mode) as draft:
            content(draft) if callable(content) else draft.write_bytes(content)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}", "choose another place") from error
    return target


def place_of_file(path: str | Path, *, over: bool) -> Path:
    """Where a file of that name would be written. Raises as `write_file` does, but writes nothing."""
    try:
        named = Path(path).expanduser()
        if not named.parent.is_dir():
            raise FileError(f"there is no folder “{named.parent}”", "make it first, or choose another")
        target = named.resolve() if named.is_symlink() else named
        kind = _kind_of(target)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}", "choose another place") from error
    except (ValueError, RuntimeError) as error:  # a zero byte, no such user, a link to itself
        raise FileError(f"{path} cannot be written: {error}", "choose another name") from error
    if kind is not None and not stat.S_ISREG(kind):
        raise FileError(f"“{path}” is {'a folder' if stat.S_ISDIR(kind) else 'no usual file'}", "choose another name")
    if not over and target.parent != named.parent and target.parent != named.parent.resolve():
        raise FileThereError(f"“{path}” is a link to {target}, in another folder", named)
    if not over and kind is not None:
        raise FileThereError(f"there is a file “{path}” already", named)
    return target


def _kind_of(path: Path) -> int | None:
    """The mode of what is there, a link itself; None for nothing. Raises OSError, ValueError for no path at all."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def keep(path: Path, content: bytes) -> None:
    """Write a file of the program's own, which only its user may read. Raises OSError."""
    with _draft_of(path, _OURS) as draft:
        draft.write_bytes(content)


def our_folder(path: Path) -> Path:
    """A folder of the program's own, made if it is not there, which only its user may look into. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True, mode=_OUR_FOLDER)
    if stat.S_IMODE(path.stat().st_mode) != _OUR_FOLDER:
        path.chmod(_OUR_FOLDER)
    return path


@contextmanager
def _draft_of(path: Path, mode: int) -> Iterator[Path]:
    """A draft beside the file, of the same ending, that takes its place once it is written; on an error it is gone."""
    number, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
    os.close(number)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(mode)  # mkstemp makes files that only their owner may read
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
