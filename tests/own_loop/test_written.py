"""What a process writes to is noted as it was before, and can be put back."""

import os
from pathlib import Path

from engine.own_loop.written import Written
from tests.support.forked import forked


def test_files_and_folders_are_as_they_were(tmp_path: Path) -> None:
    def work() -> None:
        kept, grown = tmp_path / "kept.txt", tmp_path / "grown.txt"
        kept.write_text("before")
        grown.write_text("1\n")
        written = Written()
        written.note()
        grown.read_text()
        assert written.before == {}  # reading is no writing
        with grown.open("a") as file:
            file.write("2\n")
        sleeping = Written()
        sleeping.before, sleeping.folders, then = dict(written.before), list(written.folders), written.now()
        with grown.open("a") as file:
            file.write("3\n")
        kept.write_text("after")
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "file").write_text("new")
        os.rename(tmp_path / "new" / "file", tmp_path / "new" / "other")
        sleeping.put_back(then, written)
        assert (grown.read_text(), kept.read_text()) == ("1\n2\n", "before")
        assert not (tmp_path / "new").exists()

    done = forked(work)
    assert done.returncode == 0, done.stderr
