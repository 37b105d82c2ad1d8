"""Programs that torch.compile has a part in: they run eagerly, and it is said.

A compiled model is not bit for bit the eager one, and what looks on while it runs would be compiled with it; so that a
batch has one arithmetic, looked at or not, nothing is compiled in the process of such a run.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from engine.program.program import Program


def run_eagerly(program: Program) -> bool:
    """Whether a part of the program is compiled; if so, from here on it runs eagerly."""
    if "torch._dynamo" not in sys.modules or not any(map(_is_compiled, _parts(program))):
        return False
    torch.compiler.set_stance("force_eager")
    return True


def _parts(program: Program) -> list[Any]:
    return [*program.modules.modules(), program.step, program.validate, getattr(program, "loss", None)]


def _is_compiled(part: Any) -> bool:
    called = getattr(part, "_compiled_call_impl", None) is not None  # by module.compile()
    return called or hasattr(part, "_torchdynamo_orig_callable") or hasattr(part, "_orig_mod")
