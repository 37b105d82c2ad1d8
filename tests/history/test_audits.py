"""An audit: every batch is computed, and no update applied."""

from __future__ import annotations

from tests.support.sessions import small


def test_an_audit_applies_nothing() -> None:
    session = small(batch_norm=True)
    session.timeline.audit = True
    start, losses = session.digest(), []
    for _ in range(13):
        session.step()
        assert session.digest() == start
        losses.append(session.loss)
    assert len(set(losses)) == 13
    session.goto("1:4:12")
    session.goto("1:1")
    session.run(5)
    assert session.digest() == start
    assert list(session.timeline.losses) == losses
    session.do("set b[1] 0.5")
    assert len(session.branches.all) == 2
    edited_digest = session.digest()
    assert edited_digest != start
    session.run(4)
    assert session.digest() == edited_digest


def test_the_losses_of_an_audit_are_those_of_a_model_that_stays_as_it_is() -> None:
    session, plain = small(), small()
    session.timeline.audit = True
    session.run()
    trainer = plain.trainer
    losses = [trainer.loss(trainer.model(x), y).item() for _ in range(2) for x, y in trainer.loader]
    assert list(session.timeline.losses) == losses
