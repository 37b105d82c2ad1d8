"""What every test may rely on: hypothesis profiles, one torch thread, and a home of its own."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.homes import home_in

pytest_plugins = ["tests.support.workers"]

# No deadlines: the first example pays for imports, and a busy machine for everything else.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=20)
settings.register_profile("fast", deadline=None, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=200)  # of `make soak`
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "fast"))


def pytest_configure(config: pytest.Config) -> None:
    """Send everything that platformdirs names to a directory that ends with the test session.

    Done before collection rather than in a fixture, so that a module which asks for its directory on import is covered.
    """
    home = tempfile.TemporaryDirectory(prefix="nnwalk-tui-tests-")
    os.environ.setdefault("NNWALK_TUI_TESTS", home.name)  # of the session; its other processes inherit it
    environment = pytest.MonkeyPatch()
    config.add_cleanup(home.cleanup)
    config.add_cleanup(environment.undo)
    for name, path in home_in(home.name, "first").items():
        environment.setenv(name, path)


def pytest_collection_finish() -> None:
    """Take what is imported out of the garbage collector's work, which is then quick, and so done more often.

    A session is in cycles with its hooks: few objects, so that the collector does not hurry, but hundreds of megabytes.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def let_go() -> Iterator[None]:
    """Free what a file's tests have left; glibc keeps freed tensors to itself, over a gigabyte of them, until asked."""
    yield
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Compute with one thread: 1 and 2 threads round differently, and more are slow on a busy machine."""
    if importlib.util.find_spec("torch") is not None:  # the screen's tests run without torch, too
        import torch

        torch.set_num_threads(1)
