"""Edits as lines of plain PyTorch, for the exported script."""

from __future__ import annotations

import ast

from engine.debugger import Debugger
from engine.edits import groups_of, parameters_at
from engine.errors import CommandError, EngineError
from engine.experiments.optimizers import OPTIMIZERS
from engine.lookup.expressions import parse
from engine.lookup.names import Ref
from engine.program.groups import Group
from engine.program.program import Supervised
from engine.protocol.recipe import Edit

_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.Mod: "%"}
_FUNCTIONS = ("abs", "exp", "log", "sqrt", "sigmoid", "tanh", "relu", "norm", "sum", "mean", "min", "max", "std")


def plain_edit(session: Debugger, edit: Edit) -> list[str]:
    """Lines that make an edit. Raises CommandError for one whose value plain code cannot compute."""
    if (found := groups_of(session.timeline, edit.name)) is not None:
        return _hyper_parameter(session, edit, *found)
    if edit.name == "batch_size":
        return [f"batch_size = {'len(X)' if edit.value == 'all' else f'round({_code(session, edit, edit.value)})'}"]
    if edit.name == "optimizer":
        return _optimizer(edit.value)
    if edit.name in ("freeze", "unfreeze"):
        chosen = {id(parameter) for parameter in parameters_at(session.timeline, edit.value)}
        names = [name for name, p in session.trainer.modules.named_parameters() if id(p) in chosen]
        return [f"{_parameter(session, name)}.requires_grad_({edit.name == 'unfreeze'})" for name in names]
    target = _code(session, edit, edit.name)
    return ["with torch.no_grad():", f"    {target}.copy_(torch.as_tensor({_code(session, edit, edit.value)}))"]


def _hyper_parameter(session: Debugger, edit: Edit, key: str, groups: list[Group]) -> list[str]:
    supervised = isinstance(session.trainer.program, Supervised)
    value = f"float({_code(session, edit, edit.value)})"
    lines = [f"rate = {value}"] if key == "lr" else []
    for group in groups:
        optimizer = "optimizer" if supervised else f"optimizers[{group.optimizer!r}]"
        lines.append(f"{optimizer}.param_groups[{group.index}][{key!r}] = {'rate' if key == 'lr' else value}")
    if key == "momentum" and supervised:
        lines += [
            "if isinstance(optimizer, torch.optim.RMSprop):",
            "    for parameter, state in optimizer.state.items():",
            "        state.setdefault('momentum_buffer', torch.zeros_like(parameter))",
        ]
    return lines


def _optimizer(name: str) -> list[str]:
    rate = OPTIMIZERS[name].learning_rate
    return [f"optimizer = {plain_optimizer(name, rate)}", f"rate = {rate!r}"]


def plain_optimizer(name: str, rate: float, momentum: float | None = None, decay: float | None = None) -> str:
    """The constructor's call."""
    spec = OPTIMIZERS[name]
    options = dict(spec.options) | ({} if momentum is None else {"momentum": momentum})
    if spec.takes_weight_decay:
        options["weight_decay"] = spec.weight_decay if decay is None else decay
    more = "".join(f", {key}={value!r}" for key, value in options.items())
    return f"torch.optim.{spec.torch_class}(model.parameters(), lr={rate!r}{more})"


def _code(session: Debugger, edit: Edit, expression: str) -> str:
    """An expression of parameters and numbers as Python, with indices from 0."""
    values = session.values()
    try:
        return _translate(session, parse(expression, values.is_named, values.row_of))
    except (EngineError, KeyError):
        raise CommandError(
            f"“{edit.text}”, made after batch {edit.iteration}, cannot be written as plain code",
            "it takes numbers and parameters; the recording (save FILE) keeps everything",
        ) from None


def _translate(session: Debugger, node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(name)):
            return _parameter(session, _parameter_name(session, name) or _unknown(name))
        case ast.Constant(value=value):
            return repr(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_translate(session, operand)})"
        case ast.BinOp(left=left, op=op, right=right):
            return f"({_translate(session, left)} {_OPERATORS[type(op)]} {_translate(session, right)})"
        case ast.Attribute(value=value, attr="T"):
            return f"{_translate(session, value)}.T"
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _FUNCTIONS:
            return f"torch.{name}({_translate(session, argument)})"
        case ast.Name() | ast.Subscript():
            full_name = _parameter_name(session, ast.unparse(node))
            return _parameter(session, full_name) if full_name else _element(session, node)
    return _unknown(ast.unparse(node))


def _parameter_name(session: Debugger, name: str) -> str | None:
    """Its full name; None for anything else, a gradient too."""
    ref = session.values().ref(name) or Ref(name)
    return None if ref.is_gradient else session.values().parameter_name(ref)


def _parameter(session: Debugger, full_name: str) -> str:
    """A parameter by its name; one of no module by its place in an optimizer."""
    loose = session.trainer.modules.loose
    if full_name not in loose:
        return f"P[{full_name!r}]"
    for name, optimizer in session.trainer.optimizers.items():
        for group, values in enumerate(optimizer.param_groups):
            place = next((n for n, parameter in enumerate(values["params"]) if parameter is loose[full_name]), None)
            if place is not None:
                known = "optimizer" if isinstance(session.trainer.program, Supervised) else f"optimizers[{name!r}]"
                return f"{known}.param_groups[{group}]['params'][{place}]"
    return _unknown(full_name)


def _element(session: Debugger, node: ast.AST) -> str:
    if not isinstance(node, ast.Subscript):
        return _unknown(ast.unparse(node))
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return f"{_translate(session, node.value)}[{', '.join(map(_index, parts))}]"


def _index(part: ast.expr) -> str:
    match part:
        case ast.Constant(value=int(place)):
            return str(place - 1)
        case ast.Slice(lower=None | ast.Constant(), upper=None | ast.Constant(), step=None):
            first = "" if part.lower is None else str(int(ast.literal_eval(part.lower)) - 1)
            return f"{first}:{'' if part.upper is None else ast.literal_eval(part.upper)}"
    return _unknown(ast.unparse(part))


def _unknown(text: str) -> str:
    raise KeyError(text)
