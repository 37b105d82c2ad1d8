"""What nobody means well: expressions, and names with control sequences in them."""

from __future__ import annotations

import random

MARKER = "nnwalkmarker"  # to be searched for in what is written: no control sequence may stand before it
CONTROLS = ("\x1b]0;", "\x1b[2J\x1b[31m", "\x9b31m", "\x07\x08\r", "\x1bP", "\u202e")

EXPRESSIONS = (
    "phase**2",
    "-phase",
    "'a' * 1000000000",
    "'a' + 'b'",
    "'a' % 'b'",
    "norm('a')",
    "loss > 'a'",
    "phase == 3",
    "phase < W[1]",
    "(" * 300 + "1" + ")" * 300,
    "-" * 900 + "1",
    "not " * 200 + "1",
    "norm(" * 150 + "1" + ")" * 150,
    "W[1]" + ".T" * 400,
    "X[" * 90 + "1" + "]" * 90,
    "9" * 999,
    "9" * 5000,
    "0x" + "f" * 990,
    "W[" + "9" * 900 + "]",
    "z₁[1](" + "9" * 900 + ")",
    "1e400 - 1e400",
    "10 ** 10 ** 10",
    "(-8) ** 0.5",
    "0 ** -1",
    "0.0 ** -1",
    "1 / 0",
    "1 % 0",
    "W[1] ** 10 ** 9",
    "W[1] ** W[1] ** W[1]",
    "W[1] * 10 ** 400",
    "W[1] * 99999999999999999999",
    "W[1] @ W[2]",
    "W[1] @ 3",
    "3 @ 3",
    "W[1][1:0]",
    "W[1][nan]",
    "W[1][inf]",
    "W[1][log(0)]",
    "W[1][1e30]",
    "W[1][W[1]]",
    "W[1][:]",
    "W[1][::2]",
    "W[1][...]",
    "W[1][-1]",
    "W[1][True]",
    "W[True]",
    "W['a']",
    "W[1.5]",
    "1[2]",
    "loss[1]",
    "nan(*) + 1",
    "norm(*)",
    "__everywhere__",
    "__import__('os').system('true')",
    "W[1].__class__",
    "().__class__.__bases__",
    "f'{1}'",
    "b'a'",
    "1j ** 2",
    "None",
    "True + True",
    "...",
    "lambda: 1",
    "[1 for x in X]",
    "{1: 2}",
    "(1, 2)",
    "*X",
    "x := 1",
    "yield",
    "await X",
    "print(1)",
    "norm(W[1], W[2])",
    "norm(W[1]=1)",
    "norm()",
    "norm(**{})",
    "changed('a')",
    "changed(1)",
    "ratio(1)",
    "grad(1)",
    "grad(grad(W[1]))",
    "saturated(W[1])",
    "std(1)",
    "min(W[1][1:0])",
    "argmax(1)",
    "softmax(1)",
    "dead(1)",
    "shape(1)",
    "exp(1e9)",
    "1 is 1",
    "1 in W[1]",
    "'\\d'",
    "1 if 1 else 2",
    "",
    " ",
    "\x00",
    "1\n2",
    "ℒ ᵀ ∂ ∂_ ·",
    "w₀,₀[0]",
    "٣ + ٣",
    "W[٣]",
    "a" * 1000,
    "\ud800",
    *(f"{control}{MARKER}" for control in CONTROLS),
)

_ATOMS = (
    *("1", "0", "-1", "1e308", "9" * 400, "nan", "inf", "True", "None", "'a'", "phase", "op", "layer", "path", "loss"),
    *("accuracy", "iteration", "W[1]", "b[1]", "dW[1]", "Z[1]", "A[0]", "X", "Y", "L", "η", "W", "out[1]", "dX", "foo"),
)
_BINARY = (*"+-*/@%", "**", "==", "<", "and", "or", "//", "|", "<<", "is", "in", ",", ":=", " ")
_AROUND = ("norm({})", "max({})", "nan({})", "changed({})", "grad({})", "shape({})", "log({})", "({})", "-{}", "not {}")
_AFTER = ("{}.T", "{}[1]", "{}[1:2]", "{}[1,1]", "{}ᵀ", "{}[0]", "{}.x", "{}(*)", "{}(1)")


def expression(seed: int) -> str:
    """A random expression, of which most make no sense."""
    choose = random.Random(seed)
    made = choose.choice(_ATOMS)
    for _ in range(choose.randint(1, 7)):
        kind = choose.randrange(3)
        if kind == 0:
            made = f"{made} {choose.choice(_BINARY)} {choose.choice(_ATOMS)}"
        else:
            made = choose.choice(_AROUND if kind == 1 else _AFTER).format(made)
    if choose.random() < 0.2:
        at = choose.randrange(len(made) + 1)
        made = made[:at] + choose.choice(("(", "]", "'", "\x1b[2J", "𝟛", "#", "\\", ";")) + made[at:]
    return made
