"""What the lesson convolution says of cells, gradients and fields, beside torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from engine.course.compute import compute
from engine.course.convolution import KERNELS
from engine.experiments.data import MEAN, STD, load_digits
from tests.support.headless_lessons import answer, lines


def value(request: str) -> Any:
    return compute(request).value


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("row", "column"), [(1, 1), (8, 12), (26, 26)])
def test_a_cell_is_the_one_of_torchs_map(kernel: str, row: int, column: int) -> None:
    picture = (load_digits().train.images[:1] * STD + MEAN).clamp(0, 1)
    whole = functional.conv2d(picture, torch.tensor(KERNELS[kernel], dtype=torch.float32)[None, None])
    found = value(f"conv.cell row={row} column={column} kernel={kernel}")
    assert found["sum"] == pytest.approx(float(whole[0, 0, row - 1, column - 1]), abs=1e-5)
    assert found["shape"] == list(whole.shape[2:])
    back = value(f"conv.backward row={row} column={column} kernel={kernel} gradient=-2")
    assert back == {"patch_is_kernel": True, "kernel_is_patch": True, "bias": -2}


FIELDS = {"layers_4": (0.45, 0.70), "layers_8": (0.62, 0.82)}  # share of the gradient in the inner part


@pytest.mark.parametrize("seed", range(5))
def test_a_unit_s_field_is_as_wide_as_the_rule_says_and_weighs_most_in_its_middle(seed: int) -> None:
    found = value(f"conv.field seed={seed}")
    assert all(found[f"layers_{n}"]["support"] == found[f"layers_{n}"]["theory"] == 2 * n + 1 for n in (1, 2, 4, 8))
    for name, (least, greatest) in FIELDS.items():
        assert found[name]["area"] < 0.32
        assert least <= found[name]["share"] <= greatest


def test_what_the_learner_works_out_is_what_the_live_network_computed() -> None:
    printed = [
        line["value"] for line in lines("convolution") if str(line.get("command")).startswith(("print sum", "print Z"))
    ]
    assert printed[0] == pytest.approx(printed[1], rel=1e-5)
    assert printed[2] == pytest.approx(printed[3], rel=1e-5)
    assert (answer("convolution", "size"), answer("convolution", "windows")) == (12, 9)
