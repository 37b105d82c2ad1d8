"""Sessions over a small network with everything that is random or has state, and a plain loop over their parts."""

from __future__ import annotations

from typing import Any

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.session import Session
from engine.training.state import capture_optimizer, capture_tensors, digest


def small(**changes: Any) -> Session:
    """An mlp with everything that is random or has state: dropout and Adam; 11 batches an epoch."""
    recipe: dict[str, Any] = {
        "layers": (784, 6, 4, 2),
        "classes": (1, 7),
        "optimizer": "adam",
        "dropout": 0.2,
        "batch_size": 200,
        "epochs": 2,
    }
    return open_experiment(Experiment(**recipe | changes))


def edited(**changes: Any) -> Session:
    """An mlp with dropout and a momentum that can be set."""
    return small(optimizer="sgd", momentum=0.9, **changes)


def go(session: Session, iteration: int) -> str:
    epoch, batch = session.calendar.place(iteration)
    session.goto(f"{epoch}:{batch}")
    return session.digest()


def plain_digests(session: Session) -> list[str]:
    """The digest before training and after each batch of a plain loop over the same parts."""
    trainer = session.trainer
    digests = [_digest(session)]
    for _ in range(session.epochs):
        for inputs, targets in trainer.loader:
            trainer.optimizer.zero_grad()
            trainer.loss(trainer.model(inputs), targets).backward()
            trainer.optimizer.step()
            digests.append(_digest(session))
    return digests


def _digest(session: Session) -> str:
    model = session.trainer.model
    return digest(model, capture_tensors(model), {"": capture_optimizer(session.trainer.optimizer).state})
