"""Tests in several processes, forked when all is collected: what one has imported and collected, none does again.

With `--workers N` each of N copies of pytest's process takes the next few tests of one file, until none are left, and
sends its reports to the one they were forked from, which counts and shows them.
"""

from __future__ import annotations

import os
import signal
import struct
import traceback
from collections.abc import Iterator, Sequence
from itertools import groupby
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, NoReturn

import pytest

from tests.support.homes import home_in

_AT_ONCE = 6  # tests of a file that a worker takes: few enough to end together, enough to share what a file prepares
_NUMBER = struct.Struct("I")

Batch = list[pytest.Item]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--workers", type=int, default=0, metavar="N", help="run the tests in N forked processes")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run all tests in workers, where they are asked for; else leave them to pytest's own loop."""
    option = session.config.option
    if not option.workers or option.collectonly or session.testsfailed:
        return None
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all, which this process keeps
    workers = _Workers(session)
    try:
        workers.run(option.workers)
    finally:
        workers.end()
    return True


class _Workers:
    """The workers of a session, and what is left for them to do.

    The tests marked `alone` have a worker of their own, and beside it two fewer of the others.
    """

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._alone = [item for item in session.items if item.get_closest_marker("alone")]
        self._batches = _batches([item for item in session.items if item not in self._alone])
        self._numbers = _numbers(len(self._batches))
        self._pids: dict[Connection, int] = {}

    def run(self, count: int) -> None:
        """Run all tests in so many workers, and pass on what they report."""
        if self._alone:
            waiting, beside = self._start(iter(self._alone)), max(0, count - 2)
        else:
            waiting, beside = None, count
        self._start_others(beside)
        while self._pids:
            for worker in wait(list(self._pids)):
                assert isinstance(worker, Connection)
                if not self._hear(worker) and worker is waiting:
                    self._start_others(count - beside)

    def end(self) -> None:
        """End what is left of them, where the session ends before its tests."""
        os.close(self._numbers)
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _start_others(self, count: int) -> None:
        for _ in range(count):
            self._start(_taken(self._batches, self._numbers))

    def _start(self, items: Iterator[pytest.Item]) -> Connection:
        ours, theirs = Pipe(duplex=False)
        pid = os.fork()
        if pid == 0:
            for other in (ours, *self._pids):
                other.close()
            _work(self._session.config, items, theirs)
        theirs.close()
        self._pids[ours] = pid
        return ours

    def _hear(self, worker: Connection) -> bool:
        """Pass on what a worker reports next; False where it has ended."""
        try:
            data = worker.recv()
        except EOFError:
            self._end_of(self._pids.pop(worker))
            return False
        hook = self._session.config.hook
        report = hook.pytest_report_from_serializable(config=self._session.config, data=data)
        hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        return True

    def _end_of(self, pid: int) -> None:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status:
            self._session.shouldfail = f"a worker ended with status {status} before its tests did"
            raise self._session.Failed(self._session.shouldfail)


def _batches(items: Sequence[pytest.Item]) -> list[Batch]:
    """The tests in their order, a few of one file at a time."""
    found: list[Batch] = []
    for _, group in groupby(items, key=lambda item: item.path):
        file = list(group)
        found += [file[at : at + _AT_ONCE] for at in range(0, len(file), _AT_ONCE)]
    return found


def _numbers(count: int) -> int:
    """A pipe that hands out 0, 1, … `count` − 1, each to whoever reads next."""
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as out:
        assert out.write(b"".join(map(_NUMBER.pack, range(count)))) == count * _NUMBER.size
    return reading


def _taken(batches: list[Batch], numbers: int) -> Iterator[pytest.Item]:
    while number := os.read(numbers, _NUMBER.size):
        yield from batches[_NUMBER.unpack(number)[0]]


def _work(config: pytest.Config, items: Iterator[pytest.Item], out: Connection) -> NoReturn:
    """In a worker: run tests until none are left, and end."""
    status = 1
    try:
        _become_worker(config, out)
        item = next(items, None)
        while item is not None:
            following = next(items, None)  # what is prepared for both stays
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            item = following
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _become_worker(config: pytest.Config, out: Connection) -> None:
    """Show nothing, capture into files of its own, and tell the process this was forked from."""
    plugins = config.pluginmanager
    for name in ("terminalreporter", "terminalprogress"):
        if plugins.has_plugin(name):
            plugins.unregister(name=name)
    capture: Any = plugins.get_plugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    plugins.register(_Teller(config, out))
    os.environ.update(home_in(os.environ["NNWALK_TUI_TESTS"], f"worker-{os.getpid()}"))


class _Teller:
    """Sends what is reported of each test."""

    def __init__(self, config: pytest.Config, out: Connection) -> None:
        self._config = config
        self._out = out

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._out.send(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))
