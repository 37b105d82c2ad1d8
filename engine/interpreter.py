"""Carries out the commands of the table on a session: each gives a value for programs and words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine import commands as ask
from engine.answers import readable
from engine.errors import CommandError
from engine.expressions import evaluate
from engine.functions import FUNCTIONS
from engine.layers import layer_views
from engine.statistics import statistics
from engine.views import Position

if TYPE_CHECKING:
    from engine.session import Session


def carry_out(session: Session, command: ask.Command) -> tuple[Any, str]:
    """Do what a command says: its value, and the same in words. Raises EngineError."""
    match command:
        case ask.Step(unit, count):
            return None, _moved(session, session.step(unit, count))
        case ask.Back(unit, count):
            return None, _moved(session, session.back(unit, count))
        case ask.RunOn(count, unit):
            return None, _moved(session, session.run(count, unit))
        case ask.Goto(target):
            return None, _moved(session, session.goto(target))
        case ask.Pause():
            return None, _moved(session, session.position)
        case ask.Print(expression):
            return _print(session, expression)
        case ask.Stats(expression):
            return _stats(session, expression)
        case ask.Digest():
            value = session.digest()
            return value, value
        case ask.Names():
            names = [*session.values().names(), *(f"{name}(…)" for name in FUNCTIONS)]
            return names, "  ".join(names)
        case ask.Set(name, expression):
            return _set(session, name, expression)
        case ask.Help(name):
            text = ask.help_text(name)
            return text, text
    raise CommandError(f"{type(command).__name__} cannot be done here", "see help")


def _moved(session: Session, place: Position) -> str:
    where = f"epoch {place.epoch} batch {place.batch}/{session.batches}"
    tape = session.replay.held_tape(session.iteration) if session.event is not None else None
    if tape is not None and session.event is not None:
        event = tape.events[session.event - 1]
        where += f" event {session.event}/{len(tape)}: {event.phase} {event.op.name}" + (
            f" {event.layer}" if event.layer else ""
        )
    loss = session.loss
    found = session.validation()
    ended = "  end of the run" if session.iteration == session.total and session.event is None else ""
    return (
        where
        + ("" if loss is None else f"  loss {loss:.4f}")
        + ("" if session.accuracy is None else f"  accuracy {session.accuracy:.4f}")
        + ("" if found is None else f"  valid_loss {found[0]:.4f}  valid_accuracy {found[1]:.4f}")
        + ended
    )


def _print(session: Session, expression: str) -> tuple[Any, str]:
    if expression == "layers":
        views = layer_views(session)
        return views, "\n".join(f"{v.index} {v.kind} {v.activation} {v.shapes}" for v in views)
    value = _evaluate(session, expression)
    return value, readable(value)


def _evaluate(session: Session, expression: str) -> Any:
    value = evaluate(expression, session.values())
    if value is None:
        raise CommandError(f"{expression} is not known yet", "step a batch first; for valid_*, give a validation set")
    return value


def _stats(session: Session, expression: str) -> tuple[Any, str]:
    value = _evaluate(session, expression)
    if isinstance(value, str):
        raise CommandError(f"{expression} is a word", "stats takes numbers")
    tensor = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
    view = statistics(expression, tensor)
    words = "  ".join(
        f"{key} {getattr(view, key):.6g}" for key in ("mean", "std", "min", "max", "norm", "zeros", "bad")
    )
    return view, f"{expression} {'×'.join(map(str, view.shape)) or 'one number'}  {words}"


def _set(session: Session, name: str, expression: str) -> tuple[Any, str]:
    if name not in ("learning_rate", "lr", "η"):
        raise CommandError(f"“{name}” cannot be set", "what can be set: learning_rate")
    value = _evaluate(session, expression)
    if isinstance(value, str) or (isinstance(value, Tensor) and value.numel() != 1):
        raise CommandError(f"“{expression}” is not one number", "for example: set learning_rate 0.1")
    session.set_learning_rate(float(value))
    return session.learning_rate, f"learning_rate {session.learning_rate:g} from the next batch on"
