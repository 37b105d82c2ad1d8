"""The debugger of neural-network training: no screen, no terminal.

    from engine import Session, Unit
    session = Session(model, loss, optimizer, loader, epochs=4)
    session.step(Unit.OP, 3)

Importing this does not import torch; the first use of Session does.
"""

from __future__ import annotations

from typing import Any

from engine.errors import EngineError
from engine.protocol.positions import Phase, Position, Unit

__all__ = ["EngineError", "Modules", "Phase", "Position", "Program", "Session", "Unit", "open_experiment"]

_LAZY = {
    "Modules": "engine.program.modules",
    "Program": "engine.program.program",
    "Session": "engine.session",
    "open_experiment": "engine.launch",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
