"""How the application looks: its colour theme, and what is done to each line on its way out."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App
from textual.filter import LineFilter, Monochrome
from textual.theme import Theme

from nnwalk_tui.colours import theme
from nnwalk_tui.colours.filters import AsciiFilter, NoColourFilter, PlainFilter
from nnwalk_tui.colours.schemes import DARK, SCHEMES, Scheme


class Appearance:
    """The looks of one application."""

    def __init__(self, app: App[None], *, ascii: bool, colours: theme.Colours, scheme: Scheme = DARK) -> None:
        self._app, self._ascii, self._colours = app, ascii, colours
        for each in SCHEMES.values():
            app.register_theme(_textual(each))
        self._use(scheme)

    def choose(self, name: str) -> None:
        """Draw everything anew in the theme of that name."""
        self._use(SCHEMES[name])
        for screen in self._app.screen_stack:
            for widget in (screen, *screen.query("*")):
                widget.notify_style_update()
                widget.refresh()

    def filters(self, usual: Sequence[LineFilter]) -> list[LineFilter]:
        """Textual's filters and the terminal's needs."""
        kept = [each for each in usual if not isinstance(each, Monochrome)]
        colour: list[LineFilter] = [] if len(kept) == len(usual) else [NoColourFilter()]
        return [PlainFilter(), *kept, *colour, *([AsciiFilter()] if self._ascii else [])]

    def _use(self, scheme: Scheme) -> None:
        theme.use(ascii=self._ascii, colours=self._colours, scheme=scheme)
        if self._colours.graded:
            self._app.theme = _textual(scheme).name
        else:
            self._app.theme = "ansi-light" if scheme.light else "ansi-dark"


def _textual(scheme: Scheme) -> Theme:
    """For what Textual draws itself: the palette, input lines, and the ink and paper of everything."""
    return Theme(
        name=f"nnwalk-{scheme.name}",
        primary=scheme.hues["forward"],
        secondary=scheme.hues["backward"],
        accent=scheme.hues["here"],
        success=scheme.hues["right"],
        warning=scheme.hues["warning"],
        error=scheme.hues["wrong"],
        foreground=scheme.ink,
        background=scheme.paper,
        surface=scheme.paper,
        panel=scheme.paper,
        dark=not scheme.light,
    )
