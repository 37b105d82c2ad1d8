"""A stand-in for the engine process: it speaks the protocol, without torch. `-m tests.support.fake_engine [FAULT]`.

It keeps a cursor over a made-up tape, answers the commands, and sends frames when asked to look. Faults: "mute" never
connects, "hang-up" lives on without its connection, "crash" dies before it connects, "fail" cannot start its run,
"slow" computes no step, "deaf" outlives its connection and ignores SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from typing import Any

import msgspec

from engine.protocol.commands import Back, Compute, Goto, Names, RunOn, Set, Step
from engine.protocol.messages import VIEWS, Do, Interrupt, Look, ToEngine
from engine.protocol.positions import Position, Status
from engine.protocol.replies import Answer, Failed, Frame, Progress
from engine.protocol.transport import EngineEnd, connect, read_opening
from engine.protocol.views import Snapshot
from tests.support import fake_views, fakes

NAMES = ["W[1]", "W[2]", "dW[1]", "loss"]
EVENTS = len(fake_views.OPS)


class FakeRun:
    """A run of which only the position, the status and the learning rate change."""

    def __init__(self) -> None:
        self.event = 0
        self.status = Status.PAUSED
        self.learning_rate = 0.1

    def obey(self, request: Do) -> Answer:
        """Carry out a command."""
        id, text = request.id, request.text
        match request.command:
            case Step(count=count):
                self.event += count
            case Back(count=count):
                self.event = max(0, self.event - count)
            case Goto(target=target):
                self.event = _event(target)
            case RunOn():
                self.status = Status.RUNNING
            case Set(expression=value):
                self.learning_rate = float(value)
            case Names():
                return Answer(id, text, self.position, value=NAMES, text="\n".join(NAMES))
            case Compute():
                return Answer(id, text, self.position, value={"value": 42.0}, text=f"{text} = 42")
            case _:
                return Answer(id, text, self.position, value=42.0, text=f"{text} = 42")
        return Answer(id, text, self.position)

    @property
    def position(self) -> Position:
        """Event n of batch m is the (m·EVENTS + n)-th of the run."""
        batch, event = divmod(self.event, EVENTS)
        return Position(1, batch + 1, batch + 1, event)

    def see(self, look: Look) -> Snapshot:
        """What the panes that are looked at see."""
        full = fakes.backward()
        parts = {name: getattr(full, name) if name in look.panes else None for name in VIEWS}
        if "tape" in look.panes:
            parts["tape"] = fake_views.tape(self.event % EVENTS)
        return msgspec.structs.replace(
            full, position=self.position, status=self.status, learning_rate=self.learning_rate, **parts
        )

    def arrange(self, layout: dict[str, Any]) -> None:
        """It keeps no recording."""


def _event(target: str) -> int:
    if target in ("start", "end", "last"):
        return 0 if target == "start" else 5 * EVENTS
    _, batch, *event = map(int, target.split(":"))
    return (batch - 1) * EVENTS + (event[0] if event else 0)


def main(fault: str = "") -> None:
    """Serve until the screen hangs up."""
    opening = read_opening(sys.stdin.buffer)
    if fault == "crash":
        sys.stdout.write("Traceback: no such model\n")
        sys.stdout.flush()
        os._exit(3)
    if fault == "mute":
        threading.Event().wait()
    if fault == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel = connect(opening)
    sys.stdout.write("the fake engine is here\n")
    sys.stdout.flush()
    if fault == "fail":
        channel.send(Failed("no file “digits.idx” — give a folder of IDX files", "Traceback …"))
        return
    if fault == "hang-up":
        channel.close()
        threading.Event().wait()
    _serve(channel, fault)
    if fault == "deaf":
        threading.Event().wait()


def _serve(channel: EngineEnd, fault: str) -> None:
    inbox: queue.SimpleQueue[ToEngine | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(channel, inbox), daemon=True).start()
    run, look, sent = FakeRun(), None, None
    while (message := inbox.get()) is not None:
        match message:
            case Do(command=command) if not (fault == "slow" and isinstance(command, Step)):
                channel.send(run.obey(message))
            case Do():
                channel.send(Progress("replaying", 3, 12))
            case Look():
                look = message
            case Interrupt():
                run.status = Status.PAUSED
                channel.send(Progress("replaying", 12, 12))
        if look is not None and (snapshot := run.see(look)) != sent:
            channel.send(Frame(snapshot))
            look, sent = None, snapshot


def _receive(channel: EngineEnd, inbox: queue.SimpleQueue[ToEngine | None]) -> None:
    with contextlib.suppress(EOFError):
        while True:
            inbox.put(channel.receive())
    inbox.put(None)


if __name__ == "__main__":
    with contextlib.suppress(EOFError):  # the screen went while something was being sent
        main(*sys.argv[1:])
