"""The cost of watches, of autosave, and of going on where a run was left."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.harness import Benchmark, Reading, cpu_seconds, ratio, seconds
from benchmarks.history import resnet
from benchmarks.subjects import PlainLoop, examples, session
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment, open_job
from engine.protocol.recipe import Job
from engine.recordings.autosave import Autosave, checkpoint_path
from engine.recordings.restore import restore
from engine.session import Session

_CHUNK = 400  # batches a turn
_FAR = 5000  # batches into the run that is resumed
_ITERATION = "iteration == 0"
_GRADIENTS = ("norm(dW[1]) < 1e-9", "max(abs(dW[2])) > 1e6", "nan(*)")


def _over_plain_loop(*expressions: str) -> float:
    run, plain = _watched(*expressions), PlainLoop()
    return ratio(lambda: run.run(_CHUNK), lambda: plain.train(_CHUNK), pairs=20, clock=cpu_seconds)


def _resnet_over_plain_loop(expression: str) -> Reading:
    data = examples((3, 32, 32), 256)
    run, plain = session(resnet(), data=data, batch_size=8), PlainLoop(resnet(), data=data, batch_size=8)
    run.step()
    run.do(f"watch {expression}")
    return Reading(ratio(lambda: run.run(2), lambda: plain.train(2), pairs=15, clock=cpu_seconds))


def _watched(*expressions: str) -> Session:
    run: Session = session()
    run.step()
    for expression in expressions:
        run.do(f"watch {expression}")
    return run


def _iterations() -> Reading:
    """Over the same run without the watch: over the plain loop, a run without any may be slower than that."""
    watched, bare = _watched(_ITERATION), session()
    over = ratio(lambda: watched.run(_CHUNK), lambda: bare.run(_CHUNK), pairs=20)
    return Reading(over, f"{_over_plain_loop(_ITERATION):.2f} × the plain loop")


def _autosaved() -> Reading:
    """The same run with and without, in turns; the first has what the engine process saves between batches."""
    saved, bare = _long_run(), _long_run()
    with tempfile.TemporaryDirectory() as folder:
        autosave = Autosave(saved, Path(folder, "run.json"))

        def keep() -> bool:
            autosave.sometimes()
            return False

        saved.on_batch = keep
        return Reading(ratio(lambda: saved.run(2000), lambda: bare.run(2000), pairs=6, warm_up=1))


def _long_run(batches: int = 20_000) -> Session:
    return open_experiment(Experiment(layers=(784, 128, 64, 10), optimizer="adam", epochs=batches // 157 + 1))


def _resumed() -> Reading:
    """Seconds of a resume 5,000 batches in, from a recording to its place, without the start of the process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.json")
        run = _long_run()
        autosave = Autosave(run, path)
        for _ in range(_FAR // 100):
            run.run(100)
            autosave.now()
        job = Job(recording=str(path))
        since = run.iteration - autosave.covered
        taken = seconds(lambda: _open(job, path))
        replay = seconds(lambda: run.run(since)) if since else 0.0
        opening = seconds(_long_run)
    return Reading(taken - opening, f"{since} batches since the checkpoint, which take {replay:.2f} s")


def _open(job: Job, path: Path) -> None:
    session, recording = open_job(job)
    assert recording is not None
    restore(session, recording, [checkpoint_path(path)])
    assert session.iteration == _FAR


BENCHMARKS = (
    Benchmark(
        "watch-gradients",
        "three watches on gradients, over the plain loop",
        1.4,
        lambda: Reading(_over_plain_loop(*_GRADIENTS)),
    ),
    Benchmark(
        "watch-nan-mlp",
        "nan(*), which looks at every tensor, over the plain loop: 784-128-64-10, batch 64",
        1.4,
        lambda: Reading(_over_plain_loop("nan(*)")),
    ),
    Benchmark(
        "watch-nan-resnet18",
        "nan(*) over the plain loop: resnet18, 32×32, batch 8",
        1.25,
        lambda: _resnet_over_plain_loop("nan(*)"),
    ),
    Benchmark("watch-iteration", "a watch on iterations, over the same run without one", 1.05, _iterations),
    Benchmark("autosave", "a run that is autosaved, over one that is not", 1.02, _autosaved),
    Benchmark("resume", f"resume {_FAR:,} batches in: what it takes to get there", 10, _resumed, unit="s"),
)
