"""A tensor as a file: NumPy's .npy, .safetensors, or .csv; whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.files import FileError, write_file
from engine.panes.tables import as_table


def write_tensor(tensor: Tensor, name: str, file: str, *, over: bool = False) -> Path:
    """Write a tensor, of any shape, to a file whose ending says how; one that is there is replaced only if `over`.

    CSV has a row for each index of the first dimension, the others side by side; `name` is the key in a safetensors
    file. The file appears only when it is whole. Raises FileError, naming the file and the cure.
    """
    writer = _WRITERS.get(Path(file).suffix.lower())
    if writer is None:
        raise FileError(f"“{file}” has no ending that is known", f"use one of {', '.join(_WRITERS)}")
    held = tensor.detach().cpu().contiguous()
    return write_file(file, lambda draft: writer(held, name, draft), over=over)


def _write_npy(tensor: Tensor, name: str, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, _known_to_numpy(tensor).numpy())


def _write_safetensors(tensor: Tensor, name: str, path: Path) -> None:
    from safetensors.torch import save

    path.write_bytes(save({name: tensor}))


def _write_csv(tensor: Tensor, name: str, path: Path) -> None:
    table = as_table(_known_to_numpy(tensor)).numpy()
    digits = {"f2": "%.5g", "f4": "%.9g", "f8": "%.17g"}.get(table.dtype.str[1:], "%s")  # they read back bit for bit
    np.savetxt(path, table, fmt=digits, delimiter=",")


def _known_to_numpy(tensor: Tensor) -> Tensor:
    """NumPy has no bfloat16; float32 holds the same numbers."""
    return tensor.float() if tensor.dtype is torch.bfloat16 else tensor


_WRITERS: dict[str, Callable[[Tensor, str, Path], None]] = {
    ".npy": _write_npy,
    ".safetensors": _write_safetensors,
    ".csv": _write_csv,
}
