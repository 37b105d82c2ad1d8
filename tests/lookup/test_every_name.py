"""Whatever a pane names can be asked for, in every command that takes a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.launch import open_script
from engine.protocol.messages import GradientLook, GraphLook, Look
from engine.protocol.positions import Phase
from engine.protocol.recipe import Script
from engine.session import Session
from tests.support.programs import PROGRAMS
from tests.support.sessions import small
from tests.support.zoo import ZOO, make

_ROWS = 5000


def opened(name: str) -> Session:
    if name in ZOO:
        return make(name).session()
    return open_script(Script(str(PROGRAMS[name].file), name, 3))


def shown(session: Session) -> list[str]:
    """The names that tape, graph, layers and gradients show at the cursor."""
    found: list[str] = []
    for level in ("ops", "layers"):
        look = Look(
            ["tape", "graph", "layers", "gradients"],
            rows=_ROWS,
            folded=level == "ops",
            graph=GraphLook(rows=_ROWS, level=level),
            gradients=GradientLook(rows=_ROWS),
        )
        view = session.viewer.see(look)
        assert view.tape is not None
        assert view.graph is not None
        assert view.layers is not None
        assert view.gradients is not None
        found += [name for row in view.tape.rows for name in (*row.reads.split(", "), *row.writes.split(", "))]
        found += [node.label for node in (*view.graph.nodes, *view.graph.others)]
        found += [f"{symbol}[{layer.index}]" for layer in view.layers.rows for symbol in layer.shapes]
        found += [name for row in view.gradients.rows for name in (row.name, f"d{row.name}")]
    return list(dict.fromkeys(name for name in found if name))


@pytest.mark.parametrize("name", [*ZOO, *PROGRAMS])
def test_every_name_that_is_shown_can_be_printed_or_says_why_not(name: str) -> None:
    session = opened(name)
    session.step()
    wrong = {}
    for each in shown(session):
        answer = session.do(f"print {each}")
        if answer.error and not ("no gradient" in answer.error or "gradient goes to" in answer.error):
            wrong[each] = answer.error
    assert wrong == {}


def test_names_are_unique_and_each_gives_the_values_of_its_own_shape() -> None:
    session = make("transformer").session()
    session.step()
    tape = session.tape()
    assert tape is not None
    owners: dict[str, object] = {}
    for event in tape.events:
        for value in event.outputs:
            if event.phase in (Phase.FORWARD, Phase.LOSS) and value.name and not value.parameter:
                assert owners.setdefault(value.name, value) is value, value.name
                found: Any = session.do(f"stats {value.name}").value
                assert found["shape"] == list(value.shape)


@pytest.mark.parametrize(
    "named", ["drnn.weight_ih_l0", "d:rnn.weight_ih_l0", "dout[2]", "out[2]", "Z[1][…]", "rnn", "drnn"]
)
def test_every_command_takes_every_name(named: str, tmp_path: Path) -> None:
    session = make("lstm").session()
    session.step()
    for command in ("print norm({})", "stats {}", "plot norm({})", "place {}", f"write {{}} {tmp_path / 'a.npy'}"):
        assert not session.do(command.format(named)).error, command
    assert not session.do(f"watch norm({named}) > 1e9").error
    assert not session.do("run 1").error
    hit = session.run(2, until=f"norm({named}) >= 0")
    assert hit is not None
    assert hit.position.iteration == 3
    assert named.replace("d:", "d") in session.values().names()


@pytest.mark.parametrize(("word", "means"), [("acc", "accuracy"), ("η", "learning_rate"), ("lr", "learning_rate")])
def test_the_words_of_the_header_are_words_of_the_language(word: str, means: str) -> None:
    session = small()
    session.step()
    assert session.do(f"print {word}").value == session.do(f"print {means}").value is not None


class Paced(torch.optim.Optimizer):
    """An optimizer of the user's own, with a state of its own."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.1})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["pace"] = self.state[parameter].get("pace", 0.0) + parameter.grad.abs()
                parameter.data -= group["lr"] * parameter.grad


def test_what_any_optimizer_keeps_is_a_function_of_a_parameter() -> None:
    model = torch.nn.Linear(3, 2)
    data = [(torch.randn(4, 3), torch.arange(4) % 2)] * 2
    session = Session(model, torch.nn.CrossEntropyLoss(), Paced(model.parameters()), data)
    session.step()
    assert session.do("print norm(pace(weight))").value > 0  # type: ignore[operator]
    assert "pace" not in session.do("print pace(weight)").error


def test_losses_go_by_the_names_that_the_header_has() -> None:
    session = opened("gan")
    session.step()
    for name in session.timeline.loss_names:
        assert session.do(f"print {name}").value == session.moment.losses[name]


def test_a_name_that_a_word_of_the_run_hides_is_asked_for_in_quotes() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.loss = nn.Parameter(torch.ones(3))
            self.register_buffer("batch", torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            scaled: Tensor = x * self.loss * self.get_buffer("batch")
            return scaled

    model = Scaled()
    data = [(torch.randn(4, 3), torch.randn(4, 3)) for _ in range(2)]
    session = Session(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.1), data)
    session.do("step batch 2")
    assert {"'loss'", "'batch'"} <= {*session.values().names()}
    assert session.do("print 'loss'").value == pytest.approx(model.loss.tolist())
    assert session.do("print norm('loss')").value == pytest.approx(float(model.loss.detach().norm()))
    assert session.do("print loss").value == session.timeline.losses[-1]
    assert session.do("print batch").value == 2
    assert session.do("print 'batch'").value == 1.0


@pytest.mark.parametrize("wrong", ["wieght", "W", "nrom(W[1])", "dZ[9]", "d0.wieght"])
def test_a_wrong_name_gets_the_three_nearest(wrong: str) -> None:
    session = opened("one_cycle")
    session.step()
    error = session.do(f"print {wrong}").error
    assert error
    assert len(error) < 160
    assert error.count(",") <= 4


def test_tied_weights_go_by_each_of_their_names_and_a_targets_name_is_there_with_the_targets() -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.coder, self.decoder = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
            self.decoder.weight = self.coder.weight

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return torch.tanh(self.decoder(torch.tanh(self.coder(rows))))

    model = Tied()
    data = [(torch.randn(4, 3), torch.randn(4, 3))] * 2
    session = Session(model, torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), data)
    assert "Y" not in session.values().names()
    session.step()
    assert session.do("print norm(ddecoder.weight)").value == session.do("print norm(dcoder.weight)").value
    assert session.do("print norm(decoder.weight - W[2])").value == 0.0
    assert {"Y", "decoder.weight"} < set(session.values().names())
    assert "nearest are decoder.weight" in session.do("print decoder.wieght").error


class SkipsOne(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.skipped, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        out: Tensor = self.last(torch.relu(self.first(inputs)))
        return out


def test_a_layer_that_was_not_called_has_no_values_to_ask_for_and_says_so() -> None:
    model, targets = SkipsOne(), torch.zeros(2, dtype=torch.long)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    session = Session(model, nn.CrossEntropyLoss(), optimizer, [(torch.ones(2, 3), targets)])
    assert "Z[2]" in session.values().names()
    session.step()
    names = session.values().names()
    assert {"Z[1]", "A[1]", "Z[3]", "A[3]", "W[2]"} < {*names}
    assert not {"Z[2]", "A[2]", "dZ[2]", "dA[2]"} & {*names}
    for name in ("Z[2]", "dA[2]"):
        said = session.do(f"print {name}").error
        assert said == f"there is no {name} in this batch — layer 2 (skipped) was not called in it"
