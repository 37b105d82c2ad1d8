"""A data file is read no further than its header says, and is refused in a line where it is not what it says."""

from __future__ import annotations

import gzip
import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError
from engine.experiments.idx import read_idx
from tests.support.mutated import mutated_bytes

SOUND = b"\0\0\x08\x03" + struct.pack(">3I", 5, 4, 3) + bytes(range(60))


def read_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for dimensions in (1, 3):
        said, found = "", None
        try:
            found = read_idx(path, dimensions)
        except DataError as error:
            said = str(error)
        if found is None:
            assert 20 < len(said) < 1000
        else:
            assert found.dtype == np.uint8
            assert found.ndim == dimensions


def attempt(seed: int, folder: Path) -> None:
    choose = random.Random(seed)
    content = mutated_bytes(SOUND[:16] if choose.random() < 0.3 else SOUND, seed)
    read_or_refused(folder / "a", content)
    packed = gzip.compress(content)
    read_or_refused(folder / "a.gz", packed if seed % 2 else mutated_bytes(packed, seed))


@pytest.mark.parametrize("seed", range(20))
def test_a_mutated_file_is_read_or_refused(seed: int, tmp_path: Path) -> None:
    attempt(seed, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20, 170))
def test_many_mutated_files_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    attempt(seed, tmp_path)


def test_a_small_file_that_expands_to_much_is_read_no_further_than_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(SOUND)
        for _ in range(64):
            file.write(bytes(2**20))
    longest = 0
    expand = gzip.GzipFile.read

    def counted(file: gzip.GzipFile, size: int | None = -1) -> bytes:
        nonlocal longest
        content = expand(file, size)
        longest = max(longest, len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(DataError, match="is too long"):
        read_idx(bomb, 3)
    assert longest == len(SOUND) + 1


def test_a_header_that_asks_for_gigabytes_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 2**20, 2**20))
    os.truncate(large, 2**42)
    with pytest.raises(DataError, match="too large"):
        read_idx(large, 3)
