"""Directories of a test process's own for everything that platformdirs names."""

from __future__ import annotations

from pathlib import Path


def home_in(directory: str, name: str) -> dict[str, str]:
    """Makes them in a new directory of this name; the environment that leads to them."""
    made = {f"XDG_{kind.upper()}_HOME": Path(directory, name, kind) for kind in ("cache", "config", "data", "state")}
    for path in made.values():
        path.mkdir(parents=True)
    return {key: str(path) for key, path in made.items()}
