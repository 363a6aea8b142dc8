"""A store on a Valkey or Redis server: for many machines, and for values that shall outlive a deploy.

Layout
------
``<namespace>v:<key>`` is a value and ``<namespace>t:<tag>`` the version of a tag. A value begins with what it is:

| begins with | what follows |
|---|---|
| a digit or ``-`` | a whole number, so that INCRBY is the server's to do |
| ``p`` | the bytes; fresh while it is there, no tags |
| ``f`` | until when it is fresh (double, Unix seconds), how long the next is (4 bytes), versions of tags (MessagePack), then a value as above |

The server's clock says when a value is gone; only where one may be stale, ours says since when.

What one command cannot do is a script, or a comparison: read, decide here, and let a script write only if the value is
still the one that was read. Versions of tags are random, so that a new one is never an old one, and live for ``TAG_LIFE``
after they were last asked for: what is kept for longer than that and not renewed goes with them.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from random import SystemRandom
from struct import Struct
from typing import Any, Final, Literal, NamedTuple

import msgspec

from vivace.brokers.valkey import ValkeyClient, ValkeyOptions, script, valkey_options
from vivace.errors import ValkeyError

from .store import MISSING, NUMBERS, Counts, Found, Keep, Refused

NAMESPACE: Final = "vivace:cache:"
TAG_LIFE: Final = 30 * 86_400.0
_BATCH: Final = 1_000  # keys of one command
_NO_ROOM: Final = frozenset(
    {"OOM", "MISCONF"}
)  # beyond maxmemory; it cannot save to its disk, and so takes nothing
_HEAD: Final = Struct(">cdI")
_EVER: Final = math.inf
_PLAIN: Final = b"p"
_FULL: Final = b"f"
_LARGEST_VERSION: Final = 2**53  # exact in Lua, JSON and JavaScript, too
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack_tags: Final = msgspec.msgpack.Decoder(dict[str, int]).decode

# KEYS: values, then tags. ARGV: number of values, milliseconds or "", values, versions.
_KEEP: Final = script("""
local n, ms = tonumber(ARGV[1]), ARGV[2]
for i = n + 1, #KEYS do
  if redis.call('GET', KEYS[i]) ~= ARGV[i + 2] then return 0 end
end
for i = 1, n do
  if ms == '' then redis.call('SET', KEYS[i], ARGV[i + 2])
  else redis.call('SET', KEYS[i], ARGV[i + 2], 'PX', ms) end
end
return 1
""")
# KEYS: a value, then tags. ARGV: what must be there ("" for nothing), what shall be, milliseconds, "" or "keep", versions.
_SWAP: Final = script("""
local value = redis.call('GET', KEYS[1])
if (value or '') ~= ARGV[1] then return 0 end
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) ~= ARGV[i + 2] then return -1 end
end
if ARGV[3] == 'keep' then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
elseif ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
""")
# Returns the sum as text, nothing, 0 for an overflow, 1 where the value is no plain number.
_INCR: Final = script("""
local value = redis.call('GET', KEYS[1])
if not value then return false end
if not string.match(value, '^-?%d+$') then return 1 end
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(sum) == 'table' then
  if string.find(sum.err, 'overflow') then return 0 end
  return sum
end
return redis.call('GET', KEYS[1])
""")
# Deletes, and returns what tells whether each was fresh: not the values, which may be large.
_DELETE: Final = script("""
local heads = {}
for i, key in ipairs(KEYS) do
  local head = redis.call('GETRANGE', key, 0, 12)
  if string.sub(head, 1, 1) == 'f' then
    head = redis.call('GETRANGE', key, 0, 12 + struct.unpack('>I4', head, 10))
  end
  redis.call('UNLINK', key)
  heads[i] = head
end
return heads
""")
# ARGV: milliseconds of a version's life, then a version for each tag that has none.
_VERSIONS: Final = script("""
local found, life = {}, tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local version = redis.call('GET', key)
  if not version then
    version = ARGV[i + 1]
    redis.call('SET', key, version, 'PX', life)
  elseif redis.call('PTTL', key) < life / 2 then
    redis.call('PEXPIRE', key, life)
  end
  found[i] = version
end
return found
""")


class _Entry(NamedTuple):
    """A value as it was read: what it is, until when it is fresh, for which versions of tags."""

    value: Any
    fresh: float
    tags: dict[str, int]


class ValkeyStore:
    """Keeps values on the server of a URL (``valkey://localhost:6379/0``), under keys that begin with ``namespace``.

    ``clock`` is in Unix seconds and says when a value that may be served stale is.
    """

    shared: Literal[True] = True

    def __init__(
        self,
        server: str | ValkeyOptions,
        *,
        namespace: str = NAMESPACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        options = valkey_options(server) if isinstance(server, str) else server
        self._client = ValkeyClient(options)
        self._values, self._tags = f"{namespace}v:", f"{namespace}t:"
        self._namespace = namespace
        self._clock = clock
        self._random = SystemRandom()

    def __repr__(self) -> str:
        return f"<ValkeyStore {self._client.options.address}>"

    # -- reading --------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Any:
        """See ``Store``."""
        raw: bytes | None = await self._client.call(b"GET", self._values + key)
        if raw is None:
            return MISSING
        if raw[:1] == _PLAIN:  # what nearly all are
            return raw[1:]
        found = await self._opened(raw)
        return found.value if found is not None and found.fresh else MISSING

    async def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """See ``Store``."""
        names = list(keys)
        entries = {key: _read(raw) for key, raw in await self._fetch(names) if raw is not None}
        now, tags = self._clock(), {tag for entry in entries.values() for tag in entry.tags}
        current = await self._current(tags)
        return {
            key: entry.value
            for key, entry in entries.items()
            if entry.fresh > now and _same_versions(entry, current)
        }

    async def _fetch(self, keys: Sequence[str]) -> list[tuple[str, bytes | None]]:
        found: list[tuple[str, bytes | None]] = []
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            raws = await self._client.call(b"MGET", *(self._values + key for key in batch))
            found += zip(batch, raws, strict=True)
        return found

    async def find(self, key: str) -> Found | None:
        """See ``Store``."""
        name = self._values + key
        asked, left = (
            self._client.call(b"GET", name),
            self._client.call(b"PTTL", name),
        )  # they travel together
        raw, milliseconds = await asyncio.gather(asked, left)
        found = None if raw is None else await self._opened(raw)
        if found is None or milliseconds < 0 or not found.fresh:  # -1: it has no end
            return found
        return found._replace(seconds=min(found.seconds, milliseconds / 1000))

    async def _opened(self, raw: bytes) -> Found | None:
        """Return what a raw value is; ``None`` where one of its tags has another version."""
        entry = _read(raw)
        if entry.tags and not _same_versions(entry, await self._current(entry.tags)):
            return None
        left = max(0.0, entry.fresh - self._clock())
        return Found(entry.value, left > 0, left, entry.tags)

    async def _current(self, tags: Collection[str]) -> dict[str, int]:
        """Return the versions of tags that have one."""
        if not tags:
            return {}
        names = list(tags)
        raws = await self._client.call(b"MGET", *(self._tags + tag for tag in names))
        return {tag: int(raw) for tag, raw in zip(names, raws, strict=True) if raw is not None}

    async def _fresh(self, raw: bytes) -> bool:
        found = await self._opened(raw)
        return found is not None and found.fresh

    # -- writing --------------------------------------------------------------------------------------------------

    async def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """See ``Store``."""
        if keep.seconds is not None and keep.seconds <= 0:
            return await self._keep_nothing(values, keep.tags)
        ms = _milliseconds(keep.total)
        raws = {self._values + key: self._write(value, keep) for key, value in values.items()}
        if len(raws) == 1 and not keep.tags:
            [(name, raw)] = raws.items()
            await _done(self._client.call(b"SET", name, raw, *((b"PX", ms) if ms else ())))
            return True
        names = [*raws, *(self._tags + tag for tag in keep.tags)]
        arguments = [len(raws), ms, *raws.values(), *keep.tags.values()]
        return bool(await _done(self._client.run(_KEEP, names, arguments)))

    async def _keep_nothing(self, values: Mapping[str, Any], tags: Mapping[str, int]) -> bool:
        if await self._current(tags) != tags:
            return False
        await self.delete(values.keys())
        return True

    def _write(self, value: Any, keep: Keep) -> bytes:
        raw = b"%d" % value if isinstance(value, int) else _PLAIN + value
        if not keep.tags and not keep.stale:
            return raw
        fresh = _EVER if keep.seconds is None or not keep.stale else self._clock() + keep.seconds
        tags = _pack(keep.tags)
        return _HEAD.pack(_FULL, fresh, len(tags)) + tags + raw

    async def add(self, key: str, value: Any, keep: Keep) -> bool:
        """See ``Store``."""
        if keep.seconds is not None and keep.seconds <= 0:
            return False
        raw, ms = self._write(value, keep), _milliseconds(keep.total)
        name, tags = self._values + key, [self._tags + tag for tag in keep.tags]
        if not tags and await _done(
            self._client.call(b"SET", name, raw, b"NX", *((b"PX", ms) if ms else ()))
        ):
            return True
        while True:
            old: bytes | None = await self._client.call(b"GET", name)
            if old is not None and await self._fresh(old):
                return False
            arguments = [old or b"", raw, ms, *keep.tags.values()]
            done: int = await _done(self._client.run(_SWAP, [name, *tags], arguments))
            if done:
                return done > 0

    async def incr(self, key: str, delta: int) -> Any:
        """See ``Store``."""
        name = self._values + key
        while True:
            answer: bytes | int | None = await _done(self._client.run(_INCR, [name], [delta]))
            if isinstance(answer, bytes):
                return int(answer)
            if answer is None:
                return MISSING
            if answer == 0:
                raise OverflowError
            old: bytes | None = await self._client.call(b"GET", name)
            if old is None or not await self._fresh(old):
                return MISSING
            value = _read(old).value
            if not isinstance(value, int):
                raise TypeError(type(value).__name__)
            if value + delta not in NUMBERS:
                raise OverflowError
            new = old[: len(old) - len(b"%d" % value)] + b"%d" % (value + delta)
            if await _done(self._client.run(_SWAP, [name], [old, new, "keep"])):
                return value + delta

    async def touch(self, key: str, seconds: float | None, stale: float = 0.0) -> bool:
        """See ``Store``."""
        name = self._values + key
        while True:
            old: bytes | None = await self._client.call(b"GET", name)
            if old is None or not await self._fresh(old):
                return False
            if seconds is not None and seconds <= 0:
                return await self.delete((key,)) > 0
            entry = _read(old)
            keep = Keep(seconds, stale, entry.tags)
            new = self._write(entry.value, keep)
            if await _done(self._client.run(_SWAP, [name], [old, new, _milliseconds(keep.total)])):
                return True

    async def delete(self, keys: Collection[str]) -> int:
        """See ``Store``."""
        names, count = [self._values + key for key in keys], 0
        for start in range(0, len(names), _BATCH):
            heads: list[bytes] = await self._client.run(_DELETE, names[start : start + _BATCH])
            for head in heads:
                count += bool(head) and (head[:1] != _FULL or await self._fresh(head))
        return count

    # -- tags -----------------------------------------------------------------------------------------------------

    async def versions(self, tags: Collection[str]) -> dict[str, int]:
        """See ``Store``."""
        names = list(tags)
        if not names:
            return {}
        fresh = [self._random.randrange(_LARGEST_VERSION) for _ in names]
        life = _milliseconds(TAG_LIFE)
        found = await _done(self._client.run(_VERSIONS, [self._tags + tag for tag in names], [life, *fresh]))
        return {tag: int(raw) for tag, raw in zip(names, found, strict=True)}

    async def delete_tags(self, tags: Collection[str]) -> None:
        """See ``Store``."""
        if tags:
            await self._client.call(b"UNLINK", *(self._tags + tag for tag in tags))

    # -- all of it ------------------------------------------------------------------------------------------------

    async def clear(self) -> None:
        """See ``Store``; other keys of the server stay."""
        async for names in self._scan(self._namespace):
            await self._client.call(b"UNLINK", *names)

    async def counts(self) -> Counts:
        """See ``Store``."""
        entries = 0
        async for names in self._scan(self._values):
            entries += len(names)
        return Counts(entries)

    async def _scan(self, prefix: str) -> AsyncGenerator[list[bytes]]:
        pattern, cursor = "".join(f"\\{c}" if c in r"*?[]\^" else c for c in prefix) + "*", b"0"
        while True:
            cursor, names = await self._client.call(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", _BATCH)
            if names:
                yield names
            if cursor == b"0":
                return

    async def close(self) -> None:
        """See ``Store``."""
        await self._client.close()


async def _done(write: Awaitable[Any]) -> Any:
    """Return what a command that needs room gives; a server that has none is not one that is down."""
    try:
        return await write
    except ValkeyError as error:
        if error.reply in _NO_ROOM:
            raise Refused(error.what) from error
        raise


def _read(raw: bytes) -> _Entry:
    fresh, tags = _EVER, dict[str, int]()
    if raw[:1] == _FULL:
        _, fresh, length = _HEAD.unpack_from(raw)
        end = _HEAD.size + length
        tags, raw = _unpack_tags(raw[_HEAD.size : end]), raw[end:]
    return _Entry(raw[1:] if raw[:1] == _PLAIN else int(raw or b"0"), fresh, tags)


def _same_versions(entry: _Entry, current: Mapping[str, int]) -> bool:
    return all(current.get(tag) == version for tag, version in entry.tags.items())


def _milliseconds(seconds: float | None) -> int | str:
    """Return a time as the server wants it; "" for ever."""
    return "" if seconds is None else max(1, math.ceil(seconds * 1000))


__all__ = ["NAMESPACE", "TAG_LIFE", "ValkeyStore"]
