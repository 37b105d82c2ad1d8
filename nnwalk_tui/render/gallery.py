"""Pictures of one kind: averages in greys, weights and gradients in colours about 0."""

from __future__ import annotations

from engine.protocol.views import Gallery, Picture
from nnwalk_tui.colours import theme
from nnwalk_tui.render import digits, heat
from nnwalk_tui.render.numbers import scientific
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line

_MIDDLE, _FULL = 128, 127.0  # the level of 0, and how far the greatest is from it


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
    if not view.scale:
        lines = list(digits.picture(picture.levels, *size, theme.grey_steps(), theme.ascii_only()))
        return [*lines, *_captions(picture, picture.note, layout, picked)]
    means = digits.resample(picture.levels, picture.height, picture.width, layout.rows * heat.halves(), layout.cells)
    rows = [[level - _MIDDLE for level in row] for row in means]
    if not view.own_scales:
        return [*heat.map_lines(rows, _FULL), *_captions(picture, picture.note, layout, picked)]
    greatest = max(abs(level) for row in rows for level in row)  # of what is seen: means of a small picture are less
    note = f"±{scientific(picture.scale * greatest / _FULL)}"
    return [*heat.map_lines(rows, greatest), *_captions(picture, note, layout, picked)]


def _captions(picture: Picture, note: str, layout: digits.Grid, picked: bool) -> list[Line]:
    """A verdict, or what is shown, and the note."""
    if picture.right is not None:
        return digits.captions(
            digits.titles(picture.title, picture.right, picked), digits.style(picture.right), drawn(note), layout
        )
    title = ("›" if picked else "") + drawn(picture.title)
    return digits.captions([title], "text", drawn(note), layout, between=" · ")
