"""Values as bytes for shared stores: MessagePack, which comes back as exactly what went in, or does not go in.

Pickle would keep anything, and run whatever stands in it when it is read: who can write into the store would own every
process. MessagePack keeps plain data; what it has no notion of and what is usual in values (tuples, sets, moments, decimals)
travels as an extension with a number of ours. A class of the program's own is refused: its fields may be others after
the next deploy.

Whole numbers of 64 bits stay numbers, for ``incr``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from markupsafe import Markup

from vivace.errors import CacheValueError

from .store import NUMBERS

M = TypeVar("M", datetime, time)
_Ext: Final = msgspec.msgpack.Ext
_FOLD: Final = b"*"  # behind a moment that a clock shows for the second time
_pack: Final = msgspec.msgpack.Encoder().encode


def _same(value: Any) -> Any:
    return value


def _list(value: list[Any]) -> list[Any]:
    return [_plain(item) for item in value]


def _dict(value: dict[Any, Any]) -> dict[Any, Any]:
    return {_key(key): _plain(item) for key, item in value.items()}


def _key(key: Any) -> Any:
    if type(key) not in _KEYS or (type(key) is int and key not in NUMBERS):
        raise _Refused(f"a dict with keys such as a {type(key).__name__}")
    return key


def _int(value: int) -> Any:
    return value if value in NUMBERS else _Ext(1, b"%x" % value)


def _members(value: Any) -> bytes:
    return _pack([_plain(item) for item in value])


def _text(value: Any) -> bytes:
    return str(value).encode()


def _moment(value: datetime | time) -> bytes:
    # a named zone is a rule, an offset is a number: only the second comes back from a text
    if value.tzinfo is not None and type(value.tzinfo) is not timezone:
        raise _Refused("a moment in a named time zone")
    return value.isoformat().encode() + (_FOLD if value.fold else b"")


def _read_moment(kind: type[M], data: bytes) -> M:
    text = data.removesuffix(_FOLD).decode()
    moment: Any = kind.fromisoformat(text)
    found: M = moment.replace(fold=1) if data.endswith(_FOLD) else moment
    return found


def _span(value: timedelta) -> bytes:
    return _pack((value.days, value.seconds, value.microseconds))


_KEYS: Final = frozenset({str, int, float, bool, type(None), bytes})
_AS_THEY_ARE: Final = (str, bytes, float, bool, type(None))

# number, type, how it is written, how it is read; numbers are never used again for something else
_EXTENSIONS: Final[tuple[tuple[int, type[Any], Callable[[Any], bytes], Callable[[bytes], Any]], ...]] = (
    (2, tuple, _members, lambda data: tuple(decode(data))),
    (3, set, _members, lambda data: set(decode(data))),
    (4, frozenset, _members, lambda data: frozenset(decode(data))),
    (5, datetime, _moment, lambda data: _read_moment(datetime, data)),
    (6, date, _text, lambda data: date.fromisoformat(data.decode())),
    (7, time, _moment, lambda data: _read_moment(time, data)),
    (8, timedelta, _span, lambda data: timedelta(*decode(data))),
    (9, Decimal, _text, lambda data: Decimal(data.decode())),
    (10, UUID, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    (11, Markup, lambda value: str.encode(value), lambda data: Markup(data.decode())),  # noqa: S704 - it was one
)
_READERS: Final[dict[int, Callable[[bytes], Any]]] = {
    1: lambda data: int(data, 16),
    **{number: read for number, _, _, read in _EXTENSIONS},
}


def _extension(number: int, write: Callable[[Any], bytes]) -> Callable[[Any], Any]:
    return lambda value: _Ext(number, write(value))


_WRITERS: Final[dict[type[Any], Callable[[Any], Any]]] = {
    **dict.fromkeys(_AS_THEY_ARE, _same),
    int: _int,
    list: _list,
    dict: _dict,
    **{kind: _extension(number, write) for number, kind, write, _ in _EXTENSIONS},
}


class _Refused(Exception):
    """Something that would not come back."""


def _plain(value: Any) -> Any:
    kind: type[Any] = type(cast("object", value))
    writer = _WRITERS.get(kind)
    if writer is None:
        raise _Refused(f"a {kind.__module__}.{kind.__qualname__}".replace("builtins.", ""))
    return writer(value)


def _read(number: int, data: memoryview) -> Any:
    return _READERS[number](bytes(data))


_unpack: Final = msgspec.msgpack.Decoder(ext_hook=_read).decode


def encode(value: Any) -> bytes | int:
    """Return a value as a shared store keeps it; raises ``CacheValueError`` for what would not come back the same."""
    if type(value) is int and value in NUMBERS:
        return value
    try:
        return _pack(_plain(value))
    except (_Refused, RecursionError, UnicodeEncodeError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, _Refused) else f"{type(error).__name__}: {error}"
        raise CacheValueError(
            f"A shared cache cannot keep this {type(value).__name__}: it would not come back the same.",
            expected=(
                "None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, datetime (UTC, an offset or none), "
                "date, time, timedelta, Decimal, UUID, Markup, and these in each other"
            ),
            got=reason[:200],
            fix="Keep what it is made of, as a dict, or a primary key; a cache in memory keeps any object.",
        ) from None


def decode(kept: bytes | int) -> Any:
    """Return the value of what a shared store has; anything may be raised where ``encode`` did not make it."""
    return kept if isinstance(kept, int) else _unpack(kept)


__all__ = ["decode", "encode"]
