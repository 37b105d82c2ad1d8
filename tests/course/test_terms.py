"""The glossary: the course's words are all there, each leads where it says, and it can be searched everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.course.terms import Term, all_terms, find, found, groups, search, spoken_of, term_at, terms_text
from engine.errors import CommandError
from nnwalk_tui.actions import parse
from nnwalk_tui.cli import commands
from nnwalk_tui.lessons.library import lessons
from nnwalk_tui.screens.terms import TermsScreen
from tests.support.school import School

COURSE = {  # the course's glossary, in its order; 18, 19, 9, 7, 6 and 15 words
    "Learning from data": (
        "artificial intelligence, machine learning, deep learning, supervised learning, unsupervised learning, "
        "reinforcement learning, hybrid learning, classification, regression, clustering, model, example, input, "
        "channel, output, linear separability, parameter, hyper-parameter"
    ),
    "Networks": (
        "neural network, perceptron, neuron, activation, layer, input layer, hidden layer, output layer, "
        "architecture, forward propagation, training, inference, dataset, convolutional neural network, filter, "
        "pooling, autoencoder, recurrent neural network, long short-term memory"
    ),
    "Learning": (
        "loss, cost, generalization, overfitting, regularization, bias, variance, uncertainty, embedding"
    ),
    "Activation functions": "affine, nonlinear, sigmoid, hyperbolic tangent, ReLU, leaky ReLU, softmax",
    "Techniques": (
        "data augmentation, transfer learning, fine-tuning, dropout, batch normalization, attention"
    ),
    "Optimization": (
        "gradient descent, backpropagation, learning rate, vanishing gradients, exploding gradients, batch, epoch, "
        "momentum, AdaGrad, AdaDelta, RMSProp, Adam, automatic differentiation, cross-entropy loss, "
        "backpropagation through time"
    ),
}  # fmt: skip


def test_all_74_words_of_the_course_are_there() -> None:
    assert [len(names.split(", ")) for names in COURSE.values()] == [18, 19, 9, 7, 6, 15]
    for title, names in COURSE.items():
        assert [term.name for term in groups()[title]] == names.split(", ")


def _plain(text: str) -> str:
    return " ".join(re.sub("[-*]", " ", text).casefold().split())


@pytest.mark.parametrize("term", all_terms(), ids=lambda term: term.name)
def test_a_word_is_explained_where_it_says(term: Term) -> None:
    known = {lesson.slug: lesson.path for lesson in lessons()}
    text = _plain(known[term.lesson].read_text(encoding="utf-8"))
    assert any(_plain(name) in text for name in term.names)
    assert 20 < len(term.says) < 300
    assert bool(term.symbol) == bool(term.ascii)
    assert term.ascii.isascii()
    assert set(term.see) <= {other.name for other in all_terms()} - {term.name}


def test_no_word_stands_there_twice() -> None:
    names = [_plain(name) for term in all_terms() for name in term.names]
    assert len({term.name for term in all_terms()}) == len(all_terms())
    assert sorted(name for name in set(names) if names.count(name) > 1) == ["mini batch"]  # a batch, and its descent


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("gradient", "gradient"),
        ("GRAD", "gradient descent"),
        ("tanh", "hyperbolic tangent"),
        ("bce", "cross-entropy loss"),
        ("η", "learning rate"),
        ("eta", "learning rate"),
        ("hyperparameter", "hyper-parameter"),
        ("mini batch", "gradient descent"),
        ("initialization", "initialisation"),
        ("rolling ball", "momentum"),
    ],
)
def test_a_word_is_found_by_name_synonym_symbol_or_what_it_says(words: str, first: str) -> None:
    assert search(words)[0].name == first


ALIASES = {  # what the course's own glossary calls its words besides
    "artificial intelligence": "AI",
    "machine learning": "ML",
    "deep learning": "DL",
    "reinforcement learning": "RL",
    "model": "predictor, prediction function, hypothesis, classifier",
    "example": "instance, sample, observation, training pair",
    "input": "features, feature vector, attributes, covariates, independent variables, independent variable",
    "output": "dependent variable, dependent variables, class, prediction, predictions",
    "label": "label",
    "parameter": "weights and biases, beta",
    "hyper-parameter": "hyperparameter, number of epochs",
    "architecture": "architecture",
    "neural network": "NN, multi-layer perceptron, MLP, artificial NN, ANN",
    "neuron": "node",
    "activation": "activation function, squashing function, nonlinearity",
    "inference": "deployment, application",
    "training": "training",
    "dataset": "validation/development, testing, training set, validation set, validation/development set, testing set",
    "convolutional neural network": "CNN",
    "filter": "kernel size",
    "pooling": "average-pooling, max-pooling, pooling layer",
    "recurrent neural network": "RNN",
    "long short-term memory": "LSTM",
    "loss": "loss function",
    "cost": "cost function",
    "affine": "affine layer, affine transformation",
    "sigmoid": "sigmoid curve, logistic curve, logistic function",
    "hyperbolic tangent": "tanh",
    "ReLU": "rectified linear unit, rectifier",
    "softmax": "softmax function, softargmax",
    "attention": "attention mechanism, neural attention",
    "gradient descent": "GD, batch GD, BGD, stochastic GD, SGD, mini-batch GD",
    "learning rate": "learning rate",
    "automatic differentiation": "AD",
    "cross-entropy loss": "negative log likelihood, NLL, logistic loss, log loss",
    "backpropagation through time": "BPTT",
}


@pytest.mark.parametrize("name", ALIASES)
def test_every_other_name_of_the_course_is_found_exactly(name: str) -> None:
    for alias in ALIASES[name].split(", "):
        first = found(alias)[0]
        assert (first.term.name, first.called) == (name, True), alias
        assert terms_text(alias).startswith(name), alias


def test_what_only_mentions_a_word_comes_after_and_says_so() -> None:
    assert [each.term.name for each in found("dependent variable")] == ["output"]
    assert terms_text("rolling ball").startswith("no word is called “rolling ball”; these speak of it:\nmomentum")
    assert "spoken of in: " in terms_text("class")


def test_the_terms_of_a_text_are_known_in_its_order_and_by_column() -> None:
    text = "Mini-batches keep gradients steady; a learning │\n│ rate moves W[1] along dW[2]."
    assert [term.name for term in spoken_of(text)] == ["gradient descent", "gradient", "learning rate", "parameter"]
    assert [term_at("a saturated neuron", column) for column in (0, 1)] == [None, None]
    assert str(getattr(term_at("a saturated neuron", 4), "name", "")) == "saturation"


def test_the_way_to_a_word_is_a_command() -> None:
    for term in all_terms():
        parse(term.opens)
        assert term.opens.startswith("lesson ")


def test_an_unknown_word_is_answered_with_what_is_spelt_alike() -> None:
    with pytest.raises(CommandError, match="did you mean sigmoid"):
        find("sigmiod")
    with pytest.raises(CommandError, match="terms alone lists"):
        find("qqqqqq")
    assert len(find("")) == len(all_terms())


def test_the_command_line_tells_words_without_starting_an_engine() -> None:
    told = CliRunner().invoke(commands, ["lesson", "--terms", "gradient", "descent"]).output
    assert told.startswith("gradient descent")
    assert "lesson descent" in told
    every = CliRunner().invoke(commands, ["lesson", "--terms"]).output
    assert all(term.name in every for term in all_terms())
    assert CliRunner().invoke(commands, ["lesson", "--terms", "loss", "--ascii"]).output.isascii()
    lines = CliRunner().invoke(commands, ["lesson", "--terms", "Adam", "--json"]).output.splitlines()
    assert json.loads(lines[0])["lesson"] == "optimizers"


def test_the_engine_tells_the_same_headless() -> None:
    run = ["neuron", "--headless", "-c", "terms saturation"]
    assert CliRunner().invoke(commands, run).output.strip() == terms_text("saturation")


async def test_k_searches_as_letters_are_typed_and_enter_opens_the_lesson(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("K", "b", "o", "q")  # letters that mean commands elsewhere
        screen = school.app.screen
        assert isinstance(screen, TermsScreen)
        assert screen.list.chosen is None
        await pilot.press("ctrl+u", *"neur")
        assert screen.list.chosen is not None
        assert screen.list.chosen.term.name == "neural network"
        drawn = [screen.list.render_line(y).text for y in range(24)]
        assert any("Many simple neurons joined" in line for line in drawn)
        await pilot.press("down")
        assert screen.list.chosen.term.name == "neuron"
        await pilot.press("ctrl+u", *"satur", "enter")
        await pilot.pause()
        assert school.app.classroom.guide is not None
        assert school.app.classroom.guide.lesson.slug == "activations"


async def test_k_in_a_lesson_begins_with_the_words_in_view_and_with_the_one_under_the_mouse(tmp_path: Path) -> None:
    school = School(tmp_path, "losses")
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("K")
        screen = school.app.screen
        assert isinstance(screen, TermsScreen)
        listed = [each.term.name for each in screen.list.items]
        assert set(listed[:1]) <= {term.name for term in spoken_of(school.page())}
        assert len(listed) == len(all_terms())
        await pilot.press("escape")
        y, line = next((y, line) for y, line in enumerate(school.page().splitlines()) if "neuron" in line)
        await pilot.hover(school.app.main.lesson, offset=(line.index("neuron") + 2, y))
        await pilot.press("K")
        screen = school.app.screen
        assert isinstance(screen, TermsScreen)
        assert screen.list.items[0].term.name == "neuron"


async def test_where_no_word_is_found_enter_opens_none_and_esc_leaves(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(120, 40)) as pilot:
        school.app.perform("terms xyzzy")
        await pilot.pause()
        await pilot.press("enter")
        assert isinstance(school.app.screen, TermsScreen)
        await pilot.press("escape", "escape")
        assert not isinstance(school.app.screen, TermsScreen)
        assert not school.own.asked
