"""The expression language: what it computes, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch

from engine.errors import ExpressionError
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.lookup.expressions import evaluate
from engine.lookup.values import Values
from engine.session import Session
from engine.watching.watches import Condition
from tests.support.zoo import make


@pytest.fixture(scope="module")
def session() -> Session:
    found = open_experiment(Experiment(layers=(784, 6, 4, 2), classes=(1, 7), optimizer="adam", batch_size=50))
    found.goto("1:3")
    found.goto("1:3:14")
    return found


@pytest.fixture(scope="module")
def values(session: Session) -> Values:
    return session.values()


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("1 + 2 * 3", 7),
        ("2 ** 3 % 5", 3.0),
        ("-norm(dW[2]) < 0 and not 1 > 2", True),
        ("1 < 2 < 3", True),
        ("1 < 2 > 3", False),
        ("iteration % 3 == 0", True),
        ("max(abs(A[1] @ W[2].T + b[2] - Z[2])) < 1e-5", True),
        ("A[1]·W[2]ᵀ + b[2] − Z[2]", "A[1] @ W[2].T + b[2] - Z[2]"),
        ("Z[2][17,3]", "Z[2][17,3:3]"),
        ("X[1]", "A[0][1]"),
        ("sum(A[3][5])", 1.0),
        ("shape(Z[1][2:4])", "shape(Z[1][2:4,1:6])"),
        ("mean(softmax(Z[3]) - A[3])", 0.0),
        ("grad(Z[2])", "dZ[2]"),
        ("grad(W[2])", "dW[2]"),
        ("η", 0.001),
        ("nan(*)", False),
        ("min(relu(Z[1]) - A[1])", 0.0),
    ],
)
def test_an_expression_has_the_value_that_the_formula_says(values: Values, text: str, same_as: object) -> None:
    value = evaluate(text, values)
    expected = evaluate(same_as, values) if isinstance(same_as, str) else torch.tensor(same_as)
    close = torch.allclose(
        torch.as_tensor(value).double().squeeze(), torch.as_tensor(expected).double().squeeze(), atol=1e-6
    )
    assert close


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo", "“foo”"),
        ("norm(foo)", "“foo”"),
        ("foo(W[1])", "function “foo”"),
        ("W", "needs a layer"),
        ("W[9]", "layers are 1 to 3"),
        ("Z[1][51,1]", "no place 51"),
        ("Z[1][0,1]", "count from 1"),
        ("W[1][1,1,1]", "2 dimensions"),
        ("A[1] @ W[2]", "50×6 and 4×6"),
        ("Z[1] > 0 and 1", "has 300 answers"),
        ("dA[3]", "dZ[3]"),
        ("dX", "no gradient goes"),
        ("1 +", "stuck at"),
        ("W[1].data", "only attribute is .T"),
        ("lambda: 1", "not part of the language"),
        ("[x for x in (1,2)]", "not part of the language"),
        ("norm(1, 2)", "takes one value"),
        ("norm(*)", "only nan(*)"),
        ("ratio(Z[1])", "needs a parameter"),
        ("delta(W[1])", "not computed yet"),
        ("norm", "is a function"),
        ("z₁[1](999999)", "not in this batch"),
        ("out[99]", "no event 99"),
        ("W[1] if 1 else 2", "not part of the language"),
    ],
)
def test_a_wrong_expression_names_the_word_that_is_wrong(values: Values, text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Condition(text, values).holds(values)
    assert says in str(caught.value)


def test_a_value_that_comes_later_says_when(session: Session) -> None:
    error = session.do("print dW[1]").error
    assert "not computed yet" in error
    assert "event" in error


def test_the_optimizers_state_is_shown_by_its_symbols(session: Session) -> None:
    last = session.position
    session.goto("1:3")
    state = session.timeline.state(3)
    assert state is not None
    assert torch.equal(evaluate("m(W[1])", session.values()), state.optimizers[""].state[0]["exp_avg"])
    assert math.isclose(float(evaluate("t(W[1])", session.values())), 3.0)
    session.goto(f"1:3:{last.event}")


def test_parameters_of_any_model_go_by_their_own_names() -> None:
    found = make("resnet18").session()
    found.step("batch")  # type: ignore[arg-type]
    assert found.do("print shape(layer1.0.conv1.weight)").value == [64, 64, 3, 3]
    assert not found.do("print norm(grad(layer1.0.conv1.weight))").error
