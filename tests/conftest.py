"""What every test may rely on: hypothesis profiles, one torch thread, and a home of its own."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# No deadlines: the first example pays for imports, and a busy machine for everything else.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("fast", deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "fast"))


def pytest_configure(config: pytest.Config) -> None:
    """Send everything that platformdirs names to a directory that ends with the test session.

    Done before collection rather than in a fixture, so that a module which asks for its directory on import is covered.
    """
    home = tempfile.TemporaryDirectory(prefix="nnwalk-tui-tests-")
    environment = pytest.MonkeyPatch()
    config.add_cleanup(home.cleanup)
    config.add_cleanup(environment.undo)
    for kind in ("cache", "config", "data", "state"):
        directory = Path(home.name, kind)
        directory.mkdir()
        environment.setenv(f"XDG_{kind.upper()}_HOME", str(directory))


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Compute with one thread: 1 and 2 threads round differently, and more are slow on a busy machine."""
    if importlib.util.find_spec("torch") is not None:  # the screen's tests run without torch, too
        import torch

        torch.set_num_threads(1)
