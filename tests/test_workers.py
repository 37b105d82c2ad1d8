"""Tests in workers: what fails there fails the whole, and nothing that a worker took is lost without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = """
import os, pytest
@pytest.mark.parametrize("n", range(20))
def test_passes(n): print("said")
def test_fails(): print("words of it"); assert 0
def test_breaks(missing): pass
@pytest.mark.skip
def test_skipped(): pass
"""


def run(folder: Path, *options: str, tests: str = TESTS) -> subprocess.CompletedProcess[str]:
    """What pytest says of these tests, in two workers."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = alone\n")
    (folder / "test_some.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.workers", "--workers", "2", *options, "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_what_workers_report_is_counted_and_shown_as_without_them(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert "1 failed, 20 passed, 1 skipped, 1 error" in done.stdout
    assert done.stdout.count("words of it") == 2  # in the source, and in what was captured
    assert "said" not in done.stdout.replace('print("said")', "")
    assert "fixture 'missing' not found" in done.stdout


def test_beside_what_is_marked_alone_only_one_worker_of_three_runs_the_others(tmp_path: Path) -> None:
    tests = """
import os, time, pytest
from pathlib import Path
@pytest.mark.parametrize("n", range(24))
def test_beside(n): Path(f"ran-{os.getpid()}-{n}").touch()
@pytest.mark.alone
def test_alone():
    while len(list(Path().glob("ran-*"))) < 24: time.sleep(0.01)
    assert len({path.name.split("-")[1] for path in Path().glob("ran-*")}) == 1
"""
    done = run(tmp_path, "--workers", "3", tests=tests)
    assert "25 passed" in done.stdout


def test_the_first_failure_ends_them_where_that_is_asked_for(tmp_path: Path) -> None:
    done = run(tmp_path, "-x", tests="def test_fails(): assert 0\ndef test_waits(): import time; time.sleep(600)")
    assert done.returncode == 1
    assert "stopping after 1 failures" in done.stdout


def test_a_worker_that_ends_before_its_tests_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, tests="import os\ndef test_ends(): os._exit(3)")
    assert done.returncode == 1
    assert "a worker ended with status 3" in done.stdout
