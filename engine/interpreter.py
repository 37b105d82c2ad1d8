"""Carries out the commands of the table on a session: each gives a value for programs and words for people."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec
import torch
from torch import Tensor

from engine.course.compute import compute
from engine.course.formula import refused
from engine.course.pointing import place_of_factor
from engine.course.terms import find as find_terms
from engine.course.terms import terms_text
from engine.debugger import Debugger
from engine.edits import RATES
from engine.errors import CommandError, EngineError
from engine.files import write_file
from engine.lookup.answers import readable
from engine.lookup.expressions import evaluate
from engine.lookup.functions import FUNCTIONS
from engine.panes.layers import layer_views
from engine.panes.tensor import place_of
from engine.panes.tensor_files import write_tensor
from engine.protocol import commands as ask
from engine.protocol.command_table import help_text
from engine.protocol.positions import Phase, Position
from engine.protocol.replies import BranchView, Comparison, Hit
from engine.protocol.views import Layer
from engine.recordings.export import export
from engine.recordings.recording import content_of
from engine.recordings.restore import recording_of
from engine.statistics import statistics
from engine.watching.watches import Watch


class Outcome(NamedTuple):
    """What came of a command: a value for programs, words for people, and of a run what stopped it."""

    value: Any
    text: str
    hit: Hit | msgspec.UnsetType | None = msgspec.UNSET


def carry_out(session: Debugger, command: ask.Command) -> Outcome:
    """Do what a command says. Raises EngineError."""
    match command:
        case ask.Step(unit, count):
            return _moved(session, session.step(unit, count))
        case ask.Back(unit, count):
            return _moved(session, session.back(unit, count))
        case ask.Goto(target):
            return _moved(session, session.goto(target))
        case ask.Pause():
            return _moved(session, session.position)
        case ask.RunOn(count, unit, until):
            start, hit = session.finished, session.run(count, unit, until)
            return _stopped(session, hit, until, "" if hit else session.became_bad(start))
        case ask.ReverseRun(until):
            return _stopped(session, session.reverse_run(until), until or "a watch")
        case ask.Print(expression):
            return _print(session, expression)
        case ask.Stats(expression):
            return _stats(session, expression)
        case ask.Pick(row, neuron):
            return _pick(session, row, neuron)
        case ask.Place(expression):
            found = place_of(session.moment, expression)
            return Outcome(found, f"{found.expression} row {found.row} column {found.column}")
        case ask.Plot(expression, wanted):
            return _plot(session, expression, wanted)
        case ask.Write(expression, file, over):
            return _write(session, expression, file, over)
        case ask.Digest():
            return _said(session.digest())
        case ask.Compute(request):
            with session.trainer.at_work.aside():
                finding = compute(request)
            return Outcome(finding, finding.text)
        case ask.CheckFormula(target, network, formula):
            judged = refused(network, target, formula)
            place = place_of_factor(session.moment, judged.first_wrong)
            return Outcome(msgspec.structs.replace(judged, place=place), judged.said)
        case ask.Names():
            names = [*session.values().names(), *(f"{name}(…)" for name in FUNCTIONS)]
            return Outcome(names, "  ".join(names))
        case ask.Terms(word):
            return Outcome(find_terms(word), terms_text(word))
        case ask.Help(name):
            return _said(help_text(name))
    return change(session, command)


def _said(text: str) -> Outcome:
    return Outcome(text, text)


def _moved(session: Debugger, place: Position) -> Outcome:
    return Outcome(None, _where(session, place))


def _where(session: Debugger, place: Position) -> str:
    where = f"epoch {place.epoch} batch {place.batch}/{session.batches}"
    tape = session.timeline.held_tape(session.iteration) if session.event is not None else None
    if tape is not None and session.event is not None:
        event = tape.events[session.event - 1]
        where += f" event {session.event}/{len(tape)}: {event.phase} {event.op.name}" + (
            f" {event.layer}" if event.layer else ""
        )
    losses = session.moment.losses if session.timeline.main_loss is None else {"loss": session.loss}
    found = session.validation()
    ended = "  end of the run" if session.iteration == session.total and session.event is None else ""
    return (
        where
        + "".join(f"  {name} {loss:.4f}" for name, loss in losses.items() if loss is not None)
        + ("" if session.accuracy is None else f"  accuracy {session.accuracy:.4f}")
        + "".join(f"  valid_{name} {number:.4f}" for name, number in (found or {}).items() if not math.isnan(number))
        + ended
    )


def _stopped(session: Debugger, hit: Hit | None, until: str, became: str = "") -> Outcome:
    """Where a run came to, and why it stopped, "" for one that was to stop nowhere; and what it made of the model."""
    where = _where(session, session.position)
    if hit is not None:
        return Outcome(None, f"{hit_text(hit)}\n{where}", hit)
    if until:
        back = "" if session.iteration else ": this is the start, goto last leads back"
        where = f"{until}: not true anywhere on the way{back}\n{where}"
    return Outcome(None, f"{where}\n{became}" if became else where, None)


def hit_text(hit: Hit) -> str:
    """A hit to read: what came true, where, with which value, and what to look at next."""
    at = hit.position
    return (
        f"hit: {f'watch {hit.watch}, ' if hit.watch else ''}{hit.expression}{f' — {hit.value}' if hit.value else ''}\n"
        f"  came true at {at.epoch}:{at.batch}:{hit.event}, {hit.title}\n"
        f"  next: {hit.advice}"
    )


def _print(session: Debugger, expression: str) -> Outcome:
    if expression == "layers":
        views = layer_views(session.moment)
        return Outcome(views, "\n".join(map(_layer_text, views)))
    value = _evaluate(session, expression)
    return Outcome(value, readable(value))


def _layer_text(layer: Layer) -> str:
    warnings = "".join(f"\n  {badge.text}: {badge.why}" for badge in layer.badges)
    return f"{layer.index} {layer.kind} {layer.activation} {layer.shapes}{warnings}"


def _evaluate(session: Debugger, expression: str) -> Any:
    return evaluate(expression, session.values())


def _stats(session: Debugger, expression: str) -> Outcome:
    value = _evaluate(session, expression)
    if isinstance(value, str):
        raise CommandError(f"{expression} is a word", "stats takes numbers")
    tensor = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
    view = statistics(expression, tensor)
    words = "  ".join(
        f"{key} {getattr(view, key):.6g}" for key in ("mean", "std", "min", "max", "norm", "zeros", "bad")
    )
    return Outcome(view, f"{expression} {'×'.join(map(str, view.shape)) or 'one number'}  {words}")


def _pick(session: Debugger, row: int, neuron: int | None) -> Outcome:
    tape = session.tape()
    size = tape.size if tape is not None else session.description.batch_size
    if size and row > size:
        raise CommandError(f"there is no row {row} in this batch", f"its rows are 1 to {size}")
    session.viewer.picked = (row, neuron or session.viewer.picked[1])
    index = tape.indices[row - 1] if tape is not None and tape.indices else 0
    of = f", example {index} of the data set" if index else ""
    picked = session.viewer.picked[1]
    return Outcome({"row": row, "neuron": picked}, f"row {row}{of}, neuron {picked}")


def _plot(session: Debugger, expression: str, wanted: bool) -> Outcome:
    if not wanted:
        session.viewer.plots.remove(expression)
        return _said(f"{expression} is plotted no more")
    session.viewer.plots.add(session.moment, expression)
    return _said(f"{expression} is plotted from here on, and of earlier batches as they are replayed")


def _write(session: Debugger, expression: str, file: str, over: bool) -> Outcome:
    value = _evaluate(session, expression)
    if isinstance(value, str):
        raise CommandError(f"{expression} is a word", "write saves numbers")
    tensor = value if isinstance(value, Tensor) else torch.tensor(value)
    path = write_tensor(tensor, expression, file, over=over)
    shape = "×".join(map(str, tensor.shape)) or "one number"
    return Outcome(str(path), f"{expression}, {shape}, is in {path}")


def change(session: Debugger, command: ask.Command) -> Outcome:
    """Commands that change the run, its watches or its branches."""
    match command:
        case ask.Set(name, value):
            return _edited(session, name, value)
        case ask.AddWatch(expression):
            return _watch(session, expression)
        case ask.Break(words):
            return _watch(session, _place(session, words))
        case ask.ListWatches():
            return _watches(session)
        case ask.EnableWatch(number, enabled):
            session.watches.enable(number, enabled)
            return _watches(session)
        case ask.DeleteWatch(number):
            session.watches.delete(number)
            return _watches(session)
        case ask.ListBranches():
            return _branches(session)
        case ask.Switch(name):
            session.switch(name)
            return Outcome(None, f"on branch {name}: {_where(session, session.position)}")
        case ask.NameBranch(name):
            session.branches.rename(name)
            return _branches(session)
        case ask.Save(path, over):
            written = write_file(path, content_of(recording_of(session, digest=True)), over=over)
            return _said(f"saved; nnwalk-tui open {written} goes on from here")
        case ask.Export(kind, path, over):
            return _said(export(session, kind, path, over=over))
        case ask.Compare(first, second):
            view = session.compare(first, second)
            return Outcome(view, comparison_text(view))
    raise CommandError(f"{type(command).__name__} cannot be done here", "see help")


def _edited(session: Debugger, name: str, value: str) -> Outcome:
    before = session.branches.current.name
    branch = session.edit(name, value)
    forked = f"; on {branch.name}, {before} is kept" if branch.name != before else ""
    when = "from the next epoch on" if name == "batch_size" else f"from batch {session.finished + 1} on"
    said = f"{branch.timeline.edits[-1].text} {when}{forked}"
    return Outcome(session.learning_rate if name in RATES else None, said)


def _watch(session: Debugger, expression: str) -> Outcome:
    watch = session.watches.add(session.condition(expression))
    return Outcome({"watch": watch.number}, f"watch {watch.number}: {_says(session, watch)}")


def _place(session: Debugger, words: list[str]) -> str:
    """`backward relu 2` as an expression: phases, operations, layers by number, modules by path."""
    modules = dict(session.trainer.modules.named_modules())
    layers, terms = len(session.naming.layers), []
    for word in words:
        name = "layer" if word.isdecimal() else "phase" if word in set(Phase) else "path" if word in modules else "op"
        if name == "layer" and not 1 <= int(word) <= layers:
            raise CommandError(f"there is no layer “{word}”", f"layers are 1 to {layers}")
        if name == "op" and "." in word:
            raise CommandError(
                f"there is no module “{word}”", f"there are {', '.join(path for path in modules if path)}"
            )
        terms.append(f"{name} == {word}")
    return " and ".join(terms)


def _says(session: Debugger, watch: Watch) -> str:
    """A watch in words, and what it says at the cursor: its recheck."""
    values = session.values()
    try:
        holds = watch.condition.holds(values)
        actual = watch.condition.actual(values)
        now = f"{'true' if holds else 'false'} here" + (f" ({actual})" if actual else "")
    except EngineError as error:
        now = f"not known here ({error.problem})"
    return f"{watch.condition.text} — {now}{'' if watch.enabled else '  (disabled)'}"


def _watches(session: Debugger) -> Outcome:
    rows = [{"watch": w.number, "expression": w.condition.text, "enabled": w.enabled} for w in session.watches.all]
    lines = [f"{watch.number}  {_says(session, watch)}" for watch in session.watches.all]
    return Outcome(rows, "\n".join(lines) or "no watch is set; for example: watch nan(*)")


def _branches(session: Debugger) -> Outcome:
    views = session.branches.views()
    return Outcome(views, "\n".join(_branch_text(view) for view in views))


def _branch_text(view: BranchView) -> str:
    mark = "▶" if view.current else " "
    origin = f"from {view.parent} after batch {view.border}" if view.parent else "the first"
    loss = "" if view.loss is None else f"  loss {view.loss:.4f}"
    edits = "".join(f"\n    {edit}" for edit in view.edits)
    return f"{mark} {view.name}  {origin}  {view.batches} batches{loss}{edits}"


def comparison_text(view: Comparison) -> str:
    """Two branches side by side, to read."""
    if view.differs is None:
        return f"{view.first} and {view.second} are the same in the {view.batches} batches that both have run"
    at = view.differs
    return (
        f"{view.first} and {view.second} first differ in batch {at.epoch}:{at.batch}: "
        f"loss {view.first_loss:.6g} and {view.second_loss:.6g}\n"
        f"after {view.batches} batches, which both have run: loss {view.first_last:.6g} and {view.second_last:.6g}"
    )
