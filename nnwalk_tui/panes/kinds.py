"""The widget of every pane of the catalogue."""

from __future__ import annotations

from importlib import import_module

from nnwalk_tui.catalogue import EVERY_PANE
from nnwalk_tui.panes.base import Pane


def kinds() -> tuple[type[Pane], ...]:
    """A class a row, in the catalogue's order."""
    return tuple(_kind(name) for name in EVERY_PANE)


def _kind(name: str) -> type[Pane]:
    kind: type[Pane] = getattr(import_module(f"nnwalk_tui.panes.{name}"), f"{name.title()}Pane")
    return kind
