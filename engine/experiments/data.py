"""Digits and mini-batches: the bundled subset, full MNIST, or a folder of IDX files; all classes or a few of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.errors import DataError
from engine.experiments.download import Progress, fetch_gunzipped
from engine.experiments.idx import SUBSET_HINT, read_idx
from engine.experiments.kinds import SYNTHETIC

MEAN, STD = 0.1307, 0.3081  # of the pixels of MNIST's training partition, 0…1 (course §3.1)
HEIGHT = WIDTH = 28
N_CLASSES = 10
PARTITIONS = {"train": "train", "valid": "t10k"}  # names, and how their files' names begin

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Partition:
    """A part of a data set, in the data set's order.

    images: float32 (N, 1, 28, 28), normalised, or of points of the plane (N, 2), or int64 (N, T), tokens;
    labels: int64 (N), index of the class, or of each token's (N, T);
    indices: int64 (N), positions in the unfiltered partition, counted from 1.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor


@dataclass(frozen=True)
class Digits:
    """Digits, points or sequences, for training and for validation; names of classes and tokens by index."""

    name: str
    train: Partition
    valid: Partition
    classes: tuple[str, ...]
    mean: float | None = MEAN  # of the pixels; None of points and sequences
    std: float = STD
    tokens: tuple[str, ...] = ()


def load_digits(
    source: str = "subset", classes: Sequence[int] | None = None, progress: Progress | None = None
) -> Digits:
    """The digits of `source`: "subset" (bundled), "mnist" (all 70,000, fetched once), or a folder of IDX files.

    `classes` keeps these digits only and gives them the labels 0, 1, … in this order; None keeps all ten. Pixels p of
    0…255 become (p/255 − 0.1307)/0.3081. `progress` is told of what is fetched, and may raise to cancel it.
    Raises DataError naming the file, folder or class that is wrong.
    """
    kept = tuple(range(N_CLASSES)) if classes is None else _checked_classes(classes)
    if source == "subset":
        read = _read_bundled()
    else:
        read = _read_mnist(progress) if source == "mnist" else _read_folder(folder_of(source))
    train, valid = (_partition(*read[name], kept, f"the {name} partition of {source}") for name in PARTITIONS)
    return Digits(name=source, train=train, valid=valid, classes=tuple(map(str, kept)))


def moved(images: Tensor, offsets: Tensor) -> Tensor:
    """Pictures (N, 1, 28, 28) moved by `offsets` (N, 2) pixels down and to the right, black where nothing was."""
    most = int(offsets.abs().max())
    padded = functional.pad(images, (most,) * 4, value=_BLACK)
    windows = padded[:, 0].unfold(1, HEIGHT, 1).unfold(2, WIDTH, 1)  # (N, 2·most + 1, 2·most + 1, 28, 28)
    down, right = (most - offsets).unbind(1)
    return windows[torch.arange(len(images), device=images.device), down, right].unsqueeze(1)


class BatchLoader:
    """Shuffled mini-batches of (inputs, targets); of the last batch there may be less.

    Each `iter()` draws one permutation, `torch.randperm(n, generator=loader.generator)`, and with a `shift` by how many
    pixels each picture is moved down and to the right, `torch.randint(-shift, shift + 1, (n, 2), …)`: with the
    generator's state of before, the epoch comes again; it is drawn on the CPU, wherever the examples are. `indices` are
    the examples' numbers in the data set, 1…n unless given, `labels` their classes, where these are known.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        batch_size: int,
        seed: int,
        *,
        shuffle: bool = True,
        indices: Tensor | None = None,
        shift: int = 0,
        labels: Tensor | None = None,
    ) -> None:
        self.inputs = inputs
        self.targets = targets
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.indices = torch.arange(1, len(inputs) + 1) if indices is None else indices
        self.shift = shift
        self.labels = labels
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Batches per epoch."""
        return -(-len(self.inputs) // self.batch_size)

    def __iter__(self) -> Batches:
        n, most = len(self.inputs), self.shift
        order = torch.randperm(n, generator=self.generator) if self.shuffle else torch.arange(n)
        offsets = torch.randint(-most, most + 1, (n, 2), generator=self.generator) if most else None
        return Batches(self, order, offsets)


class Batches(Iterator[tuple[Tensor, Tensor]]):
    """One epoch of a BatchLoader: the examples in this order, pictures moved by `offsets` (N, 2), if any."""

    def __init__(self, loader: BatchLoader, order: Tensor, offsets: Tensor | None = None) -> None:
        self._loader = loader
        self._order = order
        self._order_there = order.to(loader.inputs.device)
        self._offsets = None if offsets is None else offsets.to(loader.inputs.device)
        self._size = loader.batch_size
        self._start = 0  # of the next batch, in `order`
        self._rows = order[:0]

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self._start >= len(self._order):
            raise StopIteration
        stop = self._start + self._size
        self._rows, rows = self._order[self._start : stop], self._order_there[self._start : stop]
        # index_select gives the bits of inputs[rows] in half the time
        inputs, targets = self._loader.inputs.index_select(0, rows), self._loader.targets.index_select(0, rows)
        if self._offsets is not None:
            pictures = inputs.view(-1, 1, HEIGHT, WIDTH)
            inputs = moved(pictures, self._offsets[self._start : stop]).view_as(inputs)
        self._start = stop
        return inputs, targets

    def skip(self, n: int) -> None:
        """Pass over the next n batches without making them."""
        self._start += n * self._size

    @property
    def indices(self) -> Tensor:
        """The numbers in the data set, from 1, of the batch that came last; none before the first."""
        return self._loader.indices.index_select(0, self._rows)


def _checked_classes(classes: Sequence[int]) -> tuple[int, ...]:
    kept = tuple(classes)
    unknown = [digit for digit in kept if not 0 <= digit < N_CLASSES]
    if unknown or not kept:
        what = f"there is no class {unknown[0]}" if unknown else "no class is chosen"
        raise DataError(what, "choose some of the digits 0 to 9, for example 1,7")
    if len(set(kept)) < len(kept):
        raise DataError(f"classes {','.join(map(str, kept))} name a digit twice", "name each digit once")
    return kept


def folder_of(source: str) -> Path:
    if source == "subset":
        return Path(__file__).parent / "digits"
    if source == "mnist":
        return _mnist_root() / "MNIST" / "raw"
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"there is no data set or folder “{source}”",
            f"--data takes subset (bundled), mnist (fetched), {', '.join(SYNTHETIC)}, or a folder of IDX files",
        )
    return folder


@cache
def _read_bundled() -> dict[str, tuple[Pixels, Pixels]]:
    """Once a process, for one lesson's experiment after another's: unpacking takes most of the time of opening one."""
    return _read_folder(folder_of("subset"))


def _read_folder(folder: Path) -> dict[str, tuple[Pixels, Pixels]]:
    return {name: _read_pair(folder, prefix) for name, prefix in PARTITIONS.items()}


def _read_pair(folder: Path, prefix: str) -> tuple[Pixels, Pixels]:
    image_file = _raw_or_gzip(folder / f"{prefix}-images-idx3-ubyte")
    label_file = _raw_or_gzip(folder / f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
    if images.shape[1:] != (HEIGHT, WIDTH):
        raise DataError(
            f"{image_file} has images of {images.shape[1]} × {images.shape[2]} pixels",
            f"use images of {HEIGHT} × {WIDTH}, {SUBSET_HINT}",
        )
    if len(images) != len(labels):
        raise DataError(
            f"{image_file} has {len(images)} images but {label_file} has {len(labels)} labels",
            f"put files that belong together there, {SUBSET_HINT}",
        )
    if len(images) == 0:
        raise DataError(f"{image_file} has no images", f"put a file with images there, {SUBSET_HINT}")
    if labels.max() >= N_CLASSES:
        position = int((labels >= N_CLASSES).argmax())
        raise DataError(
            f"{label_file} has the label {labels[position]} at position {position + 1}",
            f"labels are the digits 0 to 9; fetch the file again, {SUBSET_HINT}",
        )
    return images, labels


def _raw_or_gzip(path: Path) -> Path:
    compressed = path.with_name(f"{path.name}.gz")
    if path.exists() or compressed.exists():
        return path if path.exists() else compressed
    raise DataError(f"{path} is missing, and so is {compressed.name}", f"put one of them there, {SUBSET_HINT}")


def _read_mnist(progress: Progress | None) -> dict[str, tuple[Pixels, Pixels]]:
    """All of MNIST, by torchvision, from the user's cache; what is not there whole is fetched first."""
    from torchvision.datasets import MNIST

    root = _mnist_root()
    for file, md5 in MNIST.resources:
        raw = root / "MNIST" / "raw" / file.removesuffix(".gz")
        if not _is_whole(raw):
            fetch_gunzipped(file, md5, raw.parent, MNIST.mirrors, progress)
    opened = {name: MNIST(str(root), train=name == "train", download=False) for name in PARTITIONS}
    return {name: (part.data.numpy(), part.targets.to(torch.uint8).numpy()) for name, part in opened.items()}


def _mnist_root() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("nnwalk-tui"))


def _is_whole(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        read_idx(path, 3 if "images" in path.name else 1)
    except DataError:
        return False  # cut off or damaged in the cache: it is fetched anew
    return True


def _partition(images: Pixels, labels: Pixels, kept: tuple[int, ...], where: str) -> Partition:
    positions = np.arange(1, len(labels) + 1)
    if kept != tuple(range(N_CLASSES)):
        class_of = np.full(N_CLASSES, -1)
        class_of[list(kept)] = np.arange(len(kept))
        for digit in kept:
            if digit not in labels:
                raise DataError(f"class {digit} does not occur in {where}", "choose other classes, or another data set")
        chosen = class_of[labels] >= 0
        images, labels, positions = images[chosen], class_of[labels[chosen]], positions[chosen]
    return Partition(_normalised(images), torch.from_numpy(labels.astype(np.int64)), torch.from_numpy(positions))


def _normalised(images: Pixels) -> Tensor:
    """The operations of torchvision's ToTensor and Normalize, in their order, so that the bits agree."""
    pixels = torch.from_numpy(images.astype(np.float32)).unsqueeze(1)
    return pixels.div_(255).sub_(MEAN).div_(STD)


_BLACK = float(_normalised(np.zeros((1, 1, 1), np.uint8)))
