"""What leaves the engine: frozen copies of numbers, never tensors.

Every type travels to the screen as MessagePack and prints as JSON in headless mode.
Shapes are lists of sizes, counted from the outside in; indices shown to people count from 1. All of them stand in this
one long file, so that what may leave the engine is read in one place.
"""

from __future__ import annotations

import msgspec

from engine.protocol.positions import Mark, Position, Status


class Run(msgspec.Struct, frozen=True):
    """What does not change while a run goes on."""

    name: str  # "mlp"
    model: str  # "784-32-16-10 relu"
    data: str  # "subset"
    optimizer: str  # "sgd"
    loss: str  # "cross-entropy"
    batch_size: int
    epochs: int
    batches: int  # per epoch; 0 while nobody knows, as of a script that runs its own loop
    parameters: int
    seed: int
    threads: int
    classes: list[str]  # names of the classes, by index; empty where there are none
    examples: str = "examples"  # what they are, once it is known: "digits", "pictures", "points", "tokens", "rows"
    recurrent: bool = False  # whether a batch has time steps
    codes: bool = False  # whether its model makes codes


class Statistics(msgspec.Struct, frozen=True):
    """Lean statistics of one tensor, over all its elements, NaN and infinities too: one of them makes a mean NaN."""

    name: str
    shape: list[int]
    mean: float
    std: float  # of the population: ÷ n
    min: float
    max: float
    norm: float
    zeros: float  # fraction of exact zeros, 0…1
    bad: float  # fraction of NaN and infinities, 0…1


class Badge(msgspec.Struct, frozen=True):
    """A warning about a layer."""

    name: str  # "dead", "saturated", "vanishing", "exploding" or "NaN"
    value: float  # what was measured
    text: str  # "dead 75%"
    why: str  # what was measured, its value and its limit, in a sentence


class Layer(msgspec.Struct, frozen=True):
    """One layer: what it is, and what of it the cursor has reached."""

    index: int  # counts from 1
    path: str  # module path, "layers.0"
    kind: str  # "linear", "conv2d", …
    activation: str  # "relu", … ; empty where there is none
    parameters: int
    tensors: dict[str, Statistics]  # keys W b Z A dZ dA dW db; those not computed yet are missing
    shapes: dict[str, list[int]]  # the same keys, as far as shapes are known
    missing: dict[str, str]  # why a key is not in `tensors`
    memory: int = 0  # bytes: its parameters, and what its forward pass made of this batch
    badges: list[Badge] = []
    history: list[float] = []  # norms of the quantity looked at, up to the cursor, the latest last


class Layers(msgspec.Struct, frozen=True):
    """The layers that the screen asked for."""

    total: int  # layers that the model has
    rows: list[Layer]  # those asked for, in order
    longest: list[Layer]  # without statistics: no layer's type or shapes are longer to write than those of one of these
    seen: int = 0  # batches before the cursor that were looked at: those that histories are of …
    batches: int = 0  # … and how many have run


class Gradient(msgspec.Struct, frozen=True):
    """A gradient at the cursor: of a parameter, or of a layer's pre-activations Z."""

    name: str  # "W[1]"
    layer: int
    norm: float | None  # ‖∂ℒ/∂θ‖; None while it is not computed yet
    ratio: float | None  # ‖Δθ‖/‖θ‖ of the real Δθ; None while it is not updated yet, and where θ was zero
    kind: str = ""  # "W", "b", "Z"; "" for other parameters
    history: list[float] = []  # norms up to the cursor, the latest last
    note: str = ""  # why it has no ratio: "θ was 0, to which no change has a ratio", "it is in no optimizer"
    carried: bool = False  # whether the pass added to what earlier batches had left in it


class Gradients(msgspec.Struct, frozen=True):
    """The gradients that the screen asked for, and what their table must have room for."""

    mode: str  # "dW db", dW, db or dZ
    total: int  # gradients of this mode
    first: int  # the first one here, counts from 0
    rows: list[Gradient]  # those asked for, in order
    parameters: int  # gradients of the mode "dW db"
    longest: str  # no gradient's name is longer
    smallest: str  # the smallest one of this mode that is computed; "" where there are not two
    span: tuple[float, float] | None  # least and greatest norm of those on the same axis: of Z, or of all parameters
    seen: int = 0  # batches before the cursor that were looked at: those that histories are of …
    batches: int = 0  # … and how many have run


class Distribution(msgspec.Struct, frozen=True):
    """The values of one gradient: how many there are of which size, now and in the batches before."""

    name: str  # "dW[1]"
    shape: list[int]
    low: float  # the bins span low … high
    high: float
    counts: list[int]  # of the finite values, in bins of equal width
    zeros: float  # fraction of exact zeros, 0…1
    bad: float  # fraction of NaN and infinities, 0…1
    decades: list[int]  # the least and greatest power of ten that `past` spans, in equal steps
    iterations: list[int]  # the batches that were looked at, up to the cursor
    past: list[bytes]  # of each of them: the share of |values| in each step, 0…255, the least first
    known: bool = True  # whether it is computed in this batch; where not, only what was before is told


class Curve(msgspec.Struct, frozen=True):
    """A series, decimated for drawing: bucket k covers x[k]…x[k+1] and holds the least and greatest finite value."""

    name: str
    x: list[float]
    low: list[float]
    high: list[float]
    breaks: list[int] = []  # the k between which and the one before nothing finite is known: no line goes there
    bad: list[float] = []  # where NaN or infinities are, as x
    nonfinite: int = 0  # batches whose value is NaN or infinite
    known: int = 0  # batches of which a value is known, these among them …
    batches: int = 0  # … of so many


class LossView(msgspec.Struct, frozen=True):
    """A quantity over the batches. Losses are taken before the update, `valid_*` before training and after epochs."""

    train: Curve
    iterations: int  # batches in the whole run
    valid_iterations: list[int]
    valid_loss: list[float | None]  # None where validation does not come to one
    valid_accuracy: list[float | None]
    quantity: str = "loss"
    smooth: Curve = Curve("", [], [], [])  # means over `window` batches
    window: int = 1
    accuracy: Curve = Curve("", [], [], [])  # of the batches, smoothed
    first: int = 1  # batches that the plot spans
    last: int = 0  # 0: the whole run, before anything is known
    position: int = 0  # the cursor's batch
    epochs: list[int] = []  # where epochs end
    branches: list[Curve] = []  # the other branches' curves, and other losses', smoothed, by their names
    chosen: Position | None = None  # the batch that is asked about …
    values: list[float] = []  # … and its value and the mean there
    quantities: list[str] = []  # what can be plotted


class Example(msgspec.Struct, frozen=True):
    """One example of the batch."""

    row: int  # in the batch, counts from 1
    index: int  # in the data set, counts from 1; 0 where it is not known
    label: str
    prediction: str  # empty while it is not computed yet
    probability: float | None  # of the prediction
    right: bool | None
    height: int  # of the picture; 0 where the example is none
    width: int
    pixels: bytes  # height × width grey levels, 0…255
    loss: float | None = None  # its own, not averaged
    tokens: str = ""  # of a sequence
    rebuilt: bytes | None = None  # as it comes out of a network that is to give it again; b"" while it has not yet


class Picture(msgspec.Struct, frozen=True):
    """Values as a picture: grey levels 0…255, or, on a scale about 0, 1…255 with 128 for 0, and 0 for NaN.

    `right`: of an example, whether its prediction is.
    """

    number: int  # of the row, neuron or class, from 1
    title: str
    note: str
    height: int
    width: int
    levels: bytes
    scale: float = 0.0  # the magnitude of level 255; 0 for greys
    right: bool | None = None


class Gallery(msgspec.Struct, frozen=True):
    """Pictures of one kind, on one scale or each on its own."""

    about: str  # "gradient of ℒ towards each input"
    scale: float  # the greatest of the pictures'; 0 for greys
    pictures: list[Picture]
    own_scales: bool = False


class Confusion(msgspec.Struct, frozen=True):
    """How often each class (row) was taken for each (column)."""

    of: str  # "validation, 2000 examples, at the cursor"
    classes: list[str]
    counts: list[list[int]]


class SureBin(msgspec.Struct, frozen=True):
    """The examples whose prediction is held as probable as `low` to `high`."""

    low: float
    high: float
    count: int
    sure: float  # the mean of those probabilities
    accuracy: float


class Reliability(msgspec.Struct, frozen=True):
    """Confidence against accuracy, in bins that hold examples, and of all of them."""

    of: str
    bins: list[SureBin]
    sure: float
    accuracy: float
    error: float  # expected calibration error: the mean distance of the two in the bins, by examples


class Scatter(msgspec.Struct, frozen=True):
    """Predictions against targets, where they are numbers: of each output of the batch, or of many at even steps."""

    targets: list[float]
    predictions: list[float]  # empty before the model's output
    rows: list[int]  # of the batch, from 1, that each belongs to
    total: int  # outputs of the batch
    bad: int = 0  # pairs that are left out, one of them being NaN or infinite


class BatchView(msgspec.Struct, frozen=True):
    """The batch that the cursor stands in: examples in an order, or what is learnt from pictures."""

    size: int
    right: int | None  # how many predictions are right; None while there are none
    examples: list[Example]
    order: str = "batch"
    first: int = 1  # place of the first example or picture in the order, from 1
    total: int = 0  # how many there are in it
    rows: list[int] = []  # rows of the batch in the order, the first 2,000
    problem: str = ""  # why there is nothing to show
    gallery: Gallery | None = None
    confusion: Confusion | None = None
    reliability: Reliability | None = None
    scatter: Scatter | None = None  # None where targets are no numbers, one for each output


class Term(msgspec.Struct, frozen=True):
    """A piece of an equation, with the shape that is written under it ("" for none)."""

    text: str
    shape: str = ""


class Here(msgspec.Struct, frozen=True):
    """The event that the cursor has just done."""

    number: int  # counts from 1; 0 before training
    total: int
    phase: str
    op: str  # "linear", "relu", "adam", …
    layer: int  # 0 where it belongs to none
    path: str  # module path
    source: str  # "model.py:12", or ""
    title: str  # "backward · relu 2"
    rule: list[Term]  # what this event computes
    other_title: str  # "forward" for a backward event, "backward" for a forward one
    other: list[Term]  # the rule of the other direction
    numbers: list[str]  # one addressed value worked out; for an update, how Δ came about


class TensorView(msgspec.Struct, frozen=True):
    """A window of any tensor, as a table with a row for each index of its first dimension, the others side by side."""

    expression: str  # as it was asked for; "" follows the cursor
    name: str  # what is shown: "dZ[2]"
    problem: str = ""  # why there is nothing to show
    dtype: str = ""
    shape: list[int] = []
    rows: int = 0  # of the whole table
    columns: int = 0
    statistics: Statistics | None = None
    bins: list[int] = []  # how many finite values lie in each of equal bins between `low` and `high`
    low: float = 0.0
    high: float = 0.0
    every: int = 1  # which n-th value was counted
    scale: float = 0.0  # the greatest finite magnitude, for colours
    whole: bool = False  # `values` are blocks of the whole table
    first_row: int = 1  # of the window, from 1
    first_column: int = 1
    values: list[list[float]] = []
    at_row: int = 1  # the chosen element
    at_column: int = 1
    at: list[int] = []  # its indices in the tensor, from 1
    address: str = ""  # in the course's notation: "z₃[5](6123)"
    value: float | None = None
    picture: list[int] = []  # height and width of the chosen row as a picture; empty where it is none
    pixels: list[float] = []
    tokens: list[str] = []  # of weights of attention: what a row asks from, and a column stands for
    next_bad: list[int] = []  # row and column of the next NaN or infinity; empty where there is none
    next_zero: list[int] = []
    picked_row: int = 0  # of the picked example; 0 where rows are no examples
    against: str = ""  # what it is compared with: "dW[1]", "W[1] at 1:12"
    against_problem: str = ""
    other: list[list[float]] = []  # its window, value and row
    other_value: float | None = None
    other_pixels: list[float] = []
    other_scale: float = 0.0


class NeuronColumn(msgspec.Struct, frozen=True):
    """Neurons of one layer, as many as there is room for."""

    layer: int  # 0 is the input
    name: str  # "A[1]"
    size: int
    neurons: list[int]  # the numbers of those that are shown, from 1, in order
    values: list[float] | None  # their activations for the picked example; None while they are not computed yet
    scale: float = 0.0  # the greatest magnitude in the whole layer
    strongest: bool = False  # chosen because they matter most to the picked neuron, not at even distances


class NeuronsView(msgspec.Struct, frozen=True):
    """The network as columns of neurons, for one example."""

    columns: list[NeuronColumn]
    weights: list[list[list[float]]]  # before each column but the first: of each of its neurons, from each before
    example: str  # "example 6123 · label 7"
    layer: int  # of the picked neuron
    neuron: int
    lines: list[str]  # its values in full notation
    problem: str = ""
    classes: list[str] = []  # what the neurons of the last column stand for; empty where they are no classes


class LandscapeView(msgspec.Struct, frozen=True):
    """ℒ of the cursor's batch around its parameters, as far as it is computed."""

    kind: str  # parameter, update, plane
    problem: str = ""
    title: str = ""
    axis: str = ""
    origin: float = 0.0  # the number at the middle of the axis
    reach: float = 1.0  # from the middle to an edge
    rows: int = 1  # 1 for a curve
    columns: int = 1
    values: list[float] = []  # row after row from the top left; NaN where it is not computed yet
    slope: float | None = None  # of the curve at its middle
    marks: list[tuple[str, float, float]] = []  # name, place on the axis, ℒ there
    path: list[tuple[float, float]] = []  # where the parameters came from, across and up
    done: int = 0  # points that are computed


class BoundaryView(msgspec.Struct, frozen=True):
    """Which class a model of two inputs predicts where, over a square of the plane."""

    problem: str = ""  # why there is nothing to show
    rows: int = 0
    columns: int = 0
    predicted: bytes = b""  # the class of each cell's middle, row after row from the top left; 255: no finite number
    sure: bytes = b""  # how far its probability is from chance (0) to certain (255)
    classes: list[str] = []
    low: list[float] = []  # the lower left corner
    side: float = 1.0
    points: list[tuple[float, float, bool]] = []  # shares of the side from the corner, and whether it is right there
    about: str = ""  # "training points"
    right: int = 0
    total: int = 0


class WalkView(msgspec.Struct, frozen=True):
    """An event of a drawn digit's forward pass: what it computes, and every value that it made, in one column."""

    tape: TapeView
    here: Here
    stops: list[int]  # the events that end a layer or, in a recurrent network, a time step
    value: TensorView  # of the form n × 1, but for its shape; its picture has maps beside each other


class CodesView(msgspec.Struct, frozen=True):
    """Two numbers of the codes of training examples."""

    problem: str = ""  # why there is nothing to show
    axes: list[int] = []  # which numbers, from 1
    width: int = 0  # how many a code has
    low: list[float] = []  # of the two numbers, the least …
    high: list[float] = []  # … and the greatest
    points: list[tuple[float, float, int]] = []  # shares of the way from low to high, across and up; the class
    classes: list[str] = []
    total: int = 0  # examples that these are of


class DrawView(msgspec.Struct, frozen=True):
    """What the network makes of a drawn digit."""

    problem: str = ""  # why it can make nothing of it
    pixels: bytes = b""  # what it was given: 28 × 28 levels, 0…255; empty where nothing is drawn
    classes: list[str] = []
    likely: list[float] = []  # the probability given to each class
    walk: WalkView | None = None


class SlideGrid(msgspec.Struct, frozen=True):
    """Numbers of a kernel's form."""

    title: str
    values: list[list[float]]


class SlideView(msgspec.Struct, frozen=True):
    """One cell of a convolution: what the kernel lies on, and what comes of it; places count from 1."""

    problem: str = ""  # why there is nothing to show
    direction: str = "forward"  # or backward
    title: str = ""  # "W[1] 8×1×3×3 · padding 1"
    convolution: int = 1
    convolutions: int = 1  # of the batch
    example: int = 1  # row of the batch
    channel: int = 1  # of the output
    channels: int = 1
    within: int = 1  # of the channels that it reads
    withins: int = 1
    row: int = 1  # of the output
    column: int = 1
    rows: int = 1
    columns: int = 1
    maps: list[Picture] = []  # what the kernel lies on, and what the cell is in; of large ones a part
    down: list[int] = []  # rows of the first map under the kernel, from 0; those outside are padding
    across: list[int] = []  # columns
    at: list[int] = []  # row and column of the cell in the second map, from 0
    grids: list[SlideGrid] = []
    sums: list[tuple[str, float]] = []  # what adds up, or arrives; the last is what was recorded


class TapeRow(msgspec.Struct, frozen=True):
    """One line of the tape."""

    number: int
    phase: str
    op: str
    layer: int
    reads: str
    writes: str
    shape: str
    folded: bool = False  # bookkeeping, shown on demand


class TapeView(msgspec.Struct, frozen=True):
    """The tape of the batch: its phases for the time line, and the rows that are on screen."""

    phases: list[tuple[str, int]]  # phase and number of events, in order
    cursor: int  # events done
    total: int
    first: int  # line of the first row; lines count from 1, and are events unless bookkeeping is shown
    rows: list[TapeRow]
    lines: int  # how many there are
    at: int  # the cursor's line; 0 where no event is done
    title: str = ""  # of the event done last: "backward · relu 2"
    widths: list[int] = []  # the longest operation, reads, writes and shape of the whole tape; empty without rows


class Node(msgspec.Struct, frozen=True):
    """A value in the compute graph."""

    id: str
    label: str
    kind: str  # "value", "side" (beside the main path), "loss", "input"; as leaves "parameter", "target", "constant"
    op: str  # the operation that makes it; "" for leaves
    layer: int
    shape: list[int]
    inputs: list[str]  # ids, the main path first
    mark: Mark = Mark.TODO
    gradient: float | None = None  # norm of the gradient that has arrived here; None where none has yet
    gradient_mark: Mark | None = None  # None where no gradient ever goes
    module: str = ""  # what folding would fold, or, where this is `closed`, what unfolding would open; "" for nothing
    closed: bool = False  # whether it stands for a whole module


class GraphView(msgspec.Struct, frozen=True):
    """Some lines of the compute graph: its values in execution order, and what else enters them."""

    nodes: list[Node]
    direction: str  # "forward", "backward", "update" or "load": which way data flows now
    others: list[Node] = []  # leaves, and values further up
    first: int = 1  # the line that `nodes` begin with; lines count from 1
    lines: int = 0  # how many there are in all
    at: int = 0  # the cursor's line; 0 where no event is done
    widths: list[int] = []  # the longest label of a leaf, of a value, shape and operation
    found: list[int] = []  # lines of what is searched for


class Snapshot(msgspec.Struct, frozen=True):
    """Everything on screen at one position. Panes that nobody looks at are None."""

    run: Run
    status: Status
    position: Position
    loss: float | None  # this batch's, before the update
    accuracy: float | None  # of the predictions that the loss was taken on
    learning_rate: float | None  # where all parameter groups have one and the same; see rate_range
    valid_loss: float | None  # the latest at or before the position
    valid_accuracy: float | None
    tape: TapeView | None = None
    here: Here | None = None
    graph: GraphView | None = None
    layers: Layers | None = None
    gradients: Gradients | None = None
    distribution: Distribution | None = None
    curves: LossView | None = None
    batch: BatchView | None = None
    tensor: TensorView | None = None
    neurons: NeuronsView | None = None
    landscape: LandscapeView | None = None
    boundary: BoundaryView | None = None
    codes: CodesView | None = None
    draw: DrawView | None = None
    slide: SlideView | None = None
    picked: tuple[int, int] = (1, 1)  # row of the batch and neuron that all panes follow
    problem: str = ""  # why panes that are looked at are None: the batch cannot be run again
    losses: dict[str, float | None] = {}  # by name, where there are several
    rate_range: tuple[float, float] | None = None  # the least and the greatest, where groups differ
    judged: bool = True  # whether right and wrong are defined of this batch, so that there is an accuracy
    failed: dict[str, str] = {}  # panes that could not be made, and why, in a line
