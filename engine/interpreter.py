"""Carries out commands on a session: each gives a value for programs and words for people.

A new command is a row of DOING here, beside its struct and row in `protocol/commands.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import torch
from torch import Tensor

from engine.course.compute import compute
from engine.course.formula import refused
from engine.course.progress import told_to
from engine.course.terms import find as find_terms
from engine.course.terms import terms_text
from engine.debugger import Debugger
from engine.edits import RATES
from engine.errors import CommandError, EngineError
from engine.files import write_file
from engine.lookup.answers import readable
from engine.lookup.expressions import evaluate
from engine.lookup.functions import FUNCTIONS
from engine.lookup.pointing import place_of_factor
from engine.panes.layers import layer_views
from engine.panes.plots import NAMED
from engine.panes.tensor import place_of
from engine.panes.tensor_files import write_tensor
from engine.protocol import commands as ask
from engine.protocol.command_table import help_text
from engine.protocol.positions import Phase, Position, Status
from engine.protocol.replies import BranchView, Comparison, Hit
from engine.protocol.views import Layer
from engine.recordings.export import export
from engine.recordings.recording import content_of
from engine.recordings.restore import recording_of
from engine.statistics import statistics
from engine.watching.past import compute_past
from engine.watching.watches import Watch


class Outcome(NamedTuple):
    """What came of a command: a value for programs, words for people, and of a run what stopped it."""

    value: Any
    text: str
    hit: Hit | msgspec.UnsetType | None = msgspec.UNSET


def carry_out(session: Debugger, command: ask.Command) -> Outcome:
    """Do what a command says. Raises EngineError."""
    return DOING[type(command)](session, command)


def _said(text: str) -> Outcome:
    return Outcome(text, text)


def _moved(session: Debugger, place: Position) -> Outcome:
    return Outcome(None, _arrived(session, place))


def _arrived(session: Debugger, place: Position) -> str:
    batches = session.calendar.batches_known(place.epoch)
    where = f"epoch {place.epoch} batch {place.batch}" + ("" if batches is None else f"/{batches}")
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
    where = _arrived(session, session.position)
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
    count = math.prod(view.shape)
    over = f"over all {count} elements, NaN and infinities too; std ÷ {count}" if count > 1 else "one element"
    return Outcome(view, f"{expression} {'×'.join(map(str, view.shape)) or 'one number'}  {words}  ({over})")


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
    earlier = "" if session.iteration < 2 or expression in NAMED else f"; past {expression} goes through those before"
    return _said(f"{expression} is plotted from here on{earlier}")


def _past(session: Debugger, expression: str) -> Outcome:
    if expression in NAMED:
        raise CommandError(f"{expression} is known of every batch", "past is for expressions, as past norm(dW[1])")
    session.viewer.plots.add(session.moment, expression)
    session.status = Status.TRAVELLING
    try:
        past = compute_past(session, session.viewer.plots, expression)
    finally:
        session.status = Status.PAUSED
    more = f"; past {expression} goes on" if past.interrupted else ""
    return Outcome(past.known, f"{expression} is known of {past.known} of {past.batches} batches{more}")


def _write(session: Debugger, expression: str, file: str, over: bool) -> Outcome:
    value = _evaluate(session, expression)
    if isinstance(value, str):
        raise CommandError(f"{expression} is a word", "write saves numbers")
    tensor = value if isinstance(value, Tensor) else torch.tensor(value)
    path = write_tensor(tensor, expression, file, over=over)
    shape = "×".join(map(str, tensor.shape)) or "one number"
    return Outcome(str(path), f"{expression}, {shape}, is in {path}")


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


def _run(session: Debugger, command: ask.RunOn) -> Outcome:
    start, hit = session.finished, session.run(command.count, command.unit, command.until)
    return _stopped(session, hit, command.until, "" if hit else session.became_bad(start))


def _place_of(session: Debugger, expression: str) -> Outcome:
    found = place_of(session.moment, expression)
    return Outcome(found, f"{found.expression} row {found.row} column {found.column}")


def _computed(session: Debugger, request: str) -> Outcome:
    label = f"computing {request.partition(' ')[0]}"

    def tell(done: int, total: int) -> None:
        session.progress(label, done, total)
        if session.interrupted():
            raise CommandError(f"{label} was cancelled", "ask for it again")

    with session.trainer.at_work.aside(), told_to(tell):
        finding = compute(request, session.description.digits)
    return Outcome(finding, finding.text)


def _judged(session: Debugger, command: ask.CheckFormula) -> Outcome:
    judged = refused(command.network, command.target, command.formula)
    place = place_of_factor(session.moment, judged.first_wrong)
    return Outcome(msgspec.structs.replace(judged, place=place), judged.said)


def _names(session: Debugger) -> Outcome:
    names = [*session.values().names(), *(f"{name}(…)" for name in FUNCTIONS)]
    return Outcome(names, "  ".join(names))


def _enable(session: Debugger, number: str, enabled: bool) -> Outcome:
    session.watches.enable(number, enabled)
    return _watches(session)


def _unwatch(session: Debugger, number: str) -> Outcome:
    session.watches.delete(number)
    return _watches(session)


def _switch(session: Debugger, name: str) -> Outcome:
    session.switch(name)
    return Outcome(None, f"on branch {name}: {_arrived(session, session.position)}")


def _name(session: Debugger, name: str) -> Outcome:
    session.branches.rename(name)
    return _branches(session)


def _saved(session: Debugger, path: str, over: bool) -> Outcome:
    written = write_file(path, content_of(recording_of(session, digest=True)), over=over)
    return _said(f"saved; nnwalk-tui open {written} goes on from here")


def _compared(session: Debugger, first: str, second: str) -> Outcome:
    view = session.compare(first, second)
    return Outcome(view, comparison_text(view))


DOING: dict[type[ask.Command], Callable[[Debugger, Any], Outcome]] = {
    ask.Step: lambda session, it: _moved(session, session.step(it.unit, it.count)),
    ask.Back: lambda session, it: _moved(session, session.back(it.unit, it.count)),
    ask.Goto: lambda session, it: _moved(session, session.goto(it.target)),
    ask.Pause: lambda session, it: _moved(session, session.position),
    ask.RunOn: _run,
    ask.ReverseRun: lambda session, it: _stopped(session, session.reverse_run(it.until), it.until or "a watch"),
    ask.Print: lambda session, it: _print(session, it.expression),
    ask.Stats: lambda session, it: _stats(session, it.expression),
    ask.Pick: lambda session, it: _pick(session, it.row, it.neuron),
    ask.Place: lambda session, it: _place_of(session, it.expression),
    ask.Plot: lambda session, it: _plot(session, it.expression, it.wanted),
    ask.PlotPast: lambda session, it: _past(session, it.expression),
    ask.Write: lambda session, it: _write(session, it.expression, it.file, it.over),
    ask.Digest: lambda session, it: _said(session.digest()),
    ask.Compute: lambda session, it: _computed(session, it.request),
    ask.CheckFormula: _judged,
    ask.Names: lambda session, it: _names(session),
    ask.Terms: lambda session, it: Outcome(find_terms(it.word), terms_text(it.word)),
    ask.Help: lambda session, it: _said(help_text(it.name)),
    ask.Set: lambda session, it: _edited(session, it.name, it.expression),
    ask.AddWatch: lambda session, it: _watch(session, it.expression),
    ask.Break: lambda session, it: _watch(session, _place(session, it.words)),
    ask.ListWatches: lambda session, it: _watches(session),
    ask.EnableWatch: lambda session, it: _enable(session, it.number, it.enabled),
    ask.DeleteWatch: lambda session, it: _unwatch(session, it.number),
    ask.ListBranches: lambda session, it: _branches(session),
    ask.Switch: lambda session, it: _switch(session, it.name),
    ask.NameBranch: lambda session, it: _name(session, it.name),
    ask.Compare: lambda session, it: _compared(session, it.first, it.second),
    ask.Save: lambda session, it: _saved(session, it.path, it.over),
    ask.Export: lambda session, it: _said(export(session, it.kind, it.path, over=it.over)),
}
