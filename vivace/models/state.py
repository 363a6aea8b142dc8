"""``instance._state``: what an object knows of its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .query.peers import Peers


class ModelState:
    """Whether the object is new, which database it came from, who came with it, and what was loaded for it.

    ``annotated`` names what the query added to the row; it is set only where there is something. ``cache`` holds loaded relations by attribute; ``None`` until there is one.
    """

    __slots__ = ("adding", "annotated", "cache", "db", "peers")

    def __init__(self, adding: bool = True, db: str | None = None) -> None:
        self.adding = adding
        self.db = db
        self.peers: Peers | None = None
        self.cache: dict[str, Any] | None = None
        self.annotated: tuple[str, ...] = ()

    @property
    def fields_cache(self) -> dict[str, Any]:
        if self.cache is None:
            self.cache = {}
        return self.cache

    def copied(self) -> ModelState:
        """Return the state of a copy: the same relations are loaded, but it came with nobody."""
        twin = ModelState(self.adding, self.db)
        twin.cache = None if self.cache is None else dict(self.cache)
        return twin

    def __reduce__(self) -> Any:
        return _restored, (self.adding, self.db, self.cache)


def _restored(adding: bool, db: str | None, cache: dict[str, Any] | None) -> ModelState:
    state = ModelState(adding, db)
    state.cache = cache
    return state
