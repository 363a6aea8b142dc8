"""Our half: the same models under our import line, and running a program in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tests.differential import models
from tests.differential.programs import LITERALS, Program, Query, build
from vivace import models as vivace_models
from vivace.db import atomic
from vivace.models import functions


class _Undo(Exception):
    pass


def names() -> dict[str, Any]:
    """Return what a program may name."""
    return _NAMES


def _names() -> dict[str, Any]:
    found = {name: getattr(vivace_models, name) for name in dir(vivace_models) if not name.startswith("_")}
    found.update({name: getattr(functions, name) for name in dir(functions) if name[0].isupper()})
    return {**found, **LITERALS, **{each.__name__: each for each in declared()}}


def declared() -> list[Any]:
    """Return the models of the file."""
    return [
        each
        for each in vars(models).values()
        if isinstance(each, type)
        and issubclass(each, vivace_models.Model)
        and each is not vivace_models.Model
    ]


_NAMES = _names()


async def read(program: Program, shown: Callable[[Any], Any]) -> Any:
    """Run a program and return its answer, rows as a list."""
    result: Any = build(program, _NAMES)
    rows = hasattr(result, "query_state") or inspect.isawaitable(result)
    return shown(await result if rows else result)


async def write(program: Program, shown: Callable[[Any], Any], dump: tuple[Query, ...]) -> Any:
    """Run a program that writes; return its answer and what the tables hold then. Nothing of it stays."""
    held: list[Any] = []
    try:
        async with atomic():
            held.append(await read(program, shown))
            for each in dump:
                held.append(await read(each, shown))  # noqa: PERF401
            raise _Undo
    except _Undo:
        return held
