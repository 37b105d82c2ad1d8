"""One backward pass: which gradients flowed along which edge of the autograd graph, in the order of execution.

The quick way lets the engine itself capture what arrives at each edge (`GradientEdge`s given as inputs), and puts each
leaf's total into its `.grad` as AccumulateGrad would have. Where several edges meet, and at Python's Functions, a hook
sees what each node sent. The careful way has a hook at every node and lets AccumulateGrad do its work: for a `.grad`
that is there already, hooks of the user's, reentrant checkpoints, and a program that is not known yet.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge

from engine.tape.raw import Place, Version, storage_of

_ACCUMULATE = torch._C._functions.AccumulateGrad
_REENTRANT = ("CheckpointFunctionBackward",)

Engine = Callable[..., Any]  # torch.autograd's own _engine_run_backward


class Step(NamedTuple):
    """A node's turn: its gradients in by the place of its output, and out by next edge, as places in `captured`."""

    node: Any
    arrived: tuple[int | None, ...]
    left: tuple[int | None, ...]


class Graph:
    """The nodes that a backward pass goes through, with their next edges, and how many edges end at each place."""

    def __init__(self, roots: list[Tensor]) -> None:
        self.following: dict[Any, tuple[tuple[Any, int], ...]] = {}
        self.roots = [(root.grad_fn, root.output_nr) for root in roots]
        self.arrivals: dict[tuple[Any, int], int] = {}
        self.leaves: list[tuple[Any, Tensor]] = []  # AccumulateGrad nodes and their variables
        arrivals, following = self.arrivals, self.following
        stack: list[Any] = []
        for edge in self.roots:
            arrivals[edge] = arrivals.get(edge, 0) + 1
            stack.append(edge[0])
        while stack:
            node = stack.pop()
            if node in following:
                continue
            if type(node) is _ACCUMULATE:
                following[node] = ()
                self.leaves.append((node, node.variable))
                continue
            edges = following[node] = node.next_functions
            for edge in edges:
                if edge[0] is not None:
                    arrivals[edge] = arrivals.get(edge, 0) + 1
                    stack.append(edge[0])

    def execution(self) -> Iterator[Any]:
        """Nodes as the engine executes them: the last made first, of those that have all their gradients."""
        missing: dict[Any, int] = {}
        for (node, _), count in self.arrivals.items():
            missing[node] = missing.get(node, 0) + count
        ready: list[tuple[int, int, Any]] = []
        ties = itertools.count()

        def arrive(node: Any) -> None:
            missing[node] -= 1
            if not missing[node]:
                heapq.heappush(ready, (-node._sequence_nr(), next(ties), node))

        for node, _ in self.roots:
            arrive(node)
        while ready:
            node = heapq.heappop(ready)[2]
            yield node
            for following, _ in self.following[node]:
                if following is not None:
                    arrive(following)


class Pass:
    """A backward pass. `steps` has a Step for each node, and a Version where a leaf's gradient changed."""

    def __init__(self, roots: list[Tensor], name: str, place: Place | None) -> None:
        self.roots, self.name, self.place = roots, name, place
        self.captured: list[Tensor | None] = []
        self.versions: dict[Any, Version] = {}  # by leaf, of a quick pass
        self._steps: list[Step | Version] | None = None
        self._graph: Graph | None = None
        self._edges: dict[tuple[Any, int], int] = {}  # place in `captured`
        self._sent: dict[int, dict[int, int | None]] = {}  # by id, of those nodes that a hook was on, by next edge
        self._nodes: list[Any] = []

    def own(self, storage: int) -> None:
        """Keep the gradients of a storage that is about to be overwritten."""
        for place, gradient in enumerate(self.captured):
            if gradient is not None and storage_of(gradient) == storage:
                self.captured[place] = gradient.clone()

    def bytes(self) -> int:
        """What the gradients that it keeps take at most: some may lie in one storage."""
        return sum(each.nbytes for each in self.captured if each is not None and each.layout is torch.strided)

    # ── the quick way ─────────────────────────────────────────────────────────────────────────────────────────────────

    def capture(self, graph: Graph, engine: Engine, call: tuple[Any, ...]) -> None:
        """Run the pass, capturing what arrives at each edge; fills the leaves' `.grad`."""
        self._graph = graph
        edges = list(graph.arrivals)
        self._edges = {edge: place for place, edge in enumerate(edges)}
        crowded = {edge for edge, count in graph.arrivals.items() if count > 1}
        handles = [self._watch(node, apart) for node, apart in _meeting(graph, crowded)]
        tensors, gradients, keep, *_ = call
        try:
            found = engine(
                tensors,
                gradients,
                keep,
                False,
                tuple(GradientEdge(*edge) for edge in edges),
                allow_unreachable=True,
                accumulate_grad=False,
            )
        finally:
            for handle in handles:
                handle.remove()
        sent, self.captured = self.captured, list(found)
        if sent:
            shift = len(found)
            self.captured += sent
            for places in self._sent.values():
                places.update((edge, place + shift) for edge, place in places.items() if place is not None)
        self._fill(graph)

    def _watch(self, node: Any, apart: list[int]) -> Any:
        key = id(node)  # of a node that the graph holds: a hook that held it would keep it for ever

        def report(left: tuple[Tensor | None, ...], arrived: Any) -> None:
            self._sent[key] = dict(zip(apart, self._keep(tuple(left[place] for place in apart)), strict=True))

        return node.register_hook(report)

    def _keep(self, gradients: tuple[Tensor | None, ...]) -> tuple[int | None, ...]:
        places: list[int | None] = []
        for gradient in gradients:
            places.append(None if gradient is None else len(self.captured))
            if gradient is not None:
                self.captured.append(gradient)
        return tuple(places)

    def _fill(self, graph: Graph) -> None:
        identities = [id(gradient) for gradient in self.captured if gradient is not None]
        shared = set[int]()
        if len(set(identities)) < len(identities):
            seen = set[int]()
            shared = {each for each in identities if each in seen or seen.add(each)}  # type: ignore[func-returns-value]
        for leaf, variable in graph.leaves:
            gradient = self.captured[self._edges[leaf, 0]]
            if gradient is not None:
                variable.grad = own_gradient(gradient, variable, id(gradient) in shared)
                self.versions[leaf] = Version("", variable.grad)

    # ── the careful way ───────────────────────────────────────────────────────────────────────────────────────────────

    def watch(self, graph: Graph, named: list[tuple[str, Tensor]], room: Callable[[int], bool]) -> list[Any]:
        """Put hooks on every node, and on the variables by name; the handles."""
        self._steps = []
        handles = [self._hook(node, room) for node in graph.following if type(node) is not _ACCUMULATE]
        return handles + [self._hook_variable(name, variable) for name, variable in named]

    def _hook(self, node: Any, room: Callable[[int], bool]) -> Any:
        # Held until the pass is over, not by the node's own hook: that would keep the whole graph alive.
        number, steps = len(self._nodes), self._steps
        self._nodes.append(node)

        def report(left: tuple[Tensor | None, ...], arrived: tuple[Tensor | None, ...]) -> None:
            size = sum(each.untyped_storage().nbytes() for each in left if each is not None and storage_of(each))
            if not room(size):
                left, arrived = (None,) * len(left), (None,) * len(arrived)
            assert steps is not None
            steps.append(Step(self._nodes[number], self._keep(arrived), self._keep(left)))

        return node.register_hook(report)

    def _hook_variable(self, name: str, variable: Tensor) -> Any:
        def report(leaf: Tensor) -> None:
            assert self._steps is not None
            if leaf.grad is not None:
                self._steps.append(Version(name, leaf.grad.detach().clone()))

        return variable.register_post_accumulate_grad_hook(report)

    # ── afterwards ────────────────────────────────────────────────────────────────────────────────────────────────────

    def steps(self) -> list[Step | Version]:
        """Everything that happened, in order."""
        if self._steps is None:
            self._steps = list(self._simulated())
        return self._steps

    def _simulated(self) -> Iterator[Step | Version]:
        graph = self._graph
        if graph is None:
            return
        for node in graph.execution():
            if type(node) is _ACCUMULATE:
                if node in self.versions:
                    yield self.versions[node]
                continue
            sent = self._sent.get(id(node), {})
            edges = enumerate(graph.following[node])
            left = tuple(sent[place] if place in sent else self._edges.get(edge) for place, edge in edges)
            yield Step(node, self._places(node), left)

    def _places(self, node: Any) -> tuple[int | None, ...]:
        return tuple(self._edges.get((node, index)) for index in range(len(node._input_metadata)))


def _meeting(graph: Graph, crowded: set[tuple[Any, int]]) -> Iterator[tuple[Any, list[int]]]:
    """Nodes with those next edges at which what is captured is not what the node sent; `crowded` get from several."""
    for node, edges in graph.following.items():
        if is_function(node):
            yield node, list(range(len(edges)))
        elif not crowded.isdisjoint(edges):
            yield node, [place for place, edge in enumerate(edges) if edge in crowded]


def is_function(node: Any) -> bool:
    """Whether a node is an autograd.Function of somebody's, written in Python."""
    return isinstance(node, BackwardCFunction)


def quick(graph: Graph) -> bool:
    """Whether the engine's capture does all that the plain pass would, as far as the graph tells."""
    for _, variable in graph.leaves:
        hooked = variable._backward_hooks or getattr(variable, "_post_accumulate_grad_hooks", None)
        if variable.grad is not None or hooked:
            return False
    for node, edges in graph.following.items():
        if type(node) is not _ACCUMULATE and (not any(map(_is_somewhere, edges)) or node.name() in _REENTRANT):
            return False
    return True


def _is_somewhere(edge: tuple[Any, int]) -> bool:
    return edge[0] is not None


def own_gradient(gradient: Tensor, variable: Tensor, shared: bool) -> Tensor:
    """What AccumulateGrad leaves in `.grad`: the tensor that came if it may, else a copy laid out as the variable."""
    if gradient.layout is not torch.strided or variable.layout is not torch.strided:
        return gradient.clone() if shared else gradient
    if not shared and _obeys(gradient, variable):
        return gradient
    if _is_dense(variable):
        return torch.empty_strided(
            variable.size(), variable.stride(), dtype=gradient.dtype, device=gradient.device
        ).copy_(gradient)
    return gradient.clone(memory_format=torch.contiguous_format)


def _obeys(gradient: Tensor, variable: Tensor) -> bool:
    theirs, ours = gradient.stride(), variable.stride()
    if theirs == ours and variable.is_contiguous():
        return True
    if _is_dense(variable):
        return all(a == b for a, b, size in zip(theirs, ours, gradient.shape, strict=True) if size != 1)
    return gradient.is_contiguous()


def _is_dense(tensor: Tensor) -> bool:
    """Whether the elements lie one after another, in whichever order of the dimensions."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1 and stride != expected:
            return False
        expected *= size if size != 1 else 1
    return True
