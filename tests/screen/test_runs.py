"""Where runs are kept: which is resumed, whatever else lies about, and who may read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.experiments.experiment import Experiment
from engine.recordings.recording import VERSION, Recording, SavedBranch, content_of
from nnwalk_tui import cli
from nnwalk_tui.runs import Kept, folder_of_runs, last_run, runs

RUN = Recording(
    VERSION, Experiment(model="mlp"), None, False, [SavedBranch("main", "", 0, [], 7, (5, None))], "main", []
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of runs, made as the program makes it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Kept()
    return folder_of_runs()


def write(path: Path, content: bytes, age: int) -> Path:
    path.write_bytes(content)
    os.utime(path, (10**9 - age, 10**9 - age))
    return path


def litter(folder: Path) -> None:
    """What may lie about, all of it younger than any run."""
    write(folder / ".20260101-000000-1-x.json", content_of(RUN), 0)
    for at, content in enumerate((b"", b"\x00" * 99, content_of(RUN)[:-99], b"[" * 10**5, b'{"nnwalk": 9}', b"{}")):
        write(folder / f"broken-{at}.json", content, 1)
    (folder / "folder.json").mkdir()
    (folder / "gone.json").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.json")


def test_the_last_run_that_can_be_read_is_offered(folder: Path) -> None:
    litter(folder)
    assert last_run() is None
    write(folder / "older.json", content_of(RUN), 9)
    best = write(folder / "better-99999999.json", content_of(RUN), 5)
    assert last_run() == best


def test_the_process_number_in_a_name_means_nothing(folder: Path) -> None:
    mine = write(folder / f"20260101-000000-{os.getpid()}.json", content_of(RUN), 0)
    assert last_run() == mine


def test_a_run_is_not_offered_while_a_process_holds_it_nor_is_what_it_goes_on_from(folder: Path) -> None:
    old = write(folder / "old.json", content_of(RUN), 9)
    kept = Kept(str(old))
    write(Path(kept.path), content_of(RUN), 0)
    assert list(runs()) == []
    kept.leave()
    assert list(runs()) == [Path(kept.path), old]


def test_two_runs_begun_in_one_second_have_places_of_their_own() -> None:
    assert len({Kept().path for _ in range(5)}) == 5


def test_old_runs_and_drafts_are_cleared_away_but_none_that_is_shown(folder: Path) -> None:
    shown = Kept()
    write(Path(shown.path), content_of(RUN), 10**6)
    for at in range(30):
        write(folder / f"run-{at:02}.json", content_of(RUN), at)
    write(folder / ".draft.json", b"", 10**6)
    Kept()
    left = {path.name for path in folder.glob("*.json")}
    assert left == {Path(shown.path).name, *(f"run-{at:02}.json" for at in range(20))}
    assert not (folder / ".draft.json").exists()


def test_what_is_kept_is_for_its_user_alone(folder: Path) -> None:
    for place in (folder, folder.parent):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_list_names_runs_and_what_was_left_aside(folder: Path) -> None:
    litter(folder)
    write(folder / "run-a.json", content_of(RUN), 5)
    done = CliRunner().invoke(cli.commands, ["resume", "--list"])
    assert done.exit_code == 0
    assert "run-a  mlp  batch 5 of 7 that were run" in done.stdout
    assert done.stderr.count("left aside") == 6
    missing = CliRunner().invoke(cli.commands, ["resume", "none"])
    assert missing.exit_code == 2
    assert "there is no run “none”" in missing.stderr


def test_without_a_place_to_write_there_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert Kept().path == ""
    assert last_run() is None
