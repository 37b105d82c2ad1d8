"""What the lesson convolution says of cells, gradients and fields, beside torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from engine.course.compute import compute
from engine.course.convolution import KERNELS
from engine.experiments.data import MEAN, STD, load_digits
from tests.support.headless_lessons import answer, computed, lines


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


def check_scrambled(found: Any) -> None:
    """Scrambled pixels cost a dense network nothing, and a convolutional one what it took for granted."""
    dense, conv = found["dense"], found["conv"]
    assert (dense["parameters"], conv["parameters"]) == (25818, 9098)
    assert all(0.84 <= dense[which] <= 0.92 for which in ("plain", "scrambled"))
    assert dense["scrambled"] > dense["plain"] - 0.03  # with seed 2 it was better by 0.032
    assert conv["plain"] > dense["plain"] + 0.02
    assert conv["scrambled"] < conv["plain"] - 0.04
    assert conv["scrambled"] < dense["scrambled"] + 0.005


def check_moved(found: Any) -> None:
    """4 pixels cost a convolutional network half of what it knew; with global pooling next to nothing."""
    dense, conv, pooled = found["dense"], found["conv"], found["global"]
    assert dense["by4"] < conv["by4"] < 0.6 < 0.9 < conv["by0"]
    assert [pooled["by4"], pooled["by6"]] == pytest.approx([pooled["by0"]] * 2, abs=0.06)
    assert conv["by6"] + 0.3 < pooled["by6"]
    assert pooled["by0"] < conv["by0"]


def test_what_the_lesson_convnet_says_lies_in_the_bands() -> None:
    scrambled, moved = computed("convnet", "convnet.scrambled"), computed("convnet", "convnet.shifted")
    check_scrambled(scrambled)
    check_moved(moved)
    printed = [line["value"] for line in lines("convnet") if line.get("command") == "print valid_accuracy"]
    conv, pooled = scrambled["conv"], moved["global"]
    assert printed == pytest.approx([conv["plain"], conv["scrambled"], moved["conv"]["by4"], pooled["by4"]])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 5))
def test_scrambled_and_moved_digits_lie_in_the_bands_with_other_seeds(seed: int) -> None:
    check_scrambled(value(f"convnet.scrambled seed={seed}"))
    check_moved(value(f"convnet.shifted seed={seed}"))
