"""nan(*): exactly the operation that made the first NaN or infinity out of finite values, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.history.timeline import Timeline
from engine.launch import open_script
from engine.lookup.everywhere import first_bad
from engine.protocol.recipe import Script
from engine.session import Session
from engine.watching.cause import nonfinite_words

Loss = Callable[[Any, Any], Tensor]


class Through(nn.Module):
    """A function between two linear layers; `mask` is a buffer of −∞ above the diagonal."""

    def __init__(self, function: Callable[[Tensor], Tensor] | None = None, **options: Any) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4, **options), nn.Linear(4, 3)
        self.function = function
        self.mask: Tensor
        self.register_buffer("mask", torch.full((4, 4), -torch.inf).triu(1))

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.first(rows)
        hidden = self.attended(hidden) if self.function is None else self.function(hidden)
        logits: Tensor = self.second(hidden)
        return logits

    def attended(self, hidden: Tensor) -> Tensor:
        """Attention of 4 places among each other, none to a later one."""
        scores = hidden.unsqueeze(-1) * hidden.unsqueeze(-2) + self.mask
        return (torch.softmax(scores, -1) @ hidden.unsqueeze(-1)).squeeze(-1)


def batches(size: int = 6, count: int = 4) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(1)
    return [(torch.randn(size, 4), torch.arange(size) % 3) for _ in range(count)]


def session(model: nn.Module, loss: Loss | None = None, data: Any = None, make: Any = torch.optim.SGD) -> Session:
    optimizer = make(model.parameters(), lr=0.1)
    return Session(model, loss or nn.CrossEntropyLoss(), optimizer, data or batches(), epochs=3)


def masked_fill(hidden: Tensor) -> Tensor:
    """A mask that leaves one place of each row."""
    return torch.softmax(hidden.masked_fill(torch.tensor([False, True, True, True]), -torch.inf), -1)


def all_masked(hidden: Tensor) -> Tensor:
    """The third row has no place left."""
    masked = torch.zeros(len(hidden), 4, dtype=torch.bool)
    masked[2] = True
    return torch.softmax(hidden.masked_fill(masked, -torch.inf), -1)


def where_root(hidden: Tensor) -> Tensor:
    """NaN that `where` hides."""
    return torch.where(hidden > 0, hidden.sqrt(), torch.zeros_like(hidden))


def root_of_relu(hidden: Tensor) -> Tensor:
    return torch.relu(hidden).sqrt()


def by_none(hidden: Tensor) -> Tensor:
    """The mean of nothing, in row 3."""
    counted = torch.ones(len(hidden), 1)
    counted[2] = 0
    return hidden * counted / counted


def by_almost_none(hidden: Tensor) -> Tensor:
    """By 1e-44 in row 3, beside numbers that are large and do no harm in row 5."""
    spread = torch.ones(len(hidden), 1)
    spread[2] = 1e-44
    size = torch.ones(len(hidden), 1)
    size[4] = 1e36
    return hidden * size / spread / size


def in_place(hidden: Tensor) -> Tensor:
    """An infinity that is overwritten before the batch ends."""
    spoiled = hidden.detach().clone()
    spoiled.mul_(1e38).mul_(1e38)
    spoiled.fill_(0.0)
    return hidden + spoiled


def log_of_softmax(output: Tensor, targets: Tensor) -> Tensor:
    chosen = torch.softmax(output * 1e4, -1).log()
    return -chosen.gather(1, targets[:, None]).mean()


# the session, the phase and operation that the hit names, its rows, and words of the advice
MADE: dict[str, tuple[Callable[[], Session], str, str, str, str]] = {
    "the slope of √ at 0": (lambda: session(Through(root_of_relu)), "backward", "sqrt", "", "slope of sqrt at 0"),
    "√ of less, hidden by where": (lambda: session(Through(where_root)), "forward", "sqrt", "", "negative"),
    "0/0": (lambda: session(Through(by_none)), "forward", "div", "row 3;", "division by 0"),
    "next to 0": (lambda: session(Through(by_almost_none)), "forward", "div", "row 3;", "division by next to 0"),
    "log 0": (lambda: session(Through(torch.tanh), log_of_softmax), "loss", "log", "row", "logarithm of 0"),
    "a row that is all masked": (lambda: session(Through(all_masked)), "forward", "softmax", "row 3;", "masked"),
    "an infinity that is overwritten": (lambda: session(Through(in_place)), "forward", "mul", "", "overflow"),
}


@pytest.mark.parametrize("what", MADE)
def test_a_run_stops_at_the_operation_that_made_it_and_says_where_and_why(what: str) -> None:
    make, phase, op, rows, advice = MADE[what]
    torch.manual_seed(0)
    hit = make().run(until="nan(*)")
    assert hit is not None
    assert hit.position.iteration == 1
    assert hit.title.startswith(f"{phase} · {op}")
    assert rows in hit.value
    assert "test_nonfinite.py:" in hit.value
    assert advice in hit.advice
    assert "lower rate" not in hit.advice or "overflow" in hit.advice


def test_an_epsilon_that_is_0_in_half_precision_is_named() -> None:
    torch.manual_seed(0)
    data = [(rows.half(), targets) for rows, targets in batches()]
    hit = session(Through(torch.relu).half(), data=data, make=torch.optim.Adam).run(until="nan(*)")
    assert hit is not None
    assert hit.title.startswith("update")
    assert "ε = 1e-08 is 0 in float16" in hit.advice


def test_an_infinite_second_moment_rings_though_every_parameter_is_finite() -> None:
    torch.manual_seed(0)
    steep = session(Through(torch.relu), lambda output, targets: (output * 1e25).mean(), make=torch.optim.Adam)
    hit = steep.run(until="nan(*)")
    assert hit is not None
    assert hit.title.startswith("update")
    assert steep.do("print nan(*)").value is True
    assert all(bool(torch.isfinite(tensor).all()) for tensor in steep.trainer.model.parameters())


def test_nan_in_the_data_is_told_with_its_row_when_it_reaches_the_loss() -> None:
    data = batches()
    data[2][0][4, 1] = torch.nan
    hit = session(Through(torch.relu), data=data).run(until="nan(*)")
    assert hit is not None
    assert hit.position.iteration == 3
    assert hit.title.startswith("loss")
    assert "came with the data" in hit.advice
    assert "row 5" in hit.advice


@pytest.mark.parametrize("function", [None, masked_fill], ids=["a buffer of −∞", "masked_fill"])
def test_what_is_filled_in_on_purpose_is_silent(function: Callable[[Tensor], Tensor] | None) -> None:
    watched = session(Through(function))
    assert watched.run(until="nan(*)") is None
    assert watched.iteration == watched.total
    assert watched.do("print nan(*)").value is False


def added_in_place(hidden: Tensor) -> Tensor:
    scores = hidden * 2.0
    scores += torch.tensor([0.0, 0.0, -torch.inf, -torch.inf])
    return torch.softmax(scores, -1)


def masked_too_much(hidden: Tensor) -> Tensor:
    """A mask that is added, and another that leaves the third row nothing, but in whole batches only."""
    mask = torch.zeros(len(hidden), 4)
    mask[2] = -torch.inf if len(hidden) > 5 else 0.0
    return torch.softmax(hidden + mask, -1)


@pytest.mark.parametrize(("function", "most"), [(None, 0), (added_in_place, 1)], ids=["added", "added in place"])
def test_a_mask_that_is_added_has_no_batch_recorded_again_and_again(
    function: Any, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []
    plain = Timeline.record_batch

    def record(timeline: Timeline, *wanted: Any) -> Any:
        recorded.append(timeline.trainer.iteration)
        return plain(timeline, *wanted)

    run = session(Through(function))
    run.do("watch nan(*)")
    monkeypatch.setattr(Timeline, "record_batch", record)
    assert run.run() is None
    assert len(recorded) <= most


def test_a_mask_that_leaves_nothing_rings_after_one_that_was_harmless() -> None:
    data = [*batches(5, 3), *batches(6, 1)]
    hit = session(Through(masked_too_much), data=data).run(until="nan(*)")
    assert hit is not None
    assert hit.position.iteration == 4
    assert hit.title.startswith("forward · softmax")


def steep(hidden: Tensor) -> Tensor:
    """A gradient of ∞ that a hook on the tensor hides from all that lies below."""
    hidden.register_hook(lambda gradient: torch.nan_to_num(gradient, 0.0, 0.0, 0.0))
    return root_of_relu(hidden)


def cleaned(optimizer: torch.optim.Optimizer, *call: Any) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad.nan_to_num_(0.0, 0.0, 0.0)


def test_what_hides_a_gradient_that_is_not_finite_hides_it_not_from_a_free_run() -> None:
    torch.manual_seed(0)
    hit = session(Through(steep)).run(until="nan(*)")
    assert hit is not None
    assert hit.title.startswith("backward · sqrt")
    kept = session(Through(torch.relu), lambda output, targets: (output * 1e30).square().sqrt().sum() * 1e30)
    kept.trainer.optimizer.register_step_pre_hook(cleaned)
    hit = kept.run(until="nan(*)")
    assert hit is not None
    assert hit.position.iteration == 1


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam, torch.optim.LBFGS])
@pytest.mark.parametrize("function", [None, torch.relu])
def test_looking_at_every_tensor_changes_no_bit(function: Any, make: Any) -> None:
    digests = []
    for until in ("", "nan(*)"):
        torch.manual_seed(0)
        run = session(Through(function), make=make)
        run.run(3, until=until)
        digests.append(run.digest())
    assert digests[0] == digests[1]


def test_a_free_run_rings_in_the_batch_in_which_a_recorded_one_finds_something() -> None:
    """Weights of many sizes, so that values overflow sooner, later or never, in all kinds of operations."""
    found = 0
    for seed in range(12):
        places = []
        for recorded in (False, True):
            torch.manual_seed(seed)
            model = Through(torch.exp if seed % 2 else torch.square)
            model.first.weight.data.mul_(float(10 ** (seed / 2)))
            run = session(model, nn.MSELoss(), [(rows, torch.randn(6, 3)) for rows, _ in batches()])
            places.append(_first_recorded(run) if recorded else _first_run(run))
        assert places[0] == places[1], seed
        found += places[0] is not None
    assert 0 < found < 12


def _first_run(run: Session) -> tuple[int, int] | None:
    hit = run.run(until="nan(*)")
    return None if hit is None else (hit.position.iteration, hit.event)


def _first_recorded(run: Session) -> tuple[int, int] | None:
    for _ in range(run.total):
        run.step()
        made = first_bad(run.values())
        if made is not None:
            return run.iteration, made.event.number
    return None


def test_a_plain_run_says_at_its_end_what_became_non_finite_and_since_when() -> None:
    data = batches(count=70)
    data[60][0][0, 0] = torch.inf
    torch.manual_seed(0)
    run = session(Through(torch.relu), data=data)
    said = run.do("run 69").text
    assert "first.weight, first.bias, second.weight and 1 more are not finite since batch 1:61" in said
    assert run.iteration == 69
    digest = run.digest()
    assert "not finite" not in run.do("run 3").text  # it was told
    run.do("goto 1:69")
    assert run.digest() == digest
    hit = run.reverse_run("nan(*)")
    assert hit is not None
    assert hit.position.iteration == 61


def test_a_plain_run_says_nothing_of_a_mask_in_a_buffer() -> None:
    assert "not finite" not in session(Through()).do("run").text


def test_a_tape_that_holds_little_is_recorded_again_where_it_must_be() -> None:
    places = []
    for room in (256 * 2**20, 2_000):
        torch.manual_seed(0)
        model = Through(root_of_relu)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        run = Session(model, nn.CrossEntropyLoss(), optimizer, batches(), tape_bytes=room)
        hit = run.run(until="nan(*)")
        places.append(hit and (hit.position.iteration, hit.event, hit.title))
    assert places[0] == places[1]


SCALED = """
import torch
from torch import nn


def fit():
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    data = [(torch.full((4, 3), 9.0), torch.full((4, 1), -9.0)) for _ in range(3)]

    def step(batch):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        scaler.scale(loss).backward()
        if SKIPS:
            scaler.step(optimizer)
        else:
            optimizer.step()
        scaler.update() if SKIPS else None
        return loss

    return dict(modules=model, optimizers=optimizer, loader=data, step=step, state=scaler)
"""


@pytest.mark.parametrize("skips", [True, False])
def test_an_infinity_that_a_scaler_skips_its_step_for_is_no_fault(skips: bool, tmp_path: Path) -> None:
    file = tmp_path / "scaled.py"
    file.write_text(f"SKIPS = {skips}\n{SCALED}")
    run = open_script(Script(str(file), "fit", 1))
    hit = run.run(until="nan(*)")
    tape = run.tape()
    assert hit is not None
    assert hit.event is not None
    assert tape is not None
    advice = nonfinite_words(run.moment, tape, hit.event)[1]
    assert ("the GradScaler found it and took no step" in advice) is skips
