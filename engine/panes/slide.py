"""A convolution cell by cell: the patch that a kernel lies on, times the kernel, and where the gradient goes back.

Everything is what the batch's tape recorded: inputs, the weight as the event read it, outputs and arriving gradients.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from engine.errors import EngineError, ExpressionError
from engine.lookup.moment import Moment
from engine.protocol.messages import SlideLook
from engine.protocol.positions import Phase
from engine.protocol.views import Picture, SlideGrid, SlideView
from engine.tape.calls import value_then
from engine.tape.tape import Event, Tape, Value

FORWARD, BACKWARD = "forward", "backward"
_LARGEST = 64  # pixels of a map, each way: of a larger one the part about the window is sent
_MOST_TAPS = 11  # of a kernel, each way, that are written as numbers


class Convolution(NamedTuple):
    """A two-dimensional convolution of the tape, and the event that goes back through it."""

    event: Event
    back: Event | None
    x: Value
    w: Value
    b: Value | None
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int


class Cell(NamedTuple):
    """One cell of the output, counted from 0: example, channel, row, column; and the input's channel looked at."""

    example: int
    channel: int
    row: int
    column: int
    within: int  # the input's channel, of those that this output channel reads

    @property
    def output(self) -> tuple[int, int, int, int]:
        """Its index in the output."""
        return self.example, self.channel, self.row, self.column


def slide_view(moment: Moment, look: SlideLook, picked: int) -> SlideView:
    """One cell of a convolution of the cursor's batch. Where there is none to see, `problem` says why."""
    try:
        return _view(moment, look, picked)
    except EngineError as error:
        return SlideView(problem=str(error))


def _view(moment: Moment, look: SlideLook, picked: int) -> SlideView:
    tape = moment.tape
    if tape is None:
        raise ExpressionError("no batch has run", "step a batch: its convolutions are seen cell by cell")
    found = tape.once("two-dimensional convolutions", lambda: _convolutions(tape))
    if not found:
        raise ExpressionError("there is no convolution in this batch", "its kernels would slide over pictures here")
    number = min(look.convolution, len(found)) if look.convolution else _at_cursor(found, moment.done)
    conv = found[number - 1]
    if conv.event.number > moment.done:
        raise ExpressionError(
            f"{_name(moment, conv)} is not computed yet",
            f"it will be by event {conv.event.number}; the cursor is at {moment.done}",
        )
    return _Slide(moment, tape, conv, look, picked).view(number, len(found))


def _convolutions(tape: Tape) -> list[Convolution]:
    backs = {id(event.twin): event for event in tape.events if event.phase is Phase.BACKWARD and event.twin is not None}
    return [
        _convolution(event, backs.get(id(event)))
        for event in tape.events
        if event.phase is not Phase.BACKWARD and _is_convolution(event)
    ]


def _is_convolution(event: Event) -> bool:
    given = event.arguments
    return event.aten == "convolution" and not given["transposed"] and len(given["weight"].shape) == 4


def _convolution(event: Event, back: Event | None) -> Convolution:
    given = event.arguments
    stride, padding, dilation = (_pair(given[name]) for name in ("stride", "padding", "dilation"))
    bias = given["bias"] if isinstance(given["bias"], Value) else None
    return Convolution(
        event, back, given["input"], given["weight"], bias, stride, padding, dilation, int(given["groups"])
    )


def _pair(numbers: list[int]) -> tuple[int, int]:
    return int(numbers[0]), int(numbers[-1])


def _at_cursor(found: list[Convolution], done: int) -> int:
    """The convolution that the cursor's event is, or the last one before it, forward or back; counts from 1."""
    last = 1
    reached = 0
    for number, conv in enumerate(found, 1):
        for event in (conv.event, conv.back):
            if event is not None and reached < event.number <= done:
                last, reached = number, event.number
    return last


def _name(moment: Moment, conv: Convolution) -> str:
    return conv.event.path or conv.event.outputs[0].name or f"event {conv.event.number}"


class _Slide:
    """One convolution at one cell."""

    def __init__(self, moment: Moment, tape: Tape, conv: Convolution, look: SlideLook, picked: int) -> None:
        self.moment, self.tape, self.conv = moment, tape, conv
        self.x, self.w = self._held(conv.x), self._held(conv.w)
        self.z = self._held(conv.event.outputs[0])
        self.dz = self._arrived()
        examples, channels, rows, columns = self.z.shape
        self.cell = Cell(
            _within(picked, examples),
            _within(look.channel, channels),
            _within(look.row or (rows + 1) // 2, rows),
            _within(look.column or (columns + 1) // 2, columns),
            _within(look.within, self.w.shape[1]),
        )
        here = moment.here
        follows = here is not None and here.phase is Phase.BACKWARD and self.dz is not None
        self.direction = look.direction or (BACKWARD if follows else FORWARD)

    def view(self, number: int, of: int) -> SlideView:
        """The maps, the patch under the kernel and what becomes of it."""
        cell, conv = self.cell, self.conv
        if self.direction == BACKWARD and self.dz is None:
            raise ExpressionError(*self._not_back_yet())
        corner = [at * s - p for at, s, p in zip((cell.row, cell.column), conv.stride, conv.padding, strict=True)]
        grids, sums = self._back() if self.direction == BACKWARD else self._forward()
        read, written = self._maps()
        read, first = _cropped(read, corner)
        written, begun = _cropped(written, [cell.row, cell.column])
        down, across = (self._taps(side, corner[side] - first[side]) for side in (0, 1))
        return SlideView(
            direction=self.direction,
            title=self._title(),
            convolution=number,
            convolutions=of,
            example=cell.example + 1,
            channel=cell.channel + 1,
            channels=self.z.shape[1],
            within=cell.within + 1,
            withins=self.w.shape[1],
            row=cell.row + 1,
            column=cell.column + 1,
            rows=self.z.shape[2],
            columns=self.z.shape[3],
            maps=[read, written],
            down=down,
            across=across,
            at=[cell.row - begun[0], cell.column - begun[1]],
            grids=grids,
            sums=sums,
        )

    def _taps(self, side: int, begin: int) -> list[int]:
        """Rows, or columns, of the sent map that the kernel lies on; some may be beside it, on the padding."""
        return [begin + tap * self.conv.dilation[side] for tap in range(self.w.shape[2 + side])]

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _source(self) -> int:
        """The input's channel that is looked at."""
        per_group = self.z.shape[1] // self.conv.groups
        return self.cell.channel // per_group * self.w.shape[1] + self.cell.within

    def _patches(self) -> Tensor:
        """What the kernel lies on, of every channel that it reads (channels, height, width), 0 on the padding."""
        conv, cell = self.conv, self.cell
        begin = [at * s - p for at, s, p in zip((cell.row, cell.column), conv.stride, conv.padding, strict=True)]
        first = self._source - cell.within
        patches = self.x.new_zeros(self.w.shape[1:]).double()
        down, across = (_inside(begin[side], conv.dilation[side], *_sizes(self, side)) for side in (0, 1))
        if down and across:
            rows, columns = (
                slice(begin[side] + taps[0] * step, begin[side] + taps[-1] * step + 1, step)
                for side, taps, step in ((0, down, conv.dilation[0]), (1, across, conv.dilation[1]))
            )
            seen = self.x[cell.example, first : first + len(patches), rows, columns]
            patches[:, down[0] : down[-1] + 1, across[0] : across[-1] + 1] = seen
        return patches

    def _forward(self) -> tuple[list[SlideGrid], list[tuple[str, float]]]:
        cell, conv = self.cell, self.conv
        kernels, patches = self.w[cell.channel].double(), self._patches()
        products = patches * kernels
        by_channel = products.sum((1, 2)).tolist()
        sums = [("products", by_channel[cell.within])]
        if len(kernels) > 1:
            sums.append((f"{len(kernels) - 1} channels", sum(by_channel) - by_channel[cell.within]))
        if conv.b is not None:
            sums.append((self._short(conv.b), float(self._held(conv.b)[cell.channel])))
        sums.append((self._short(conv.event.outputs[0]), float(self.z[cell.output])))
        of_three = (("patch", patches), ("∗ kernel", kernels), ("= products", products))
        return [_grid(title, values[cell.within]) for title, values in of_three], sums

    def _back(self) -> tuple[list[SlideGrid], list[tuple[str, float]]]:
        """What this one cell's gradient sends to the patch, the kernel and the bias."""
        assert self.dz is not None
        cell = self.cell
        arrived = float(self.dz[cell.output])
        kernel = self.w[cell.channel, cell.within].double()
        name = self._short(self.conv.event.outputs[0])
        sums = [(f"g = d{name}", arrived)]
        if self.conv.b is not None:
            sums.append(("to bias: g", arrived))
        grids = [
            _grid("g·kernel, to patch", arrived * kernel),
            _grid("g·patch, to kernel", arrived * self._patches()[cell.within]),
        ]
        whole = self._sent(self.conv.w)
        if whole is not None:
            grids.append(_grid(f"d{self._short(self.conv.w)}, all", whole[cell.channel, cell.within].double()))
        return grids, sums

    # ── what was recorded ─────────────────────────────────────────────────────────────────────────────────────────────

    def _held(self, value: Value) -> Tensor:
        """What the event read or made, on the CPU."""
        event = self.conv.event
        found = value_then(self.tape, value, event.number + (value is event.outputs[0]))
        if found is None:
            raise ExpressionError(
                f"{value.name} is too large to hold", "give the tape more room, or use smaller batches"
            )
        return found.detach().cpu()

    def _arrived(self) -> Tensor | None:
        """The gradient towards the output, once the event that goes back through it is done."""
        back = self.conv.back
        if back is None or back.number > self.moment.done or not back.gradients_in:
            return None
        return None if back.gradients_in[0] is None else back.gradients_in[0].detach().cpu()

    def _sent(self, target: Value) -> Tensor | None:
        """What the event that goes back sends to a value."""
        edges = () if self.conv.back is None else self.conv.back.gradients_out
        found = next((gradient for value, gradient in edges if value is target and gradient is not None), None)
        return None if found is None else found.detach().cpu()

    def _not_back_yet(self) -> tuple[str, str]:
        back = self.conv.back
        name = self._short(self.conv.event.outputs[0])
        if back is None:
            return f"no gradient goes back through {_name(self.moment, self.conv)}", "v shows the way forward"
        return f"d{name} is not computed yet", f"it goes back with event {back.number}; v shows the way forward"

    # ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _maps(self) -> tuple[Picture, Picture]:
        """The map that the kernel lies on, and the one that the cell is in; backward, of their gradients."""
        cell, conv, source = self.cell, self.conv, self._source
        x, z = self._short(conv.x), self._short(conv.event.outputs[0])
        to_x = self._sent(conv.x) if self.direction == BACKWARD else None
        read, read_name = (self.x, x) if to_x is None else (to_x, f"d{x}")
        written, name = (self.dz, f"d{z}") if self.direction == BACKWARD and self.dz is not None else (self.z, z)
        key = f"slide {conv.event.number} {cell.example} {self.direction}"
        return (
            self.tape.once(f"{key} {source} in", lambda: _picture(read[cell.example, source], read_name, source)),
            self.tape.once(
                f"{key} {cell.channel} out", lambda: _picture(written[cell.example, cell.channel], name, cell.channel)
            ),
        )

    def _short(self, value: Value) -> str:
        """What a value is called."""
        return self.moment.naming.short_name.get(value.parameter, "") or value.root().name or value.name

    def _title(self) -> str:
        conv, shape = self.conv, "×".join(map(str, self.w.shape))
        more = [("stride", conv.stride, 1), ("padding", conv.padding, 0), ("dilation", conv.dilation, 1)]
        said = [f"{name} {_times(pair)}" for name, pair, usual in more if pair != (usual, usual)]
        groups = [f"{conv.groups} groups"] if conv.groups > 1 else []
        return " · ".join([f"{self._short(conv.w)} {shape}", *said, *groups])


def _sizes(slide: _Slide, side: int) -> tuple[int, int]:
    """How many taps a kernel has, and a map pixels, along a side."""
    return slide.w.shape[2 + side], slide.x.shape[2 + side]


def _inside(begin: int, dilation: int, taps: int, pixels: int) -> range:
    """The taps that lie on the map, and not on its padding."""
    first = max(0, -(begin // dilation)) if begin < 0 else 0
    last = min(taps - 1, (pixels - 1 - begin) // dilation)
    return range(first, last + 1)


def _within(number: int, of: int) -> int:
    """A place counted from 1, moved to one that there is, counted from 0."""
    return max(1, min(number, of)) - 1


def _times(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"


def _grid(title: str, values: Tensor) -> SlideGrid:
    return SlideGrid(title, values[:_MOST_TAPS, :_MOST_TAPS].tolist())


def _picture(values: Tensor, title: str, channel: int) -> Picture:
    """A map on a scale about 0: levels 1…255 with 128 for 0, and 0 for NaN."""
    scale = float(values.nan_to_num(0.0, 0.0, 0.0).abs().amax()) if values.numel() else 0.0
    levels = ((values / (scale or 1.0) * 127).clamp(-127, 127).round() + 128).nan_to_num(0.0)
    height, width = values.shape
    return Picture(channel + 1, title, "", height, width, levels.byte().numpy().tobytes(), scale)


def _cropped(picture: Picture, about: list[int]) -> tuple[Picture, list[int]]:
    """The part of a large map about a place, and where it begins."""
    sides = (picture.height, picture.width)
    first = [max(0, min(at - _LARGEST // 2, side - _LARGEST)) for at, side in zip(about, sides, strict=True)]
    if max(sides) <= _LARGEST:
        return picture, [0, 0]
    rows = range(first[0], min(first[0] + _LARGEST, sides[0]))
    span = min(_LARGEST, sides[1])
    levels = b"".join(picture.levels[row * sides[1] + first[1] :][:span] for row in rows)
    cut = Picture(picture.number, picture.title, "a part", len(rows), span, levels, picture.scale)
    return cut, first
