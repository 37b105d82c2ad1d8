"""Recordings and checkpoints: the same run again, and nothing but a clear line from what is no recording."""

from __future__ import annotations

import errno
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.autosave import Autosave, checkpoint_path
from engine.checkpoint import read_checkpoint, write_checkpoint
from engine.errors import EngineError, RecordingError
from engine.experiment import Experiment
from engine.launch import open_experiment, open_job
from engine.recording import VERSION, Job, Script, check_recording, read_recording, write_atomically
from engine.restore import restore
from engine.session import Session
from engine.views import Unit
from tests.test_branches import edited, go
from tests.test_walk import small


def opened(path: Path, *checkpoints: Path) -> tuple[Session, str]:
    """A new session where a recording left off, and what is said of it."""
    session, recording = open_job(Job(recording=str(path)))
    assert recording is not None
    return session, restore(session, recording, checkpoints)


def as_it_stands(session: Session) -> dict[str, Any]:
    """What a recording must bring back."""
    return {
        "position": session.position,
        "digest": session.digest(),
        "loss": session.loss,
        "rate": session.learning_rate,
        "total": session.total,
        "watches": [(watch.condition.text, watch.enabled) for watch in session.watches.all],
        "branches": [(b.name, b.parent, b.border, b.replay.edits) for b in session.branches.all],
        "current": session.branches.current.name,
    }


def at_a_border(session: Session) -> None:
    go(session, 9)


def mid_batch(session: Session) -> None:
    session.goto("1:7:12")


def before_training(session: Session) -> None:
    session.goto("start")


def with_watches(session: Session) -> None:
    for line in ("watch nan(*)", "break backward relu", "watch norm(dW[1]) > 9", "disable 2", "goto 2:2:3"):
        assert not session.do(line).error


def with_edits(session: Session) -> None:
    for line in ("goto 1:3", "set W[1][3,5] 0.5", "goto 1:6", "set optimizer rmsprop", "freeze 2", "goto 2:3:9"):
        assert not session.do(line).error


def with_larger_batches(session: Session) -> None:
    for line in ("set learning_rate 0.05", "goto 1:5", "set batch_size 500", "goto 2:2"):
        assert not session.do(line).error


def with_smaller_batches(session: Session) -> None:
    for line in ("goto 1:5", "set batch_size 50", "goto 2:30:4"):
        assert not session.do(line).error


def edited_in_the_middle_of_a_batch(session: Session) -> None:
    for line in ("goto 2:1:9", "set optimizer adam", "set b[2] 0"):
        assert not session.do(line).error


def forked(session: Session) -> None:
    for line in (
        "run",
        "goto 1:6",
        "set batch_size 300",
        "goto end",
        "goto 1:9",
        "set η 0.3",
        "goto 2:1",
        "switch main",
    ):
        assert not session.do(line).error
    session.do("name first")


STORIES: list[Callable[[Session], None]] = [
    at_a_border,
    mid_batch,
    before_training,
    with_watches,
    with_edits,
    with_larger_batches,
    with_smaller_batches,
    edited_in_the_middle_of_a_batch,
    forked,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_recording_brings_everything_back(story: Callable[[Session], None], tmp_path: Path) -> None:
    session, path = edited(), tmp_path / "run.json"
    story(session)
    assert not session.do(f"save {path}").error
    again, said = opened(path)
    assert "same bits" in said
    assert as_it_stands(again) == as_it_stands(session)
    for branch in [b.name for b in session.branches.all]:
        places = [s.branches.find(branch).cursor for s in (session, again)]
        session.do(f"switch {branch}")
        again.do(f"switch {branch}")
        assert places[0] == places[1] or branch == session.branches.current.name
        assert (again.position, again.digest()) == (session.position, session.digest())
        session.goto("end")
        again.goto("end")
        assert (again.position, again.digest()) == (session.position, session.digest())


def test_saving_again_what_was_opened_gives_the_same_file(tmp_path: Path) -> None:
    session, first, second = edited(), tmp_path / "first.json", tmp_path / "second.json"
    forked(session)
    with_watches(session)
    session.do(f"save {first}")
    again, _ = opened(first)
    again.do(f"save {second}")
    assert json.loads(first.read_text()) == json.loads(second.read_text())


def test_branches_that_were_not_visited_since_opening_are_compared(tmp_path: Path) -> None:
    session, path = edited(), tmp_path / "run.json"
    forked(session)
    expected = session.compare("first", "branch-2")
    session.do(f"save {path}")
    again, _ = opened(path)
    assert again.compare("first", "branch-2") == expected
    assert again.digest() == session.digest()


def test_another_arithmetic_is_said(tmp_path: Path) -> None:
    session, path = edited(), tmp_path / "run.json"
    go(session, 5)
    session.do(f"save {path}")
    recorded = json.loads(path.read_text())
    path.write_text(json.dumps(recorded | {"digest": "0" * 64, "torch": "1.0 abacus"}))
    again, said = opened(path)
    assert "arithmetic differs" in said
    assert "1.0 abacus" in said
    assert again.position == session.position


def test_an_audit_is_recorded_as_one(tmp_path: Path) -> None:
    session = open_experiment(Experiment(layers=(784, 4, 10), batch_size=500), audit=True)
    session.step(Unit.BATCH, 3)
    session.do(f"save {tmp_path / 'run.json'}")
    again, _ = opened(tmp_path / "run.json")
    assert again.replay.audit
    assert again.digest() == session.digest()


# ── what is no recording ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recording with something in every part of it."""
    path = tmp_path_factory.mktemp("recording") / "run.json"
    session = edited()
    with_watches(session)
    session.goto("1:9")
    for line in ("goto 1:4", "set W[1][3,5] 0.5", "goto 1:7:3", "set batch_size 300", "goto 1:9:4"):
        assert not session.do(line).error
    session.layout = {"panes": ["graph"], "sizes": [1, 2.5]}
    assert not session.do(f"save {path}").error
    return path.read_bytes()


def attempt(path: Path, content: bytes) -> str:
    """Open what may be no recording: "" where that works, else the one line that says why it does not."""
    path.write_bytes(content)
    error = said = ""
    try:
        session, recording = open_job(Job(recording=str(path)))
        assert recording is not None
        deadline = time.monotonic() + 2
        session.interrupted = lambda: time.monotonic() > deadline
        said = restore(session, recording)
    except EngineError as caught:
        error = str(caught)
    assert 10 < len(error or said) < 1500
    assert (error or said).isprintable()
    assert error or session.replay.furthest <= session.total
    return error


def refused(path: Path, content: bytes | str | dict[str, Any], says: str = "") -> None:
    encoded = (
        content
        if isinstance(content, bytes)
        else (content if isinstance(content, str) else json.dumps(content)).encode()
    )
    error = attempt(path, encoded)
    assert error
    assert says in error


def test_a_recording_that_is_cut_off_anywhere_is_refused(content: bytes, tmp_path: Path) -> None:
    whole = len(content.rstrip())
    for length in [*range(0, whole, 37), whole - 1]:
        refused(tmp_path / "run.json", content[:length], "not a whole recording")
    assert attempt(tmp_path / "run.json", content[:whole]) == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nnwalk": VERSION + 1}, "update nnwalk-tui"),
        ({"nnwalk": VERSION + 1, "branches": "of another shape"}, "update nnwalk-tui"),
        ({"nnwalk": 0}, "version 0"),
        ({"nnwalk": "1"}, "not a whole recording"),
        ({"nnwalk": 10**400}, "update nnwalk-tui"),
        ({"branches": []}, "no branch"),
        ({"branches": {}}, "not a whole recording"),
        ({"current": "elsewhere"}, "elsewhere"),
        ({"experiment": None}, "one recipe"),
        ({"script": {"path": "x.py", "function": "f"}}, "one recipe"),
        ({"experiment": {"model": "transformer"}}, "transformer"),
        ({"experiment": {"model": "mlp", "layers": [784, 10**9, 10]}}, "use smaller sizes"),
        ({"experiment": {"model": "mlp", "layers": [784, -1, 10]}}, "below 1"),
        ({"experiment": {"model": "mlp", "epochs": 10**15}}, "epochs"),
        ({"experiment": {"model": "mlp", "threads": 10**6}}, "threads"),
        ({"experiment": {"model": "mlp", "seed": 2**70}}, "seed"),
        ({"experiment": {"model": "mlp", "learning_rate": "fast"}}, "not a whole recording"),
        ({"experiment": {"model": "mlp", "data": "/etc"}}, "/etc"),
        ({"experiment": {"model": "mlp", "data": "../../nowhere"}}, "nowhere"),
        ({"watches": [{"expression": "__import__('os').system('touch hacked')", "enabled": True}]}, "no function"),
        ({"watches": [{"expression": "W[99] > 1", "enabled": True}]}, "layers are"),
        ({"watches": "loss > 1"}, "not a whole recording"),
    ],
)
def test_a_recording_that_does_not_fit_says_what_is_wrong(
    content: bytes, changes: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(tmp_path / "run.json", json.loads(content) | changes, says)
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize(
    "changes",
    [
        {"cursor": [10**15, None]},
        {"cursor": [-1, None]},
        {"cursor": [9, 10**6]},
        {"cursor": [9, 0]},
        {"cursor": [9, -3]},
        {"cursor": [0, 3]},
        {"cursor": "1:9"},
        {"border": -4},
        {"batches": -4},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "\x1b[2J\x1b[31mred"},
        {"parent": "elsewhere"},
        {"edits": [{"iteration": 10**9, "name": "b[1]", "value": "0"}]},
        {"edits": [{"iteration": -1, "name": "b[1]", "value": "0"}]},
        {"edits": [{"iteration": 3, "name": "b[1].data", "value": "0"}]},
        {"edits": [{"iteration": 3, "name": "b[1]", "value": "open('hacked', 'w')"}]},
        {"edits": [{"iteration": 3, "name": "b[1]", "value": "(" * 50_000}]},
        {"edits": [{"iteration": 3, "name": "optimizer", "value": "os.system"}]},
        {"edits": [{"iteration": 3, "name": "batch_size", "value": "-1"}]},
        {"edits": [{"iteration": 3, "name": "__class__", "value": "1"}]},
        {"edits": [{"iteration": 3, "name": "\x1b[2J", "value": "1"}]},
        {"edits": {"3": "b[1]"}},
    ],
    ids=str,
)
def test_a_branch_that_does_not_fit_says_what_is_wrong(
    content: bytes, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded = json.loads(content)
    current = next(branch for branch in recorded["branches"] if branch["name"] == recorded["current"])
    current |= changes
    refused(tmp_path / "run.json", recorded)
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_branch_that_is_only_visited_later_cannot_run_past_the_end(content: bytes, tmp_path: Path) -> None:
    recorded = json.loads(content)
    other = next(branch for branch in recorded["branches"] if branch["name"] != recorded["current"])
    other |= {"batches": 10**12, "cursor": [10**12, None]}
    error = attempt(tmp_path / "run.json", json.dumps(recorded).encode())
    if not error:
        session, _ = opened(tmp_path / "run.json")
        deadline = time.monotonic() + 20
        session.interrupted = lambda: time.monotonic() > deadline
        session.do(f"compare {other['name']}")
        session.do(f"switch {other['name']}")
        assert time.monotonic() < deadline
        assert session.iteration <= session.total


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        "\ufeff{}",
        '{"nnwalk": 1}',
        '{"nnwalk": 1, "nnwalk": 2}',
        "[" * 200_000,
        '{"nnwalk": 1, "layout": ' + '{"a":' * 100_000,
        '{"nnwalk": 1, "current": "' + "x" * 3_000_000,
        "\x00" * 1000,
        "import os; os.system('touch hacked')",
        "PK\x03\x04",
    ],
    ids=range(14),
)
def test_a_file_that_is_something_else_is_refused(text: str, tmp_path: Path) -> None:
    refused(tmp_path / "run.json", text)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.touch()
    os.truncate(large, 2**40)
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    for path, says in (
        (tmp_path / "none.json", "cannot be read"),
        (tmp_path, "cannot be read"),
        (large, "large"),
        (tmp_path / "loop.json", "cannot be read"),
        (Path("/dev/null"), "not a whole recording"),
        (Path("a\x00b"), "cannot be read"),
    ):
        with pytest.raises(RecordingError, match=says):
            read_recording(path)


NUMBERS = [-1, 0, 3, 7, 2**31, 2**63, 10**40, 1e308, 0.5]
TEXTS = ["", "x", "\n", "\x1b[2J", "/dev/zero", "~", "../..", "9" * 999, "nan(*)", "W[1]", "all", "main", "mnist\x00"]


def mutate(content: bytes, seed: int) -> bytes:
    """A recording with some bytes, or some of its values, exchanged."""
    choose = random.Random(seed)
    if seed % 2:
        damaged = bytearray(content)
        for _ in range(choose.randint(1, 5)):
            at = choose.randrange(len(damaged))
            damaged[at : at + choose.randint(0, 3)] = bytes(
                choose.choices(b'0123456789{}[]",:\\en-\xff\x00', k=choose.randint(0, 3))
            )
        return bytes(damaged)
    recorded = json.loads(content)
    hostile: list[Any] = [*NUMBERS, *TEXTS, None, True, [], [[]], {}, [0, None], [1, 2], {"a": {"a": {}}}]
    for _ in range(choose.randint(1, 3)):
        parts = list(_parts(recorded))
        where, key = choose.choice(parts)
        if choose.random() < 0.2 and isinstance(where, dict):
            del where[key]
        else:
            where[key] = choose.choice(hostile)
    return json.dumps(recorded).encode()


def _parts(value: Any) -> Any:
    """Every place of a JSON document that holds something."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _parts(item)


@pytest.mark.parametrize("seed", range(10))
def test_a_mutated_recording_opens_or_is_refused(content: bytes, seed: int, tmp_path: Path) -> None:
    attempt(tmp_path / "run.json", mutate(content, seed))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 210))
def test_many_mutated_recordings_open_or_are_refused(content: bytes, seed: int, tmp_path: Path) -> None:
    attempt(tmp_path / "run.json", mutate(content, seed))


# ── recordings of a user's own model ──────────────────────────────────────────────────────────────────────────────────

SCRIPT = """
import torch
from pathlib import Path

Path(__file__).with_name("was-run").touch()

def model():
    net = torch.nn.Linear(3, 2)
    data = [(torch.randn(4, 3), torch.randint(0, 2, (4,))) for _ in range(5)]
    return net, torch.nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters()), data
"""


@pytest.fixture
def scripted(tmp_path: Path) -> Path:
    """A recording of a script, which was run for it and leaves a trace where it is run again."""
    (tmp_path / "own.py").write_text(SCRIPT)
    session, _ = open_job(Job(script=Script(str(tmp_path / "own.py"), "model", 2)))
    session.do("step batch 7")
    session.do("watch loss > 99")
    assert not session.do(f"save {tmp_path / 'run.json'}").error
    (tmp_path / "was-run").unlink()
    return tmp_path / "run.json"


def named(recording: Path) -> Script:
    """The script of a recording, named by the user."""
    return Script(str(recording.with_name("own.py")), "model")


def test_a_recording_of_a_script_runs_nothing_unless_the_script_is_named(scripted: Path) -> None:
    for call in (check_recording, open_job):
        with pytest.raises(RecordingError, match="only if you name it") as caught:
            call(Job(recording=str(scripted)))
        assert str(caught.value).isprintable()
        assert "own.py" in str(caught.value)
    assert not scripted.with_name("was-run").exists()


def test_a_recording_of_a_script_goes_on_when_it_is_named(scripted: Path) -> None:
    session, recording = open_job(
        Job(recording=str(scripted), script=Script(str(scripted.with_name("own.py")), "model"))
    )
    assert recording is not None
    assert "same bits" in restore(session, recording)
    assert (session.iteration, session.total) == (7, 10)
    assert scripted.with_name("was-run").exists()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("epochs", 10**15),
        ("epochs", 0),
        ("epochs", -3),
        ("threads", 10**7),
        ("threads", 0),
        ("seed", 2**80),
        ("seed", -1),
    ],
)
def test_a_recording_of_a_script_with_hostile_numbers_is_refused(scripted: Path, name: str, number: int) -> None:
    recorded = json.loads(scripted.read_text())
    recorded["script"][name] = number
    scripted.write_text(json.dumps(recorded))
    with pytest.raises(EngineError, match=name):
        open_job(Job(recording=str(scripted), script=named(scripted)))
    assert not scripted.with_name("was-run").exists()


def test_a_session_of_objects_says_why_it_cannot_be_saved(tmp_path: Path) -> None:
    from tests.zoo import make

    error = make("lstm").session().do(f"save {tmp_path / 'run.json'}").error
    assert "made of objects" in error
    assert not os.listdir(tmp_path)


# ── checkpoints ───────────────────────────────────────────────────────────────────────────────────────────────────────


def with_dropout_and_adam() -> Session:
    return small()


def with_momentum() -> Session:
    return edited(batch_norm=True)


def with_a_schedule() -> Session:
    return small(schedule="cosine", optimizer="nadam")


def with_an_edited_batch_size_and_optimizer() -> Session:
    session = edited()
    for line in ("goto 1:2", "set batch_size 300", "goto 1:4", "set optimizer adam", "freeze 2", "set η 0.01"):
        assert not session.do(line).error
    return session


@pytest.mark.parametrize("at", [0, 1, 6, 8, 11, 13])
@pytest.mark.parametrize(
    "build",
    [with_dropout_and_adam, with_momentum, with_a_schedule, with_an_edited_batch_size_and_optimizer],
    ids=lambda build: build.__name__,
)
def test_a_checkpoint_brings_every_bit_back(build: Callable[[], Session], at: int, tmp_path: Path) -> None:
    session, recording, path = build(), tmp_path / "run.json", tmp_path / "run.safetensors"
    at = max(at, session.iteration)
    go(session, min(session.total, at + 3))
    go(session, at)
    state = session.replay.state(at)
    assert state is not None
    write_checkpoint(path, session, state)
    assert not session.do(f"save {recording}").error
    again, said = opened(recording, path)
    assert "same bits" in said
    assert as_it_stands(again) == as_it_stands(session)
    if at > 0:
        assert min(i for i in again.replay.history.iterations() if i) == at  # nothing before it was replayed
    for iteration in (at, session.total, 1, max(0, at - 1), min(session.total, at + 2)):
        assert go(again, iteration) == go(session, iteration)
        assert again.learning_rate == session.learning_rate
    assert list(again.replay.losses) == list(session.replay.losses)
    assert again.replay.validations == session.replay.validations
    assert not again.replay.divergence


@pytest.fixture(scope="module")
def checkpointed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with a checkpoint beside it, both at batch 9."""
    path = tmp_path_factory.mktemp("checkpoint") / "run.json"
    session = small()
    go(session, 9)
    session.do(f"save {path}")
    state = session.replay.state(9)
    assert state is not None
    write_checkpoint(checkpoint_path(path), session, state)
    return path


def test_a_damaged_checkpoint_is_left_aside(checkpointed: Path, tmp_path: Path) -> None:
    whole = checkpoint_path(checkpointed).read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    choose = random.Random(3)
    damaged = [whole[:length] for length in (0, 7, 8, 100, header - 1, header, len(whole) - 1)]
    damaged += [whole + b"more", b"\xff" * 8 + whole[8:], whole[:8] + b"{}" + whole[10:]]
    for _ in range(12):
        at = choose.randrange(8, header)
        damaged.append(whole[:at] + bytes([choose.randrange(32, 127)]) + whole[at + 1 :])
    path = tmp_path / "damaged.safetensors"
    for content in damaged:
        path.write_bytes(content)
        session, said = opened(checkpointed, path)
        assert session.iteration == 9
        assert "same bits" in said


def test_a_checkpoint_of_another_run_is_left_aside(checkpointed: Path, tmp_path: Path) -> None:
    others = {
        "seed": small(seed=5),
        "layers": small(layers=(784, 7, 4, 2)),
        "optimizer": small(optimizer="sgd"),
        "edit": small(),
        "norm": small(batch_norm=True),
    }
    others["edit"].do("set b[1] 0.5")
    for name, other in others.items():
        go(other, 8)
        state = other.replay.state(8)
        assert state is not None
        path = tmp_path / f"{name}.safetensors"
        write_checkpoint(path, other, state)
        session, said = opened(checkpointed, path)
        assert "same bits" in said, name
        assert session.iteration == 9


def test_a_checkpoint_of_before_an_edit_in_the_past_is_left_aside(tmp_path: Path) -> None:
    session, path = small(), tmp_path / "run.safetensors"
    go(session, 9)
    state = session.replay.state(9)
    assert state is not None
    write_checkpoint(path, session, state)
    go(session, 4)
    session.do("set b[1] 0.5")
    go(session, 10)
    session.do(f"save {tmp_path / 'run.json'}")
    again, said = opened(tmp_path / "run.json", path)
    assert "same bits" in said
    assert not read_checkpoint(path, again)


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, b"old")

    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RecordingError, match="No space left"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_disk_that_fills_up_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, b"old")
    real = os.fdopen

    class Full:
        def __init__(self, handle: int, mode: str) -> None:
            self.file = real(handle, mode)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> None:
            self.file.write(content[:1])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdopen", Full)
    with pytest.raises(RecordingError, match="No space left"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize("command", ["save", "export weights", "export metrics", "export script"])
def test_a_place_that_cannot_be_written_is_named_and_the_session_goes_on(command: str, tmp_path: Path) -> None:
    session = small()
    session.step()
    (tmp_path / "file").touch()
    for path in (tmp_path / "none" / "run.json", tmp_path / "file" / "run.json", tmp_path):
        error = session.do(f"{command} {path}").error
        assert "cannot be written" in error
    assert os.listdir(tmp_path) == ["file"]
    assert not session.do("step").error


def test_an_autosave_that_cannot_write_says_so_once_and_leaves_the_run_alone(tmp_path: Path) -> None:
    session = small()
    autosave = Autosave(session, tmp_path / "gone" / "run.json")
    autosave.now()
    assert "no longer saved" in autosave.problem
    problem = autosave.problem
    session.step()
    autosave.now()
    assert autosave.problem == problem
    assert not session.do("step").error


def test_an_autosave_keeps_a_checkpoint_near_enough(tmp_path: Path) -> None:
    session, path = small(), tmp_path / "run.json"
    session.step()
    session.trainer._seconds, session.trainer._batches_timed = 1.0, 1  # a batch takes a second, as far as it knows
    autosave = Autosave(session, path)
    for place in ("1:9", "2:3", "2:11"):
        session.goto(place)
        session.trainer._seconds, session.trainer._batches_timed = 1.0, 1
        autosave.now()
    again, said = opened(path, checkpoint_path(path))
    assert (again.iteration, again.digest()) == (22, session.digest())
    assert said
    assert max(i for i in again.replay.history.iterations() if i < 22) >= 14
    assert torch.equal(torch.tensor(again.replay.losses), torch.tensor(session.replay.losses))
