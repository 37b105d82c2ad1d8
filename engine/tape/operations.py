"""What a tensor operation is called and what it computes; which ones are bookkeeping.

The rules stand in the tables of `rules/`, a module for each kind: forward beside backward, as functions of the call.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.tape.rules.activations import ACTIVATIONS
from engine.tape.rules.convolution import CONVOLUTIONS
from engine.tape.rules.elementwise import ELEMENTWISE
from engine.tape.rules.losses import LOSSES
from engine.tape.rules.moves import MOVES
from engine.tape.rules.normalisation import NORMALISATIONS
from engine.tape.rules.pooling import POOLING
from engine.tape.rules.products import PRODUCTS
from engine.tape.rules.recurrent import RECURRENT
from engine.tape.rules.reductions import REDUCTIONS
from engine.tape.rules.resizing import RESIZINGS
from engine.tape.rules.rule import MakesRule
from engine.tape.rules.running import RUNNING


class Operation(NamedTuple):
    """What an operator is called, and its rule for a call, if it has one."""

    name: str
    rule: MakesRule | None = None
    activation: bool = False


_NO_ACTIVATIONS = {"_log_softmax"}
_TABLES = (
    ELEMENTWISE,
    REDUCTIONS,
    PRODUCTS,
    CONVOLUTIONS,
    POOLING,
    NORMALISATIONS,
    MOVES,
    LOSSES,
    RECURRENT,
    RUNNING,
    RESIZINGS,
)

OPERATIONS: dict[str, Operation] = {
    aten: Operation(*row, activation=aten not in _NO_ACTIVATIONS) for aten, row in ACTIVATIONS.items()
} | {aten: Operation(*row) for table in _TABLES for aten, row in table.items()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Views, allocations and other bookkeeping: folded into the operation that uses them.
FOLDED = _words(
    """
    _local_scalar_dense _reshape_alias _unsafe_view alias arange as_strided bernoulli_ chunk clone contiguous copy_
    detach diagonal empty empty_like empty_strided expand expand_as fill_ full full_like is_same_size lift_fresh narrow
    new_empty new_empty_strided new_ones new_zeros normal_ ones ones_like permute rand rand_like randint randn
    randn_like reshape scalar_tensor select slice split split_with_sizes squeeze t transpose unbind unfold uniform_
    unsafe_split unsqueeze view view_as zero_ zeros zeros_like
    """
)

# Bookkeeping that only says that a tensor is the same one in another guise.
VIEWS = _words(
    """
    _reshape_alias _unsafe_view alias as_strided chunk clone contiguous detach expand expand_as lift_fresh narrow
    permute reshape select slice split split_with_sizes squeeze t transpose unbind unfold unsqueeze view view_as
    """
)


def operation(aten_name: str) -> Operation:
    """The table's row for an aten operator; in-place variants share that of the plain one."""
    plain = aten_name if aten_name in OPERATIONS else aten_name.removesuffix("_")
    return OPERATIONS.get(plain) or Operation(plain.strip("_").replace("_", "-"))
