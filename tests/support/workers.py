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
    batches = _batches(session.items)
    numbers = _numbers(len(batches))
    workers: dict[Connection, int] = {}
    try:
        for _ in range(option.workers):
            ours, theirs = Pipe(duplex=False)
            pid = os.fork()
            if pid == 0:
                for other in (ours, *workers):
                    other.close()
                _work(session, batches, numbers, theirs)
            theirs.close()
            workers[ours] = pid
        _hear(session, workers)
    finally:
        os.close(numbers)
        for pid in workers.values():  # what is left of them where the session ends before its tests
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return True


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


def _hear(session: pytest.Session, workers: dict[Connection, int]) -> None:
    """Pass on what the workers report until all have ended."""
    hook = session.config.hook
    while workers:
        for worker in wait(list(workers)):
            assert isinstance(worker, Connection)
            try:
                data = worker.recv()
            except EOFError:
                _end(session, workers.pop(worker))
                continue
            report = hook.pytest_report_from_serializable(config=session.config, data=data)
            hook.pytest_runtest_logreport(report=report)
            if report.when == "teardown":
                hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)


def _end(session: pytest.Session, pid: int) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        session.shouldfail = f"a worker ended with status {status} before its tests did"
        raise session.Failed(session.shouldfail)


def _work(session: pytest.Session, batches: list[Batch], numbers: int, out: Connection) -> NoReturn:
    """In a worker: run batches of tests until none are left, and end."""
    status = 1
    try:
        _become_worker(session.config, out)
        items = _taken(batches, numbers)
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


def _taken(batches: list[Batch], numbers: int) -> Iterator[pytest.Item]:
    while number := os.read(numbers, _NUMBER.size):
        yield from batches[_NUMBER.unpack(number)[0]]


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
