"""The main screen: header, time line, panes, bars, and which of them has the focus.

Longer than others, as Textual sends to one screen whatever happens to its widgets; what stands where is `places/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.geometry import Offset, Size
from textual.layout import Layout
from textual.message import Message
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from engine.protocol.messages import Look
from engine.protocol.views import Snapshot
from nnwalk_tui.catalogue import LESSON, PANE_NAMES
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.panes.graph import GraphPane
from nnwalk_tui.panes.header import HeaderPane
from nnwalk_tui.panes.kinds import kinds
from nnwalk_tui.panes.lesson import LessonPane
from nnwalk_tui.panes.tensor import TensorPane
from nnwalk_tui.panes.timeline import TimelinePane
from nnwalk_tui.places.arrangement import Arrangement
from nnwalk_tui.places.boxes import Box
from nnwalk_tui.places.layout import Needs, Page, Plan, plan
from nnwalk_tui.places.layouts import LAYOUTS
from nnwalk_tui.render import graph
from nnwalk_tui.screens.bars import HINTS, LESSON_HINTS, AnswerBox, Bar, KeysBar, TabBar
from nnwalk_tui.screens.command_line import CommandLine, History
from nnwalk_tui.screens.plan_layout import PlanLayout
from nnwalk_tui.screens.too_small import TooSmall


class MainScreen(Screen[None], inherit_bindings=False):
    """Everything that is seen while a run is walked through."""

    DEFAULT_CSS = """
    MainScreen { layers: base over; overflow: hidden; }
    MainScreen > AnswerBox { layer: over; display: none; }
    MainScreen > AnswerBox.open { display: block; }
    """

    AUTO_FOCUS = ""  # the layout says which pane comes first

    # Textual paints the whole screen when the focus moves; here those panes that lose and get it redraw themselves.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    class Resized(Message):
        """The terminal has another size: what is said may take other lines."""

    class Rearranged(Message):
        """Other panes, or panes of other sizes, are on screen now."""

    def __init__(self, history: Path, names: Callable[[], list[str]]) -> None:
        super().__init__()
        self._plan_layout = PlanLayout(self.boxes)
        self.arrangement = Arrangement()
        self._recent = [*PANE_NAMES, LESSON]
        self._page: Page | None = None  # of the lesson that is open
        self._reading = False  # whether the lesson has its layout, or another one is seen meanwhile
        self._needs = Needs()
        self._answer_rows = 0
        self._snapshot: Snapshot | None = None
        self._visible: tuple[str, ...] = ()
        self.zoomed = False
        self.entered = False
        self.choosing = False  # whether arrows have chosen something in the focused pane
        self.panes: dict[str, Pane] = {}
        self.header = HeaderPane(id="header")
        self.timeline = TimelinePane(id="timeline")
        self.keys_bar = KeysBar(id="keys")
        self.tab_bar = TabBar(id="tabs")
        self.answer = AnswerBox(id="answer")
        self.prompt = Bar(id="prompt")
        self.command_line = CommandLine(lambda: History(history), names, id="command")

    @property
    def layout(self) -> Layout:
        """The screen's own layout: the plan."""
        return self._plan_layout

    def compose(self) -> ComposeResult:
        """All children; the plan decides which are seen."""
        self.header.can_focus = False
        yield self.header
        yield self.timeline
        for kind in kinds():
            pane = kind(id=kind.pane_name)
            pane.yields_enter = lambda: self.reading and not self.choosing
            self.panes[kind.pane_name] = pane
            yield pane
        yield self.tab_bar
        yield self.keys_bar
        yield TooSmall(id="too-small")
        yield self.prompt
        yield self.command_line
        yield self.answer

    def on_mount(self) -> None:
        """Begin in the graph."""
        self.focus_pane(self._recent[0])

    @property
    def plan(self) -> Plan:
        """What stands where at the present size."""
        return self.plan_for(self.app.size)

    def plan_for(self, size: Size) -> Plan:
        """What stands where at a size."""
        name = self.layout_name
        page = self._page if name == LESSON else None
        usual, wishes = LAYOUTS[self.arrangement.layout], self.arrangement.wishes(name)
        return plan(size.width, size.height, self._recent, self.zoomed, self._needs, page, usual, wishes)

    @property
    def layout_name(self) -> str:
        """The layout that is seen."""
        return LESSON if self._page is not None and self._reading else self.arrangement.layout

    def boxes(self, size: Size) -> dict[str, Box]:
        """Where every child stands, those that lie over the panes too."""
        boxes = dict(self.plan_for(size).boxes)
        if "command" in boxes:
            bottom = boxes["command"].y
            boxes["answer"] = Box(0, bottom - self._answer_rows, size.width, self._answer_rows)
        return boxes

    @property
    def current(self) -> str:
        """The name of the focused pane."""
        return self._recent[0]

    @property
    def current_pane(self) -> Pane:
        """The focused pane."""
        return self.panes[self.current]

    def under(self, mouse: Offset) -> tuple[str, int]:
        """The line of a pane under the mouse, and the column in it; an empty one where no pane is."""
        for name in self.plan.panes:
            region = self.panes[name].region
            if region.contains_point(mouse):
                return self.panes[name].render_line(mouse.y - region.y).text, mouse.x - region.x
        return "", 0

    @property
    def tensor(self) -> TensorPane:
        """The tensor pane."""
        pane = self.panes["tensor"]
        assert isinstance(pane, TensorPane)
        return pane

    def leave(self, name: str) -> None:
        """Go to the pane visited before, and give back the place that this one took from others."""
        self.focus_pane(self._visited_before(name))
        before = self.plan
        self._recent.remove(name)
        self._recent.append(name)
        if self.plan != before:
            self.rearrange()

    def focus_pane(self, name: str) -> None:
        """Go to a pane; one that shares its place with another comes to the front."""
        self.entered = self.choosing = False
        self.panes[name].focus(scroll_visible=False)
        self._came_to(name)

    def focus_beside(self, by: int) -> None:
        """Go to the pane that is `by` places further in the order of Tab; tabs are places, too."""
        here = self.plan
        order = [name for name in (LESSON, *PANE_NAMES) if name in here.boxes or name in here.tabs]
        if self.current in order:  # else there is no room for any
            self.focus_pane(order[(order.index(self.current) + by) % len(order)])

    def back_to_last(self, name: str) -> None:
        """Go to a pane, or, from it, to the one visited before."""
        self.focus_pane(self._visited_before(name) if self.current == name else name)

    def _visited_before(self, name: str) -> str:
        """The pane visited last, of the others that may be seen."""
        gone = self.arrangement.wishes(self.layout_name).hidden | {name}
        if self._page is None:
            gone |= {LESSON}
        return next(each for each in self._recent if each not in gone)

    # layouts

    def use_layout(self, name: str) -> None:
        """Another layout; the pane that it is most about gets the focus."""
        self._reading = name == LESSON
        self.use_arrangement(self.arrangement if self._reading else self.arrangement.with_layout(name))

    def use_arrangement(self, arrangement: Arrangement) -> None:
        """Another layout, or other changes to it."""
        self.arrangement, self.zoomed = arrangement, False
        self.come_first()
        self.focus_pane(self.current)
        self.rearrange()

    def come_first(self) -> None:
        """Let the panes that the layout is about come to the front."""
        name = self.layout_name
        first = (LESSON,) if name == LESSON else LAYOUTS[name].first
        hidden = self.arrangement.wishes(name).hidden
        first = tuple(each for each in first if each not in hidden)
        self._recent.sort(key=lambda each: (first.index(each) if each in first else len(first), each in hidden))

    def hide(self, name: str) -> str:
        """Take a pane off the screen in this layout; why not, or ""."""
        seen = {*PANE_NAMES} - self.arrangement.wishes(self.layout_name).hidden
        if name == LESSON or seen <= {name}:
            return "the lesson's text stays: leave ends the lesson" if name == LESSON else f"{name} is the last pane"
        self._change(self.arrangement.with_hidden(self.layout_name, name, True))
        if name == self.current:
            self.zoomed = False
            self.focus_pane(self._visited_before(name))
        return ""

    def unhide(self, name: str = "") -> list[str]:
        """Show a hidden pane again, or all; which ones that are."""
        hidden = self.arrangement.wishes(self.layout_name).hidden
        shown = sorted(hidden & {name} if name else hidden)
        for each in shown:
            self._change(self.arrangement.with_hidden(self.layout_name, each, False))
        return shown

    def resize(self, wider: int, taller: int) -> bool:
        """Make the focused pane larger or smaller; whether there was room."""
        before, old = self.plan, self.arrangement
        place = before.places.get(self.current)
        if place is None:
            return False
        self.arrangement = old.with_size(self.layout_name, place, wider, taller)
        if self.plan == before:
            self.arrangement = old
            return False
        self.rearrange()
        return True

    def _change(self, arrangement: Arrangement) -> None:
        if arrangement != self.arrangement:
            self.arrangement = arrangement
            self.rearrange()

    def zoom(self, zoomed: bool) -> None:
        """Show the focused pane alone, or with the others."""
        self.zoomed = zoomed
        self.rearrange()

    @property
    def reading(self) -> bool:
        """Whether a lesson has the screen."""
        return self.layout_name == LESSON

    def open_lesson(self, page: Page, title: str) -> None:
        """Give the room to the lesson's text and the panes beside it; without a run the first line has its title."""
        self._page, self._reading = page, True
        self.header.caption("" if page.live else title)
        self.keys_bar.use(LESSON_HINTS)
        self.rearrange()
        self.focus_pane(LESSON)

    def turn_lesson(self, page: Page) -> None:
        """What is done on the lesson's page is, or is no longer, to be seen beside it."""
        if self._page is not None and page != self._page:
            self._page = page
            self.rearrange()

    def close_lesson(self) -> None:
        """Give the room back to the panes."""
        self._page, self.zoomed = None, False
        self.header.caption("")
        self.keys_bar.use(HINTS)
        self.rearrange()
        if self.current == LESSON:
            self.focus_pane(self._visited_before(LESSON))

    @property
    def lesson(self) -> LessonPane:
        """The pane of the lesson's text."""
        pane = self.panes[LESSON]
        assert isinstance(pane, LessonPane)
        return pane

    def forget(self) -> None:
        """Another run begins: show nothing of the last one."""
        self._snapshot, self._needs = None, Needs()
        for pane in (self.header, self.timeline, *self.panes.values()):
            pane.show(None)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Hand a snapshot to the panes that are seen."""
        self._snapshot = snapshot
        self._make_room(snapshot)
        self.tab_bar.call({name: pane.tab(snapshot) for name, pane in self.panes.items()})
        self.header.show(snapshot)
        self.timeline.show(snapshot)
        for name in self._visible:
            self.panes[name].show(snapshot)

    def _make_room(self, snapshot: Snapshot) -> None:
        """Lay out anew where the run's graph or tables turn out to need other room: as a rule once, at its start."""
        view, pane = snapshot.graph, self.panes["graph"]
        assert isinstance(pane, GraphPane)
        usual = view if pane.usual else None
        needs = Needs(
            max(self._needs.graph_width, graph.needed_width(usual.widths) if usual else 0),
            usual.lines if usual else self._needs.graph,
            snapshot.layers.total if snapshot.layers else self._needs.layers,
            snapshot.gradients.parameters if snapshot.gradients else self._needs.parameters,
            frozenset((snapshot.run.examples, *(["codes"] if snapshot.run.codes else []))),
        )
        before, self._needs = self.plan, needs
        if self.plan != before:
            self.rearrange()

    def look(self) -> Look:
        """What the panes on screen want to see."""
        visible = [self.header, self.timeline, *(self.panes[name] for name in self._visible)]
        wanted = sorted(frozenset[str]().union(*(pane.parts() for pane in visible)))
        amounts: dict[str, Any] = {}
        for pane in visible:
            amounts |= pane.asks()
        return Look(wanted, **amounts)

    def show_answer(self, text: str) -> None:
        """Show an answer of several lines over the panes; "" takes it away."""
        rows = self.answer.lines_of(text, *self.app.size) if text else 0
        self.answer.set_class(bool(text), "open")
        if rows != self._answer_rows:
            self._answer_rows = rows
            self._lay_out()

    def open_command_line(self, text: str) -> None:
        """Let a command be typed, beginning with `text`."""
        self.prompt.put([[(":", "here")]])
        self.command_line.open(text)

    def close_command_line(self) -> None:
        """Give the focus back to the panes."""
        self.prompt.put([])
        self.command_line.close()
        self.current_pane.focus(scroll_visible=False)

    def rearrange(self) -> None:
        """Lay out anew, when the focus or the zoom asks for it."""
        self._lay_out()
        self.call_after_refresh(self.arranged)

    def _lay_out(self) -> None:
        self.answer.refresh(layout=True)  # a child's, as the screen's own keeps the arrangement that it has cached

    def arranged(self) -> None:
        """Tell the bars and the app what is on screen now."""
        here = self.plan
        shown = next((name for name in here.tabs if name in here.boxes), "")
        self.tab_bar.tabs(here.tabs, shown)
        self.command_line.alone("keys" not in here.boxes)
        self._show_new(here.panes)
        self.post_message(self.Rearranged())

    def on_resize(self, event: events.Resize) -> None:
        """Fold or unfold."""
        self.call_after_refresh(self.arranged)
        self.post_message(self.Resized())

    @on(events.DescendantFocus)
    def remember(self, event: events.DescendantFocus) -> None:
        """A click focuses a pane, too."""
        pane = event.widget
        if pane is not self.focused:
            return  # the news is old: the focus has moved on, or the pane was hidden
        if isinstance(pane, Pane) and pane.pane_name != self.current:
            self.entered = self.choosing = False
            self._came_to(pane.pane_name)

    @on(TabBar.Chosen)
    def choose_tab(self, message: TabBar.Chosen) -> None:
        """A tab was clicked."""
        self.focus_pane(message.pane)

    def _came_to(self, name: str) -> None:
        before = self.plan
        self._reading = self._reading or name == LESSON
        self.unhide(name)
        self._recent.remove(name)
        self._recent.insert(0, name)
        if self.plan != before:
            self.rearrange()

    def _show_new(self, visible: Sequence[str]) -> None:
        fresh, self._visible = [name for name in visible if name not in self._visible], tuple(visible)
        if self._snapshot is None:
            return
        for name in fresh:
            if self._snapshot.position.iteration == 0 or _holds(self._snapshot, self.panes[name].looks):
                self.panes[name].show(self._snapshot)


def _holds(snapshot: Snapshot, looks: Iterable[str]) -> bool:
    """Whether a snapshot has what a pane looks at; if not, the next frame has."""
    return all(getattr(snapshot, look) is not None for look in looks)
