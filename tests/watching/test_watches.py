"""Watches: a run stops where a scan in single steps finds the first true place, and in reverse the last."""

from __future__ import annotations

import json
from itertools import product

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.protocol.positions import Unit
from engine.protocol.replies import Hit
from engine.session import Session
from nnwalk_tui.cli import commands
from tests.support.conditions import INSIDE, SCALARS
from tests.support.scan import Place, Scanned, place_of, stand
from tests.support.sessions import small
from tests.support.zoo import make


@pytest.fixture(scope="module")
def scanned() -> Scanned:
    """A session that has been looked at after every single step."""
    scanned = Scanned()
    scanned.scan([*SCALARS, *INSIDE])
    return scanned


@pytest.mark.parametrize("most", [10, pytest.param(30, marks=pytest.mark.soak)])  # places from either end
@pytest.mark.parametrize("expression", [*SCALARS, *INSIDE])
def test_runs_and_reverse_runs_land_where_a_scan_in_single_steps_finds_it_true(
    scanned: Scanned, expression: str, most: int
) -> None:
    places = scanned.places(expression)
    session = small()
    for expected in places[:most]:
        assert session.run(until=expression) is not None
        assert place_of(session, scanned.events) == expected
    if len(places) <= most:
        assert session.run(until=expression) is None
        assert (session.iteration, session.event) == (22, None)
    session.run()
    last = [place for place in places if place != (22, scanned.events)]
    for expected in reversed(last[-most:]):
        assert session.reverse_run(expression) is not None
        assert place_of(session, scanned.events) == expected
    if len(last) <= most:
        assert session.reverse_run(expression) is None
        assert (session.iteration, session.event) == (0, None)


OF_SCALARS = [
    f"{name} {sign} {limit}" for name, sign, limit in product(("loss", "accuracy"), "<>", (0.3, 0.4, 0.5, 0.87))
]
OF_TENSORS = [
    f"{name} {sign} {limit}"
    for name, sign, limit in product(
        ("norm(dW[1])", "max(abs(Z[2]))", "ratio(W[3])", "W[3][1,2]", "mean(dZ[2])"),
        "<>",
        (-0.2, 0.0, 0.005, 0.02, 0.3, 0.9),
    )
]


@pytest.fixture(scope="module")
def thresholds(scanned: Scanned) -> Scanned:
    """The same session, looked at for thresholds as well."""
    SCALARS.update((expression, expression.split()[0]) for expression in OF_SCALARS)
    scanned.scan([*OF_SCALARS, *OF_TENSORS])
    return scanned


@pytest.mark.parametrize("expression", ["saturated(A[1]) > 0.945", "saturated(A[2]) > 0.49", "max(dA[2]) < 0.022"])
def test_saturation_is_found_where_a_scan_finds_it(expression: str) -> None:
    scan = Scanned(activation="tanh", optimizer="sgd", init="normal")
    places, session = scan.places(expression), small(**scan.changes)
    assert places
    for expected in places:
        assert session.run(until=expression) is not None
        assert place_of(session, scan.events) == expected


@given(
    start=st.tuples(st.integers(0, 22), st.integers(0, 25)),
    expression=st.one_of(st.sampled_from(OF_SCALARS), st.sampled_from(OF_TENSORS)),
)
def test_from_anywhere_both_ways_find_the_next_place_of_the_scan(
    thresholds: Scanned, start: Place, expression: str
) -> None:
    scanned, places = thresholds, thresholds.places(expression)
    session = walked_session()
    iteration, event = start if start[0] else (0, 0)
    stand(session, (iteration, event))
    here = (iteration, event or scanned.events) if iteration else (0, 0)
    # A scalar's hit stands at the end of the batch: from its middle, that end is still to come.
    after = next((place for place in places if place > here), None)
    before = next((place for place in reversed(places) if place < here), None)
    assert (session.run(until=expression) is not None) == (after is not None)
    assert place_of(session, scanned.events) == (after or (22, scanned.events))
    stand(session, (iteration, event))
    assert (session.reverse_run(expression) is not None) == (before is not None)
    assert (session.iteration, place_of(session, scanned.events)) == (
        (0, (0, scanned.events)) if before is None else (before[0], before)
    )


_SESSION: list[Session] = []


def walked_session() -> Session:
    """One session for all walks, run to its end."""
    if not _SESSION:
        _SESSION.append(small())
        _SESSION[0].run()
    return _SESSION[0]


# ── what went bad, and what never comes true ──────────────────────────────────────────────────────────────────────────


def exploding() -> Session:
    return open_experiment(Experiment(activation="leaky-relu", learning_rate=50.0))


def test_a_run_until_nan_names_the_first_operation_and_layer_that_went_bad_and_the_session_goes_on() -> None:
    session = exploding()
    hit = session.run(until="nan(*)")
    assert hit is not None
    assert 1 < hit.position.batch <= 12
    tape = session.tape()
    assert tape is not None
    for event in tape.events[: hit.event - 1]:
        for value in event.outputs:
            assert value.tensor is None or not value.tensor.is_floating_point() or bool(value.tensor.isfinite().all())
    made = tape.events[hit.event - 1]
    bad = [v.tensor for v in made.outputs] + [g for _, g in made.gradients_out]
    assert any(tensor is not None and not bool(tensor.isfinite().all()) for tensor in bad)
    assert made.op.name in hit.value
    assert "layer" in hit.value or not made.layer
    assert hit.advice
    digest = session.digest()
    for command in ("step batch 3", "print loss", "step op 4", "stats W[1]", "back batch 3", "goto start", "run 20"):
        assert not session.do(command).error, command
    session.go_to(hit.position.iteration, hit.position.event)
    assert session.digest() == digest


def test_a_network_that_is_nan_already_is_not_said_to_have_become_so_here() -> None:
    session = exploding()
    session.run(until="nan(*)")
    session.step(Unit.BATCH, 5)
    hit = session.run(until="nan(*)")
    assert hit is not None
    assert "before this batch" in hit.value


def test_large_but_finite_values_are_not_infinite() -> None:
    session = small()
    session.do("set W[1][1,1] 1e30")
    assert session.do("print nan(W[1])").value is False
    session.do("step op 2")
    assert session.do("print nan(*)").value is False


@pytest.mark.parametrize("watch", ["norm(dW[1]) > 1e9", "ratio(W[1]) > 1e9", "max(delta(W[1])) > 1e9"])
def test_a_watch_on_a_layer_that_is_frozen_stays_silent(watch: str) -> None:
    session = small()
    session.do(f"watch {watch}")
    assert not session.do("step batch").error
    assert not session.do("freeze 1").error
    answer = session.do("run 5")
    assert not answer.error
    assert session.iteration == 6


def test_a_place_of_a_users_model_goes_by_its_module_path() -> None:
    session = make("resnet18").session()
    for command in ("break layer2.0.conv1", "break backward layer2.0.conv1"):
        assert not session.do(command).error
        hit = session.do("run").hit
        assert isinstance(hit, Hit)
        tape = session.tape()
        assert tape is not None
        event = tape.events[hit.event - 1]
        assert event.path == "layer2.0.conv1"
        assert session.event == hit.event
        session.do("unwatch all")
    assert str(event.phase) == "backward"


def test_break_backward_relu_stops_at_each_relu_on_the_way_back() -> None:
    session = small()
    session.do("break backward relu")
    seen = []
    for _ in range(4):
        hit = session.do("run").hit
        assert isinstance(hit, Hit)
        event = session.here()
        assert event is not None
        seen.append((session.iteration, str(event.phase), event.op.name, event.layer))
    assert seen == [(n, "backward", "relu", layer) for n in (1, 2) for layer in (2, 1)]


@pytest.mark.parametrize("words", ["backwrad relu", "relux", "backward relu 9", "layers.7"])
def test_a_break_at_a_place_that_does_not_exist_names_it(words: str) -> None:
    session = small()
    error = session.do(f"break {words}").error
    wrong = next(word for word in words.split() if word not in ("backward", "relu"))
    assert f"“{wrong}”" in error
    assert not session.watches.all


@pytest.mark.parametrize(
    ("expression", "wrong", "exists"),
    [
        ("phase == backwrad", "backwrad", "backward"),
        ("op == reluu and layer == 2", "reluu", "relu"),
        ("path == layers.9", "layers.9", "layers.0"),
        ("lss > 2", "lss", "loss"),
        ("norm(dW[1]) < thrsh", "thrsh", "nearest are"),
        ("nrm(dW[1]) < 1", "nrm", "norm"),
        ("norm(dW[7]) < 1", "7", "layers are 1 to 3"),
        ("norm(dQ[1]) < 1", "dQ", "dZ[1]"),
    ],
)
def test_a_wrong_word_is_named_with_what_exists(expression: str, wrong: str, exists: str) -> None:
    session = small()
    for command in (f"watch {expression}", f"run until {expression}", f"reverse-run until {expression}"):
        error = session.do(command).error
        assert wrong in error, command
        assert exists in error, command
    assert session.iteration == 0
    assert not session.watches.all


def test_an_until_that_never_comes_true_ends_at_the_end_and_says_so() -> None:
    session = small()
    answer = session.do("run until loss > 99")
    assert not answer.error
    assert answer.hit is None
    assert "not true anywhere" in answer.text
    assert (session.iteration, session.event) == (22, None)
    answer = session.do("reverse-run until loss > 99")
    assert answer.hit is None
    assert session.iteration == 0


def test_headless_an_until_that_never_comes_true_is_null_and_no_failure() -> None:
    options = ["--classes", "1,7", "--layers", "784,4,2", "--batch-size", "500", "--epochs", "1"]
    asked = ["-c", "run until loss > 99", "-c", "reverse-run until loss < 9"]
    done = CliRunner().invoke(commands, ["mlp", *options, "--headless", "--json", *asked])
    never, found = map(json.loads, done.stdout.splitlines())
    assert done.exit_code == 0
    assert never["hit"] is None
    assert "error" not in never
    assert found["hit"]["expression"] == "loss < 9"


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_watches_are_listed_disabled_enabled_and_deleted() -> None:
    session = small()
    for expression in ("iteration == 3", "iteration == 5", "iteration == 7"):
        session.do(f"watch {expression}")
    session.do("disable 1")
    listed = session.do("watches").value
    assert [(row["watch"], row["enabled"]) for row in listed] == [(1, False), (2, True), (3, True)]  # type: ignore[attr-defined]
    session.do("run")
    assert session.iteration == 5
    session.do("unwatch 3")
    session.do("enable 1")
    session.do("goto start")
    session.do("run")
    assert session.iteration == 3
    session.do("reverse-run")
    assert session.iteration == 0
    session.do("disable all")
    session.do("run 10 batches")
    assert session.iteration == 10
    session.do("watch loss > 99")
    assert [row["watch"] for row in session.do("watches").value] == [1, 2, 4]  # type: ignore[attr-defined]
    session.do("unwatch all")
    assert session.do("watches").value == []


def test_a_watch_is_checked_at_once() -> None:
    session = small()
    session.step(Unit.BATCH, 2)
    loss = session.loss
    assert "true here" in session.do("watch loss < 9").text
    assert f"loss = {loss:.6g}" in session.do("watch loss > 9").text
    assert "not known here" in small().do("watch loss > 9").text


@pytest.mark.parametrize("command", ["disable 3", "enable x", "unwatch 0", "disable"])
def test_a_watch_that_there_is_not_is_named(command: str) -> None:
    session = small()
    session.do("watch loss > 2")
    error = session.do(command).error
    assert "there are 1" in error or "argument" in error
    assert len(session.watches.enabled()) == 1


def test_what_an_update_made_is_found_though_an_edit_at_the_same_border_undid_it() -> None:
    session = small()
    session.do("goto 1:3")
    session.do("set W[1][3,5] 1e6")
    session.do("step batch 2")
    session.do("goto 1:2")
    before = session.do("print W[1][3,5]").value
    session.do("goto 1:3")
    session.do(f"set W[1][3,5] {before}")  # on a branch: as if batch 3 had not moved it
    session.do("step batch 2")
    for expression in ("changed(W[1][3,5]) and iteration == 3", "iteration == 3 and max(abs(delta(W[1]))) > 0"):
        hit = session.do(f"reverse-run until {expression}").hit
        assert isinstance(hit, Hit)
        assert hit.position.iteration == 3
        session.do("goto last")


def test_an_audit_s_updates_are_watched_though_they_are_not_applied() -> None:
    experiment = Experiment(layers=(784, 8, 10), batch_size=32, epochs=1)
    session = open_experiment(experiment, audit=True)
    hit = session.do("run until ratio(W[1]) > 1e-9").hit
    assert isinstance(hit, Hit)
    assert hit.position.iteration == 1
    assert session.do("run until changed(W[1])").hit is not None


def test_watches_stop_steps_of_no_kind_but_every_run() -> None:
    session = small()
    session.do("watch iteration > 0")
    session.do("step batch 4")
    assert session.iteration == 4
    session.do("run")
    assert session.iteration == 5
    hit = session.do("run 3 batches").hit
    assert isinstance(hit, Hit)
    assert session.iteration == 6


def test_a_layer_that_there_is_not_is_named_before_the_run() -> None:
    session = small()
    assert "there is no layer “99”" in session.do("run until layer == 99").error
    assert session.iteration == 0
