"""A session as the handlers see it: a dictionary that knows what was done to it.

Nothing here does I/O. A session is loaded before handlers see it, and saved once, when the answer is known: of what
happened in between it remembers which keys were set and which removed. Saving is **last write per key**: another request
of the same session that was answered meanwhile loses none of its keys, unless both wrote the same one.

Values are what JSON has. A list or dictionary in it may be changed in place: that is found by comparing what is there at
the end with what was loaded, so a forgotten ``modified = True`` loses nothing.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

import msgspec

from vivace.errors import SessionClosed

EXPIRY: Final = "_session_expiry"  # Django's name
REMEMBER: Final = "_session_remember"
USER_ID: Final = "_auth_user_id"  # these three, too
BACKEND: Final = "_auth_user_backend"
HASH: Final = "_auth_user_hash"

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode  # `decode(type=…)` takes ten times as long
_SCALARS: Final = (str, int, float, bool, type(None))
_MUTABLE: Final = (list, dict)  # written where it is asked, `list | dict` makes an object each time
_ABSENT: Final = object()


class Loaded(msgspec.Struct, frozen=True):
    """A session as a store found it. Times are seconds since 1970.

    ``user`` is there where one query brought it along, ``digest`` (``hashed(key)``) where the session was found by it.
    """

    key: str
    text: str
    created: float
    last_seen: float
    user: Any = None
    digest: str = ""


class Changes(msgspec.Struct, frozen=True):
    """What was done to a session: what to set, by key, and what to remove. ``everything``: nothing of before stays."""

    set: dict[str, Any]
    removed: frozenset[str] = frozenset()
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.set or self.removed or self.everything)

    def applied(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return data with the changes in it."""
        kept = {} if self.everything else {name: data[name] for name in data if name not in self.removed}
        return {**kept, **self.set}


NO_CHANGES: Final = Changes({})


class Session(MutableMapping[str, Any]):
    """The visitor's session: ``session["cart"] = […]``.

    ``key`` is what the cookie holds, ``None`` for one that is not stored (yet). ``accessed`` and ``modified`` tell what
    was done. Raises ``TypeError`` for a value that JSON has not, ``SessionClosed`` once the answer has begun.
    """

    __slots__ = (
        "_cycled",
        "_flushed",
        "_renewed",
        "_touched",
        "accessed",
        "closed",
        "data",
        "stored",
        "user",
    )

    def __init__(self, loaded: Loaded | None = None) -> None:
        # Both are read for each answer: a property took thirty times as long (CPython 3.11).
        self.stored = loaded  # what the store found; None for a new session
        self.data: dict[str, Any] = {} if loaded is None else _decoded(loaded.text)  # what is in it now
        self._touched: set[str] = set()
        self._cycled = self._flushed = self._renewed = False
        self.accessed = False
        self.closed = False
        self.user = loaded.user if loaded is not None else None

    # -- a dictionary ---------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        self.accessed = True
        return self.data[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._refuse_late(name)
        _check(name, value)
        self.accessed = True
        self._touched.add(name)
        self.data[name] = value

    def __delitem__(self, name: str) -> None:
        self._refuse_late(name)
        self.accessed = True
        del self.data[name]
        self._touched.add(name)

    def __iter__(self) -> Iterator[str]:
        self.accessed = True
        return iter(self.data)

    def __len__(self) -> int:
        self.accessed = True
        return len(self.data)

    def __contains__(self, name: object) -> bool:
        self.accessed = True
        return name in self.data

    def __repr__(self) -> str:
        return f"<Session {'new' if self.key is None else 'stored'}: {', '.join(self.data) or 'empty'}>"

    # -- what it is -----------------------------------------------------------------------------------------------

    @property
    def key(self) -> str | None:
        """What the cookie holds; ``None`` for one that is not stored, or that gets a new key when it is saved."""
        return None if self.stored is None or self._cycled or self._flushed else self.stored.key

    @property
    def digest(self) -> str | None:
        """The SHA-256 of ``key`` in hexadecimal; ``None`` where that is ``None``."""
        stored = self.stored
        if stored is None or self._cycled or self._flushed:
            return None
        return stored.digest or hashed(stored.key)

    @property
    def modified(self) -> bool:
        """Whether there is anything to save. ``session.modified = True`` is understood, and never needed."""
        if self._cycled or self._flushed:
            return True
        changes = self.changes()
        return changes is not NO_CHANGES and bool(changes)

    @modified.setter
    def modified(self, value: bool) -> None:
        if value:
            self._touched.update(self.data)

    @property
    def cycled(self) -> bool:
        """Whether it gets a new key when it is saved."""
        return self._cycled or self._flushed

    @property
    def created(self) -> float | None:
        """When it began, in seconds since 1970; ``None`` for one that begins when it is saved."""
        return None if self.stored is None or self._flushed or self._renewed else self.stored.created

    def changes(self) -> Changes:
        """Return what was done since it was loaded."""
        is_flat = self.stored is None or _is_flat(self.stored.text)
        if is_flat and not self._touched and not self._flushed:  # on nearly all pages
            return NO_CHANGES
        names = [
            name for name, value in self.data.items() if name in self._touched or isinstance(value, _MUTABLE)
        ]
        loaded = None if self._flushed else self.stored
        original = {} if loaded is None else _decoded(loaded.text)
        changed = {name: self.data[name] for name in names if _differs(self.data[name], original, name)}
        return Changes(changed, frozenset(original) - self.data.keys(), self._flushed)

    # -- what can be done to it -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Forget everything: the stored session is deleted, what is put in afterwards gets a new key."""
        self._refuse_late("flush")
        self.data.clear()
        self._touched.clear()
        self._flushed = True
        self.user = None

    def cycle_key(self, *, renew: bool = False) -> None:
        """Keep what is in it and give it a new key, so that whoever knows the old one has nothing (session fixation).

        ``renew``: its absolute limit counts from now, as after a login.
        """
        self._refuse_late("cycle_key")
        self._cycled = True
        self._renewed = self._renewed or renew

    def set_expiry(self, value: float | datetime.timedelta | datetime.datetime | None) -> None:
        """Let it end so many seconds after the last request (0: when the browser closes) or at a moment.

        ``None``: as the settings say. The absolute limit of the settings holds all the same.
        """
        if value is None:
            self.pop(EXPIRY, None)
        elif isinstance(value, datetime.datetime):
            self[EXPIRY] = value.astimezone(datetime.UTC).isoformat()
        else:
            self[EXPIRY] = value.total_seconds() if isinstance(value, datetime.timedelta) else value

    def become(self, loaded: Loaded, data: dict[str, Any]) -> None:
        """Be what a store has just saved."""
        self.stored = loaded
        self.data = data
        self._touched = set()
        self._cycled = self._flushed = self._renewed = False

    def _refuse_late(self, name: str) -> None:
        if self.closed:
            raise SessionClosed(
                f"The session was changed ({name!r}) after its answer had begun.",
                expected="all changes before the handler returns its answer",
                got="a change from a stream's body or from work after the response",
                fix="Change it before the response is returned, or call `await request.session()` in a request of its own.",
            )


def hashed(key: str) -> str:
    """Return what the table has in place of a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def encoded(data: dict[str, Any]) -> str:
    """Return the text that is stored."""
    return _encode(data).decode()


def _decoded(text: str) -> dict[str, Any]:
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return {}


def _is_flat(text: str) -> bool:
    """Return whether nothing in a session can change unless it is set: no list and no mapping."""
    return "[" not in text and text.find("{", 1) < 0


def _differs(value: Any, original: dict[str, Any], name: str) -> bool:
    before = original.get(name, _ABSENT)
    # as JSON: 1, 1.0 and True are equal to Python, and not the same thing
    return before is _ABSENT or _encode(before) != _encode(value)


def _check(name: Any, value: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"A session's keys are text, as JSON has them; got {name!r}.")
    for each in _flat(value):
        if not isinstance(each, _SCALARS):
            raise TypeError(
                f"session[{name!r}] cannot hold a {type(each).__name__}: sessions are stored as JSON. "
                "Store text or numbers and make the object of them when it is read."
            )


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, each in value.items():  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(key, str):
                yield object
            yield from _flat(each)
    elif isinstance(value, list | tuple):
        for each in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _flat(each)
    else:
        yield value


__all__ = [
    "BACKEND",
    "EXPIRY",
    "HASH",
    "REMEMBER",
    "USER_ID",
    "Changes",
    "Loaded",
    "Session",
    "encoded",
    "hashed",
]
