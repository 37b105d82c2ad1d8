"""What stands on the screen as a picture: SVG, and its text twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from rich.segment import Segment
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip

from engine.errors import CommandError
from engine.protocol.positions import Position
from nnwalk_tui.colours import theme
from nnwalk_tui.render import svg
from nnwalk_tui.shots import shot
from nnwalk_tui.shots.shot import Shot


class Picture(NamedTuple):
    """A screen, as SVG and as plain text."""

    svg: str
    text: str

    def contents(self, files: Iterable[Path]) -> dict[Path, str]:
        """What goes into each file, by its ending."""
        return {path: self.svg if path.suffix.lower() == ".svg" else self.text for path in files}


def picture_of(app: App[None], region: Region | None = None) -> Picture:
    """What is on screen, or in a part of it; those screens that show through included."""
    update = app.screen._compositor.render_full_update()
    rows = [_joined(strips) for strips in update.strips]
    if region is not None:
        rows = [row.crop(region.x, region.right) for row in rows[region.y : region.bottom]]
    width = max((row.cell_length for row in rows), default=0)
    return Picture(svg.to_svg(rows, width, _default(app)), "".join(row.text.rstrip() + "\n" for row in rows))


def take(app: App[None], wanted: Shot, position: Position | None, panes: Mapping[str, Region]) -> str:
    """Write what is on screen to the files that are asked for, and say so. Raises CommandError, FileError.

    `position` is where the run stands, None before anything is seen of it; `panes` is where the panes on screen are.
    """
    if wanted.size is not None and wanted.size != (app.size.width, app.size.height):
        here = f"{app.size.width}x{app.size.height}"
        raise CommandError(f"this screen is {here}", "leave the size out, or draw it without a screen: --headless")
    if position is None:
        raise CommandError("there is nothing to be seen yet", "wait until the engine has started")
    files = shot.paths(wanted, position)
    picture = picture_of(app, _region(panes, wanted.pane))
    return shot.write(picture.contents(files), over=wanted.over)


def _region(panes: Mapping[str, Region], pane: str) -> Region | None:
    if not pane:
        return None
    if pane not in panes:
        raise CommandError(f"the pane {pane} is not on screen", f"focus {pane} brings it there")
    return panes[pane]


def _joined(strips: Iterable[Strip]) -> Strip:
    return Strip([Segment(each.text, each.style) for strip in strips for each in strip if not each.control])


def _default(app: App[None]) -> svg.Default:
    """The theme's ink and paper; the usual ones where the terminal's own are used."""
    style = app.screen.rich_style
    if not theme.colours().graded or style.bgcolor is None or style.color is None:
        return svg.ON_DARK
    if style.bgcolor.is_default or style.color.is_default:
        return svg.ON_DARK
    return svg.Default(style.color.get_truecolor(), style.bgcolor.get_truecolor())
