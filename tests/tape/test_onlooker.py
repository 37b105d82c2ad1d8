"""Any step of the user's own is recorded: its bits are the plain loop's, its phases, names and versions are right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from engine.panes.between import between_rule
from engine.panes.here import here_view
from engine.protocol.positions import Phase
from engine.session import Session
from engine.tape.versions import Later
from tests.support.steps import Program, check_bits, events, net, phases, simple

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
        rule = between_rule(tape, clips[0])[0].text
        assert rule.startswith("d ← d · min(1, c / ‖d‖)" if kind == "norm" else "d ← min(max(d, −c), c)")
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


class Every(torch.optim.SGD):
    """Steps at each second call only, by the step of the class that it extends."""

    calls = 0

    def step(self, closure: Any = None) -> Any:
        """Once for two calls."""
        self.calls += 1
        return super().step(closure) if self.calls % 2 == 0 else None


def test_a_step_that_calls_that_of_its_class_updates_each_parameter_once() -> None:
    def step(model: nn.Module, optimizer: Any, batch: Any) -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(model(batch["x"]), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tapes = check_bits(lambda: simple(step, lambda parameters: Every(parameters, lr=0.1)), 2).tapes
    for tape in tapes:
        updates = events(tape, Phase.UPDATE)
        assert [event.parameter for event in updates] == ["0.weight", "0.bias", "2.weight", "2.bias"]
        for event in updates:
            name = event.parameter
            assert torch.equal(tape.versions.before(name, event.number), tape.before.tensors[name])


def test_a_rate_that_a_hook_of_the_optimizer_s_own_sets_is_the_one_that_is_told() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def warmed(optimizer: torch.optim.Optimizer, *call: Any) -> None:
        optimizer.param_groups[0]["lr"] *= 2

    optimizer.register_step_pre_hook(warmed)
    batch = (torch.randn(5, 6), torch.randint(3, (5,)))
    session = Session(model, cross_entropy, optimizer, [batch] * 3)
    session.run(1)
    session.step()
    tape = session.tape()
    assert tape is not None
    assert {event.settings["lr"] for event in events(tape, Phase.UPDATE)} == {0.4}
    assert list(session.timeline.series.whole("learning_rate")) == [0.2, 0.4]


class Wrapping(torch.optim.Optimizer):
    """Steps by an optimizer of its own, which the program does not name."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.1})
        self.inner = torch.optim.Adam(self.param_groups[0]["params"], 0.01)

    def step(self, closure: Any = None) -> Any:
        """The other's step."""
        return self.inner.step()


def test_an_update_by_an_optimizer_that_is_not_named_is_seen_and_searched() -> None:
    model = net()
    session = Session(model, cross_entropy, Wrapping(model.parameters()), [(torch.randn(5, 6), torch.arange(5) % 3)])
    session.step()
    tape = session.tape()
    assert tape is not None
    inner = next(event for event in tape.events if event.optimizer == "Adam")
    session.goto(f"1:1:{inner.number}")
    assert session.do("watch nan(*)").error == ""
    here = here_view(session.moment, (1, 1))
    assert here is not None
    assert any("old" in line and "new" in line for line in here.numbers)
