"""Pictures on one scale: averages in greys, weights and gradients in colours about 0."""

from __future__ import annotations

from engine.views import Gallery, Picture
from nnwalk_tui import theme
from nnwalk_tui.render import digits, heat
from nnwalk_tui.render.text import Line, fit

_MIDDLE = 128  # the level of 0


def gallery(view: Gallery, layout: digits.Grid, width: int, picked: int) -> list[Line]:
    """What is shown, the pictures that fit, and the scale; `picked` is the number of the one to be marked."""
    cells = [_cell(view, each, layout, each.number == picked) for each in view.pictures]
    scale = [heat.scale_line(view.scale)] if view.scale else []
    return [[(f" {view.about}", "quiet")], *digits.spaced(cells, layout, width), *scale]


def extra_lines(view: Gallery) -> int:
    """Lines beside the pictures."""
    return 2 if view.scale else 1


def _cell(view: Gallery, picture: Picture, layout: digits.Grid, picked: bool) -> list[Line]:
    size = (picture.height, picture.width, layout.cells, layout.rows)
    if view.scale:
        lines = _coloured(picture, layout.rows, layout.cells)
    else:
        lines = list(digits.picture(picture.levels, *size, theme.grey_steps(), theme.ascii_only()))
    caption = f"{'›' if picked else ''}{picture.title} {picture.note}".rstrip()
    captions: list[Line] = [[(fit(caption, layout.cells, "^"), "here" if picked else "text")]]
    return [*lines, *captions, *([[(" " * layout.cells, "blank")]] if layout.captions == 2 else [])]


def _coloured(picture: Picture, lines: int, cells: int) -> list[Line]:
    means = digits.resample(picture.levels, picture.height, picture.width, lines * heat.halves(), cells)
    return heat.map_lines([[level - _MIDDLE for level in row] for row in means], _MIDDLE - 1.0)
