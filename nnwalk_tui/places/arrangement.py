"""How the user has arranged the screen: the layout, and what is hidden or resized in each; kept between two visits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.files import keep, our_folder
from nnwalk_tui.catalogue import PANE_NAMES
from nnwalk_tui.places.layout import Wishes
from nnwalk_tui.places.layouts import LAYOUTS, NAMES


class Changes(msgspec.Struct, frozen=True):
    """What was changed in a layout: panes hidden, and by place how many cells wider and rows taller it was made."""

    hidden: list[str] = []
    sizes: dict[str, tuple[int, int]] = {}


class Arrangement(msgspec.Struct, frozen=True):
    """The layout that is seen, and the changes made to each."""

    layout: str = next(iter(LAYOUTS))
    changes: dict[str, Changes] = {}

    def wishes(self, layout: str) -> Wishes:
        """What was changed in a layout."""
        changes = self.changes.get(layout, Changes())
        return Wishes(frozenset(changes.hidden), changes.sizes)

    def with_layout(self, layout: str) -> Arrangement:
        """The same in another layout."""
        return msgspec.structs.replace(self, layout=layout)

    def with_hidden(self, layout: str, pane: str, hidden: bool) -> Arrangement:
        """The same with a pane hidden, or not."""
        changes = self.changes.get(layout, Changes())
        names = sorted({*changes.hidden} | {pane} if hidden else {*changes.hidden} - {pane})
        return self._with(layout, msgspec.structs.replace(changes, hidden=names))

    def with_size(self, layout: str, place: str, wider: int, taller: int) -> Arrangement:
        """The same with a place so much larger than it was."""
        changes = self.changes.get(layout, Changes())
        cells, rows = changes.sizes.get(place, (0, 0))
        sizes = {**changes.sizes, place: (cells + wider, rows + taller)}
        return self._with(layout, msgspec.structs.replace(changes, sizes=sizes))

    def _with(self, layout: str, changes: Changes) -> Arrangement:
        return msgspec.structs.replace(self, changes={**self.changes, layout: changes})


def of_recording(kept: dict[str, Any]) -> Arrangement | None:
    """The arrangement that a recording was saved with; None where it has none that is understood."""
    try:
        return _checked(msgspec.convert(kept, Arrangement)) if kept else None
    except msgspec.ValidationError:
        return None


def for_recording(arrangement: Arrangement) -> dict[str, Any]:
    """What a recording keeps of it."""
    kept: dict[str, Any] = msgspec.to_builtins(arrangement)
    return kept


class Memory:
    """The user's own file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[Arrangement, str]:
        """What was kept, or the usual arrangement and what is wrong with the file; no file is nothing wrong."""
        try:
            return _checked(msgspec.json.decode(self._path.read_bytes(), type=Arrangement)), ""
        except FileNotFoundError:
            return Arrangement(), ""
        except (OSError, msgspec.DecodeError) as error:
            return (
                Arrangement(),
                f"the layouts kept in {self._path} cannot be read: {error} — beginning with the usual ones",
            )

    def write(self, arrangement: Arrangement) -> str:
        """Keep it, whole or not at all; what went wrong, or ""."""
        try:
            content = msgspec.json.format(msgspec.json.encode(arrangement))
            keep(our_folder(self._path.parent) / self._path.name, content)
        except OSError as error:
            return f"the layout cannot be kept in {self._path}: {error.strerror}"
        return ""


def _checked(kept: Arrangement) -> Arrangement:
    """Without layouts and panes that are not known: another version of the program may have written it."""
    known = {
        name: msgspec.structs.replace(changes, hidden=[pane for pane in changes.hidden if pane in PANE_NAMES])
        for name, changes in kept.changes.items()
        if name in NAMES
    }
    usual = Arrangement()
    return Arrangement(kept.layout if kept.layout in LAYOUTS else usual.layout, known)
