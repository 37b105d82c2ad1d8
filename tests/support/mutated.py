"""Files as nobody meant them: bytes or lines of a sound one exchanged, doubled, cut off."""

from __future__ import annotations

import random

from tests.support.hostile import CONTROLS, EXPRESSIONS, MARKER

_BYTES = b'0123456789{}[]",:\\=#`-\n\x00\xff\x1b\xf0'
_VALUES = (
    *("true", "1979-05-27", "[[[]]]", "{}", '""', "nan", "-1", "1e400", "9" * 5000, "[" * 3000, '"\\u001b[2J"', "0x1"),
    *(f'"{text}"' for text in ("n", "ctrl+", "f99", "++", "a+b+c", "é", "escape", "[]", "256MB", "9" * 30 + "GB")),
)


def mutated_bytes(content: bytes, seed: int) -> bytes:
    """Some bytes exchanged, put in or left out; now and then, the rest cut off."""
    choose, damaged = random.Random(seed), bytearray(content)
    for _ in range(choose.randint(1, 6)):
        at = choose.randrange(len(damaged) + 1)
        damaged[at : at + choose.randint(0, 4)] = bytes(choose.choices(_BYTES, k=choose.randint(0, 4)))
    return bytes(damaged[: choose.randrange(len(damaged) + 1)] if choose.random() < 0.2 else damaged)


def mutated_lines(text: str, seed: int) -> str:
    """Some lines left out, doubled, moved, or with something hostile in them."""
    choose, lines = random.Random(seed), text.splitlines()
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(lines))
        hostile = choose.choice((*EXPRESSIONS, *(f"{control}{MARKER}" for control in CONTROLS)))
        match choose.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, choose.choice(lines))
            case 2:
                lines[at] = f"{lines[at].partition(':')[0]}: {hostile}"
            case 3:
                lines[at] = lines[at][: choose.randrange(len(lines[at]) + 1)] + hostile
            case 4:
                lines[at] = f"```{choose.choice(('script', 'try', 'compute', 'experiment', 'question q', 'figure'))}"
        lines = lines or [""]
    return "\n".join(lines)


def config(seed: int) -> str:
    """A file of settings of which little is right."""
    choose = random.Random(seed)
    names = ("theme", "ascii", "mouse", "layout", "history", "keys", "trust", '""', '"a b"', "a.b.c")
    lines = [f"{choose.choice(names)} = {choose.choice(_VALUES)}" for _ in range(choose.randint(0, 4))]
    commands = ("step op", "quit", "goto 1:2", "print 'a'*10", "", "set", "watch (", "\\u001b[2J", "run", "9" * 5000)
    lines += ["[keys]", *(f'"{choose.choice(commands)}" = {choose.choice(_VALUES)}' for _ in range(3))]
    return "\n".join(lines if choose.random() < 0.8 else lines[::-1])
