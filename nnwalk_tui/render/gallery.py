"""Pictures of one kind: averages in greys, weights and gradients in colours about 0."""

from __future__ import annotations

from rich.cells import cell_len

from engine.views import Gallery, Picture
from nnwalk_tui import theme
from nnwalk_tui.render import digits, heat
from nnwalk_tui.render.numbers import scientific
from nnwalk_tui.render.text import Line

_MIDDLE = 128  # the level of 0


def gallery(view: Gallery, layout: digits.Grid, width: int, picked: int) -> list[Line]:
    """What is shown, the pictures that fit, and the scale; `picked` is the number of the one to be marked."""
    cells = [_cell(view, each, layout, each.number == picked) for each in view.pictures]
    return [[(f" {view.about}", "quiet")], *digits.spaced(cells, layout, width), *_scale(view)]


def extra_lines(view: Gallery) -> int:
    """Lines beside the pictures."""
    return 1 + len(_scale(view))


def _scale(view: Gallery) -> list[Line]:
    if not view.scale:
        return []
    return [heat.own_scale_line() if view.own_scales else heat.scale_line(view.scale)]


def _cell(view: Gallery, picture: Picture, layout: digits.Grid, picked: bool) -> list[Line]:
    size = (picture.height, picture.width, layout.cells, layout.rows)
    if view.scale:
        lines = _coloured(picture, layout.rows, layout.cells)
    else:
        lines = list(digits.picture(picture.levels, *size, theme.grey_steps(), theme.ascii_only()))
    return [*lines, *_captions(view, picture, layout, picked)]


def _captions(view: Gallery, picture: Picture, layout: digits.Grid, picked: bool) -> list[Line]:
    """Title and note, below each other or side by side; a note that would be cut is left out."""
    title = ("›" if picked else "") + digits.judged(picture.title, picture.right)
    note = f"±{scientific(picture.scale)}" if view.own_scales else picture.note
    look = "text" if picture.right is None else digits.style(picture.right)
    if layout.captions == 2:
        below = note if cell_len(note) <= layout.cells else ""
        return [digits.caption(title, look, layout.cells), digits.caption(below, "quiet", layout.cells)]
    both = f"{title} {note}" if picture.right is not None else f"{title} · {note}"
    return [digits.caption(both if note and cell_len(both) <= layout.cells else title, look, layout.cells)]


def _coloured(picture: Picture, lines: int, cells: int) -> list[Line]:
    means = digits.resample(picture.levels, picture.height, picture.width, lines * heat.halves(), cells)
    return heat.map_lines([[level - _MIDDLE for level in row] for row in means], _MIDDLE - 1.0)
