"""A learner's formula: right ones in any form, wrong ones with the reason, hostile ones refused."""

from __future__ import annotations

import pytest

from engine.course.formula import _setting, judge, refused
from engine.course.formula_language import FUNCTIONS, LONGEST, parse
from engine.course.networks import describe
from engine.errors import EngineError, ExpressionError
from nnwalk_tui.lessons.library import lessons
from nnwalk_tui.lessons.questions import begins_answer, without_key

TWO = "3-2-3 sigmoid sigmoid bce"
ONE = "4-1 sigmoid sigmoid bce"


@pytest.mark.parametrize(
    ("network", "target", "formula"),
    [
        (TWO, "dZ[2]", "A[2] - Y"),
        (TWO, "dZ[2]", "∂_Z[2] = Ŷ − Y"),
        (TWO, "∂_Z[1]", "(∂_Z[2]·W[2]) ∗ A[1] ∗ (1 − A[1])"),
        (TWO, "dZ[1]", "((A[2] - Y) @ W[2]) * dsigmoid(Z[1])"),
        (TWO, "dW[1]", "(1/N)·∂_Z[1]ᵀ·A[0]"),
        (TWO, "dW[2]", "(A[1].T @ dZ[2]).T / N"),
        (TWO, "db[2]", "mean₀(∂_Z[2])"),
        (TWO, "db[1]", "sum0(dZ[1]) / N"),
        (TWO, "dA[2]", "(1-Y)/(1-A[2]) - Y/A[2]"),
        (TWO, "Z[2]", "A[1] @ W[2].T + b[2]"),
        (ONE, "dw", "1/N * X.T @ (yhat - y)"),
        (ONE, "db", "mean(yhat - y)"),
        (ONE, "dw", "X^T @ (yhat - y) / N"),
        (ONE, "dA[1]/dZ[1]", "yhat - yhat^2"),
        (ONE, "z", "X·w + b"),
        ("3-4-2-3 relu softmax cross-entropy", "dZ[1]", "(dZ[2] @ W[2]) * (Z[1] > 0)"),
        ("3-2-3 tanh linear half-mse", "dZ[1]", "(dZ[2] @ W[2]) * (1 - A[1]²)"),
    ],
)
def test_a_right_formula_is_right_in_any_form(network: str, target: str, formula: str) -> None:
    assert judge(network, target, formula).right


@pytest.mark.parametrize(
    ("network", "target", "formula", "said"),
    [
        (TWO, "dZ[2]", "Y - A[2]", "your ∂_Z[2] has the wrong sign"),
        (TWO, "dZ[1]", "dZ[2] @ W[2]", "your ∂_Z[1] is off by a factor A[1] ∗ (1 − A[1])"),
        (TWO, "dZ[1]", "(dZ[2]@W[2])*(A[1]*(1-A[1]))**2", "has the factor A[1] ∗ (1 − A[1]) once too often"),
        (TWO, "dW[1]", "dZ[1].T @ X", "your ∂ℒ/∂W[1] lacks the 1/N"),
        (TWO, "dW[1]", "dZ[1].T @ X / N / N", "has a 1/N too many"),
        (TWO, "dW[1]", "A[0].T @ dZ[1] / N", "your ∂ℒ/∂W[1] is transposed"),
        (TWO, "dW[1]", "A[0].T @ dZ[1]", "is transposed, and lacks the 1/N"),
        (
            TWO,
            "dW[1]",
            "(dZ[2]@W[2]).T @ X / N",
            "the first wrong factor is ∂_Z[1]: it is off by a factor A[1] ∗ (1 − A[1])",
        ),
        (TWO, "dZ[1]", "((A[2]-Y)*A[2]*(1-A[2]))@W[2]*A[1]*(1-A[1])", "the first wrong factor is ∂_Z[2]"),
        (
            TWO,
            "dA[1]",
            "dZ[2] @ W[2].T",
            "∂_Z[2] is (N × n_2) and W[2]ᵀ is (n_1 × n_2): inner sizes n_2 and n_1 differ",
        ),
        (TWO, "dA[1]", "dZ[2] @ W[2].T", "W[2] without ᵀ would fit"),
        (TWO, "dZ[1]", "dZ[2] * W[2]", "∗ goes element by element — · (typed @) is the matrix product"),
        (TWO, "dZ[2]", "A[2].T - Y", "one of them wants ᵀ"),
        (TWO, "db[1]", "mean(dZ[1])", "your ∂ℒ/∂b[1] is (one number), it must be (n_1)"),
        (TWO, "db[1]", "sum0(dZ[1])", "lacks the 1/N"),
        (TWO, "dZ[1]", "Z[1] * 2", "has the right shape, but on random numbers in row"),
        (TWO, "dZ[1]", "dZ[1]", "there is no “dZ[1]” here"),
        (TWO, "dZ[2]", "A2 - Y", "did you mean A[2]?"),
        (TWO, "dZ[2]", "A[2] - y", "did you mean Y?"),
        (ONE, "dw", "Xᵀ(ŷ − y)/N", "between “X.T” and the bracket an operator is missing"),
        (ONE, "dA[1]/dZ[1]", "yhat(1 - yhat)", "between “yhat” and the bracket an operator is missing"),
        (TWO, "dZ[1]", "sigmoid", "sigmoid is a function"),
        (TWO, "dZ[1]", "dZ[2] @", "stuck at"),
        ("3-2-3 sigmoid sigmoid half-mse", "dZ[2]", "A[2] - Y", "off by a factor A[2] ∗ (1 − A[2])"),
        (ONE, "dw", "(yhat - y).T @ X / N", "your ∂ℒ/∂w is transposed"),
    ],
)
def test_a_wrong_formula_gets_the_reason(network: str, target: str, formula: str, said: str) -> None:
    found = refused(network, target, formula)
    assert not found.right
    assert said in found.said


def test_an_unknown_network_or_target_is_an_error_of_the_lesson() -> None:
    with pytest.raises(EngineError, match="does not describe a network"):
        judge("3-2", "dZ[1]", "X")
    with pytest.raises(EngineError, match="no “dZ\\[9\\]”"):
        judge(TWO, "dZ[9]", "X")


_CALLS = [
    "__import__('os')", "eval('1')", "exec('1')", "open('/etc/passwd')", "print(X)", "getattr(X, 'T')", "globals()",
    "locals()", "vars()", "dir()", "type(X)", "id(X)", "input()", "help()", "breakpoint()", "compile('1','','eval')",
    "setattr(X,'a',1)", "delattr(X,'a')", "hasattr(X,'a')", "iter(X)", "next(X)", "super()", "memoryview(X)",
    "bytes(9)",
    "bytearray(9)", "range(10**9)", "list(X)", "tuple(X)", "dict()", "set()", "frozenset()", "map(exp,X)",
    "filter(exp,X)",
    "sorted(X)", "min(X)", "max(X)", "any(X)", "all(X)", "round(X)", "pow(2,9)", "divmod(1,2)", "hash(X)", "repr(X)",
    "str(X)", "int(X)", "float(X)", "complex(1)", "bool(X)", "chr(1)", "ord('a')", "format(X)", "exit()", "quit()",
    "callable(X)", "isinstance(X, int)", "object()", "property()", "staticmethod(exp)", "slice(1)", "zip(X,X)",
    "enumerate(X)", "reversed(X)", "os.system('ls')", "torch.save(X,'x')", "sys.exit()", "subprocess.run('ls')",
]  # fmt: skip
_ATTRIBUTES = [
    f"X.{name}"
    for name in (
        "__class__", "__dict__", "__class__.__bases__", "__reduce__()", "__getattribute__('T')", "data",
        "grad", "numpy()",
        "tofile('x')", "storage()", "untyped_storage()", "apply_(exp)", "map_(X, exp)", "backward()",
        "register_hook(exp)",
        "requires_grad_()", "resize_(10)", "share_memory_()", "cpu()", "cuda()", "tolist()", "item()", "new_empty(9)",
        "repeat(10**9)", "expand(10**9)", "view(-1)", "t()", "mT", "H", "shape", "T.__class__", "T.T.numpy()", "_base",
        "zero_()", "fill_(1)", "copy_(Y)", "add_(1)", "sum()", "mean(0)", "exp()",
    )
]  # fmt: skip
_SYNTAX = [
    "lambda: 1", "lambda x: x", "[x for x in X]", "(x for x in X)", "{x for x in X}", "{x: x for x in X}",
    "[1, 2]", "(1, 2)",
    "{1, 2}", "{1: 2}", "X if Y else N", "X and Y", "X or Y", "not X", "X == Y", "X != Y", "X is Y", "X in Y",
    "X < Y < N",
    "X % 2", "X // 2", "X << 2", "X >> 2", "X | Y", "X & Y", "~X", "(y := X)", "f'{X}'", "'text'", "b'bytes'", "...",
    "None", "True", "False", "1j", "await X", "yield X", "*X", "X[0]", "X[1:2]", "X[1,2]", "X[Y]", "X['a']", "X[-1]",
    "W[1][2]", "W[W[1]]", "W[True]", "exp(X, Y)", "exp()", "exp(*X)", "exp(**X)", "exp(x=X)", "sum(X, dim=0)",
    "(exp)(X)(Y)",
    "exp.__call__(X)", "W[1].T.data", "import os", "X; Y", "X = Y; Z", "x = 1\ny = 2", "del X", "assert X", "raise X",
    "return X", "pass", "def f(): pass", "class A: pass", "for x in X: x", "while 1: 1", "with X: X",
    "try: X", "global X",
    "@X", "X @@ Y", "#", "\\", "X !", "$", "`X`", "X ? Y", "", "   ", "\x00", "X\x00", "“X”", "日本", "Х",
    "X‮Y", "1e400", "inf", "nan",
]  # fmt: skip
_LARGE = [
    "9**9**9", "2**1000", "X**1000", "X**-1000", "X**X", "10**100", "1e10", "99999999999", "-1e99",
    "(" * 200 + "X" + ")" * 200,
    "-" * 250 + "X", "X" + "+X" * 140, "X" + ".T" * 140, "exp(" * 60 + "X" + ")" * 60, "X+" * 2000 + "X",
    "A" * 500, "[" * 250,
]  # fmt: skip
HOSTILE = _CALLS + _ATTRIBUTES + _SYNTAX + _LARGE


def test_there_are_two_hundred_hostile_expressions() -> None:
    assert len(set(HOSTILE)) >= 200


@pytest.mark.parametrize("formula", HOSTILE, ids=lambda formula: repr(formula[:24]))
def test_a_hostile_expression_is_refused(formula: str) -> None:
    with pytest.raises(ExpressionError):
        judge(TWO, "dZ[1]", formula)


def test_a_long_formula_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ExpressionError, match="characters long"):
        parse("X" * (LONGEST + 1))


@pytest.mark.parametrize(("network", "target"), [(TWO, "dW[1]"), (TWO, "Z[2]"), (ONE, "dw"), (ONE, "dA[1]/dZ[1]")])
def test_whatever_can_stand_in_a_formula_may_begin_it_when_it_is_typed_at_once(network: str, target: str) -> None:
    setting = _setting(describe(network), target, 1)
    question = next(each for lesson in lessons() for each in lesson.questions if each.kind == "formula")
    for name in (*setting.given, *FUNCTIONS, "σ", "∂", "Σ", "½", "ŷ", "−", "1", "("):
        assert begins_answer(question, name[0]), name
    assert not any(begins_answer(question, key) for key in ".,q:?K")


def test_the_key_that_opens_an_answer_is_no_part_of_a_formula() -> None:
    typed = ("aA[2] - Y", "a(1-Y)", "abs(Z[1])", "a * (1 - a)", "adZ[2]", "asigmoid(z)")
    assert [*map(without_key, typed)] == ["A[2] - Y", "a(1-Y)", "abs(Z[1])", "a * (1 - a)", "dZ[2]", "sigmoid(z)"]
