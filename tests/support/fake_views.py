"""Views as an engine would send them, one pane's each. Free of torch, as is the engine process that is made of them."""

from __future__ import annotations

import gzip
import math
from functools import cache
from pathlib import Path

import msgspec

from engine.panes.gradient_table import table
from engine.protocol.messages import GradientLook
from engine.protocol.positions import Mark, Phase
from engine.protocol.views import (
    Badge,
    Curve,
    Distribution,
    Example,
    Gradient,
    Gradients,
    GraphView,
    Here,
    LandscapeView,
    Layer,
    Layers,
    LossView,
    NeuronColumn,
    NeuronsView,
    Node,
    Run,
    Statistics,
    TapeRow,
    TapeView,
    TensorView,
    Term,
)
from nnwalk_tui.render.graph import Row, rows
from nnwalk_tui.render.text import Line

SIZES = (784, 32, 16, 10)
BATCH = 64
OPS = (
    [("load", "batch", 0, "", "A[0]")]
    + [("forward", op, layer, "", "") for layer in (1, 2, 3) for op in ("linear", "relu" if layer < 3 else "softmax")]
    + [("loss", "cross-entropy", 0, "A[3]", "ℒ")]
    + [
        ("backward", op, layer, "", "")
        for layer in (3, 2, 1)
        for op in ("softmax" if layer == 3 else "relu", "linear", "linear W", "linear b")
    ]
    + [("update", "sgd", layer, f"d{name}[{layer}]", f"{name}[{layer}]") for layer in (1, 2, 3) for name in "Wb"]
)


def plain(line: Line) -> str:
    """A line that is drawn, without its styles."""
    return "".join(text for text, _ in line)


def run() -> Run:
    return Run(
        name="mlp",
        model="784-32-16-10 relu",
        data="subset",
        optimizer="sgd",
        loss="cross-entropy",
        batch_size=BATCH,
        epochs=4,
        batches=157,
        parameters=25_818,
        seed=0,
        threads=1,
        classes=[str(digit) for digit in range(10)],
        examples="digits",
    )


def tape(cursor: int) -> TapeView:
    counts = [(phase.value, sum(op[0] == phase for op in OPS)) for phase in Phase]
    phases = [(phase, count) for phase, count in counts if count]
    rows = [
        TapeRow(number, phase, op, layer, reads or f"Z[{layer}]", writes or f"A[{layer}]", f"{BATCH}×{SIZES[layer]}")
        for number, (phase, op, layer, reads, writes) in enumerate(OPS, 1)
    ]
    phase, op, layer, *_ = OPS[cursor - 1]
    title = f"{phase} · {op} {layer}" if cursor else ""
    widths = [max(map(len, column)) for column in zip(*((r.op, r.reads, r.writes, r.shape) for r in rows), strict=True)]
    return TapeView(phases, cursor, len(OPS), 1, rows, lines=len(OPS), at=cursor, title=title, widths=widths)


def whole_graph(nodes: list[Node], direction: str) -> GraphView:
    """A graph of which every line is sent."""
    view = GraphView(nodes, direction)
    lines = rows(view)
    at = next((at for at, row in enumerate(lines, 1) if Mark.HERE in _marks(row)), 0)
    side = max((len(row.side.label) for row in lines if row.side), default=0)
    label = max((len(row.node.label) + row.node.closed for row in lines), default=0)
    op = max((len(row.node.op) for row in lines), default=0)
    sizes = max(("×".join(map(str, row.node.shape)) for row in lines), key=len, default="")
    return msgspec.structs.replace(view, lines=len(lines), at=at, widths=[side, label, len(sizes), op])


def _marks(row: Row) -> set[Mark | None]:
    node = row.side if row.edge else row.node
    return {node.mark, node.gradient_mark} if node else set()


def chain(reached: int, gradients: dict[str, float], here: str = "", direction: str = "forward") -> GraphView:
    """The graph of the network, of whose values `reached` are done."""
    nodes: list[Node] = []
    values = 0

    def add(id: str, kind: str, op: str, layer: int, shape: list[int], inputs: list[str], flows: bool = True) -> None:
        nonlocal values
        leaf = kind in ("parameter", "target")
        values += not leaf
        mark = (
            Mark.HERE if id == here and id not in gradients else Mark.DONE if leaf or values <= reached else Mark.TODO
        )
        arrived = Mark.HERE if id == here and id in gradients else Mark.DONE if id in gradients else Mark.TODO
        nodes.append(Node(id, id, kind, op, layer, shape, inputs, mark, gradients.get(id), arrived if flows else None))

    add("A[0]", "input", "", 0, [BATCH, 784], [], flows=False)
    for layer in (1, 2, 3):
        w, b, z, a = (f"{name}[{layer}]" for name in "WbZA")
        add(w, "parameter", "", layer, [SIZES[layer], SIZES[layer - 1]], [])
        add(b, "parameter", "", layer, [SIZES[layer]], [])
        add(z, "value", "linear", layer, [BATCH, SIZES[layer]], [f"A[{layer - 1}]", w, b])
        add(a, "value", "relu" if layer < 3 else "softmax", layer, [BATCH, SIZES[layer]], [z], flows=layer < 3)
    add("y", "target", "", 0, [BATCH], [], flows=False)
    add("ℒ", "loss", "cross-entropy", 0, [], ["A[3]", "y"])
    return whole_graph(nodes, direction)


def statistics(name: str, shape: list[int], mean: float, bad: float = 0.0) -> Statistics:
    return Statistics(name, shape, mean, abs(mean) * 1.4, -mean, mean * 5, abs(mean) * 40, 0.03, bad)


def layers(known: str = "W b Z A dZ dA", value: float = 0.28, bad: float = 0.0) -> list[Layer]:
    found = []
    for layer in (1, 2, 3):
        into, out = SIZES[layer - 1], SIZES[layer]
        shapes = {"W": [out, into], "b": [out], "Z": [BATCH, out], "A": [BATCH, out]}
        shapes |= {f"d{key}": shape for key, shape in shapes.items()}
        tensors = {key: statistics(f"{key}[{layer}]", shapes[key], value * layer, bad) for key in known.split()}
        missing = {key: "not computed yet" for key in shapes if key not in tensors}
        name = "relu" if layer < 3 else "softmax"
        size = out * into + out
        memory = 4 * (size + 2 * BATCH * out)
        history = [value * step for step in range(1, 9)]
        path = f"layers.{layer - 1}"
        found.append(Layer(layer, path, "linear", name, size, tensors, shapes, missing, memory, badges(layer), history))
    return found


def layers_view(rows: list[Layer]) -> Layers:
    return Layers(len(rows), rows, [msgspec.structs.replace(row, tensors={}, missing={}) for row in rows])


def badges(layer: int) -> list[Badge]:
    """None for the first layer, two for the others."""
    dead = Badge("dead", 0.75, "dead 75%", "12 of 16 neurons give 0; the badge is for 25% and more")
    words = "‖dZ[2]‖ / ‖dZ[3]‖ = 0.0073; the badge is for 0.01 and less"
    vanishing = Badge("vanishing", 0.0073, "vanishing 1/137", words)
    saturated = Badge("saturated", 0.98, "saturated 98%", "98% lies near 0 or 1; the badge is for 50% and more")
    return {1: [], 2: [dead, vanishing], 3: [saturated, dead]}[layer]


def parameters(done: int, norm: float = 0.03) -> list[Gradient]:
    """The gradients of all parameters, of which the last `done` are computed, and those of all Z."""
    names = [(f"{name}[{layer}]", layer) for layer in (1, 2, 3) for name in "Wb"]
    history = [norm * step for step in range(1, 9)]
    found = [
        Gradient(name, layer, norm * 2**at if at >= len(names) - done else None, None, name[0], history)
        for at, (name, layer) in enumerate(names)
    ]
    found += [Gradient(f"Z[{layer}]", layer, norm * layer if done else None, None, "Z") for layer in (1, 2, 3)]
    return found


def gradients_view(found: list[Gradient], mode: str = "dW db") -> Gradients:
    """As the engine sends them."""
    return table(found, GradientLook(mode))


def distribution(name: str = "dW[1]") -> Distribution:
    """A bell about 0, and twenty batches in which it became narrower."""
    counts = [round(1000 * math.exp(-(((at - 100) / 25) ** 2))) for at in range(201)]
    past = [bytes(max(0, 200 - 60 * abs(step - 22 + batch // 4)) for step in range(32)) for batch in range(20)]
    return Distribution(name, [32, 784], -0.02, 0.02, counts, 0.4, 0.0, [-12, 4], list(range(1, 21)), past)


def curves(batches: int = 110, scale: float = 2.31) -> LossView:
    x = [float(at) for at in range(1, batches + 1)]
    low = [scale * math.exp(-at / 80) * (1 - 0.06 * abs(math.sin(at))) for at in x]
    return LossView(
        train=Curve("loss", x, low, [value * 1.03 for value in low]),
        iterations=batches,
        smooth=Curve("loss", x, low, low),
        window=4,
        position=batches,
        quantities=["loss", "accuracy", "learning_rate"],
        valid_iterations=[0, batches],
        valid_loss=[scale, scale * 0.4],
        valid_accuracy=[0.1, 0.62],
    )


def real_pictures(count: int) -> list[bytes]:
    """The first pictures of the bundled test set, 28 × 28."""
    path = Path(__file__).parents[2] / "engine" / "experiments" / "digits" / "t10k-images-idx3-ubyte.gz"
    data = gzip.decompress(path.read_bytes())[16:]
    return [data[at * 784 : at * 784 + 784] for at in range(count)]


@cache
def pixels(digit: int, size: int = 28) -> bytes:
    """A ring, a bar or a cross with soft edges: like a digit, of many greys."""
    middle, cells = size / 2, bytearray()
    for y in range(size):
        for x in range(size):
            across, down = (x - middle) / size, (y - middle) / size
            far = {0: abs(math.hypot(across, down) - 0.3), 1: abs(across + down * 0.2)}.get(
                digit % 3, min(abs(across - down), abs(across + down))
            )
            ink = max(0.0, 1 - far * 9) if max(abs(across), abs(down)) < 0.4 else 0.0
            cells.append(round(255 * ink))
    return bytes(cells)


def examples(count: int = 16, pictures: bool = True, predicted: bool = True) -> list[Example]:
    return [
        Example(
            row=row,
            index=row * 17,
            label=str(row % 10),
            prediction=str(row % 10 if row % 4 else (row + 1) % 10) if predicted else "",
            probability=(0.99 - row * 0.04 if row < 20 else 0.5) if predicted else None,
            right=bool(row % 4) if predicted else None,
            height=28 if pictures else 0,
            width=28 if pictures else 0,
            pixels=pixels(row) if pictures else b"",
        )
        for row in range(1, count + 1)
    ]


def tensor(name: str = "W[1]", value: float = 0.25, rows: int = 32, columns: int = 784) -> TensorView:
    """The first rows of a table; the third column is zero."""
    values = [
        [0.0 if column == 3 else value * row / column for column in range(1, min(columns, 40) + 1)]
        for row in range(1, min(rows, 60) + 1)
    ]
    return TensorView(
        name,
        name,
        dtype="float32",
        shape=[rows, columns],
        rows=rows,
        columns=columns,
        statistics=statistics(name, [rows, columns], value),
        bins=[1, 4, 90, 20, 0, 3],
        low=-value,
        high=value,
        scale=abs(value) * 60,
        values=values,
        at=[1, 1],
        address="w₁,₁[1]",
        value=values[0][0],
        next_zero=[1, 3],
    )


def neurons(value: float = 0.5, known: bool = True) -> NeuronsView:
    """Three columns of five neurons at most; the second neuron of the first layer is picked."""
    columns = [
        NeuronColumn(
            layer,
            f"A[{layer}]",
            SIZES[layer],
            list(range(1, 6)),
            [value * at - 1 for at in range(5)] if known else None,
            3.0,
            layer == 0,
        )
        for layer in range(3)
    ]
    weights = [[[value - 0.2 * (i + j) for i in range(5)] for j in range(5)] for _ in range(2)]
    return NeuronsView(columns, weights, "example 17, row 1, label 7", 1, 2, ["z₂[1](17) = 0.5", "a₂[1](17) = 0.5"])


def landscape(rows: int = 1, value: float = 2.0) -> LandscapeView:
    """A bowl, as a curve or as a map of 9 × 9 points, of which one is not computed yet."""
    values = [value + 0.1 * (x - 4) ** 2 + 0.1 * (y - rows // 2) ** 2 for y in range(rows) for x in range(9)]
    values[0] = math.nan
    marks = [("here", 0.0, value), ("−η·slope", 0.1, value)]
    title = "ℒ along w₃,₅[1]"
    return LandscapeView(
        "parameter", "", title, "w₃,₅[1]", 0.0, 1.0, rows, 9, values, 0.5, marks, [(0.5, 0.5)], rows * 9 - 1
    )


def here() -> Here:
    return Here(
        number=14,
        total=len(OPS),
        phase="backward",
        op="relu",
        layer=2,
        path="layers.1",
        source="model.py:12",
        title="backward · relu 2",
        rule=[
            Term("∂_Z[2]", "64×16"),
            Term(" = "),
            Term("∂_A[2]", "64×16"),
            Term(" ∗ 1["),
            Term("Z[2]", "64×16"),
            Term(" > 0]"),
        ],
        other_title="forward",
        other=[Term("A[2]", "64×16"), Term(" = max(0, "), Term("Z[2]", "64×16"), Term(")")],
        numbers=["∂z₃[2](17) = 0.0124 ∗ 1[0.214 > 0] = 0.0124"],
    )


def residual(blocks: int = 15) -> GraphView:
    """A network of `blocks` with skip connections: 60 nodes and more."""
    nodes = [Node("x", "x", "input", "", 0, [8, 3, 224, 224], [], Mark.DONE)]
    before = "x"
    for block in range(1, blocks + 1):
        weight, conv, act, total = f"conv{block}.weight", f"conv{block}", f"relu{block}", f"add{block}"
        shape = [8, 64, 56, 56]
        done, here = (Mark.TODO, Mark.TODO) if block > 8 else (Mark.DONE, Mark.DONE)
        if block == 8:
            done, here = Mark.HERE, Mark.TODO
        nodes += [
            Node(weight, weight, "parameter", "", block, [64, 64, 3, 3], [], Mark.DONE, None, Mark.TODO),
            Node(
                conv,
                conv,
                "value",
                "conv2d",
                block,
                shape,
                [before, weight],
                Mark.DONE if block == 8 else done,
                None,
                Mark.TODO,
            ),
            Node(act, act, "value", "relu", block, shape, [conv], done, None, Mark.TODO),
            Node(total, total, "value", "add", block, shape, [act, before], here, None, Mark.TODO),
        ]
        before = total
    return whole_graph(nodes, "forward")
