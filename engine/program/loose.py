"""Parameters that no module holds: tensors given to an optimizer as they are, layers that stand in a plain list.

Each goes by the way that leads to it, as the user would write it: `W`, `hidden[0].weight`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from engine.program.copies import PLAIN, is_parameter
from engine.program.modules import Modules
from engine.program.surroundings import parts_of

_MOST_LOOKED_AT = 10_000
_TAKEN = ("Z", "A", "N", "D", "X", "Y", "L", "out")  # what values of a batch are called


def loose_parameters(
    modules: Modules, optimizers: Mapping[str, Optimizer], roots: Mapping[str, Any]
) -> dict[str, Tensor]:
    """What is trained and no module's, by name; and what the modules themselves hold, though no optimizer has it.

    `roots` are functions of the user's, by name: what they close over is followed.
    """
    held = {id(parameter) for parameter in modules.parameters()}
    trained = {
        id(parameter): parameter
        for optimizer in optimizers.values()
        for group in optimizer.param_groups
        for parameter in group["params"]
        if id(parameter) not in held
    }
    known = held | {id(item) for item in (*modules.modules(), *optimizers.values())}
    taken = {*_TAKEN, *(name for name, _ in (*modules.named_parameters(), *modules.named_buffers()))}

    def free(name: str, root: str) -> str:
        return f"{root}.{name}" if name.partition("[")[0] in taken else name

    found: dict[int, tuple[str, Tensor]] = {}
    for path, module in modules.named_modules():
        for name, parameter in _within(path, module, known):
            found.setdefault(id(parameter), (free(name, "model"), parameter))
    for root, function in roots.items() if trained.keys() - found.keys() else ():
        for name, parameter in _within("", function, known):
            if id(parameter) in trained:
                found.setdefault(id(parameter), (free(name, root), parameter))
    for number, parameter in enumerate(trained.values(), 1):
        found.setdefault(id(parameter), (f"parameter{number}", parameter))
    return dict(found.values())


def _within(path: str, root: Any, known: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Each parameter within reach that is not known, by the shortest way to it."""
    seen, waiting = set(known), deque([(path, root)])
    while waiting and len(seen) < _MOST_LOOKED_AT + len(known):
        name, item = waiting.popleft()
        for label, part in _parts(item):
            if isinstance(part, PLAIN) or id(part) in seen:
                continue
            seen.add(id(part))
            way = f"{name}{label}".lstrip(".:")
            if is_parameter(part):
                yield way, part
            else:
                waiting.append((way, part))


def _parts(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, nn.Module):
        yield from ((f".{name}", parameter) for name, parameter in item._parameters.items())
    for label, _, part in parts_of(item) or ():
        yield label.replace("'", ""), part
