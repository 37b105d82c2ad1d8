"""The raw log of a batch: a dispatch mode that only appends, and saves what is about to be overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from engine.protocol.positions import Phase
from engine.tape.raw import (
    Between,
    OpRow,
    Version,
    caller,
    clipping_frame,
    describe,
    sequence_now,
    storage_of,
    tensors_in,
    users_place,
    written,
)

if TYPE_CHECKING:
    from types import FrameType

    from engine.tape.tracked import Tracked

_made = tuple.__new__  # as OpRow(…), without the call of Python that a named tuple makes first
_FRESH = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}


class Log(TorchDispatchMode):
    """Rows in the order of execution. `phase` and `path` are where the program is now; the Onlooker sets them."""

    def __init__(self, tracked: Tracked) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rows: list[Any] = []
        self.phase = Phase.FORWARD
        self.path = ""
        self.base: FrameType | None = None
        self.saved: dict[int, list[tuple[int, torch.UntypedStorage]]] = {}  # storage → (row that overwrites it, before)
        self._written: dict[int, Tensor] = {}  # the one that was last written in place, by storage
        self.bytes = 0
        self.between: Between | None = None  # whose inner operations come now
        self._clip: FrameType | None = None
        self._tracked = tracked
        self.awake = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch's wrapper, for programs compiled meanwhile, costs as much as the row itself."""
        return False

    # ── on and off ────────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Log:
        super().__enter__()  # type: ignore[no-untyped-call]
        self.awake = True
        return self

    def __exit__(self, *error: Any) -> None:
        self.wake()
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self.awake = False

    def wake(self) -> None:
        """See every operation from here on."""
        if not self.awake:
            self.awake = True
            torch._C._push_on_torch_dispatch_stack(self)

    def sleep(self) -> bool:
        """See no more of them, at no cost where no other mode lies above; whether it was awake."""
        was, self.awake = self.awake, False
        if was and torch._C._len_torch_dispatch_stack() > 0:
            top = torch._C._len_torch_dispatch_stack() - 1
            if torch._C._get_dispatch_stack_at(top) is self:
                torch._C._pop_torch_dispatch_stack(None)
            else:
                self._remove_below(top)
        return was

    def _remove_below(self, top: int) -> None:
        """The user's own modes lie above: take them off, and put them back without this one."""
        above = []
        for _ in range(top + 1):
            mode = torch._C._pop_torch_dispatch_stack(None)
            if mode is self:
                break
            above.append(mode)
        for mode in reversed(above):
            torch._C._push_on_torch_dispatch_stack(mode)

    # ── operations ────────────────────────────────────────────────────────────────────────────────────────────────────

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and note what it did."""
        info = describe(func)
        if info.skipped:
            return func(*args, **(kwargs or {}))
        frame = caller()
        if info.written:
            self._before_writing(written(info, args, kwargs))
        out = func(*args, **kwargs) if kwargs else func(*args)
        place = None if info.folded and not (info.detach or info.written) else users_place(frame, self.base)
        if not info.view and not info.written:
            self.bytes += _room(out)
        graph = torch.is_grad_enabled()
        row = _made(OpRow, (info, args, kwargs, out, self.path, self.phase, place, sequence_now(), graph))
        if self.phase is Phase.BETWEEN:
            self._put_between(row, frame)
        else:
            self.rows.append(row)
        return out

    def _put_between(self, row: OpRow, frame: Any) -> None:
        if self.between is None or self._clip is not None:
            clip = clipping_frame(frame, self.base)
            if clip is not self._clip:
                self._clip = clip
                self.between = None if clip is None else self.begin("clip", users_place(frame, self.base))
        (self.rows if self.between is None else self.between.rows).append(row)

    def begin(self, kind: str, place: Any) -> Between:
        """A new event of several operations."""
        between = Between(kind, place)
        self.rows.append(between)
        return between

    def end_between(self) -> None:
        """What comes now is no part of the last such event."""
        self.between, self._clip = None, None

    # ── writes ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _before_writing(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            storage = storage_of(tensor)
            versions = self._tracked.about_to_write(storage) if storage else []
            if versions:
                self.note_versions(versions)
            elif storage and not self._is_fresh(tensor):
                self._save(storage, tensor)
                self._written[storage] = tensor

    def _save(self, storage: int, tensor: Tensor) -> None:
        self.saved.setdefault(storage, []).append((self.place_in_log(), tensor.untyped_storage().clone()))

    def keep_what_lasts(self) -> None:
        """Save as it ends what was written in place and is older than the batch: a later one may write there again."""
        if self._written:
            made = {storage_of(tensor) for row in self._made_something() for tensor in tensors_in((row.out,))}
            for storage, tensor in self._written.items():
                if storage not in made:
                    self._save(storage, tensor)
        self._written = {}

    def _made_something(self) -> Iterator[OpRow]:
        for row in self.rows:
            for each in row.rows if isinstance(row, Between) else (row,):
                if isinstance(each, OpRow) and not (each.info.view or each.info.written):
                    yield each

    def note_versions(self, versions: list[Version]) -> None:
        """What comes to be with the next event."""
        (self.rows if self.between is None else self.between.rows).extend(versions)

    def place_in_log(self) -> int:
        """Increases with every row."""
        return len(self.rows)

    def _is_fresh(self, tensor: Tensor) -> bool:
        last = self.rows[-1] if self.rows else None
        return isinstance(last, OpRow) and last.out is tensor and last.info.aten in _FRESH


def _room(out: Any) -> int:
    """Bytes of what an operation gave, one tensor or several."""
    if isinstance(out, Tensor):
        return out.nbytes if out.layout is torch.strided else 0
    return sum(map(_room, out)) if isinstance(out, list | tuple) else 0
