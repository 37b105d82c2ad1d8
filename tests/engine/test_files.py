"""Files are written whole or not at all, where they were meant to be, and never over another without a word."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from engine.files import FileError, FileThereError, keep, our_folder, place_of_file, write_file


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_has_the_usual_mode_and_nothing_else_is_left(folder: Path) -> None:
    usual = os.umask(0o027)
    try:
        assert write_file("a.txt", b"a", over=False) == Path("a.txt")
    finally:
        os.umask(usual)
    assert mode(folder / "a.txt") == 0o640
    assert os.listdir(folder) == ["a.txt"]


def test_a_file_that_is_there_is_not_touched_without_a_word_and_keeps_its_mode_with_one(folder: Path) -> None:
    there = folder / "a.txt"
    there.write_bytes(b"mine")
    there.chmod(0o604)
    with pytest.raises(FileThereError, match="already") as caught:
        write_file("a.txt", b"new", over=False)
    assert caught.value.path == Path("a.txt")
    assert there.read_bytes() == b"mine"
    write_file("a.txt", lambda draft: draft.write_text("new"), over=True)
    assert (there.read_bytes(), mode(there)) == (b"new", 0o604)


def test_a_link_is_followed_within_its_folder_and_out_of_it_only_at_a_word(folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (folder / "out").symlink_to(elsewhere / "target")
    (folder / "in").symlink_to("beside")
    with pytest.raises(FileThereError, match=r"a link to .*, in another folder"):
        write_file("out", b"x", over=False)
    assert os.listdir(elsewhere) == []
    write_file("in", b"x", over=False)
    assert (folder / "beside").read_bytes() == b"x"
    assert write_file("out", b"y", over=True) == elsewhere / "target"
    assert (folder / "out").is_symlink()
    assert (elsewhere / "target").read_bytes() == b"y"


@pytest.mark.parametrize("over", [False, True])
def test_what_is_no_file_is_never_written(over: bool, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    for name, says in (
        ("pipe", "no usual file"),
        ("folder", "is a folder"),
        ("loop", "loop"),
        ("none/a", "no folder"),
        ("a\x00b", "cannot be written"),
        ("~nobodyatall/a", "home directory"),
        ("n" * 300, "cannot be written"),
    ):
        with pytest.raises(FileError, match=says):
            write_file(name, b"x", over=over)
        with pytest.raises(FileError, match=says):
            place_of_file(name, over=over)
    assert sorted(os.listdir(folder)) == ["folder", "loop", "pipe"]


@pytest.mark.parametrize("step", ["write_bytes", "chmod", "replace"])
@pytest.mark.parametrize("ours", [False, True])
def test_a_disk_that_fills_up_leaves_the_old_file(
    step: str, ours: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.txt").write_bytes(b"old")

    def full(draft: Path, *_: object) -> None:
        with draft.open("wb") as file:
            file.write(b"n")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, step, full)
    if ours:
        with pytest.raises(OSError, match="No space left"):
            keep(folder / "a.txt", b"new")
    else:
        with pytest.raises(FileError, match="No space left"):
            write_file("a.txt", b"new", over=True)
    monkeypatch.undo()
    assert (folder / "a.txt").read_bytes() == b"old"
    assert os.listdir(folder) == ["a.txt"]


def test_what_is_kept_is_for_its_user_alone(folder: Path) -> None:
    (folder / "state").mkdir(mode=0o755)
    for place in (folder / "state", folder / "new"):
        keep(our_folder(place) / "a", b"x")
        assert (mode(place), mode(place / "a")) == (0o700, 0o600)
