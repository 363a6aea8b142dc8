"""Routes by folder, for those who ask: a package of modules that each have a ``router``.

========================  =========================
module of a package       its router is found under
========================  =========================
``__init__.py``           ``/``
``users.py``              ``/users``
``users/_id.py``          ``/users/{id}``
========================  =========================

Nothing is registered by being imported: this function is called once, imports the package in the order of its names,
and returns an ordinary router to include. Modules without a Router are helpers and left alone.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from vivace.errors import BadPattern

from .router import Router


def package_router(package: str) -> Router:
    """Return a router with those of all modules of a package; raises ``BadPattern`` for one under another name."""
    collected = Router()
    _include(collected, import_module(package), "")
    return collected


def _include(collected: Router, module: ModuleType, prefix: str) -> None:
    router = _router_of(module)
    if router is not None:
        collected.include(router, prefix)
    for info in sorted(iter_modules(getattr(module, "__path__", ())), key=lambda info: info.name):
        piece = f"{{{info.name[1:]}}}" if info.name.startswith("_") else info.name
        _include(collected, import_module(f"{module.__name__}.{info.name}"), f"{prefix}/{piece}")


def _router_of(module: ModuleType) -> Router | None:
    """Return the module's ``router``; one that is made there under another name is taken for a slip."""
    found = getattr(module, "router", None)
    if isinstance(found, Router):
        return found
    other = next((name for name, value in vars(module).items() if type(value) is Router), None)
    if other is None:
        return None
    raise BadPattern(
        f"The module {module.__name__} has a Router that is not called 'router'.",
        expected="router = Router()",
        got=other,
        fix=f"Rename {other!r}, or move the module out of the folder of routes.",
    )
