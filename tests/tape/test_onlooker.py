"""Any step of the user's own is recorded: its bits are the plain loop's, its phases, names and versions are right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.checkpoint import checkpoint

from engine.protocol.positions import Phase
from engine.tape.versions import Later
from tests.support.steps import Program, check_bits, events, net, phases


def simple(step: Any, optimizer: Any = None, model: nn.Module | None = None) -> Program:
    """A program of one model; `step(model, optimizer, batch)`."""
    model = net() if model is None else model
    made = torch.optim.SGD(model.parameters(), lr=0.1) if optimizer is None else optimizer(model.parameters())
    return Program({"": model}, {"": made}, lambda batch: step(model, made, batch))


# ── GAN ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def gan() -> Program:
    torch.manual_seed(1)
    g, d = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6)), nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 1))
    opt_g, opt_d = torch.optim.Adam(g.parameters(), lr=0.01), torch.optim.Adam(d.parameters(), lr=0.02)

    def step(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        real = batch["x"]
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        opt_d.zero_grad()
        fake = g(torch.randn(len(real), 4))
        loss_D = binary_cross_entropy_with_logits(d(real), ones) + binary_cross_entropy_with_logits(  # noqa: N806
            d(fake.detach()), zeros
        )
        loss_D.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss_G = binary_cross_entropy_with_logits(d(fake), ones)  # noqa: N806
        loss_G.backward()
        opt_g.step()
        return {"D": loss_D, "G": loss_G}

    return Program({"G": g, "D": d}, {"G": opt_g, "D": opt_d}, step)


def test_a_gan_s_two_passes_have_their_phases_losses_and_optimizers() -> None:
    tape = check_bits(gan).tapes[-1]
    assert phases(tape) == [
        "load", "between", "forward", "loss", "forward", "loss", "backward", "update",
        "between", "forward", "loss", "backward", "update",
    ]  # fmt: skip
    assert list(tape.losses) == ["D", "G"]  # as the step returns them, which its curves are called, too
    first, second = tape.losses.values()
    assert first.last < second.first
    assert all(tape.events[n - 1].phase is Phase.BACKWARD for n in (first.first, first.last, second.first, second.last))
    updates = events(tape, Phase.UPDATE)
    assert [(e.optimizer, e.parameter) for e in updates][:2] == [("D", "D.0.weight"), ("D", "D.0.bias")]
    assert {e.settings["lr"] for e in updates if e.optimizer == "G"} == {0.01}
    assert {e.settings["lr"] for e in updates if e.optimizer == "D"} == {0.02}


def test_a_gan_s_detached_fake_knows_where_it_was_cut() -> None:
    tape = check_bits(gan, 2).tapes[-1]
    cut = [value for event in tape.events for value in event.inputs if value.cut]
    assert {value.cut for value in cut} == {"detach"}
    assert all("test_onlooker.py:" in value.cut_at for value in cut)


def test_a_gan_s_discriminator_has_one_gradient_a_pass() -> None:
    tape = check_bits(gan).tapes[-1]
    found = [event for event in tape.versions.events("dD.0.weight") if event]
    first, second = tape.losses.values()
    assert any(first.first <= event <= first.last for event in found)
    assert any(second.first <= event <= second.last for event in found)
    update = tape.updates()["D.0.weight"]
    old, new = tape.versions.before("D.0.weight", update), tape.versions.get("D.0.weight", update)
    assert torch.equal(old, tape.before.tensors["D.0.weight"])
    assert torch.equal(new, tape.after.tensors["D.0.weight"])


# ── several passes, closures ──────────────────────────────────────────────────────────────────────────────────────────


def accumulate(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Tensor:
    optimizer.zero_grad()
    for x, y in zip(batch["x"].chunk(2), batch["labels"].chunk(2), strict=True):
        loss = cross_entropy(model(x), y) / 2
        loss.backward()
    optimizer.step()
    return loss


def test_accumulated_gradients_have_a_version_for_each_pass() -> None:
    tape = check_bits(lambda: simple(accumulate)).tapes[-1]
    assert list(tape.losses) == ["ℒ", "ℒ/2"]
    first, second = tape.losses.values()
    half = tape.versions.get("d0.weight", first.last)
    whole = tape.versions.get("d0.weight", second.last)
    assert not torch.equal(half, whole)
    reached = [e for e in events(tape, Phase.BACKWARD) if second.first <= e.number <= second.last]
    parts = [g for e in reached for p in (e, *e.folded) for v, g in p.gradients_out if v and v.parameter == "0.bias"]
    assert torch.allclose(
        tape.versions.get("d0.bias", second.last), tape.versions.get("d0.bias", first.last) + parts[0]
    )


def test_a_gradient_that_comes_later_says_when() -> None:
    tape = check_bits(lambda: simple(accumulate), 1).tapes[-1]
    with pytest.raises(Later) as later:
        tape.versions.get("d0.weight", 3)
    assert tape.events[later.value.event - 1].phase is Phase.BACKWARD


def closure_step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(model(batch["x"]), batch["labels"])
        loss.backward()
        return loss

    return optimizer.step(closure)


def test_the_passes_of_a_closure_come_before_the_update_that_ends_the_step() -> None:
    program = check_bits(lambda: simple(closure_step, lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=3)))
    tape = program.tapes[-1]
    seen = phases(tape)
    assert seen[-1] == "update"
    assert seen.count("update") == 1
    assert seen.count("backward") >= 2
    passes = list(tape.losses.values())
    moved = tape.versions.get("0.weight", passes[1].first)
    assert not torch.equal(moved, tape.before.tensors["0.weight"])
    assert not torch.equal(moved, tape.after.tensors["0.weight"])
    assert torch.equal(tape.versions.get("0.weight", len(tape)), tape.after.tensors["0.weight"])


# ── between ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["norm", "value"])
def test_clipping_is_one_event_with_the_gradients_before_and_after(kind: str) -> None:
    def step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(model(batch["x"]), batch["labels"])
        loss.backward()
        if kind == "norm":
            nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        else:
            nn.utils.clip_grad_value_(model.parameters(), 0.001)
        optimizer.step()
        return loss

    for tape in check_bits(lambda: simple(step)).tapes:
        clips = [event for event in events(tape, Phase.BETWEEN) if event.op.name == "clip"]
        assert len(clips) == 1
        before, after = (tape.versions.get("d0.weight", clips[0].number - shift) for shift in (1, 0))
        if kind == "norm":
            grads = [tape.versions.get(f"d{name}", clips[0].number - 1) for name in tape.before.tensors]
            assert clips[0].norm == pytest.approx(float(torch.cat([g.flatten() for g in grads]).norm()), rel=1e-5)
            assert torch.allclose(after, before * 0.01 / (clips[0].norm + 1e-6))
        else:
            assert torch.equal(after, before.clamp(-0.001, 0.001))
        assert "between" in phases(tape)


def test_a_scaler_s_unscaling_is_one_event() -> None:
    def make() -> Program:
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)

        def step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = cross_entropy(model(batch["x"]), batch["labels"])
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss

        return simple(step)

    for tape in check_bits(make).tapes:
        unscale = next(event for event in tape.events if event.op.name == "unscale")
        before, after = (tape.versions.get("d0.weight", unscale.number - shift) for shift in (1, 0))
        assert torch.allclose(before, after * 8)
        assert events(tape, Phase.UPDATE)


def test_a_parameter_that_is_clamped_after_its_update_has_both_versions() -> None:
    def step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(model(batch["x"]), batch["labels"])
        loss.backward()
        optimizer.step()
        for parameter in model.parameters():
            parameter.data.clamp_(-0.1, 0.1)
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    update = tape.updates()["0.weight"]
    after_update, last = tape.versions.get("0.weight", update), tape.versions.get("0.weight", len(tape))
    assert torch.equal(after_update.clamp(-0.1, 0.1), last)
    assert torch.equal(last, tape.after.tensors["0.weight"])
    assert phases(tape)[-2:] == ["update", "between"]


def test_an_optimizer_that_two_models_share_updates_each_parameter_once() -> None:
    def make() -> Program:
        a, b = net(), net(3, 3, seed=5)
        groups: list[dict[str, Any]] = [{"params": a.parameters()}, {"params": b.parameters(), "lr": 0.5}]
        optimizer = torch.optim.SGD(groups, lr=0.1)

        def step(batch: dict[str, Tensor]) -> Tensor:
            optimizer.zero_grad(set_to_none=False)
            loss = cross_entropy(b(a(batch["x"])), batch["labels"])
            loss.backward()
            optimizer.step()
            return loss

        return Program({"a": a, "b": b}, {"both": optimizer}, step)

    program = check_bits(make, read=False)
    tape = program.tapes[-1]
    updates = events(tape, Phase.UPDATE)
    assert len(updates) == 8
    assert [event.settings["lr"] for event in updates] == [0.1] * 4 + [0.5] * 4
    for tape in program.tapes:  # read late: gradients were zeroed in place since
        update = tape.updates()["a.0.weight"]
        old, new = tape.versions.before("a.0.weight", update), tape.versions.get("a.0.weight", update)
        assert torch.allclose(old - 0.1 * tape.versions.get("da.0.weight", update), new, atol=1e-7)


# ── graphs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Cube(torch.autograd.Function):
    """x³."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * gradients[0]


def test_a_function_of_the_user_s_is_one_event_with_its_own_name() -> None:
    def step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(Cube.apply(model(batch["x"])), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    for tape in check_bits(lambda: simple(step)).tapes:
        forward = next(event for event in tape.events if event.op.name == "Cube" and event.twin is None)
        backward = next(event for event in tape.events if event.twin is forward)
        came, went = backward.gradients_in[0], backward.gradients_out[0][1]
        assert came is not None
        assert went is not None
        assert forward.outputs[0].gradient is came
        x = forward.inputs[0].tensor
        assert x is not None
        assert torch.equal(3 * x * x * came, went)
        assert [value.name for value in forward.inputs] == ["Z[2]"]


def test_a_gradient_penalty_is_part_of_the_loss() -> None:
    def step(model: nn.Module, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        x = batch["x"].clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(x).tanh().sum(), x, create_graph=True)
        loss = cross_entropy(model(x), batch["labels"]) + slope.norm(2, 1).sub(1).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    assert phases(tape).count("backward") == 1
    assert list(tape.losses) == ["ℒ"]


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_leaves_the_plain_loop_s_bits(reentrant: bool) -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        hidden = model[0](batch["x"])
        loss = cross_entropy(checkpoint(model[1:], hidden, use_reentrant=reentrant), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    assert len(events(tape, Phase.UPDATE)) == 4
    assert len(tape.gradients()) == 4


def test_hooks_of_the_user_s_on_tensors_do_what_they_do_plainly() -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        hidden = model[0](batch["x"])
        hidden.register_hook(lambda gradient: gradient * 2)
        loss = cross_entropy(model[1:](hidden), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    backward = [event for event in events(tape, Phase.BACKWARD) if event.op.name == "linear"]
    assert torch.equal(tape.gradients()["0.bias"][0], backward[-1].gradients_in[0].sum(0))


def test_what_is_computed_without_gradients_says_so() -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        with torch.no_grad():
            hidden = model[0](batch["x"])
        loss = cross_entropy(model[1:](hidden), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    value = tape.values["Z[1]"]
    assert value.cut == "no_grad"
    assert "test_onlooker.py:" in value.cut_at


def test_parameters_of_no_module_go_by_the_user_s_variable() -> None:
    def make() -> Program:
        temperature = torch.ones((), requires_grad=True)
        model = net()
        optimizer = torch.optim.SGD([*model.parameters(), temperature], lr=0.1)

        def step(batch: dict[str, Tensor]) -> Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(model(batch["x"]) * temperature, batch["labels"])
            loss.backward()
            optimizer.step()
            return loss

        return Program({"": model}, {"": optimizer}, step)

    tape = check_bits(make).tapes[-1]
    names = {value.name for event in tape.events for value in event.inputs}
    assert "temperature" in names


def test_sparse_gradients_and_complex_parameters_are_recorded() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(2)
            self.words = nn.Embedding(3, 4, sparse=True)
            self.phase = nn.Parameter(torch.randn(4, dtype=torch.complex64))

        def forward(self, labels: Tensor) -> Any:
            return (self.words(labels) * self.phase).abs().sum(1)

    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        loss = (model(batch["labels"]) - 1).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step, model=Words())).tapes[-1]
    assert tape.gradients()["words.weight"][0].is_sparse
    assert tape.gradients()["phase"][0].is_complex()


def test_a_write_into_a_slice_is_an_input_of_what_reads_the_whole() -> None:
    def step(model: Any, optimizer: Any, batch: dict[str, Tensor]) -> Any:
        optimizer.zero_grad()
        z = model[0](batch["x"]) * 1.0
        z[:, :4] = y = z[:, 4:] * 2
        assert y is not None
        loss = cross_entropy(model[2](z), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = check_bits(lambda: simple(step)).tapes[-1]
    reader = next(event for event in tape.events if event.path == "2")
    whole = next(value for value in reader.inputs if value.written)
    assert whole.tensor is not None
    assert whole.written[0].tensor is not None
    assert torch.equal(whole.tensor[:, :4], whole.written[0].tensor)


def test_tensors_of_any_batch_are_named_by_their_keys() -> None:
    tape = check_bits(gan, 1).tapes[-1]
    assert [value.name for value in tape.events[0].outputs] == ["A[0]", "labels"]


def test_nothing_is_left_behind() -> None:
    before = torch.autograd._engine_run_backward  # type: ignore[attr-defined]
    program = check_bits(gan, 2)
    assert torch.autograd._engine_run_backward is before  # type: ignore[attr-defined]
    assert torch._C._len_torch_dispatch_stack() == 0
    assert not torch.nn.modules.module._global_forward_hooks
    for optimizer in program.optimizers.values():
        assert "zero_grad" not in vars(optimizer)
