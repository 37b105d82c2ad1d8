"""What every pane is: a snapshot's part, drawn to strips, of which only what changed is sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from engine.protocol.messages import VIEWS
from engine.protocol.views import Snapshot
from nnwalk_tui.catalogue import BY_NAME
from nnwalk_tui.colours import theme
from nnwalk_tui.render.frame import Frame, framed, inner
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit_line, merge, wrap

_FAR = 1_000_000
MARGIN = 2  # lines kept in view around what is followed


class Pane(Widget, can_focus=True):
    """A bordered view of one part of the snapshot, drawn line by line.

    A pane says what it needs in `part`, and draws it in `draw`. It is drawn anew only when that part, its size, its
    focus or its scroll position changes, and then only lines that differ are sent to the terminal.
    """

    DEFAULT_CSS = "Pane { width: 1fr; height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", f"move(-{_FAR})", "Top", show=False),
        Binding("end", f"move({_FAR})", "Bottom", show=False),
    ]

    class Wants(Message):
        """The pane shows another part of what it looks at, and wants it from the engine."""

    @dataclass
    class Asked(Message):
        """The pane asks for a command to be carried out; of a quiet one only errors are told."""

        command: str
        quiet: bool = False

    @dataclass
    class Said(Message):
        """Something to tell the user, until the next key."""

        text: str

    @dataclass
    class Copied(Message):
        """Text for the clipboard, and what it is."""

        text: str
        what: str

    pane_name: ClassVar[str] = ""  # the module's
    pane_title: ClassVar[str] = ""  # the name, if it says nothing else
    number: ClassVar[str] = ""  # the digit that goes there; "" where none does
    about: ClassVar[str] = ""
    looks: ClassVar[frozenset[str]] = frozenset()  # views; if it says nothing else, the one of its name
    bordered: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.pane_name = cls.__module__.rpartition(".")[2]
        cls.pane_title = vars(cls).get("pane_title", cls.pane_name)
        cls.looks = vars(cls).get("looks", frozenset({cls.pane_name} & set(VIEWS)))
        cls.number = BY_NAME[cls.pane_name].key if cls.pane_name in BY_NAME else ""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.yields_enter: Callable[[], bool] = lambda: False  # whether Enter belongs to a lesson
        self.data: Any = None
        self.called = self.pane_title  # what the border says where a pane has no more to say there
        self._before_training = False
        self._problem = ""  # why there is nothing to show
        self._top = 0
        self._followed: int | None = None
        self._beyond = (0, 0)  # lines above and below what is seen
        self._aside = (0, 0)  # columns at the left and right of it
        self._drawn: list[Line] = []
        self._drawn_for: Size | None = None
        self._strips: list[Strip] = []
        self._palette: theme.Palette | None = None

    def show(self, snapshot: Snapshot | None) -> None:
        """Show a snapshot; None where nothing is known yet."""
        data = None if snapshot is None else self.part(snapshot)
        before_training = snapshot is not None and snapshot.position.iteration == 0
        problem = "" if snapshot is None else snapshot.problem
        if (data, before_training, problem) != (self.data, self._before_training, self._problem):
            self.data, self._before_training, self._problem = data, before_training, problem
            self.redraw()

    def part(self, snapshot: Snapshot) -> object | None:
        """The part of a snapshot that is drawn; None where the engine has not sent it."""
        found: object | None = getattr(snapshot, self.pane_name)
        return found

    def parts(self) -> frozenset[str]:
        """The panes of a Look that this one is drawn from now."""
        return self.looks

    def asks(self) -> dict[str, Any]:
        """How much of its part can be shown now, as fields of a Look."""
        return {}

    def draw(self, width: int, height: int) -> list[Line]:
        """The content, `data` being known: at most `height` lines of at most `width` cells."""
        raise NotImplementedError

    def before_training(self, width: int) -> list[Line]:
        """What is drawn before training, for a pane of which there is nothing to show then."""
        return []

    def heading(self, width: int) -> str:
        """What the border calls the pane, `data` being known."""
        return self.called

    def tab(self, snapshot: Snapshot) -> tuple[str, str]:
        """What its tab calls it, and in a narrow row."""
        return self.pane_name, BY_NAME[self.pane_name].short or self.pane_name

    def status(self) -> str:
        """A few words at the right of the title."""
        return ""

    def window(self, total: int, height: int, follow: int | None = None) -> int:
        """The first of `total` lines to draw in `height`. A line that is `follow`ed comes into view when it changes."""
        if follow is not None and follow != self._followed:
            self._top = max(self._top, follow + 1 + min(MARGIN, height // 3) - height)
            self._top = min(self._top, follow - min(MARGIN, height // 3))
        self._followed = follow
        self._top = max(0, min(self._top, total - height))
        self._beyond = (self._top, max(0, total - self._top - height))
        return self._top

    def read_from_cursor(self) -> list[str]:
        """The lines in view, the one at the cursor, if there is one, first."""
        lines = ["".join(text for text, _ in line) for line in self._drawn]
        at = 0 if self._followed is None else self._followed - self._top + self.bordered
        return [*lines[at : at + 1], *lines] if 0 < at < len(lines) else lines

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a lesson is read, Enter goes on in it from any pane where the arrows have chosen nothing."""
        if action in ("inspect", "choose", "go") and self.yields_enter():
            return False
        return super().check_action(action, parameters)

    def takes_arrows(self) -> bool:
        """Whether ← and → are its own, though nobody has given them to it with Enter."""
        return False

    def chosen_tensor(self) -> str:
        """The tensor that the chosen row speaks of, as an expression; "" where no row is chosen."""
        return ""

    def action_inspect(self) -> None:
        """Look into the chosen row's tensor, or, where none is chosen, take the arrows."""
        subject = self.chosen_tensor()
        self.post_message(self.Asked(f"inspect {subject}" if subject else "enter"))

    def redraw(self) -> None:
        """Draw again, and send the lines that differ."""
        if not self.is_mounted or not self.size:
            return
        palette = self._current_palette()
        if palette is not self._palette or self.size != self._drawn_for:
            self._draw_anew()
            self.refresh()
            return
        lines, changed = self._picture(*self.size), []
        for y, (old, new) in enumerate(zip(self._drawn, lines, strict=True)):
            if old != new:
                before, after = self._strips[y], _strip(new, palette)
                self._strips[y] = after
                if span := _difference(before, after):
                    changed.append(Region(span[0], y, span[1] - span[0], 1))
        self._drawn = lines
        if changed:
            self.refresh(*changed)

    def _draw_anew(self) -> None:
        """Draw every line, for the present size and colours; what is followed comes into view."""
        if self.size != self._drawn_for:
            self._drawn_for, self._followed = self.size, None
        self._palette, self._drawn = self._current_palette(), self._picture(*self.size)
        self._strips = [_strip(line, self._palette) for line in self._drawn]

    def render_line(self, y: int) -> Strip:
        """The strip that stands at a line. A new size is drawn when it is first painted, not a tick after."""
        if self.size != self._drawn_for:
            self._draw_anew()
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters; colours of the 256-colour set are left as they are, since they cost half the bytes."""
        return [each for each in super().get_line_filters() if not isinstance(each, ANSIToTruecolor)]

    def notify_style_update(self) -> None:
        """Draw again in the colours of a new theme."""
        super().notify_style_update()
        if self._strips:
            self.redraw()

    def action_move(self, lines: int) -> None:
        """Scroll by lines."""
        self._top = max(0, self._top + lines)
        self.redraw()

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.action_move(pages * max(1, inner(*self.size)[1] - 1))

    def on_mount(self) -> None:
        """Draw for the first time."""
        self.redraw()

    def on_resize(self) -> None:
        """Draw for the new size, if it was not painted yet."""
        if self.size != self._drawn_for:
            self.redraw()

    def on_focus(self) -> None:
        """Mark the border."""
        self.redraw()

    def on_blur(self) -> None:
        """Take the mark off the border."""
        self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.action_move(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.action_move(3)

    def _picture(self, width: int, height: int) -> list[Line]:
        room, rows = inner(width, height) if self.bordered else (width, height)
        content = self._content(room, rows)
        if not self.bordered:
            lines = [fit_line(line, width) for line in content[:height]]
            return lines + [fit_line([], width) for _ in range(height - len(lines))]
        heading = self.called if self.data is None else self.heading(width)
        title = f"{self.number} {heading}".lstrip()
        status = "" if self.data is None else self.status()
        frame = Frame(title, status, *self._beyond, self.has_focus, *self._aside)
        return framed(frame, content, width, height)

    def _content(self, width: int, height: int) -> list[Line]:
        self._beyond = self._aside = (0, 0)
        if self.data is not None:
            return self.draw(width, height)
        if self._problem:
            return [[(f" {line}", "quiet")] for line in wrap(f"nothing to show: {self._problem}", width - 2)]
        return (self._before_training and self.before_training(width)) or [
            [(drawn(" waiting for the engine…"), "quiet")]
        ]

    def _current_palette(self) -> theme.Palette:
        style = self.rich_style
        foreground, background = style.color or theme.DEFAULT, style.bgcolor or theme.DEFAULT
        old = self._palette
        new = theme.Palette(foreground, background)
        return old if old and old.alike(new) else new


def _strip(line: Line, palette: theme.Palette) -> Strip:
    ascii_only = theme.ascii_only()
    segments: list[Segment] = []
    for text, name in merge(line):
        style = palette.style(name)
        twin = theme.to_ascii(text) if ascii_only else text
        if segments and (joint := _joint(segments[-1], twin, style)) is not None:
            segments[-1] = Segment(segments[-1].text + twin, joint)
        else:
            segments.append(Segment(twin, style))
    return Strip(segments)


def _joint(before: Segment, text: str, style: Style) -> Style | None:
    """The one style in which both look as they do in their own; blanks show the background alone."""
    own = before.style
    if own is None or own.bgcolor != style.bgcolor:
        return None
    if own == style or text.isspace():
        return own
    return style if before.text.isspace() else None


def _difference(old: Strip, new: Strip) -> tuple[int, int] | None:
    """The cells from the first to the last that differ, None where none do."""
    before, after = list(old), list(new)
    if before == after:
        return None
    left = _common(before, after)
    right = _common([_reverse(each) for each in reversed(before)], [_reverse(each) for each in reversed(after)])
    width = new.cell_length
    return left, max(left + 1, width - right)


def _reverse(segment: Segment) -> Segment:
    return Segment(segment.text[::-1], segment.style)


def _common(old: list[Segment], new: list[Segment]) -> int:
    """How many cells at the left are the same."""
    cells = 0
    for before, after in zip(old, new, strict=False):
        if before == after:
            cells += after.cell_length
            continue
        if before.style == after.style:
            cells += _common_text(before.text, after.text)
        return cells
    return cells


def _common_text(old: str, new: str) -> int:
    count = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return Segment(new[:count]).cell_length
