"""The compute graph: which lines it has, what folding does, and that only what is seen is sent."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import resnet50

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.panes.graph import graph_view
from engine.panes.graph_plan import LEVELS
from engine.protocol.messages import GraphLook
from engine.protocol.positions import Mark, Phase, Unit
from engine.protocol.views import GraphView, Node
from engine.session import Session
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.panes.graph import GraphPane
from nnwalk_tui.render import graph as render
from tests.support.live import Live, LiveTarget
from tests.support.looks import graph as view
from tests.support.zoo import ZOO, make


def labels(graph: GraphView) -> list[str]:
    return [node.label for node in graph.nodes]


def mlp(*units: Unit) -> Session:
    session = open_experiment(Experiment(layers=(784, 8, 10), batch_size=32, epochs=1))
    for unit in units:
        session.step(unit)
    return session


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("level", LEVELS)
def test_the_engine_counts_lines_as_the_screen_draws_them(name: str, level: str) -> None:
    session = make(name).session()
    session.step(Unit.OP, 3)
    while True:
        graph = view(session, level)
        rows = render.rows(graph)
        assert (len(rows), graph.first) == (graph.lines, 1)
        marked = [at for at, row in enumerate(rows, 1) if Mark.HERE in marks(row)]
        assert graph.at == min(marked, default=0)
        if session.event is None:
            break
        session.step(Unit.LAYER)
    assert graph.widths[1] == max(len(row.node.label) + row.node.closed for row in rows)


def marks(row: render.Row) -> set[Mark | None]:
    node = row.side if row.edge else row.node
    return {node.mark, node.gradient_mark} if node else set()


def test_the_course_s_network_is_its_values_and_parameters() -> None:
    graph = view(mlp())
    assert labels(graph) == ["A[0]", "Z[1]", "A[1]", "Z[2]", "ℒ"]
    assert [node.label for node in graph.others] == ["W[1]", "b[1]", "W[2]", "b[2]", "Y"]


def test_single_operations_are_the_autodiff_graph() -> None:
    session = mlp(Unit.BATCH)
    graph = view(session, "ops")
    ops = {node.label: node.op for node in graph.nodes}
    assert ops["Z[1]"] == "linear · AddmmBackward0"
    assert ops["A[1]"] == "relu · ReluBackward0"
    assert ops["W[1]ᵀ"] == "t · TBackward0"
    assert any("LogSoftmaxBackward0" in op for op in ops.values())
    reached = {node.label: node.gradient_mark for node in (*graph.nodes, *graph.others)}
    assert reached["Y"] is None
    assert reached["A[0]"] is None
    assert reached["W[1]"] is Mark.DONE


def test_what_is_made_of_parameters_alone_stands_beside_the_main_path() -> None:
    graph = view(mlp(Unit.BATCH), "ops")
    assert [node.label for node in graph.nodes if node.kind == "side"] == ["W[1]ᵀ", "W[2]ᵀ"]
    rows = render.rows(graph)
    made = next(row for row in rows if row.edge and row.side and row.side.label == "b[1]")
    assert made.op == "linear · AddmmBackward0", "nothing else enters on the main path"
    assert made.source is not None
    assert made.source.label == "A[0]"


def test_what_is_made_of_parameters_for_later_is_on_the_main_path() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 4))

        def forward(self, x: Tensor) -> Tensor:
            half = self.weight * 0.5
            return torch.relu(x @ self.weight) @ half

    model, loader = Tied(), [(torch.randn(3, 4), torch.tensor([0, 1, 2]))]
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    session.step()
    assert {node.kind for node in view(session, "ops").nodes if node.op.startswith("mul")} == {"value"}


def test_a_dropout_mask_is_a_constant_that_no_gradient_goes_to() -> None:
    session = open_experiment(Experiment(layers=(784, 8, 10), batch_size=32, epochs=1, dropout=0.5))
    session.step()
    nodes = {node.label: node for node in (*view(session, "ops").nodes, *view(session, "ops").others)}
    assert nodes["mask"].gradient_mark is None
    assert "mask" not in {node.label for node in view(session).others}


def resnet() -> Session:
    return make("resnet18").session()


@pytest.fixture(scope="module")
def stepped() -> Session:
    """One batch of a resnet, for the tests that only look at it: making and holding its tape is dear."""
    session = resnet()
    session.step()
    return session


def test_modules_are_folded_until_they_are_opened(stepped: Session) -> None:
    session = stepped
    folded = view(session)
    closed = {node.label: node for node in folded.nodes if node.closed}
    assert list(closed) == ["layer1", "layer2", "layer3", "layer4"]
    assert closed["layer2"].module == "layer2"
    assert "operations" in closed["layer2"].op
    opened = view(session, "layers", "layer1")
    inner = {node.label: node for node in opened.nodes if node.module.startswith("layer1")}
    assert {"layer1.0", "layer1.1"} <= set(inner)
    assert inner["layer1.0"].closed
    deeper = view(session, "layers", "layer1", "layer1.0")
    own = [node for node in deeper.nodes if node.module == "layer1.0" and not node.closed]
    assert any(node.op.startswith("conv") for node in own)
    assert folded.lines < opened.lines < deeper.lines < view(session, "ops").lines


def test_every_module_can_be_opened_and_folded_again(stepped: Session) -> None:
    session = stepped
    toggled: set[str] = set()
    graph = view(session)
    while closed := [node.module for node in graph.nodes if node.closed]:
        toggled ^= {closed[0]}
        graph = view(session, "layers", *toggled)
    assert not any(node.closed for node in graph.nodes)
    for module in sorted(toggled, key=lambda path: -path.count(".")):
        toggled ^= {module}
    assert view(session, "layers", *toggled) == view(session)


async def test_what_is_folded_or_unfolded_stays_where_it_stood_on_screen(tmp_path: Path) -> None:
    app = NNWalkApp(LiveTarget(resnet()), state=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        on = Live(app.talk.target, app, pilot)  # type: ignore[arg-type]  # it is the one given above
        await on.press("b", "end", *["up"] * 60, *["down"] * 12)

        def place(label: str) -> int:
            return next(at for at, line in enumerate(on.text("graph").splitlines()) if label in line)

        pane = on.pane("graph")
        assert isinstance(pane, GraphPane)
        while "layer2" not in pane.chosen_tensor():
            await on.press("down")
        before = place("+layer2 ")
        await on.press("plus")
        inner = place(pane.chosen_tensor())
        assert inner == before
        before = place("+layer2.1 ")
        await on.press("plus")
        assert place(pane.chosen_tensor()) == before
        await on.press("minus")
        assert place("+layer2.1 ") == before


def test_a_folded_module_shows_how_far_the_cursor_is_in_it() -> None:
    session = resnet()
    session.step(Unit.OP, 2)
    tape = session.tape()
    assert tape is not None
    first = next(event for event in tape.events if event.path.startswith("layer2"))
    forward = [event for event in tape.events if event.phase is Phase.FORWARD]
    last = [event for event in forward if event.path.startswith("layer2")][-1]
    for number, mark in (
        (first.number - 1, Mark.TODO),
        (first.number, Mark.HERE),
        (last.number, Mark.HERE),
        (last.number + 1, Mark.DONE),
    ):
        session.goto(f"1:1:{number}")
        node = next(node for node in view(session).nodes if node.label == "layer2")
        assert node.mark is mark
    back = next(event for event in tape.events if event.twin is last)
    session.goto(f"1:1:{back.number}")
    node = next(node for node in view(session).nodes if node.label == "layer2")
    assert node.gradient_mark is Mark.HERE


def test_a_wrapper_around_the_whole_model_is_open() -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.net(rows)  # type: ignore[no-any-return]

    model = Wrapper()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = [(torch.randn(3, 4), torch.tensor([0, 1, 0]))]
    session = Session(model, nn.CrossEntropyLoss(), optimizer, loader)
    session.step()
    assert [node.label for node in view(session).nodes if node.closed] == ["net.0"]


@given(first=st.integers(1, 400), rows=st.integers(1, 60), follow=st.booleans(), event=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_only_lines_around_those_asked_for_are_sent(
    stepped: Session, first: int, rows: int, follow: bool, event: int
) -> None:
    session = stepped
    session.goto(f"1:1:{max(1, min(event, len(session.tape() or [])))}")
    whole = view(session, "ops")
    all_rows = render.rows(whole)
    part = graph_view(session.moment, GraphLook("ops", [], first, rows, follow))
    assert part is not None
    assert (part.lines, part.at, part.widths) == (whole.lines, whole.at, whole.widths)
    sent = render.rows(part)
    begin = first
    if follow and part.at:
        assert part.first <= part.at < part.first + len(sent)
        begin = part.first
    for line in range(begin if not follow else part.at, min(begin + rows, part.lines + 1)):
        assert sent[line - part.first] == all_rows[line - 1]
    assert len(part.nodes) <= rows + 4


def test_what_is_searched_for_is_found_by_label_operation_or_module_folded_or_not(stepped: Session) -> None:
    session = stepped
    graph = view(session, search="layer2.0.conv1")
    rows = render.rows(graph)
    assert [rows[line - 1].node.label for line in graph.found] == ["layer2"]
    graph = view(session, "layers", "layer2", "layer2.0", search="layer2.0.conv1 conv")
    rows = render.rows(graph)
    assert [rows[line - 1].node.op for line in graph.found if not rows[line - 1].edge] == ["conv"]
    assert view(session, search="no such thing").found == []


def without_marks(node: Node) -> Node:
    return msgspec.structs.replace(node, mark=Mark.TODO, gradient=None, gradient_mark=None)


def test_marks_move_and_lines_stay() -> None:
    session = mlp(Unit.OP)
    still = None
    for _ in range(20):
        graph = view(session, "ops")
        bare = [without_marks(node) for node in graph.nodes]
        assert still is None or bare == still
        still = bare
        session.step(Unit.OP)


def test_resnet50_s_graph_is_sent_in_a_few_kilobytes() -> None:
    torch.manual_seed(0)
    model = resnet50(weights=None, num_classes=10)
    loader = [(torch.randn(2, 3, 32, 32), torch.tensor([1, 2]))]
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01), loader)
    session.step(Unit.PHASE, 2)
    tape = session.tape()
    assert tape is not None
    single = graph_view(session.moment, GraphLook("ops", [], rows=120))
    assert single is not None
    assert single.lines > 500
    assert len(msgspec.msgpack.encode(single)) < 40_000
    assert len(view(session).nodes) < 20


def test_a_loss_of_several_operations_is_called_by_its_own_name_or_by_their_number() -> None:
    for loss, called in (
        (nn.CrossEntropyLoss(), "cross-entropy"),
        (lambda rows, labels: nn.functional.cross_entropy(rows, labels) * 1e-3, "3 operations"),
    ):
        model = nn.Linear(3, 3)
        data = [(torch.randn(4, 3), torch.arange(4) % 3)]
        session = Session(model, loss, torch.optim.SGD(model.parameters(), lr=0.1), data)
        session.step()
        assert view(session).nodes[-1].op == called


def test_an_operations_width_is_that_of_what_is_written_on_its_line() -> None:
    session = make("transformer").session()
    session.step()
    seen = view(session)
    assert seen.widths[3] == max(len(row.op) for row in render.rows(seen))
