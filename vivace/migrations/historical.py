"""Model classes made from a state: what data migrations work with.

They have the fields and options of their time and none of the methods of today's classes. They live in a registry of
their own, which holds classes weakly, so this object holds them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vivace.errors import StateError, nearest

from .references import Key, key_of

if TYPE_CHECKING:
    from .state import ModelState, ProjectState


class HistoricalModels:
    """``apps`` of a data migration: ``apps.get_model("library", "Book")``."""

    def __init__(self, state: ProjectState) -> None:
        from vivace.models.registry import Registry

        self.registry = Registry()
        self._classes: dict[Key, type[Any]] = {}
        self._render(state)

    def get_model(self, app_label: str, model_name: str | None = None) -> Any:
        """Return a model by app and name, or by ``"app.Model"``; raises ``StateError`` with the nearest match."""
        if model_name is None:
            app_label, _, model_name = app_label.partition(".")
        found = self._classes.get((app_label, model_name.lower()))
        if found is None:
            raise StateError(
                f"There was no model {app_label}.{model_name} at this point of the history.",
                got=f"{app_label}.{model_name}",
                fix=nearest(
                    f"{app_label}.{model_name}".lower(), [f"{label}.{name}" for label, name in self._classes]
                )
                or "Let the migration depend on one of the app that makes it.",
            )
        return found

    def get_models(self) -> list[Any]:
        """Return all models."""
        return list(self._classes.values())

    def _render(self, state: ProjectState) -> None:
        """Make the classes, those first on which others are based."""
        waiting = dict(state.models)
        while waiting:
            ready = [
                key for key, model in waiting.items() if all(base in self._classes for base in _bases(model))
            ]
            if not ready:
                names = ", ".join(model.label for model in waiting.values())
                raise StateError(
                    f"The bases of {names} are not there at this point of the history.",
                    fix="Let the migration depend on the ones that make them.",
                )
            for key in ready:
                self._classes[key] = self._class(waiting.pop(key))

    def _class(self, model: ModelState) -> type[Any]:
        from vivace.models import Model

        options = {name: value for name, value in model.options.items() if name != "swappable"}
        meta = type("Meta", (), {**options, "app_label": model.app_label, "apps": self.registry})
        body: dict[str, Any] = {name: field.clone() for name, field in model.fields.items()}
        body.update(_managers(model))
        body.update({"Meta": meta, "__module__": f"historical.{model.app_label}", "__qualname__": model.name})
        bases = tuple(
            self._classes[key_of(base, model.key)] if isinstance(base, str) else base for base in model.bases
        )
        metaclass: Any = type(Model)
        made: type[Any] = metaclass(model.name, bases or (Model,), body)
        return made


def _bases(model: ModelState) -> Iterator[Key]:
    for base in model.bases:
        if isinstance(base, str):
            yield key_of(base, model.key)


def _managers(model: ModelState) -> dict[str, Any]:
    return {name: copy.copy(manager) for name, manager in model.managers}


__all__ = ["HistoricalModels"]
