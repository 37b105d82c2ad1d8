"""IDX, the file format of MNIST: big-endian header, then unsigned bytes; possibly gzip.

Header: two zero bytes, the type (8: unsigned byte), the number of dimensions, and four bytes for the size of each
(LeCun, Cortes & Burges, "The MNIST database of handwritten digits").
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError

UNSIGNED_BYTE = 8
_MOST = 2**30  # bytes of an array; all of MNIST's are 47 million
SUBSET_HINT = "or use the bundled digits (--data subset), which need nothing"


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes, gunzipped if the name ends in .gz.

    Raises DataError naming the file where it cannot be read, is not such a file, or is not as long as its header says.
    """
    start = 4 + 4 * dimensions
    content = _read(path, start)
    if len(content) < start:
        raise _damaged(path, f"is truncated: it has {len(content)} bytes, its header alone wants {start}")
    expected = _magic(dimensions)
    if content[:4] != expected:
        raise DataError(
            f"{path} is not an IDX file of {dimensions}-dimensional bytes: it starts with {content[:4].hex()}, "
            f"not {expected.hex()}",
            f"images have {_magic(3).hex()}, labels {_magic(1).hex()}; are two files swapped? {SUBSET_HINT}",
        )
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if math.prod(shape) > _MOST:
        text = " × ".join(map(str, shape))
        raise _damaged(path, f"is too large: its header says {text}, more than {_MOST:,} bytes")
    content = _read(path, start + math.prod(shape) + 1)  # no more than it says: a small gzip file may expand to much
    _check_length(path, len(content) - start, shape)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _magic(dimensions: int) -> bytes:
    return bytes((0, 0, UNSIGNED_BYTE, dimensions))


def _read(path: Path, most: int) -> bytes:
    """The first bytes of a file, so many if it has them."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(most)
    except EOFError:
        raise _damaged(path, "is truncated: its gzip stream ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, f"is not sound gzip ({error})") from None
    except FileNotFoundError:
        raise DataError(f"{path} is missing", f"put the file there, {SUBSET_HINT}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", f"make it readable, {SUBSET_HINT}") from None


def _check_length(path: Path, length: int, shape: tuple[int, ...]) -> None:
    wanted = math.prod(shape)
    text = " × ".join(map(str, shape))
    if length < wanted:
        raise _damaged(path, f"is truncated: its header says {text}, which is {wanted} bytes, but {length} follow")
    if length > wanted:
        raise _damaged(path, f"is too long: its header says {text}, which is {wanted} bytes, but more follow")


def _damaged(path: Path, problem: str) -> DataError:
    return DataError(f"{path} {problem}", f"fetch the file again, {SUBSET_HINT}")
