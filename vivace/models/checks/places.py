"""Where a model or field was written, for people who must mend it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from vivace.errors.findings import Finding, Level

if TYPE_CHECKING:
    from vivace.models.base import Model


def place_of(model: type[Model]) -> str:
    """Return ``file:line`` of a class, or its dotted name where there is no source."""
    try:
        file = inspect.getsourcefile(model)
        _, line = inspect.getsourcelines(model)
    except (OSError, TypeError):
        return f"{model.__module__}.{model.__qualname__}"
    return f"{file}:{line}"


def about(model: type[Model], id: str, message: str, hint: str = "", level: Level = "error") -> Finding:
    """Return a finding about a model."""
    return Finding(id, f"{model._meta.label}: {message}", hint, place_of(model), level)


def about_field(field: Any, id: str, message: str, hint: str = "", level: Level = "error") -> Finding:
    """Return a finding about a field."""
    model = getattr(field, "model", None)
    place = place_of(model) if model is not None else ""
    return Finding(id, f"{field}: {message}", hint, place, level)
