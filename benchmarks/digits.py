"""The bundled digits with next to no validation partition, which a plain loop has not either."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

import engine
from engine.experiments.idx import read_idx

_BUNDLED = Path(engine.__file__).parent / "experiments" / "digits"
_VALIDATION = 10  # examples


def without_validation(folder: Path) -> None:
    """Write the data set as IDX files into a folder."""
    for prefix, most in (("train", None), ("t10k", _VALIDATION)):
        for name, dimensions in ((f"{prefix}-images-idx3-ubyte", 3), (f"{prefix}-labels-idx1-ubyte", 1)):
            array = read_idx(_BUNDLED / f"{name}.gz", dimensions)[:most]
            header = struct.pack(f">HBB{dimensions}I", 0, 8, dimensions, *array.shape)
            (folder / name).write_bytes(header + np.ascontiguousarray(array).tobytes())
