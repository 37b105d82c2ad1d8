"""Every command of the table is carried out."""

from __future__ import annotations

from typing import get_args

from engine.interpreter import DOING
from engine.protocol.commands import AnyCommand


def test_each_command_has_one_row_and_no_row_is_of_none() -> None:
    assert set(DOING) == set(get_args(AnyCommand))
