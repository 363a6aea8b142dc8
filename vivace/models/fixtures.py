"""Objects as JSON and back: fixtures, backups, moves between databases (OR19).

The format is Django's, so that what either writes the other reads: a list of ``{"model": "label.name", "pk": …, "fields":
{…}}``, or one such object a line (``jsonl``). Relations are keys, or *natural keys* (lists) where a model has
``natural_key()`` and its default manager ``async def get_by_natural_key(*key)``. Fields are those of a model's own table; a
child of multi-table inheritance is written after its parent. Values that have no JSON form are texts, as ``value_to_string``
of their field makes them.

Loading is one transaction. Objects may point to others that come later: foreign keys are checked at its end, and natural keys
that cannot be found yet are tried again when everything else is there. Rows that exist are replaced.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from vivace.db import Database, Statement, atomic
from vivace.errors import FixtureError, VivaceError, nearest

from .instances.saving import SaveOptions, save_base
from .shapes import is_listed

Format: TypeAlias = Literal["json", "jsonl"]

_OPENERS: Final[Mapping[str, Callable[[Path], Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_PLAIN: Final = (str, int, float, bool, type(None))
CHUNK: Final = 500


class DumpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How objects are written: natural keys for what they point to, and instead of their own keys."""

    natural_foreign: bool = False
    natural_primary: bool = False
    indent: int | None = None
    format: Format = "json"
    using: str | None = None


class LoadReport(msgspec.Struct, frozen=True):
    """What was loaded: how many objects, and how many of which model."""

    count: int
    models: Mapping[str, int]


# -- writing ------------------------------------------------------------------------------------------------------


async def dump(models: Iterable[Any], options: DumpOptions | None = None) -> AsyncGenerator[str]:
    """Yield pieces of text that together are the objects of these models, those that others point to first."""
    options = options or DumpOptions()
    lines = options.format == "jsonl"
    first = True
    if not lines:
        yield "["
    for model in in_dependency_order(models):
        async for record in _records(model, options):
            text = msgspec.json.encode(record).decode()
            if options.indent and not lines:
                text = msgspec.json.format(text, indent=options.indent)
            yield f"{text}\n" if lines else f"{'' if first else ','}\n{text}"
            first = False
    if not lines:
        yield "\n]\n" if not first else "]\n"


async def _records(model: Any, options: DumpOptions) -> AsyncGenerator[dict[str, Any]]:
    rows = model._base_manager.using(options.using).order_by("pk")
    async for instance in rows.iterator(chunk_size=CHUNK):
        yield await record_of(instance, options)


async def record_of(instance: Any, options: DumpOptions) -> dict[str, Any]:
    """Return one object as plain values."""
    meta: Any = instance.__class__._meta
    fields: dict[str, Any] = {}
    for field in meta.local_fields:
        if field.serialize and field.concrete and not field.generated:
            fields[field.name] = await _value(instance, field, options)
    for field in meta.local_many_to_many:
        if field.serialize and field.remote_field.through._meta.auto_created:
            fields[field.name] = await _members(instance, field, options)
    record: dict[str, Any] = {"model": meta.label_lower}
    if not (options.natural_primary and hasattr(instance, "natural_key")):
        record["pk"] = _plain(meta.pk, instance)
    return {**record, "fields": fields}


async def _value(instance: Any, field: Any, options: DumpOptions) -> Any:
    if field.remote_field is None or not options.natural_foreign:
        return _plain(field, instance)
    target = field.remote_field.model
    if getattr(instance, field.attname) is None or not hasattr(target, "natural_key"):
        return _plain(field, instance)
    await instance.load(field.name)
    return await _natural(getattr(instance, field.name))


async def _members(instance: Any, field: Any, options: DumpOptions) -> list[Any]:
    target = field.remote_field.model
    rows = await getattr(instance, field.name).using(options.using).order_by("pk")
    if options.natural_foreign and hasattr(target, "natural_key"):
        return [await _natural(row) for row in rows]
    return [_plain(target._meta.pk, row) for row in rows]


async def _natural(instance: Any) -> list[Any]:
    key = instance.natural_key()
    if hasattr(key, "__await__"):
        key = await key
    return list(key)


def _plain(field: Any, instance: Any) -> Any:
    value: Any = field.value_from_object(instance)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number; a float field reads the text
    is_json = field.get_internal_type() == "JSONField"
    return value if is_json or isinstance(value, _PLAIN) else field.value_to_string(instance)


def in_dependency_order(models: Iterable[Any]) -> list[Any]:
    """Return models such that each comes after those it points to.

    Where they point to each other in a circle, it is cut where a relation may be null or is many-to-many: such a one can be
    filled in later, also by Django.
    """
    left = {m: None for m in models if not m._meta.proxy and not m._meta.abstract}
    ordered: list[Any] = []
    while left:
        free = (m for m in left if not _targets(m, needed=False) & (left.keys() - {m}))
        enough = (m for m in left if not _targets(m, needed=True) & (left.keys() - {m}))
        model = next(free, None) or next(enough, None) or next(iter(left))
        del left[model]
        ordered.append(model)
    return ordered


def _targets(model: Any, *, needed: bool) -> set[Any]:
    """Return the models that one points to; ``needed``: only those without which a row cannot be."""
    meta = model._meta
    fields = [field for field in meta.local_fields if field.remote_field and not (needed and field.null)]
    fields += [] if needed else meta.local_many_to_many
    return {*meta.parents, *(field.remote_field.model for field in fields)}


# -- reading ------------------------------------------------------------------------------------------------------


def read_file(path: Path) -> bytes:
    """Return the bytes of a fixture, unpacked by its suffix. Raises ``FixtureError`` when it cannot be read."""
    try:
        opener = _OPENERS.get(path.suffix)
        if opener is None:
            return path.read_bytes()
        with opener(path) as file:
            data: bytes = file.read()
            return data
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise FixtureError(f"The fixture {path} cannot be read.", got=str(error)) from error


def records_of(data: bytes, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a fixture with their numbers, from 1. Raises ``FixtureError`` naming the broken place."""
    if data.lstrip()[:1] == b"[":
        try:
            found = msgspec.json.decode(data, type=list[dict[str, Any]])
        except msgspec.DecodeError as error:
            raise FixtureError(
                f"The fixture {name} is not a JSON list of objects.", got=str(error)
            ) from error
        yield from enumerate(found, 1)
        return
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                yield number, msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError as error:
                raise FixtureError(f"Line {number} of {name} is no JSON object.", got=str(error)) from error


async def load(
    data: bytes,
    models: Iterable[Any],
    database: Database,
    *,
    name: str = "fixture",
    ignore_unknown: bool = False,
) -> LoadReport:
    """Save the objects of a fixture, all or none. ``ignore_unknown`` leaves out models and fields that are gone."""
    loader = _Loader(models, database, name, ignore_unknown)
    async with atomic(database):
        for number, record in records_of(data, name):
            await loader.take(number, record)
        await loader.finish()
    return LoadReport(sum(loader.counts.values()), dict(loader.counts))


class _Loader:
    def __init__(self, models: Iterable[Any], database: Database, name: str, ignore_unknown: bool) -> None:
        self.models = {model._meta.label_lower: model for model in models}
        self.database = database
        self.name = name
        self.ignore_unknown = ignore_unknown
        self.counts: dict[str, int] = {}
        self.written: set[Any] = set()
        self.later: list[tuple[int, dict[str, Any]]] = []
        self.members: list[tuple[int, Any, Any, list[Any]]] = []

    async def take(self, number: int, record: Mapping[str, Any]) -> None:
        """Save one object now, or put it back when what it points to by a natural key is not there yet."""
        if not await self._save(number, dict(record)):
            self.later.append((number, dict(record)))

    async def finish(self) -> None:
        """Save what was put back, set many-to-many relations, and let new keys follow the loaded ones."""
        while self.later:
            waiting, self.later = self.later, []
            for number, record in waiting:
                await self.take(number, record)
            if len(self.later) == len(waiting):
                raise self.error(self.later[0][0], "points to an object by a natural key that nobody has")
        for number, instance, field, values in self.members:
            keys = [await self.key(number, field.remote_field.model, value) for value in values]
            if any(key is None for key in keys):
                raise self.error(
                    number, f"{field.name}: points to an object by a natural key that nobody has"
                )
            await getattr(instance, field.name).db_manager(self.database.alias).set(keys)
        if self.database.dialect == "postgresql":
            await reset_sequences(self.database, self.written)

    async def _save(self, number: int, record: dict[str, Any]) -> bool:
        model = self.models.get(str(record.get("model")).lower())
        if model is None:
            if self.ignore_unknown:
                return True
            raise self.error(
                number,
                f"has the model {record.get('model')!r}",
                nearest(str(record.get("model")), self.models),
            )
        values, members = await self.values(number, model, record)
        if values is None:
            return False
        instance = model(**values)
        if instance.pk is None and hasattr(model, "natural_key"):
            instance.pk = await self.key(number, model, await _natural(instance))
        await self.write(number, instance)
        self.members += [(number, instance, field, given) for field, given in members]
        self.counts[model._meta.label_lower] = self.counts.get(model._meta.label_lower, 0) + 1
        self.written.add(model)
        return True

    async def values(
        self, number: int, model: Any, record: Mapping[str, Any]
    ) -> tuple[dict[str, Any] | None, list[tuple[Any, list[Any]]]]:
        """Return the attributes of an object and its many-to-many lists; ``None``: something is not there yet."""
        meta = model._meta
        values: dict[str, Any] = {}
        members: list[tuple[Any, list[Any]]] = []
        if record.get("pk") is not None:
            values[meta.pk.attname] = self.python(number, meta.pk, record["pk"])
        for name, given in dict(record.get("fields") or {}).items():
            field = self.field(number, model, name)
            if field is None or field.generated:  # Django writes what the database computes, too
                continue
            if field.many_to_many:
                members.append((field, self.listed(number, field, given)))
            elif field.remote_field is not None:
                values[field.attname] = await self.reference(number, field, given)
                if values[field.attname] is None and given is not None:
                    return None, []
            else:
                values[field.attname] = self.python(number, field, given)
        return values, members

    def listed(self, number: int, field: Any, given: Any) -> list[Any]:
        if not is_listed(given):
            raise self.error(number, f"{field.name}: {given!r} is no list of keys")
        return list(given)

    def field(self, number: int, model: Any, name: str) -> Any:
        known = {field.name: field for field in (*model._meta.local_fields, *model._meta.local_many_to_many)}
        if name not in known and not self.ignore_unknown:
            raise self.error(
                number, f"has the field {name!r}, which {model._meta.label} has not", nearest(name, known)
            )
        return known.get(name)

    async def reference(self, number: int, field: Any, given: Any) -> Any:
        if isinstance(given, list):
            return await self.key(number, field.remote_field.model, given, field)
        return self.python(number, field.target_field, given)

    async def key(self, number: int, model: Any, given: Any, field: Any = None) -> Any:
        """Return the key that a plain or a natural key means; ``None`` when nobody has that natural key."""
        if not isinstance(given, list):
            return self.python(number, model._meta.pk, given)
        manager = model._default_manager.db_manager(self.database.alias)
        if not hasattr(manager, "get_by_natural_key"):
            raise self.error(
                number, f"has a natural key of {model._meta.label}, whose manager cannot find one"
            )
        try:
            found = await manager.get_by_natural_key(*given)
        except model.DoesNotExist:
            return None
        return getattr(found, field.target_field.attname if field is not None else "pk")

    def python(self, number: int, field: Any, value: Any) -> Any:
        try:
            return field.to_python(value)
        except Exception as error:
            raise self.error(number, f"{field.name}: {value!r} is no value of it", str(error)) from error

    async def write(self, number: int, instance: Any) -> None:
        try:
            instance._state.adding, instance._state.db = (
                False,
                self.database.alias,
            )  # replace it if it is there
            await save_base(instance, SaveOptions(self.database, (), False, None), raw=True)
        except VivaceError as error:
            raise self.error(number, "cannot be saved", str(error)) from error

    def error(self, number: int, what: str, hint: str = "") -> FixtureError:
        return FixtureError(f"Object {number} of {self.name} {what}.", fix=hint)


async def reset_sequences(database: Database, models: Iterable[Any]) -> None:
    """Let PostgreSQL go on counting after the keys that were given."""
    for model in models:
        meta = model._meta
        if meta.auto_field is None or meta.auto_field.model is not model:
            continue
        table, column = (name.replace('"', '""') for name in (meta.db_table, meta.auto_field.column))
        sql = (  # names are the model's, and quoted
            f'SELECT setval(pg_get_serial_sequence($1, $2), coalesce(max("{column}"), 1), max("{column}") IS NOT NULL) '  # noqa: S608
            f'FROM "{table}"'
        )
        await database.fetch(Statement(sql=sql), (f'"{table}"', meta.auto_field.column))


__all__ = ["DumpOptions", "LoadReport", "dump", "in_dependency_order", "load", "read_file", "records_of"]
