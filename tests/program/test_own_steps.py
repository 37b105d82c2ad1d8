"""A step of the user's own in the engine: walked at every unit, forward and back, with the bits of a plain loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.launch import open_script
from engine.program.modules import Modules
from engine.program.program import Program
from engine.protocol.positions import Phase, Unit
from engine.protocol.recipe import Script
from engine.session import Session
from engine.training.state import capture_optimizer, capture_tensors, digest
from tests.support.programs import PROGRAMS
from tests.support.scripts import printed_by_plain_python, printed_here

BATCHES = [1, 8, 50]


def opened(name: str, epochs: int = 60) -> Session:
    return open_script(Script(str(PROGRAMS[name].file), name, epochs, epochs_given=True))


def plain_digest(name: str, batches: int) -> str:
    """Of a plain loop over as many batches."""
    left: dict[str, Any] = PROGRAMS[name].plain(batches)
    modules = Modules(left["modules"])
    states = {optimizer: capture_optimizer(each).state for optimizer, each in left["optimizers"].items()}
    return digest(modules, capture_tensors(modules), states)


@pytest.mark.parametrize("name", PROGRAMS)
def test_run_free_or_recorded_it_ends_in_the_bits_of_the_plain_loop(name: str) -> None:
    session = opened(name)
    for batches in BATCHES:
        session.goto(place(session, batches))
        assert session.digest() == plain_digest(name, batches), batches
    session.goto("start")
    session.step(Unit.PHASE, 3)
    session.step(Unit.OP, 5)
    while session.iteration < 8 or session.event is not None:
        session.step(Unit.LAYER)
    assert session.digest() == plain_digest(name, 8)


def place(session: Session, iteration: int) -> str:
    return "{}:{}".format(*session.calendar.place(iteration))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_walk_back_and_forth_sees_the_same_at_the_same_place(name: str) -> None:
    session = opened(name)
    seen: dict[tuple[int, int | None], tuple[str, float | None]] = {}
    for _ in range(3):
        session.step(Unit.BATCH)
        session.step(Unit.PHASE, 2)
        seen[session.iteration, session.event] = session.digest(), session.loss
        session.step(Unit.BATCH)
        seen[session.iteration, session.event] = session.digest(), session.loss
    session.goto(place(session, 40))
    for iteration, event in reversed(list(seen)):
        session.goto(place(session, iteration) + (f":{event}" if event else ""))
        assert (session.digest(), session.loss) == seen[iteration, event], (iteration, event)
    assert not session.timeline.divergence


@pytest.mark.parametrize("name", ["over_batches", "lbfgs", "one_cycle", "language_model"])
def test_an_exported_script_ends_in_the_same_digest(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = opened(name)
    session.goto(place(session, 8))
    said = session.do(f"export script {tmp_path / 'plain.py'}")
    assert not said.error, said.error
    assert printed_here(tmp_path / "plain.py", capsys) == session.digest()


def test_the_exported_script_of_a_step_of_one_s_own_needs_nothing_of_this_program(tmp_path: Path) -> None:
    session = opened("gan")
    session.goto(place(session, 8))
    session.do(f"export script {tmp_path / 'plain.py'}")
    assert printed_by_plain_python(tmp_path / "plain.py") == session.digest()


def phases(session: Session) -> list[Phase]:
    tape = session.tape()
    assert tape is not None
    return [phase for phase, _ in tape.phases()]


def test_a_gan_s_batch_has_two_losses_two_passes_and_two_updates() -> None:
    session = opened("gan")
    session.step()
    found = phases(session)
    assert found[0] is Phase.LOAD
    assert [found.count(phase) for phase in (Phase.BACKWARD, Phase.UPDATE)] == [2, 2]
    assert Phase.BETWEEN in found
    assert len(session.timeline.loss_names) == 2
    assert "name one" in session.do("print loss").error
    for name in session.timeline.loss_names:
        assert isinstance(session.do(f"print {name}").value, float)


def test_several_rates_are_set_by_name_or_all_at_once() -> None:
    session = opened("gan")
    session.step()
    refused = session.do("set learning_rate 0.1").error
    assert "name one" in refused
    groups = list(session.moment.learning_rates)
    assert len(groups) == 2
    assert not session.do(f"set learning_rate[{groups[0]}] 0.25").error
    assert session.moment.learning_rates[groups[0]] == 0.25 != session.moment.learning_rates[groups[1]]
    assert not session.do("set lr[*] 0.125").error
    assert set(session.moment.learning_rates.values()) == {0.125}


def test_a_worked_update_has_the_rate_of_its_own_event() -> None:
    session = opened("one_cycle")
    session.step(Unit.BATCH, 3)
    tape = session.tape()
    assert tape is not None
    rates = {event.settings["lr"] for event in tape.events if event.phase is Phase.UPDATE}
    used = session.timeline.series.at("learning_rate", 3)
    assert rates == {used}
    assert session.learning_rate != used  # the scheduler has stepped since


def test_a_closure_s_passes_are_phases_before_the_update_that_ends_the_step() -> None:
    session = opened("lbfgs")
    session.step()
    found = phases(session)
    assert found[-1] is Phase.UPDATE
    assert found.count(Phase.UPDATE) == 1 < found.count(Phase.BACKWARD)


def test_a_watch_on_one_of_several_losses_stops_where_it_is_computed() -> None:
    session = opened("gan")
    session.step()
    first, second = session.timeline.loss_names
    for name in (second, first):
        said = session.do(f"run until {name} > 0")
        assert said.hit, said.error
        tape = session.tape()
        assert tape is not None
        event = tape.losses[name].event
        assert event is not None
        assert said.hit.event == event.number
        session.step()


def test_numbers_that_a_step_returns_are_losses_where_a_backward_pass_began_from_them() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step(batch: Tensor) -> dict[str, float]:
        optimizer.zero_grad()
        near, far = model(batch).pow(2).mean(), (model(batch) - 1).abs().mean()
        near.backward()
        far.backward()
        optimizer.step()
        return {"near": near.item(), "far": far.item(), "share": 0.25}

    session = Session.of(Program(Modules.of(model), {"": optimizer}, [torch.ones(3, 2), torch.zeros(3, 2)], step))
    session.step()
    assert session.timeline.loss_names == ["near", "far"]
    assert session.do("print share").value == 0.25
    tape = session.tape()
    assert tape is not None
    assert list(tape.losses) == ["near", "far"]


def bare(hidden: bool) -> Program:
    """A step that trains tensors of no module; `hidden` ones are where nobody calls them anything."""
    torch.manual_seed(0)
    model, first = nn.Linear(3, 3), torch.randn(4, 3, requires_grad=True)
    held = {"deep": {"down": first}}
    optimizer = torch.optim.SGD([first, *model.parameters()], 0.1)

    def step(batch: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(batch @ (held["deep"]["down"] if hidden else first)).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    if hidden:
        del first
    return Program(Modules.of(model), {"": optimizer}, [torch.ones(5, 4) * n for n in range(1, 7)], step)


@pytest.mark.parametrize("hidden", [False, True])
def test_parameters_of_no_module_are_recorded_in_every_batch(hidden: bool) -> None:
    session = Session.of(bare(hidden))
    session.goto("end")
    last = session.digest()
    session.goto("start")
    for _ in range(6):
        assert not session.do("step op 3").error
        assert not session.do("step batch").error
    session.goto("end")
    assert session.digest() == last
    tape = session.tape()
    assert tape is not None
    used = {value.name for event in tape.events for value in event.inputs}
    assert ("first" in used) is not hidden
