"""The parts of several modules under one list of names."""

from __future__ import annotations

import torch
from torch import nn

from engine.program.modules import Modules


def test_parts_that_come_go_or_are_replaced_are_found_under_their_names() -> None:
    norm = nn.BatchNorm1d(3)
    net = nn.Sequential(nn.Linear(2, 3), norm)
    modules = Modules({"": net})

    def agree() -> None:
        assert dict(modules.named_parameters()) == dict(net.named_parameters())
        assert dict(modules.named_buffers()) == dict(net.named_buffers())
        assert dict(modules.named_modules()) == dict(net.named_modules())

    agree()
    norm.running_mean = torch.ones(3)
    agree()
    net.append(nn.Linear(3, 1))
    agree()
    net[0].weight = nn.Parameter(torch.zeros(3, 2))
    agree()
    norm.register_buffer("extra", None)
    agree()
    assert modules.found().empty == {"1.extra"}
    norm.extra = torch.zeros(1)
    agree()
    del norm.extra
    agree()
