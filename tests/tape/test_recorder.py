"""The recorder: any model, no bit changed, every gradient autograd's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from engine.protocol.positions import Phase, Unit
from engine.tape.tape import Tape, Value
from engine.training.state import capture_optimizer, capture_tensors, digest
from tests.support.zoo import ZOO, make


def _digest(parts: Any) -> str:
    return digest(parts.model, capture_tensors(parts.model), {"": capture_optimizer(parts.optimizer).state})


@pytest.mark.parametrize("name", ZOO)
def test_recorded_batches_leave_the_bits_of_a_plain_loop(name: str) -> None:
    plain, recorded = make(name), make(name)
    torch.manual_seed(3)
    losses = plain.plain_loop(4)
    torch.manual_seed(3)
    session = recorded.session()
    for _ in range(4):
        session.step(Unit.BATCH)
        assert session.tape() is not None
    assert list(session.timeline.losses) == losses
    assert session.digest() == _digest(plain)


@pytest.mark.parametrize("name", ZOO)
def test_the_tape_s_parameter_gradients_and_updates_are_those_of_a_plain_loop(name: str) -> None:
    plain, recorded = make(name), make(name)
    torch.manual_seed(3)
    before = capture_tensors(plain.model)
    plain.plain_loop(1)
    torch.manual_seed(3)
    session = recorded.session()
    session.step(Unit.BATCH)
    tape = session.tape()
    assert tape is not None
    for parameter_name, parameter in plain.model.named_parameters():
        assert parameter.grad is not None
        assert torch.equal(tape.gradients()[parameter_name][0], parameter.grad)
        old, new = session.values().change(parameter_name)
        assert torch.equal(old, before[parameter_name])
        assert torch.equal(new, parameter)


@pytest.mark.parametrize("name", ZOO)
def test_every_backward_gradient_is_autograd_s_own(name: str) -> None:
    """The oracle: tensor hooks on what each module gives, in a loop without a recorder."""
    plain, recorded = make(name), make(name)
    seen: dict[str, Tensor] = {}

    def watch(path: str) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            tensor = output[0] if isinstance(output, tuple) else output
            if isinstance(tensor, Tensor) and tensor.requires_grad and path not in seen:
                seen[path] = torch.empty(0)
                tensor.register_hook(lambda gradient: seen.__setitem__(path, gradient.clone()))

        return hook

    session = recorded.session()
    layers = {layer.path: layer.index for layer in session.naming.layers}
    for path, module in plain.model.named_modules():
        if path in layers:
            module.register_forward_hook(watch(path))
    torch.manual_seed(3)
    plain.plain_loop(1)
    torch.manual_seed(3)
    session.trainer.restore(session.timeline.history.nearest(0))
    torch.manual_seed(3)
    session.step(Unit.BATCH)
    tape = session.tape()
    assert tape is not None
    compared = 0
    for path, gradient in seen.items():
        value = tape.values.get(f"Z[{layers[path]}]")
        if value is not None and value.gradient is not None and name != "in place":
            assert torch.equal(value.gradient, gradient), path
            compared += 1
    assert compared or name == "in place"


@pytest.mark.parametrize("name", ZOO)
def test_gradients_that_flow_out_of_one_event_flow_into_the_next(name: str) -> None:
    session = make(name).session()
    session.step(Unit.BATCH)
    tape = session.tape()
    assert tape is not None
    backward = [event for event in tape.events if event.phase is Phase.BACKWARD]
    incoming = [g for event in backward for part in (event, *event.folded) for g in part.gradients_in if g is not None]
    for event in backward:
        for part in (event, *event.folded):
            for target, gradient in part.gradients_out:
                if target is not None and gradient is not None and not target.root().parameter:
                    assert _arrives(target, gradient, incoming, tape), (event.op.name, target.name)


def _arrives(target: Value, gradient: Tensor, incoming: list[Tensor], tape: Tape) -> bool:
    """The same tensor is received, or is part of a sum that is."""
    return any(g is gradient or (g.shape == gradient.shape and torch.equal(g, gradient)) for g in incoming) or (
        target.gradient is not None and target.gradient.shape == gradient.shape
    )


@pytest.mark.parametrize("name", ZOO)
def test_every_backward_event_has_its_forward_twin(name: str) -> None:
    session = make(name).session()
    session.step(Unit.BATCH)
    tape = session.tape()
    assert tape is not None
    assert not [e.aten for e in tape.events if e.phase is Phase.BACKWARD and e.twin is None]


def test_in_place_operations_do_not_change_what_was_recorded_before_them() -> None:
    parts = make("in place")
    inputs, _ = parts.loader[0]
    expected = inputs @ parts.model.first.weight.T + parts.model.first.bias  # type: ignore[union-attr]
    session = parts.session()
    session.step(Unit.BATCH)
    session.goto("1:1:2")
    value = session.do("print Z[1]").value
    assert torch.allclose(torch.tensor(value), expected.detach(), atol=1e-6)
    assert torch.tensor(value).min() < 0


def test_recording_leaves_no_hooks_behind() -> None:
    parts = make("convnet")
    session = parts.session()
    for _ in range(3):
        session.step(Unit.BATCH)
    for module in parts.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    for parameter in parts.model.parameters():
        assert not getattr(parameter, "_post_accumulate_grad_hooks", None)
    assert not torch.nn.modules.module._global_forward_hooks


def test_a_tape_past_its_budget_keeps_statistics_and_records_again_what_is_looked_at() -> None:
    roomy, tight = make("convnet").session(), make("convnet").session(tape_bytes=20_000)
    torch.manual_seed(3)
    for session in (roomy, tight):
        session.trainer.restore(session.timeline.history.nearest(0))
        session.step(Unit.BATCH)
    tape = tight.tape()
    assert tape is not None
    dropped = [v.name for v in tape.values.values() if v.tensor is None and not v.parameter and v.statistics]
    assert "Z[1]" in dropped
    assert tight.do("print Z[1][1,1,1,1]").value == roomy.do("print Z[1][1,1,1,1]").value


@pytest.mark.parametrize("name", ["convnet", "lstm"])
def test_a_tape_that_was_not_read_is_taken_for_about_what_it_holds(name: str) -> None:
    session = make(name).session()
    for _ in range(3):  # the first is made at once
        session.step(Unit.BATCH)
    tape = session.timeline.held_tape(3)
    assert tape is not None
    unread = tape.bytes
    assert 0.75 * tape.built().bytes < unread < 1.25 * tape.bytes
