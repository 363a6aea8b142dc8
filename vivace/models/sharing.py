"""Ways back of one name, from models of several apps of a process: each app has its own.

Two apps with a class ``User`` each lead back from ``Group`` by ``user_set``, and lookups call both ``user``. Model classes are
the process's, so both are there at once; what is meant is the relation from the model that the running app adopted (where
none runs, or none of them is its own: the last that was defined). Within one app two such names are an error at its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vivace.db.databases import current_databases


def is_adopted(model: Any, databases: Any) -> bool:
    """Say whether the app of these databases adopted a model; automatic through tables go with that of the relation."""
    return databases in (model._meta.auto_created or model)._meta.adopters


def of_running_app(rels: Sequence[Any]) -> Any:
    """Return that of several relations of one name which belongs to the running app."""
    databases = current_databases.get()
    if databases is not None:
        own = [rel for rel in rels if is_adopted(rel.related_model, databases)]
        if own:
            return own[-1]
    return rels[-1]


class SharedWayBack:
    """The attribute by which models of several apps lead back: it acts as that of the running one."""

    def __init__(self, owner: Any, name: str) -> None:
        self._owner = owner
        self._name = name

    def _current(self) -> Any:
        rels = [rel for rel in self._owner._meta.related_objects if rel.get_accessor_name() == self._name]
        if not rels:
            raise AttributeError(f"{self._owner.__name__} has no attribute {self._name!r} any more.")
        return of_running_app(rels).way_back

    @property
    def prefetcher(self) -> Any:
        """What fetches the related objects of many."""
        return self._current().prefetcher

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self._current().__get__(instance, owner)

    def __set__(self, instance: Any, value: Any) -> None:
        self._current().__set__(instance, value)


def way_back(held: Any, owner: Any, name: str, rel: Any) -> Any:
    """Return the attribute to set for ``rel``, where ``held`` is what stands there now."""
    if isinstance(held, SharedWayBack):
        return held
    other = getattr(held, "rel", None) or getattr(held, "related", None)
    if (
        other is None
        or getattr(other, "way_back", None) is not held
        or other.related_model is rel.related_model
    ):
        return rel.way_back
    return SharedWayBack(owner, name) if other.related_model in owner._meta.apps else rel.way_back


__all__ = ["SharedWayBack", "is_adopted", "of_running_app", "way_back"]
