"""What the screen sends to the engine process: do this, and what it would like to see of the next snapshot."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec

from engine.protocol.commands import AnyCommand
from engine.protocol.recipe import Job
from engine.protocol.views import Snapshot


class Do(msgspec.Struct, frozen=True, tag="do"):
    """Carry out a command, which was typed as `text`; an Answer with the same id follows."""

    id: int
    text: str
    command: AnyCommand


class TensorLook(msgspec.Struct, frozen=True):
    """What the tensor pane shows: rows and columns are those of the tensor's table, from 1."""

    expression: str = ""  # "" follows the cursor: what its event has just made
    against: str = ""  # "gradient", "before" (one batch earlier), a position, or an expression of the same shape
    row: int = 1  # first of the window, or of the whole table where `whole`
    column: int = 1
    rows: int = 0
    columns: int = 0
    at_row: int = 1  # the chosen element
    at_column: int = 1
    whole: bool = False  # the whole table in rows × columns blocks, instead of a window of it
    picture: bool = False  # the chosen row's values, too, where it is a picture


class BatchLook(msgspec.Struct, frozen=True):
    """What the digits pane shows."""

    kind: str = "examples"  # or scatter, averages, input gradient, first layer, confusion, reliability
    order: str = (
        "batch"  # of the examples: batch, wrong, least sure, highest loss, class; the last two: validation, batch
    )
    first: int = 1  # place in the order of the first


class NeuronsLook(msgspec.Struct, frozen=True):
    """What the neuron pane shows."""

    layer: int = 1  # of the picked neuron; 0 is the input
    rows: int = 12  # neurons that a column has room for


class PlotLook(msgspec.Struct, frozen=True):
    """What the plot shows."""

    quantity: str = "loss"  # or accuracy, learning_rate, a plotted expression
    first: int = 1  # batches that it spans; last 0: twice what has run, at most to the end of the epoch
    last: int = 0
    at: int = 0  # the batch that is asked about; 0 is none


class LandscapeLook(msgspec.Struct, frozen=True):
    """What the landscape pane shows."""

    kind: str = "parameter"  # or update, plane
    parameter: str = ""  # "W[1][3,5]"; "": where the gradient of the last layer's weight is greatest
    zoom: float = 1.0  # how far it reaches, as a multiple of the usual
    seed: int = 0  # of the random directions


class BoundaryLook(msgspec.Struct, frozen=True):
    """How fine the map of the boundary pane is."""

    rows: int = 40
    columns: int = 40


class CodesLook(msgspec.Struct, frozen=True):
    """Which two numbers of the codes are seen."""

    pair: int = 0  # 0: the first two, 1: the next


class DrawLook(msgspec.Struct, frozen=True):
    """What is drawn on the pane for digits."""

    ink: bytes = bytes(784)  # 28 × 28 levels, 0…255, row after row
    event: int = 0  # of its forward pass, to look at what that made; 0 where nobody walks through it
    rows: int = 5  # of the pass's events
    at: int = 1  # the chosen one of the values that the event made, all of them in one row
    first: int = 1  # of the values that are wanted, …
    values: int = 200  # … and so many from there


class SlideLook(msgspec.Struct, frozen=True):
    """Which cell of which convolution the slide pane shows; all count from 1."""

    convolution: int = 0  # 0: the cursor's, or the last before it
    channel: int = 1  # of the output
    within: int = 1  # of the channels that it reads
    row: int = 0  # of the output; 0: in the middle
    column: int = 0
    direction: str = ""  # forward or backward; "": backward while the cursor goes back through it


class GraphLook(msgspec.Struct, frozen=True):
    """What the graph pane shows."""

    level: str = "layers"  # or "ops": every single operation
    toggled: list[str] = []  # modules that are open where they usually are folded, or the other way round
    first: int = 1  # line that is wanted, and so many after it …
    rows: int = 400
    follow: bool = True  # … or as many around the cursor's, where that is not well within
    search: str = ""


class GradientLook(msgspec.Struct, frozen=True):
    """What the gradients pane shows."""

    mode: str = "dW db"  # or dW, db, dZ: which rows there are
    first: int = 0  # the first of them that is wanted, counts from 0, …
    rows: int = 400  # … and so many from there
    points: int = 0  # batches of their history at most
    chosen: str = ""  # whose distribution is shown, "dW[1]", …
    bins: int = 0  # … in so many bins


VIEWS = tuple(  # what can be looked at: the parts of a Snapshot that are None where nobody does
    name
    for name, hint in get_type_hints(Snapshot).items()
    if any(isinstance(kind, type) and issubclass(kind, msgspec.Struct) for kind in get_args(hint))
)


class Look(msgspec.Struct, frozen=True, tag="look"):
    """The screen has painted, and wants to see these panes of the next snapshot."""

    panes: list[str]  # of VIEWS
    columns: int = 100  # buckets of the curves
    plot: PlotLook = PlotLook()
    digits: int = 16  # examples of the batch, or pictures
    batch: BatchLook = BatchLook()
    rows_from: int = 1  # first line of the tape; 0 centres on the cursor
    rows: int = 0
    folded: bool = False  # bookkeeping has lines, too
    graph: GraphLook = GraphLook()
    layers: tuple[int, int] | None = None  # the first and last, moved to where the cursor's is; None is all
    quantity: str = "A"  # whose history the layers show
    points: int = 0  # batches of it at most
    gradients: GradientLook = GradientLook()
    tensor: TensorLook = TensorLook()
    neurons: NeuronsLook = NeuronsLook()
    landscape: LandscapeLook = LandscapeLook()
    boundary: BoundaryLook = BoundaryLook()
    codes: CodesLook = CodesLook()
    draw: DrawLook = DrawLook()
    slide: SlideLook = SlideLook()


class Interrupt(msgspec.Struct, frozen=True, tag="interrupt"):
    """Pause, or cancel a jump, without waiting for an answer."""


class Arrange(msgspec.Struct, frozen=True, tag="arrange"):
    """The screen's layout, for the recording to keep."""

    layout: dict[str, Any]


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Drop this job and open another in the same process; `Opened` follows, and nothing of the old one after it."""

    job: Job


ToEngine = Do | Look | Interrupt | Arrange | Open
