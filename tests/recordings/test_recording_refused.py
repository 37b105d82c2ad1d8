"""What is no recording, or no longer one: refused with one clear line, and nothing of it is run."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from engine.errors import EngineError, RecordingError
from engine.launch import open_job, open_script
from engine.protocol.recipe import Job, Script
from engine.recordings.recording import VERSION, read_recording
from engine.recordings.restore import restore
from tests.support.reopened import opened, with_watches
from tests.support.sessions import edited


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
    assert error or session.timeline.furthest <= session.total
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
        ({"experiment": {"model": "perceiver"}}, "perceiver"),
        ({"experiment": {"model": "mlp", "layers": [784, 10**9, 10]}}, "use smaller sizes"),
        ({"experiment": {"model": "mlp", "layers": [784, -1, 10]}}, "below 1"),
        ({"experiment": {"model": "mlp", "layers": [784, *[3] * 3000, 10]}}, "use at most"),
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
@pytest.mark.parametrize("seed", range(10, 310))
def test_many_mutated_recordings_open_or_are_refused(content: bytes, seed: int, tmp_path: Path) -> None:
    attempt(tmp_path / "run.json", mutate(content, seed))


def test_a_run_of_a_device_that_is_not_here_names_the_way_on_without_it(content: bytes, tmp_path: Path) -> None:
    path, saved = tmp_path / "run.json", json.loads(content)
    saved["experiment"]["device"] = "cuda:7"
    refused(
        path, saved, f"was run on cuda:7, which is not here — go on elsewhere, to other bits: nnwalk-tui open {path}"
    )
    session, recording = open_job(Job(recording=str(path), device="cpu"))
    assert recording is not None
    assert restore(session, recording) == "the same bits as recorded"  # which were the CPU's, in truth
    saved["digest"], saved["loss"] = "0" * 64, "1.5"
    path.write_text(json.dumps(saved))
    session, recording = open_job(Job(recording=str(path), device="cpu"))
    assert recording is not None
    assert "recorded on cuda:7, this is cpu" in restore(session, recording)
    with pytest.raises(EngineError, match="no device “cuda:8” here"):
        open_job(Job(recording=str(path), device="cuda:8"))


def test_a_script_s_device_is_its_own_affair(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "import torch\n\n\ndef run():\n    model = torch.nn.Linear(2, 1)\n"
        "    optimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        "    return model, torch.nn.MSELoss(), optimizer, [(torch.ones(3, 2), torch.ones(3, 1))]\n"
    )
    recipe, path = Script(str(script), "run"), tmp_path / "run.json"
    assert not open_script(recipe).do(f"save {path}").error
    with pytest.raises(RecordingError, match="choose the device in its FUNCTION"):
        open_job(Job(recording=str(path), script=recipe, device="cpu"))
