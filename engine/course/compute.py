"""Carries out a computation of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from engine.course.findings import Finding
from engine.course.requests import Request, parse_request
from engine.errors import EngineError, ExperimentError


def compute(request: str | Request) -> Finding:
    """The finding of "NAME KEY=VALUE …"; the same arguments give the same finding, times of day aside.

    Looking changes nothing: computations draw from generators of their own. Raises CommandError for a wrong request,
    another EngineError where its data or numbers do not do.
    """
    row, arguments = parse_request(request) if isinstance(request, str) else request
    module, _, name = row.function.partition(":")
    function: Callable[..., Finding] = getattr(import_module(f"engine.course.{module}"), name)
    try:
        return function(**arguments)
    except EngineError:
        raise
    except (ValueError, RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise ExperimentError(f"{row.name} cannot be computed with these values: {reason}", "try others") from error
