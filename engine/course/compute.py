"""Carries out a computation of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from engine.course.findings import Finding
from engine.course.pairs import BUNDLED, use
from engine.course.requests import Request, parse_request
from engine.errors import EngineError, ExperimentError


def compute(request: str | Request, source: str = BUNDLED) -> Finding:
    """The finding of "NAME KEY=VALUE …"; the same arguments give the same finding, times of day aside.

    `source` are the digits to compute on where the request names none: bundled, "mnist" or a folder of IDX files.
    Looking changes nothing: computations draw from generators of their own. Raises CommandError for a wrong request,
    another EngineError where its data or numbers do not do.
    """
    row, arguments = parse_request(request) if isinstance(request, str) else request
    module, _, name = row.function.partition(":")
    function: Callable[..., Finding] = getattr(import_module(f"engine.course.{module}"), name)
    use(source)
    try:
        return function(**arguments)
    except EngineError:
        raise
    except (ValueError, RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise ExperimentError(f"{row.name} cannot be computed with these values: {reason}", "try others") from error
