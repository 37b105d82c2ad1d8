"""The values at the cursor, by the names that a learner sees: W[1], dZ[2], loss, or a parameter's own name.

A parameter is old until its update event is done. What is computed later in the batch, or never, is an error that
says so. The file is long because each kind of name is looked up, and refused, beside the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.optim import Optimizer

from engine.errors import ExpressionError, NotComputedYetError
from engine.lookup.names import INDEXED, SYMBOLS, Ref
from engine.lookup.place import Scalar, loss_scalars, place_scalars
from engine.lookup.reasons import dropped, why_no_gradient, why_no_gradient_to, why_not_updated
from engine.lookup.words import nearest
from engine.program.modules import Modules
from engine.protocol.positions import Phase
from engine.tape.naming import Naming
from engine.tape.tape import Event, Tape, Value, named_values
from engine.tape.versions import Later
from engine.training.state import State, optimizer_parameters

_EVENT = re.compile(r"out\[(\d+)\]")


class Values:
    """Lookup at one cursor: `state` is the run's before this batch, `tape` what the batch did, up to event `done`.

    Before training there is no tape. `done` None means the whole batch.
    """

    def __init__(
        self,
        naming: Naming,
        modules: Modules,
        state: Callable[[], State],
        tape: Callable[[], Tape | None],
        done: int | None,
        scalars: dict[str, Callable[[], Scalar]],
        refresh: Callable[[frozenset[int]], Tape],
    ) -> None:
        self.naming = naming
        self.modules = modules
        self.scalars = scalars
        self._state = state
        self._get_tape = tape
        self._done = done
        self._refresh = refresh
        self._tape_now: Tape | None = None
        self.seen_bad: Callable[[], bool] | None = None  # of a free run: whether something in the batch was not finite

    @property
    def tape(self) -> Tape | None:
        """The tape of the cursor's batch."""
        if self._tape_now is None:
            self._tape_now = self._get_tape()
        return self._tape_now

    @property
    def done(self) -> int:
        """How many events of the tape are done."""
        tape = self.tape
        return 0 if tape is None else len(tape) if self._done is None else self._done

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """What makes the updates at the cursor, by name."""
        tape = self.tape
        state = self._state() if tape is None else tape.before
        return {name: saved.of for name, saved in state.optimizers.items()}

    # ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def names(self) -> list[str]:
        """Everything that can be looked up, whether computed yet or not."""
        found = [*self.scalars, *self.naming.full_name, *(f"d{name}" for name in self.naming.full_name)]
        called = self._tape_names()
        for layer in self.naming.layers:
            if self.tape is None or f"Z[{layer.index}]" in called or f"A[{layer.index}]" in called:
                found += [f"Z[{layer.index}]", f"A[{layer.index}]", f"dZ[{layer.index}]", f"dA[{layer.index}]"]
        for name in [*([] if self.naming.course else self.naming.layer_of), *called]:
            found += [name, f"d{name}"]
        bare = [] if self.tape is None else ["X", *(["Y"] if "Y" in called else [])]
        gone = {f"d{name}" for name in self.naming.buffers}
        own = {*self.naming.layer_of, *self.naming.buffers, *called}
        hidden = [f"'{name}'" for name in self.scalars if name in own]  # the bare word is the run's
        return [name for name in dict.fromkeys([*found, *self.naming.buffers, *bare, *hidden]) if name not in gone]

    def _tape_names(self) -> dict[str, Value]:
        tape = self.tape
        return {} if tape is None else named_values(tape)

    def ref(self, name: str) -> Ref | None:
        """The reference that a name is, as any pane writes it; None where nothing is called so."""
        if self._is_plain(name):
            return Ref(name)
        of = name[1:].removeprefix(":") if name.startswith("d") else ""
        return Ref(name, of) if of and of not in self.naming.buffers and self._is_plain(of) else None

    def _is_plain(self, name: str) -> bool:
        naming = self.naming
        known = name in naming.full_name or name in naming.layer_of or name in naming.buffers
        return known or name in self._tape_names()

    def is_named(self, name: str) -> bool:
        """Whether something is called so."""
        return self.ref(name) is not None

    def is_of_tape(self, name: str) -> bool:
        """Whether it is a value of a batch, or the gradient of one, that only a tape holds."""
        ref = self.ref(name)
        return ref is not None and self.parameter_name(ref) is None and ref.name not in self.naming.buffers

    def parameter_name(self, ref: Ref) -> str | None:
        """The full name of the parameter that a reference means, gradient or not."""
        base = ref.base
        return self.naming.full_name.get(base) or (base if base in self.naming.layer_of else None)

    def at(self, tape: Tape, done: int) -> Values:
        """The values of a batch when so many of its events are done."""
        scalars: dict[str, Callable[[], Scalar]] = {
            **place_scalars(tape, done),
            **loss_scalars(tape, done, self.scalars),
        }
        return Values(
            self.naming,
            self.modules,
            self._state,
            lambda: tape,
            done,
            self.scalars | scalars,
            self._refresh,
        )

    def before(self) -> Values:
        """The values before this batch: parameters only."""
        tape = self._needs_tape("the change")
        return Values(self.naming, self.modules, lambda: tape.before, lambda: None, None, self.scalars, self._refresh)

    def row_of(self, example: int) -> int:
        """The row of the batch in which an example of the data set stands, both from 1.

        Where the loader does not tell its indices, the example is the row. Raises ExpressionError for one elsewhere.
        """
        indices = self._needs_tape(f"example {example}").indices
        if not indices:
            return example
        if example not in indices:
            shown = ", ".join(str(index) for index in indices[:5])
            raise ExpressionError(f"example {example} is not in this batch", f"its examples are {shown} …")
        return indices.index(example) + 1

    # ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, ref: Ref) -> Tensor:
        """The tensor that a reference means, at the cursor, on the CPU, a sparse one filled with its zeros.

        May share memory with the run: never write.

        Raises NotComputedYetError or ExpressionError.
        """
        found = self._found(ref)
        if found.is_meta:
            raise ExpressionError(f"{ref.name} is on the meta device, which holds no values", "make it on a real one")
        return (found if found.layout is torch.strided else found.to_dense()).cpu()

    def _found(self, ref: Ref) -> Tensor:
        parameter = self.parameter_name(ref)
        if parameter is not None:
            return self.parameter_gradient(parameter) if ref.is_gradient else self.parameter(parameter)
        if ref.name in self.naming.buffers:
            return self.tensors()[ref.name]
        return self.gradient(ref) if ref.is_gradient else self.activation(ref)

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by full name, as they are at the cursor."""
        if self._done is None:
            return self._state().tensors  # no tape is needed for it
        tape = self.tape
        if tape is None:
            return self._state().tensors
        return {name: self._version(name) for name in tape.after.tensors if self._is_there(tape, name)}

    def _is_there(self, tape: Tape, name: str) -> bool:
        return name in tape.before.tensors or tape.versions.newest(name, self.done) is not None

    def _version(self, name: str) -> Tensor:
        found: Tensor = self._needs_tape(name).versions.get(name, self.done)
        return found

    def optimizer_states(self) -> dict[str, dict[int, dict[str, Any]]]:
        """Each optimizer's state by parameter index, as it is at the cursor."""
        tape = self.tape
        if tape is None or self._done is None:
            state = self._state() if tape is None else tape.border
            return {name: saved.state for name, saved in state.optimizers.items()}
        found: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in self.optimizers}
        for optimizer, parameter, index in self._places():
            if kept := tape.versions.get((optimizer, parameter), self.done):
                found[optimizer][index] = kept
        return found

    def optimizer_of(self, full_name: str) -> tuple[str, int] | None:
        """The first optimizer that updates a parameter, and the parameter's index there; None if none does."""
        return next(((optimizer, index) for optimizer, name, index in self._places() if name == full_name), None)

    def optimizer_names(self) -> list[str]:
        """Full names of the parameters that optimizers update, in their order."""
        return list(dict.fromkeys(name for _, name, _ in self._places()))

    def parameter_names(self) -> list[str]:
        """Full names of all parameters: those that optimizers update, in their order, then the others."""
        return list(dict.fromkeys([*self.optimizer_names(), *self.naming.layer_of]))

    def why_not_updated(self, full_name: str) -> str:
        """Why a parameter is not updated in this batch."""
        optimizer = self.optimizer_of(full_name)
        return why_not_updated(
            self._needs_tape(full_name), full_name, self._live(full_name), optimizer and optimizer[0]
        )

    def _places(self) -> Iterator[tuple[str, str, int]]:
        names = {id(parameter): name for name, parameter in self.modules.named_parameters()}
        for optimizer, each in self.optimizers.items():
            for index, parameter in enumerate(optimizer_parameters(each)):
                if id(parameter) in names:
                    yield optimizer, names[id(parameter)], index

    def updated(self, parameter: str) -> bool:
        """Whether the cursor is past a parameter's update."""
        tape = self.tape
        return tape is not None and tape.updated(parameter, self.done) > 0

    def parameter(self, full_name: str) -> Tensor:
        """A parameter's value at the cursor."""
        tape = self.tape
        if tape is None:
            return self._state().tensors[full_name]
        if self._done is None:
            return tape.border.tensors[full_name]
        return self._version(full_name)

    def change(self, full_name: str) -> tuple[Tensor, Tensor]:
        """A parameter before and after its last update up to the cursor, of which one must be done."""
        tape = self._needs_tape(full_name)
        number = tape.updated(full_name, self.done) or tape.updates().get(full_name)
        short = self.naming.short_name[full_name]
        if number is None:
            raise NotComputedYetError(f"{short} is not updated in this batch", self.why_not_updated(full_name))
        self._check_done(number, f"the change of {short}")
        return tape.versions.before(full_name, number), tape.versions.get(full_name, number)

    def parameter_gradient(self, full_name: str) -> Tensor:
        """ℒ's gradient towards a parameter."""
        short = self.naming.short_name[full_name]
        tape = self._needs_tape(f"d{short}")
        try:
            found: Tensor = tape.versions.get(f"d{full_name}", self.done)
        except Later as later:
            self._check_done(later.event, f"the gradient of {short}")
            raise
        except KeyError:
            if gone := dropped(tape, full_name, self.done):
                raise NotComputedYetError(f"{short} has no gradient any more", f"it was {gone}") from None
            reason = why_no_gradient(tape, full_name, self._live(full_name))
            raise NotComputedYetError(f"no gradient reaches {short}", reason) from None
        return found

    def _live(self, full_name: str) -> Tensor | None:
        return dict(self.modules.named_parameters()).get(full_name)

    def parameter_gradients(self) -> list[Tensor]:
        """Every gradient towards a parameter that is computed at the cursor."""
        tape = self.tape
        if tape is None:
            return []
        found = (tape.versions.newest(f"d{name}", self.done) for name in self.naming.layer_of)
        return [put[1] for put in found if put is not None]

    def activation(self, ref: Ref) -> Tensor:
        """A value of the forward pass."""
        value = self.value(ref)
        if value is None:
            return self._derived(ref)
        if value.event is not None:
            self._check_done(value.event.number, ref.name)
        return self._held(value, ref.name)

    def value(self, ref: Ref) -> Value | None:
        """The tape's value that a reference, or that of which it is the gradient, means; None if there is none."""
        self._check_layer(ref)
        tape = self._needs_tape(ref.name)
        name = {"X": "A[0]", "L": "ℒ"}.get(ref.base, ref.base)
        if found := _EVENT.fullmatch(name):
            number = int(found[1])
            if not 1 <= number <= len(tape):
                raise ExpressionError(f"there is no event {number}", f"this batch has events 1 to {len(tape)}")
            return self._output(tape.events[number - 1])
        named = named_values(tape).get(name)
        if named is None and name.startswith("A[") and self._passes_through(name):
            return tape.values.get("Z" + name[1:])
        return named

    def _output(self, event: Event) -> Value | None:
        if event.phase in (Phase.BACKWARD, Phase.UPDATE):
            made = event.parameter and self.naming.short_name[event.parameter]
            names = made or ", ".join(
                f"d{v.root().name}" for v, gradient in event.gradients_out if v and gradient is not None
            )
            raise ExpressionError(f"event {event.number}, {event.phase} {event.op.name}, makes {names}", "ask for that")
        return event.outputs[0] if event.outputs else None

    def gradient(self, ref: Ref) -> Tensor:
        """ℒ's gradient towards a value of the forward pass."""
        if self._is_derived(ref.base):
            raise ExpressionError(
                f"there is no {ref.name}",
                f"{ref.base} is derived for display: cross-entropy is taken on the logits, see d{'Z' + ref.base[1:]}",
            )
        value = self.value(ref)
        if value is None:
            self._unknown(ref)
        assert value is not None
        if value.gradient is None and not value.gradient_event:
            reason = why_no_gradient_to(self._needs_tape(ref.name), value)
            raise ExpressionError(f"no gradient goes to {ref.base}", reason)
        self._check_done(value.gradient_event, ref.name)
        if value.gradient is None:
            self._tape_now = self._refresh(frozenset(range(value.gradient_event - 1, value.gradient_event + 2)))
            value = self.value(ref)
        if value is None or value.gradient is None:
            raise ExpressionError(f"the gradient of {ref.base} is not seen by itself", "look at its operation's event")
        return value.gradient

    def refreshed(self, wanted: frozenset[int]) -> Tape:
        """The batch's tape with the values of these events held, whatever the room."""
        self._tape_now = self._refresh(wanted)
        return self._tape_now

    def reached(self, value: Value) -> bool:
        """Whether the cursor is past the event that makes a value."""
        return value.event is None or value.event.number <= self.done

    def check(self, ref: Ref) -> None:
        """Raise NotComputedYetError if the cursor has not reached what a reference means."""
        self._needs_tape(ref.name)
        parameter = self.parameter_name(ref)
        if parameter is not None:
            if ref.is_gradient:
                self.parameter_gradient(parameter)
            return
        value = self.value(ref) or (self.value(Ref("Z" + ref.base[1:])) if self._is_derived(ref.base) else None)
        if value is not None and ref.is_gradient:
            self._check_done(value.gradient_event, ref.name)
        elif value is not None and value.event is not None:
            self._check_done(value.event.number, ref.name)

    def _held(self, value: Value, name: str) -> Tensor:
        if value.parameter or value.buffer:
            return self.tensors()[value.parameter or value.buffer]
        if value.tensor is None:
            makers = (value.event, value.root().event)
            self._tape_now = self._refresh(frozenset(event.number for event in makers if event is not None))
            again = self.value(Ref(name))
            if again is None or again.tensor is None:
                raise ExpressionError(f"{name} is too large to hold", "give the tape more room")
            return again.tensor
        return value.tensor

    # ── what has no value of its own ──────────────────────────────────────────────────────────────────────────────────

    def _is_derived(self, name: str) -> bool:
        last = len(self.naming.layers)
        return name == f"A[{last}]" and self.naming.output_activation == "softmax"

    def _passes_through(self, name: str) -> bool:
        index = int(name[2:-1])
        known = 1 <= index <= len(self.naming.layers)
        return known and not self._is_derived(name)

    def _derived(self, ref: Ref) -> Tensor:
        if self._is_derived(ref.name):
            return torch.softmax(self.activation(Ref("Z" + ref.name[1:])), dim=1)
        self._unknown(ref)
        raise AssertionError

    def _check_layer(self, ref: Ref) -> None:
        layers = len(self.naming.layers)
        symbol, _, rest = ref.base.partition("[")
        place = rest.rstrip("]")
        strange = f"d{symbol}" in INDEXED and symbol not in {*SYMBOLS, "out", *self.naming.symbols}
        if strange and place.isdecimal() and ref.base not in self._tape_names():
            self._unknown(ref)
        if symbol not in SYMBOLS or ref.base == "A[0]" or not place.isdecimal():
            return
        if not 1 <= int(place) <= layers:
            raise ExpressionError(f"there is no layer {place} for {ref.name}", f"layers are 1 to {layers}")

    def _unknown(self, ref: Ref) -> None:
        symbol, _, place = ref.base.rstrip("]").partition("[")
        if symbol in ("Z", "A") and place.isdecimal() and f"Z[{place}]" not in self._tape_names():
            layer = self.naming.layers[int(place) - 1]
            raise ExpressionError(
                f"there is no {ref.name} in this batch", f"layer {place} ({layer.path}) was not called in it"
            )
        raise ExpressionError(f"there is no {ref.name} in this model", nearest(ref.name, self.names()))

    def explain_scalar(self, name: str) -> NoReturn:
        """Raise NotComputedYetError, saying when a plain number will be known."""
        if name.startswith("valid_"):
            classes = ", and predictions and targets that are classes" if name == "valid_accuracy" else ""
            raise NotComputedYetError(f"{name} is not known here", f"it needs a validation set{classes}")
        self._needs_tape(name)
        loss = self.value(Ref("L"))
        if loss is not None and loss.event is not None:
            self._check_done(loss.event.number, name)
        raise NotComputedYetError(f"{name} is not known here", "it needs predictions and targets that are classes")

    def _needs_tape(self, name: str) -> Tape:
        tape = self.tape
        if tape is None:
            raise NotComputedYetError(f"{name} is not computed yet: no batch has run", "step a batch first")
        return tape

    def _check_done(self, number: int, name: str) -> None:
        tape = self._needs_tape(name)
        if number > self.done:
            event = tape.events[number - 1]
            raise NotComputedYetError(
                f"{name} is not computed yet",
                f"it will be by event {number}, {event.phase} {event.op.name}; "
                f"the cursor is at {self.done} of {len(tape)}",
            )
