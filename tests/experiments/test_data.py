from __future__ import annotations

import errno
import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from engine.errors import DataError
from engine.experiments import download
from engine.experiments.data import BatchLoader, load_digits
from engine.experiments.download import fetch_gunzipped, write_whole

BUNDLED = Path(download.__file__).parent / "digits"
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def small_files() -> dict[str, bytes]:
    """Twenty training and ten validation images of noise, each digit as often as any other."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30, dtype=np.uint8) % 10
    return dict(zip(NAMES, map(idx, (pixels[:20], labels[:20], pixels[20:], labels[20:])), strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in small_files().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_subset_has_the_published_statistics() -> None:
    digits = load_digits()
    means, stds = zip(
        *((p.images.double().mean(), p.images.double().std()) for p in (digits.train, digits.valid)), strict=True
    )
    assert [float(m * 0.3081 + 0.1307) for m in means] == pytest.approx([0.1304, 0.1328], abs=5e-5)
    assert [float(s * 0.3081) for s in stds] == pytest.approx([0.3079, 0.3109], abs=5e-5)


def test_the_subset_has_the_published_class_counts() -> None:
    digits = load_digits()
    assert digits.train.labels.bincount().tolist() == [991, 1135, 995, 1016, 956, 907, 1026, 1040, 947, 987]
    assert digits.valid.labels.bincount().tolist() == [187, 242, 211, 191, 204, 186, 184, 192, 197, 206]
    assert digits.classes == tuple("0123456789")


def test_the_subset_has_the_published_accuracy_of_the_nearest_average() -> None:
    digits = load_digits()
    averages = torch.stack([digits.train.images[digits.train.labels == d].mean(dim=0).flatten() for d in range(10)])
    distances = digits.valid.images.flatten(1)[:, None] - averages
    absolute = distances.abs().mean(dim=2).argmin(dim=1) == digits.valid.labels
    squared = distances.square().mean(dim=2).argmin(dim=1) == digits.valid.labels
    assert (int(absolute.sum()), int(squared.sum())) == (1348, 1659)


def test_tensors_have_the_documented_shapes_and_types() -> None:
    digits = load_digits()
    for part, n in ((digits.train, 10_000), (digits.valid, 2_000)):
        assert (part.images.shape, part.images.dtype) == ((n, 1, 28, 28), torch.float32)
        assert (part.labels.shape, part.labels.dtype) == ((n,), torch.int64)
        assert torch.equal(part.indices, torch.arange(1, n + 1))


def test_normalisation_has_the_bits_of_torchvisions(folder: Path) -> None:
    pixels = np.frombuffer(bytearray(small_files()[NAMES[0]]), np.uint8, offset=16).reshape(20, 28, 28, 1)
    transform = Compose([ToTensor(), Normalize([0.1307], [0.3081])])
    expected = torch.stack([transform(image) for image in pixels])
    assert torch.equal(load_digits(str(folder)).train.images, expected)


def test_one_against_seven_keeps_the_published_number_of_images_in_order() -> None:
    pair, whole = load_digits(classes=(1, 7)), load_digits()
    assert (len(pair.train.labels), len(pair.valid.labels)) == (2175, 434)
    assert pair.classes == ("1", "7")
    for part, full in ((pair.train, whole.train), (pair.valid, whole.valid)):
        assert torch.equal(full.labels[part.indices - 1], torch.tensor([1, 7])[part.labels])
        assert torch.equal(full.images[part.indices - 1], part.images)
        assert bool((part.indices.diff() > 0).all())


@given(st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True))
def test_the_label_is_the_place_of_the_digit_among_the_classes(classes: list[int]) -> None:
    part, whole = load_digits(classes=classes).valid, load_digits().valid
    assert torch.equal(torch.tensor(classes)[part.labels], whole.labels[part.indices - 1])
    assert len(part.labels) == sum(int((whole.labels == digit).sum()) for digit in classes)


@pytest.mark.parametrize(
    ("classes", "problem"), [((1, 1), "twice"), ((1, 12), "class 12"), ((-1, 2), "class -1"), ((), "no class")]
)
def test_classes_that_make_no_sense_are_named(classes: tuple[int, ...], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        load_digits(classes=classes)


def test_a_class_that_no_image_has_is_named(folder: Path) -> None:
    (folder / NAMES[3]).write_bytes(idx(np.arange(10, dtype=np.uint8) % 9))
    with pytest.raises(DataError, match="class 9 does not occur in the valid partition"):
        load_digits(str(folder), (1, 9))


def test_raw_and_gzip_files_of_a_folder_give_the_same_digits(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    zipped = tmp_path_factory.mktemp("zipped")
    for name, content in small_files().items():
        (zipped / f"{name}.gz").write_bytes(gzip.compress(content))
    raw, unzipped = load_digits(str(folder)), load_digits(str(zipped))
    assert torch.equal(raw.train.images, unzipped.train.images)
    assert torch.equal(raw.valid.labels, unzipped.valid.labels)


TOO_FEW_LABELS = idx(np.zeros(19, dtype=np.uint8))
BAD_LABEL = idx(np.array([0] * 7 + [10] + [0] * 12, dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (NAMES[0], small_files()[NAMES[0]][:-1], "is truncated: its header says 20 × 28 × 28"),
        (NAMES[0], b"\0\0\x08\x03\0\0", "is truncated: it has 6 bytes"),
        (NAMES[0], b"", "is truncated: it has 0 bytes"),
        (NAMES[0], small_files()[NAMES[0]] + b"!", "is too long"),
        (NAMES[0], small_files()[NAMES[1]] * 9, "is not an IDX file of 3-dimensional bytes: it starts with 00000801"),
        (NAMES[1], small_files()[NAMES[0]], "is not an IDX file of 1-dimensional bytes: it starts with 00000803"),
        (NAMES[1], TOO_FEW_LABELS, "has 20 images but .* has 19 labels"),
        (NAMES[1], BAD_LABEL, "has the label 10 at position 8"),
        (NAMES[0], idx(np.zeros((20, 8, 8), dtype=np.uint8)), "has images of 8 × 8 pixels"),
    ],
)
def test_a_damaged_file_is_named_with_its_cure(folder: Path, name: str, content: bytes, problem: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        load_digits(str(folder))
    assert str(folder / name) in caught.value.problem
    assert "--data subset" in caught.value.cure


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (gzip.compress(small_files()[NAMES[0]])[:-20], "truncated"),
        (b"not gzip", "not sound gzip"),
        (gzip.compress(small_files()[NAMES[0]])[:60] + b"\xff" * 60, "not sound gzip|truncated"),
    ],
)
def test_bad_gzip_is_named_with_its_cure(folder: Path, content: bytes, problem: str) -> None:
    (folder / NAMES[0]).unlink()
    file = folder / f"{NAMES[0]}.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        load_digits(str(folder))
    assert str(file) in caught.value.problem
    assert "--data subset" in caught.value.cure


def test_images_without_any_example_are_refused(folder: Path) -> None:
    (folder / NAMES[2]).write_bytes(idx(np.zeros((0, 28, 28), dtype=np.uint8)))
    (folder / NAMES[3]).write_bytes(idx(np.zeros(0, dtype=np.uint8)))
    with pytest.raises(DataError, match="has no images"):
        load_digits(str(folder))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named_with_its_cure(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing, and so is {name}.gz") as caught:
        load_digits(str(folder))
    assert "--data subset" in caught.value.cure


def test_a_directory_in_a_files_place_is_named(folder: Path) -> None:
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0]).mkdir()
    with pytest.raises(DataError, match=f"{NAMES[0]} cannot be read"):
        load_digits(str(folder))


def test_an_unknown_data_set_is_named_with_what_there_is() -> None:
    with pytest.raises(DataError, match="“mnits”") as caught:
        load_digits("mnits")
    assert "subset" in caught.value.cure


# Fetching


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Servers of tests say nothing."""


class MnistMirror:
    """Serves twenty plus ten images as if they were MNIST."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.resources = []
        for name, content in small_files().items():
            compressed = gzip.compress(content)
            (folder / f"{name}.gz").write_bytes(compressed)
            self.resources.append((f"{name}.gz", hashlib.md5(compressed).hexdigest()))


@pytest.fixture
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MnistMirror]:
    folder = tmp_path_factory.mktemp("mirror")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield MnistMirror(folder, f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path: Path, mirror: MnistMirror, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, with torchvision's addresses pointing at the mirror."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(MNIST, "mirrors", [mirror.url])
    monkeypatch.setattr(MNIST, "resources", mirror.resources)
    return tmp_path / "cache" / "nnwalk-tui" / "MNIST" / "raw"


def test_mnist_is_fetched_once_and_has_the_digits_of_the_files(cache: Path, mirror: MnistMirror, folder: Path) -> None:
    fetched = load_digits("mnist", (3, 5))
    for file in mirror.folder.iterdir():
        file.unlink()
    again, read = load_digits("mnist", (3, 5)), load_digits(str(folder), (3, 5))
    for digits in (fetched, again):
        assert torch.equal(digits.train.images, read.train.images)
        assert torch.equal(digits.valid.labels, read.valid.labels)
    assert digits.name == "mnist"


def test_a_file_cut_off_in_the_cache_is_fetched_again(cache: Path) -> None:
    load_digits("mnist")
    whole = (cache / NAMES[0]).read_bytes()
    (cache / NAMES[0]).write_bytes(whole[:1000])
    load_digits("mnist")
    assert (cache / NAMES[0]).read_bytes() == whole


def test_progress_ends_with_all_bytes_of_each_file(cache: Path, mirror: MnistMirror) -> None:
    seen: dict[str, tuple[int, int]] = {}
    load_digits("mnist", progress=lambda label, done, total: seen.update({label: (done, total)}))
    sizes = {f"fetching {file.name}": file.stat().st_size for file in mirror.folder.iterdir()}
    assert seen == {label: (size, size) for label, size in sizes.items()}


def test_a_cancelled_fetch_leaves_nothing_behind(cache: Path) -> None:
    def cancel(label: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_digits("mnist", progress=cancel)
    assert not list(cache.glob("*"))


def test_the_next_mirror_is_asked_when_one_fails(tmp_path: Path, mirror: MnistMirror) -> None:
    name, md5 = mirror.resources[1]
    path = fetch_gunzipped(name, md5, tmp_path, [f"{mirror.url}nothing/", mirror.url])
    assert path.read_bytes() == small_files()[NAMES[1]]


def closed_port() -> str:
    with ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as server:
        return f"http://127.0.0.1:{server.server_port}/"


def test_no_network_is_said_with_each_mirrors_reason(
    cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: MnistMirror
) -> None:
    addresses = [closed_port(), f"{mirror.url}nothing/"]
    monkeypatch.setattr(MNIST, "mirrors", addresses)
    with pytest.raises(DataError, match=f"{NAMES[0]}.gz could not be fetched.*refused.*HTTP 404") as caught:
        load_digits("mnist")
    assert "--data subset" in caught.value.cure
    assert not list(cache.glob("*"))


def test_a_wrong_checksum_is_named_and_nothing_is_kept(cache: Path, mirror: MnistMirror) -> None:
    (mirror.folder / f"{NAMES[0]}.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match=rf"{NAMES[0]}.gz .*wrong checksum") as caught:
        load_digits("mnist")
    assert "--data subset" in caught.value.cure
    assert not list(cache.glob("*"))


def test_a_full_disk_is_named_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(DataError, match=r"file cannot be written .No space left on device") as caught:
        write_whole(tmp_path / "file", b"content")
    assert "--data subset" in caught.value.cure
    assert not list(tmp_path.iterdir())


# Mini-batches


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 2**32))
def test_an_epoch_is_a_permutation_drawn_from_the_seed(n: int, batch_size: int, seed: int) -> None:
    inputs, targets = torch.randn(n, 3), torch.arange(n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    loader = BatchLoader(inputs, targets, batch_size, seed)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert torch.equal(torch.cat([x for x, _ in batches]), inputs[order])
    assert torch.equal(torch.cat([y for _, y in batches]), targets[order])
    assert all(len(y) == batch_size for _, y in batches[:-1])


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 12))
def test_a_restored_generator_and_a_skip_lead_to_the_same_batches(n: int, batch_size: int, skipped: int) -> None:
    loader = BatchLoader(torch.randn(n, 2), torch.arange(n), batch_size, 0)
    list(loader)
    state = loader.generator.get_state()
    expected = [y.tolist() for _, y in loader][skipped:]
    loader.generator.set_state(state)
    batches = iter(loader)
    batches.skip(skipped)
    assert [y.tolist() for _, y in batches] == expected


def test_the_batch_knows_its_examples_numbers_in_the_data_set() -> None:
    valid = load_digits(classes=(4, 9)).valid
    batches = iter(BatchLoader(valid.images, valid.labels, 64, 7, indices=valid.indices))
    assert len(batches.indices) == 0
    whole = load_digits().valid
    for images, _ in batches:
        assert torch.equal(whole.images[batches.indices - 1], images)


def test_without_shuffling_the_order_is_the_data_sets() -> None:
    loader = BatchLoader(torch.arange(7), torch.arange(7), 3, 0, shuffle=False)
    assert [y.tolist() for _, y in loader] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [y.tolist() for _, y in loader] == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_batch_may_be_overwritten_without_harm_to_the_data() -> None:
    inputs = torch.ones(4, 2)
    for batch, _ in BatchLoader(inputs, torch.arange(4), 2, 0, shuffle=False):
        batch.zero_()
    assert torch.equal(inputs, torch.ones(4, 2))


def test_the_bundled_files_name_their_authors_and_licence() -> None:
    text = (BUNDLED / "README.md").read_text(encoding="utf-8")
    for name in ("Yann LeCun", "Corinna Cortes", "Burges", "CC BY-SA 3.0"):
        assert name in text
    assert {path.name for path in BUNDLED.glob("*.gz")} == {f"{name}.gz" for name in NAMES}
