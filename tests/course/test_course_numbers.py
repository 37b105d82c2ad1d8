"""Every number of the course's sections 1 to 7, from `nnwalk-tui lesson NAME --headless --json`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.course.compute import compute
from nnwalk_tui.lessons.library import lessons
from tests.support.headless_lessons import answer, computed, lines

SLUGS = [lesson.slug for lesson in lessons()]


@pytest.mark.parametrize("slug", SLUGS)
def test_every_lesson_runs_and_its_own_answers_are_right(slug: str) -> None:
    found = lines(slug)
    assert all(line["lesson"] == slug for line in found)
    assert not [line for line in found if "error" in line]
    assert all(line["right"] for line in found if line["kind"] == "question")


def test_all_sections_from_1_to_7_have_lessons() -> None:
    slugs = [lesson.slug for lesson in lessons() if int(lesson.section.split(".")[0]) <= 7]
    first = "start ethics data similarity neuron activations losses landscape closed-form chain-rule neuron-train"
    second = "network backprop-2 backprop-1 two-layer autodiff derivatives why-deep descent optimizers depth"
    assert [*first.split(), *second.split()] == slugs


def test_the_data_has_the_courses_shapes() -> None:
    assert answer("data", "x-train") == "60000 × 784"
    assert answer("data", "y-train") == "60000 × 10"
    assert answer("data", "x-valid") == "10000 × 784"
    assert answer("data", "y-valid") == "10000 × 10"
    assert answer("data", "prints") == "60000 × 1 × 28 × 28"
    shown = computed("data", "data.shapes")
    assert shown["train_inputs"] == [shown["n_train"], 1, 28, 28]
    assert shown["train_targets"] == [shown["n_train"]]
    assert shown["valid_inputs"] == [shown["n_valid"], 1, 28, 28]
    assert shown["train_X"] == [shown["n_train"], 784]
    assert shown["train_Y"] == [shown["n_train"], 10]


def test_similarity_and_guessing() -> None:
    assert answer("similarity", "random") == 0.1
    assert answer("similarity", "accuracy") == 0.6740
    assert answer("similarity", "squared") == 0.8295


def test_the_table_of_losses() -> None:
    table = computed("losses", "losses.table")
    assert [round(value, 1) for value in table["mean-difference"]] == [0.1, -0.9, 0.9, -0.1]
    assert [round(value, 1) for value in table["bce"]] == [0.1, 2.3, 2.3, 0.1]
    assert (round(table["log_small"], 1), round(table["log_large"], 1)) == (-2.3, -0.1)


def test_the_same_neuron_three_ways() -> None:
    assert computed("neuron", "neuron.three-ways n=1000 nx=4")["largest_difference"] < 1e-12


def test_the_analytical_solution_and_descent_agree() -> None:
    found = computed("closed-form", "regression.exact")
    assert found["distance"] < 1e-12
    assert found["gradient_at_solution"] < 1e-10


@pytest.mark.parametrize("seed", range(4))
def test_where_a_feature_is_a_sum_of_others_the_way_decides_which_of_many_answers_comes(seed: int) -> None:
    """Least squares by LAPACK gives the shortest; descent from 0 that, too, from elsewhere another as good."""
    found = compute(f"regression.singular seed={seed}")
    value, table = found.value, found.table
    assert isinstance(value, dict)
    assert table is not None
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(50, 2, generator=generator, dtype=torch.float64)
    x = torch.cat([x, x.sum(1, keepdim=True)], 1)
    y = x @ torch.tensor([1.0, 2, 3], dtype=torch.float64)
    y += 0.1 * torch.randn(50, generator=generator, dtype=torch.float64)
    theta = torch.linalg.lstsq(x, y.unsqueeze(1), driver="gelsd").solution[:, 0]
    assert [float(str(cell)) for cell in table.rows[1][1:4]] == pytest.approx(theta.tolist(), abs=6e-4)
    assert value["rank"] == 2
    assert value["condition"] > 1e14
    assert value["descent_to_shortest"] < 1e-8
    assert value["from_elsewhere"] > 1
    losses = [float(str(row[4])) for row in table.rows if row[4]]
    assert losses == pytest.approx([value["loss"]] * len(losses), rel=1e-3)


BANDS = {  # of the subset, over 2,000 seeds: least, median, greatest
    "accuracy_0": (0.051, 0.509, 0.945),
    "accuracy_1": (0.742, 0.949, 0.988),
    "accuracy_2": (0.931, 0.965, 0.986),
    "accuracy_3": (0.947, 0.970, 0.986),
    "accuracy_4": (0.956, 0.972, 0.982),
    "loss_1": (0.540, 0.697, 0.866),
    "loss_2": (0.431, 0.523, 0.626),
    "loss_3": (0.361, 0.418, 0.483),
    "loss_4": (0.313, 0.351, 0.394),
}


@pytest.mark.parametrize("name", BANDS)
def test_neurons_of_many_seeds_lie_in_the_courses_bands(name: str) -> None:
    low, middle, high = BANDS[name]
    least, median, greatest = computed("neuron-train", "neuron.bands seeds=200")[name]
    slack = 0.05 if name == "accuracy_0" else 0.01  # of the median of 200 seeds
    edge = 0.006  # seeds outside of the 2,000 may lie a little beyond
    assert low - edge <= least <= greatest <= high + edge
    assert abs(median - middle) <= slack


def test_one_neuron_is_trained_on_the_courses_pictures() -> None:
    found = computed("neuron-train", "neuron.train")
    assert (found["n_train"], found["n_valid"]) == (2175, 434)


def test_a_mirrored_neuron_answers_the_other_way_round_and_ends_in_the_same_place() -> None:
    before = computed("neuron-train", "neuron.train")["before"]
    assert answer("neuron-train", "mirror") == pytest.approx(1 - before)
    ends = [line["value"] for line in lines("neuron-train") if line.get("command") == "print valid_accuracy"]
    assert ends[-1] == pytest.approx(0.96, abs=0.02)


def test_the_derivation_agrees_with_autograd() -> None:
    assert computed("backprop-2", "backprop.factors layers=3-2-3 n=7 layer=2")["largest_error"] < 1e-10
    deep = (
        "backprop.factors layers=4-3-2-3 n=7 activation=relu output=softmax loss=cross-entropy criterion=torch layer=1"
    )
    assert computed("backprop-1", deep)["largest_error"] < 1e-10


def test_the_texts_two_layer_network_does_not_move_and_the_scaled_one_learns() -> None:
    from engine.course.compute import compute

    assert computed("two-layer", "two-layer.train")["moved"] == pytest.approx(0, abs=0.01)
    plain: Any = compute("two-layer.seeds").value
    assert plain["median_move"] == 0
    assert computed("two-layer", "two-layer.train init=scaled-normal rate=1 epochs=20")["after"] >= 0.985
    check_scaled(25)


@pytest.mark.soak
def test_the_scaled_one_learns_from_a_hundred_starts() -> None:
    check_scaled(101)


def check_scaled(count: int) -> None:
    from engine.course.compute import compute

    scaled: Any = compute(f"two-layer.seeds init=scaled-normal rate=1 epochs=20 count={count}").value
    assert 0.991 <= scaled["median"] <= 0.995


def test_the_autodiff_program_takes_no_gradient_for_inputs_labels_and_the_constant() -> None:
    found = computed("autodiff", "autodiff.graph order=reverse")
    assert sorted(found["without_gradient"]) == ["2", "A0", "Y"]
    assert found["largest_error"] < 1e-10


def test_the_ways_to_differentiate_agree_to_their_precision() -> None:
    found = computed("derivatives", "autodiff.ways")
    assert found["error_forward"] < 1e-12
    assert found["error_symbolic"] < 1e-12
    assert found["error_numeric"] < 1e-6


def test_a_broken_gradient_is_named_by_parameter_index_and_both_values() -> None:
    found = computed("derivatives", "autodiff.check broken=yes")
    assert set(found) == {"passes", "parameter", "index", "by_backward", "by_differences"}
    assert (found["parameter"], found["index"]) == ("W2", [1, 1])


def test_an_epoch_in_mini_batches_has_938_updates_and_a_last_batch_of_32() -> None:
    assert answer("descent", "updates") == 938
    from engine.course.compute import compute

    assert compute("descent.count n=60000 size=64").value == {"updates": 938, "last": 32}


def test_the_update_rules_are_torchs() -> None:
    assert computed("optimizers", "optimizers.agree")["largest_error"] < 1e-12


def test_linear_layers_collapse_and_xor_needs_a_bend() -> None:
    assert computed("why-deep", "deep.collapse")["largest_difference"] < 1e-12
    assert answer("why-deep", "xor-none") == 2
    assert computed("why-deep", "deep.xor hidden=4")["right"] == 4


def test_the_course_asks_its_32_questions() -> None:
    """Section by section: 1, 2, 9, 13, 5, 2; each may be asked as more than one."""
    asked = {line["name"] for slug in SLUGS for line in lines(slug) if line["kind"] == "question"}
    assert {
        "parts", "who", "when",
        "x-shape", "y-shape", "x-train", "y-train", "x-valid", "y-valid", "prints", "idea", "random", "accuracy",
        "superscript", "downside", "z-shape", "obvious", "half", "bce-right", "bce-wrong", "how", "why-chain",
        "purpose",
        "slope-formula", "lines", "epoch", "fourth",
        "address", "ones", "a-shape", "change", "sizes", "same-size",
    } <= asked  # fmt: skip


def test_a_digit_of_ten_pictures_is_not_served_and_one_of_a_hundred_in_part() -> None:
    rare = computed("ethics", "data.missing")
    assert rare["most"] <= 0.02
    assert rare["before"] > 0.8
    some = computed("ethics", "data.missing digit=5 keep=100")
    assert 0.25 < some["least"] <= some["after"] <= some["most"] < 0.65
    assert some["most"] < some["before"]


def test_batch_descent_with_the_rate_of_all_updates_gets_as_far_as_they_do() -> None:
    race = computed("descent", "descent.race")
    assert race["mini_loss"] < race["fast_loss"] < race["batch_loss"] / 3
    assert race["stochastic_loss"] < race["mini_loss"]


def test_adams_first_step_moves_every_weight_by_its_rate() -> None:
    assert answer("optimizers", "norm-of-first") == pytest.approx(0.001 * 25088**0.5, rel=1e-3)


def test_batch_normalisation_left_in_training_mode_answers_by_the_neighbours() -> None:
    found = computed("depth", "depth.norm-modes")
    assert 0.82 < found["used"] < 0.92
    assert 0.28 < found["batches_of_2"] < 0.40
    assert found["batches_of_64"] > 0.8


def test_of_two_inputs_of_unlike_scale_the_small_one_hardly_learns() -> None:
    found = computed("depth", "depth.inputs")
    assert found["unlike_small_rate_small"] < found["unlike_small_rate_large"] / 20
    assert found["alike_small"] == pytest.approx(found["alike_large"], rel=0.1)
