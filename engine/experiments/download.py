"""Fetches files over the network, checked and in one piece, for `data.py`."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from engine.errors import DataError
from engine.experiments.idx import SUBSET_HINT

Progress = Callable[[str, int, int], None]
"""Called with a label, bytes done and bytes in all (0 while not known); what it raises cancels the work."""

TIMEOUT = 20.0  # seconds without a byte
CHUNK = 1 << 16  # bytes


class _MirrorError(Exception):
    """One mirror did not give the file; another may."""


def fetch_gunzipped(
    name: str, md5: str, folder: Path, mirrors: Sequence[str], progress: Progress | None = None
) -> Path:
    """Fetch `name`, a .gz file, from the first of `mirrors` (addresses ending in /) that gives it with this MD5 sum.

    Returns where its gunzipped content is: `folder` and the name without .gz. It appears there whole or not at all.
    Raises DataError where no mirror gives it, saying why of each, or where it cannot be written.
    """
    reasons = []
    for mirror in mirrors:
        try:
            compressed = _download(mirror + name, md5, progress)
        except _MirrorError as error:
            reasons.append(f"{mirror}: {error}")
        else:
            path = folder / name.removesuffix(".gz")
            write_whole(path, gzip.decompress(compressed))
            return path
    raise DataError(
        f"{name} could not be fetched ({'; '.join(reasons)})", f"check the network and try again, {SUBSET_HINT}"
    )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that at no time a part of it is there. Raises DataError, with the system's reason."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            try:
                part.write(content)
                part.flush()
                os.replace(part.name, path)
            except BaseException:
                os.unlink(part.name)
                raise
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror})",
            f"make {len(content) / 1e6:.1f} MB of room there, or set XDG_CACHE_HOME to another place, {SUBSET_HINT}",
        ) from None


def _download(url: str, md5: str, progress: Progress | None) -> bytes:
    content = bytearray()
    for chunk, total in _chunks(url):
        content += chunk
        if progress is not None:
            progress(f"fetching {url.rpartition('/')[2]}", len(content), total)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise _MirrorError(f"wrong checksum: {len(content)} bytes came, with MD5 {found} instead of {md5}")
    return bytes(content)


def _chunks(url: str) -> Iterator[tuple[bytes, int]]:
    """The pieces of a resource, each with the length of the whole, 0 where the server does not tell."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            total = int(response.headers.get("Content-Length") or 0)
            while chunk := response.read(CHUNK):
                yield chunk, total
    except urllib.error.HTTPError as error:
        raise _MirrorError(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _MirrorError(str(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(str(error) or type(error).__name__) from None
