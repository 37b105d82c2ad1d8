"""Expressions made to do harm: through every verb that takes one, they do nothing but give a clear line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.session import Session
from tests.support.conditions import INSIDE, SCALARS
from tests.support.sessions import small

HOSTILE = [
    "__import__('os').system('touch hacked')",
    "open('hacked', 'w')",
    "().__class__.__bases__[0].__subclasses__()",
    "W[1].numpy().tofile('hacked')",
    "W[1].__class__",
    "loss.__class__",
    "(lambda: 1)()",
    "[x for x in (1, 2)]",
    "{x: 1 for x in (1,)}",
    "(yield)",
    "exec('1')",
    "eval('1')",
    "f'{loss}'",
    "9**9**9**9",
    "10**400 > 1",
    "1e999 > loss > 1e999",
    "(" * 500 + "1" + ")" * 500,
    "-" * 900 + "1",
    "not " * 240 + "1",
    "W[1]" + "[1]" * 200,
    "W[10**30]",
    "W[1][1:10**30]",
    "W[1][-1]",
    "W[W[1]]",
    "norm(norm)",
    "norm(*)",
    "print(loss)",
    "loss := 5",
    "loss = 5",
    "loss; loss",
    "import os",
    "x" * 2000,
    "\x00",
    "W[1] @ W[1]",
    "1 / 0",
    "1 % 0 > 1",
    "'a' < 1",
    "op < 3",
    "phase",
    "out[0]",
    "out[-1]",
    "W['a']",
    "(*)",
    "nan(*, *)",
    "...",
    "None",
    "b'x'",
    "1j",
    "loss is loss",
    "1 in W[1]",
    "~1",
    "1 << 99999999",
    "9" * 990,
    "changed('x')",
    "changed(loss)",
    "changed(op)",
    "delta(loss)",
    "saturated(1)",
    "grad(1)",
    "grad('W[1]')",
    "ratio('__class__')",
    "W[1.5]",
    "W[True]",
    "W[1][True]",
    "W[1][1.5]",
    "W[1][loss]",
    "max(W[1][2:1]) > 0",
]


@pytest.mark.parametrize("expression", HOSTILE)
def test_a_hostile_expression_does_nothing_but_give_a_clear_line(expression: str) -> None:
    session = hostile_session()
    refused(session, expression)


_HOSTS: list[Session] = []


def hostile_session() -> Session:
    if not _HOSTS:
        _HOSTS.append(small(epochs=1))
        _HOSTS[0].run()
    session = _HOSTS[0]
    session.goto("1:4:12")
    session.do("unwatch all")
    return session


def refused(session: Session, expression: str) -> None:
    """No crash, no change, and one line for what is wrong; an expression that reads is a fair answer, too."""
    position, digest = session.position, session.digest()
    for verb in ("print", "watch", "run until", "reverse-run until", "stats", "set b[1]"):
        error = session.do(f"{verb} {expression}").error
        assert "\n" not in error, verb
        session.do("switch main")
        session.do("unwatch all")
        session.go_to(position.iteration, position.event)
        assert session.digest() == digest
    assert not Path("hacked").exists()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200))
def test_a_mutated_expression_does_nothing_but_give_a_clear_line(seed: int) -> None:
    choose = random.Random(seed)
    text = choose.choice([*HOSTILE, *SCALARS, *INSIDE])[:200]
    pieces = [*"()[]@9:,'ᵀ", "**", ".T", ".data", "W[1]", "dZ[2]", "not ", "1e308", "nan(*)", "z₁[1](3)", "=="]
    for _ in range(choose.randint(1, 6)):
        at = choose.randint(0, len(text))
        text = text[:at] + choose.choice(pieces) + text[at + choose.randint(0, 3) :]
    refused(hostile_session(), text.replace("\n", " "))
