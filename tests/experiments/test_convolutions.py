from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from engine.errors import ExperimentError
from engine.experiments.convolutions import POOLS, Convolutions, output_size
from engine.experiments.experiment import Experiment, resolve
from engine.experiments.models import ConvNet
from engine.launch import open_experiment

COMBINATIONS = list(product((5, 7, 28), range(1, 6), range(1, 4), range(3), range(1, 3)))


def test_the_size_of_a_convolution_s_output_is_torchs() -> None:
    fitting = 0
    for n, kernel, stride, padding, dilation in COMBINATIONS:
        size = output_size(n, kernel, stride, padding, dilation)
        convolution = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
        if size >= 1:
            fitting += 1
            assert convolution(torch.zeros(1, 1, n)).shape[-1] == size
        else:
            with pytest.raises(RuntimeError):
                convolution(torch.zeros(1, 1, n))
    assert fitting > 200


SHAPES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "channels": st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
        "kernel": st.integers(1, 6),
        "stride": st.integers(1, 3),
        "padding": st.integers(0, 3),
        "dilation": st.integers(1, 3),
        "pool": st.sampled_from(POOLS),
        "global_pool": st.booleans(),
    }
)


@given(SHAPES)
def test_a_convnet_of_any_shape_gives_logits_or_is_refused_with_a_cure(given: dict[str, Any]) -> None:
    shape = Convolutions.of(given)
    if min(pooled for _, pooled in shape.sides(28)) < 1:
        with pytest.raises(ExperimentError, match="of kernel"):
            shape.features(28)
    else:
        model = ConvNet(3, "tanh", shape)
        assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 3)
        assert model.linear.in_features == shape.features(28)


@given(SHAPES)
def test_a_value_s_receptive_field_is_where_its_gradient_reaches(given: dict[str, Any]) -> None:
    shape = Convolutions.of(given | {"channels": (1,) * len(given["channels"]), "pool": "average"})
    side = 4 * shape.field() + 8
    assume(side < 400)
    stages: list[nn.Module] = []
    for _ in shape.channels:
        stages += [nn.Conv2d(1, 1, shape.kernel, shape.stride, shape.padding, shape.dilation), nn.AvgPool2d(2)]
    through = nn.Sequential(*stages)
    for parameter in through.parameters():
        nn.init.ones_(parameter)
    picture = torch.zeros(1, 1, side, side, requires_grad=True)
    out = through(picture)
    middle = out.shape[-1] // 2
    (gradient,) = torch.autograd.grad(out[0, 0, middle, middle], picture)
    rows = gradient[0, 0].abs().sum(1).nonzero()[:, 0]
    seen = int(rows.max() - rows.min()) + 1
    assert seen == shape.field()


def test_padding_keeps_the_size_of_an_odd_kernel_s_output_unless_it_is_given() -> None:
    assert [Convolutions.of({"kernel": k, "pool": "none"}).sides(28)[0][0] for k in (1, 3, 5, 7)] == [28] * 4
    assert Convolutions.of({"kernel": 3, "dilation": 2, "pool": "none"}).sides(28)[0] == (28, 28)
    assert Convolutions.of({"kernel": 5, "padding": 0}).sides(28) == [(24, 12), (8, 4)]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"kernel": 0}, "the kernel 0 is not in 1"),
        ({"stride": 0}, "the stride 0 is not in 1"),
        ({"dilation": -1}, "the dilation -1 is not in 1"),
        ({"padding": -1}, "the padding -1 is not in 0"),
        ({"pool": "median"}, "no pooling “median”"),
        ({"channels": ()}, "there are 0 convolutions"),
        ({"channels": (8, 0)}, "channels 8-0 have one below 1"),
        ({"channels": (10**6, 10**6)}, "weights"),
        ({"channels": (4, 4, 4, 4, 4)}, "convolution 5 of kernel 3 leaves 1 × 1, too little to be pooled"),
        ({"kernel": 31, "padding": 0}, "convolution 1 of kernel 31 spans 31 pixels, and 28 come in"),
        ({"model": "mlp", "kernel": 3}, "an mlp has no kernel"),
        ({"model": "neuron", "global_pool": True}, "a neuron has no global-pool"),
    ],
)
def test_shapes_that_cannot_be_are_named_with_their_cure(options: Any, problem: str) -> None:
    with pytest.raises(ExperimentError, match=problem) as caught:
        resolve(Experiment(**{"model": "convnet", **options}))
    assert caught.value.cure


def test_a_convnet_of_another_shape_is_stepped_and_walked_back_bit_for_bit() -> None:
    chosen = Experiment(model="convnet", channels=(4, 6), kernel=5, pool="average", global_pool=True, train_size=200)
    session = open_experiment(chosen)
    assert session.description.model == "1-4-6 relu"
    session.do("goto 1:2")
    digest, shapes = session.digest(), [session.do(f"print shape({name})").text for name in ("W[1]", "Z[2]", "Z[3]")]
    session.do("goto 1:4")
    session.do("back batch 2")
    assert session.digest() == digest
    assert shapes == ["[4, 1, 5, 5]", "[64, 6, 14, 14]", "[64, 10]"]
