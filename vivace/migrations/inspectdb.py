"""Models for a database that is there. Migrated into an empty database, they make the same tables.

What models cannot say (expressions of indexes and checks made by hand, types without a field) stands as a comment.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.db.types import Dialect

from .recorder import OWN
from .schema import introspect
from .schema.live import Live
from .schema.names import object_name
from .schema.values import Column, ForeignKey, Index, Table

if TYPE_CHECKING:
    from vivace.db.database import Database

_SIZE: Final = re.compile(r"\((\d+)(?:,\s*(\d+))?\)")
# type without its size → field; SQLite's names and PostgreSQL's
FIELDS: Final[Mapping[str, str]] = {
    "bigint": "BigIntegerField",
    "bigint unsigned": "PositiveBigIntegerField",
    "blob": "BinaryField",
    "bool": "BooleanField",
    "boolean": "BooleanField",
    "bytea": "BinaryField",
    "char": "CharField",
    "date": "DateField",
    "datetime": "DateTimeField",
    "decimal": "DecimalField",
    "double precision": "FloatField",
    "inet": "GenericIPAddressField",
    "int": "IntegerField",
    "integer": "IntegerField",
    "integer unsigned": "PositiveIntegerField",
    "interval": "DurationField",
    "jsonb": "JSONField",
    "numeric": "DecimalField",
    "real": "FloatField",
    "smallint": "SmallIntegerField",
    "smallint unsigned": "PositiveSmallIntegerField",
    "text": "TextField",
    "time": "TimeField",
    "timestamp with time zone": "DateTimeField",
    "uuid": "UUIDField",
    "varchar": "CharField",
}
_POSITIVE: Final = {
    "BigIntegerField": "PositiveBigIntegerField",
    "IntegerField": "PositiveIntegerField",
    "SmallIntegerField": "PositiveSmallIntegerField",
}
# types without their size that only PostgreSQL has → fields of vivace.models.postgresql
POSTGRESQL: Final[Mapping[str, str]] = {
    "daterange": "DateRangeField",
    "hstore": "HStoreField",
    "int4range": "IntegerRangeField",
    "int8range": "BigIntegerRangeField",
    "numrange": "DecimalRangeField",
    "tstzrange": "DateTimeRangeField",
    "tsvector": "SearchVectorField",
}
_AUTO: Final = {"bigint": "BigAutoField", "integer": "AutoField", "smallint": "SmallAutoField"}


_NUMBER: Final = re.compile(
    r"(-?\d+(?:\.\d+)?)(?:::[\w ]+)?|'(-?\d+(?:\.\d+)?)'::(?:bigint|integer|numeric|smallint)"
)
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'(?:::[\w ]+)?")
_WRITTEN_OTHERWISE: Final = ("BinaryField", "JSONField", "postgresql.")
_TRUTH: Final = {"0": "False", "1": "True", "false": "False", "true": "True"}


class Names:
    """Names of classes for tables, each once."""

    def __init__(self, tables: Sequence[str]) -> None:
        self.classes: dict[str, str] = {}
        for table in tables:
            name = (
                "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", table) if part) or "Table"
            )
            name = f"Table{name}" if name[0].isdigit() else name
            while name in self.classes.values():
                name += "_"
            self.classes[table] = name


async def inspect(
    database: Database, tables: Sequence[str] = (), *, views: bool = False, managed: bool = True
) -> str:
    """Return the source of models for tables: those named, else all but our own."""
    wanted = list(tables) or [
        name for name in await introspect.table_names(database, views=views) if name not in OWN
    ]
    found: list[Live] = []
    for name in wanted:
        live = await introspect.read(database, name)
        if live is not None:
            found.append(live)
    names = Names([live.table.name for live in found])
    parts = [_model(live, names, database.dialect, managed) for live in found]
    source = "".join(f"\n\n{part}\n" for part in parts)
    special = "from vivace.models import postgresql\n" if "postgresql." in source else ""
    return f"from vivace import models\n{special}{source}"


def field_name(column: str, *, foreign: bool = False) -> str:
    """Return a field's name for a column."""
    name = re.sub(r"\W", "_", column.lower())
    if foreign and name.endswith("_id"):
        name = name[: -len("_id")]
    name = re.sub(r"__+", "_", name).strip("_") or "field"
    if name[0].isdigit():
        name = f"number_{name}"
    return f"{name}_field" if keyword.iskeyword(name) or name in ("pk", "objects", "check", "meta") else name


class _Model:
    """One table on its way to a model."""

    def __init__(self, table: Table, names: Names, dialect: Dialect) -> None:
        self.table = table
        self.names = names
        self.dialect: Dialect = dialect
        self.keys: dict[str, ForeignKey] = {
            key.columns[0]: key for key in table.foreign_keys if len(key.columns) == 1
        }
        self.fields: dict[str, str] = {}
        for column in table.columns:
            name = field_name(column.name, foreign=column.name in self.keys)
            while name in self.fields.values():
                name += "_2"
            self.fields[column.name] = name
        self.unique_columns = {unique.columns[0] for unique in table.uniques if len(unique.columns) == 1}
        self.unique_columns |= {column.name for column in table.columns if column.unique}
        self.checks = {_squeezed(check.sql) for check in table.checks}

    def lines(self) -> Iterator[str]:
        for column in self.table.columns:
            if not (column.primary and column.name == "id" and _auto(column, self.dialect) == "BigAutoField"):
                yield f"{self.fields[column.name]} = {self._field(column)}"
        if self.table.primary:
            names = ", ".join(f'"{self._attribute(name)}"' for name in self.table.primary)
            yield f"pk = models.CompositePrimaryKey({names})"

    def _attribute(self, column: str) -> str:
        return self.fields[column] + ("_id" if column in self.keys else "")

    def _field(self, column: Column) -> str:
        given: dict[str, str] = {}
        key = self.keys.get(column.name)
        kind = self._relation(column, key, given) if key is not None else self._plain(column, given)
        if column.primary:
            given["primary_key"] = "True"
        if column.null and not column.generated:
            given["null"] = "True"
            if kind in ("CharField", "TextField"):
                given["blank"] = "True"
        self._column_name(column, key, given)
        if column.comment:
            given["db_comment"] = repr(column.comment)
        args = [value if name.isdigit() else f"{name}={value}" for name, value in given.items()]
        notes = [] if kind != "TextField" or column.type in ("text",) else [f"the type is {column.type}"]
        if column.default and not column.generated and "db_default" not in given and not column.identity:
            notes.append(f"the default is {' '.join(column.default.split())}")
        room = "" if kind.startswith("postgresql.") else "models."
        return f"{room}{kind}({', '.join(args)})" + (f"  # {'; '.join(notes)}" if notes else "")

    def _column_name(self, column: Column, key: ForeignKey | None, given: dict[str, str]) -> None:
        usual = self._attribute(column.name) if key is not None else self.fields[column.name]
        if usual != column.name:
            given["db_column"] = repr(column.name)

    def _relation(self, column: Column, key: ForeignKey, given: dict[str, str]) -> str:
        target = self.names.classes.get(key.table, key.table)
        given["0"] = "'self'" if key.table == self.table.name else repr(target)
        rules = {"CASCADE": "DB_CASCADE", "SET NULL": "DB_SET_NULL", "SET DEFAULT": "DB_SET_DEFAULT"}
        given["1"] = f"models.{rules.get(key.on_delete.removeprefix('ON DELETE '), 'DO_NOTHING')}"
        if [each.table for each in self.keys.values()].count(key.table) > 1:
            given["related_name"] = f'"{self.fields[column.name]}_of_{self.table.name.lower()}"'
        if not self._has_index(column.name):
            given["db_index"] = "False"
        one = column.primary or column.name in self.unique_columns
        if one:
            given.pop("db_index", None)
        return "OneToOneField" if one else "ForeignKey"

    def _plain(self, column: Column, given: dict[str, str]) -> str:
        if column.identity:
            return _auto(column, self.dialect)
        kind = self._kind(column, given)
        if column.name in self.unique_columns:
            given["unique"] = "True"
        elif self._has_index(column.name):
            given["db_index"] = "True"
        elif kind == "SlugField":
            given["db_index"] = "False"
        if column.collation:
            given["db_collation"] = repr(column.collation)
        if column.default and not column.generated:
            given.update(_default(column, kind))
        return kind

    def _kind(self, column: Column, given: dict[str, str]) -> str:
        if column.type.endswith("[]"):
            given["0"] = self._element(column)
            return "postgresql.ArrayField"
        if column.type in POSTGRESQL:
            return f"postgresql.{POSTGRESQL[column.type]}"
        match = _SIZE.search(column.type)
        kind = FIELDS.get(_SIZE.sub("", column.type).strip(), "TextField")
        if kind == "CharField" and match:
            if self.dialect == "sqlite" and column.type == "char(32)":
                return "UUIDField"
            if self.dialect == "sqlite" and column.type == "char(39)":
                return "GenericIPAddressField"
            given["max_length"] = match.group(1)
        elif kind == "DecimalField" and match:
            given["max_digits"], given["decimal_places"] = match.group(1), match.group(2) or "0"
        if kind in _POSITIVE and _squeezed(f'"{column.name}" >= 0') in self.checks:
            return _POSITIVE[kind]
        if kind == "TextField" and "json_valid" in column.check.lower():
            return "JSONField"
        return kind

    def _element(self, column: Column) -> str:
        """Return the field of an array's elements."""
        given: dict[str, str] = {}
        bare = msgspec.structs.replace(column, type=column.type.removesuffix("[]"), check="")
        kind = self._kind(bare, given)
        args = ", ".join(f"{name}={value}" for name, value in given.items())
        return f"{'' if kind.startswith('postgresql.') else 'models.'}{kind}({args})"

    def _has_index(self, column: str) -> bool:
        name = object_name(self.dialect, self.table.name, [column])
        return any(index.name == name for index in self.table.indexes)

    # -- Meta

    def meta(self, managed: bool) -> Iterator[str]:
        if not managed:
            yield "managed = False"
        yield f'db_table = "{self.table.name}"'
        if self.table.comment:
            yield f"db_table_comment = {self.table.comment!r}"
        together = list(self._together())
        if together:
            yield f"unique_together = [{', '.join(together)}]"
        indexes = [index for index in self.table.indexes if not self._is_usual(index)]
        yield from _listed("indexes", (self._index(index) for index in indexes if not index.unique))
        constraints = [self._unique_index(index) for index in indexes if index.unique]
        yield from _listed("constraints", [*self._uniques(), *constraints])
        yield from self._comments(indexes)

    def _together(self) -> Iterator[str]:
        for unique in self.table.uniques:
            if len(unique.columns) > 1 and unique.name == self._together_name(unique.columns):
                yield self._names(unique.columns)
        for index in self.table.indexes:
            if index.unique and index.name == self._together_name(index.columns):
                yield self._names(index.columns)

    def _together_name(self, columns: Sequence[str]) -> str:
        return object_name(self.dialect, self.table.name, columns, "_uniq")

    def _names(self, columns: Sequence[str]) -> str:
        inner = ", ".join(f'"{self.fields[column]}"' for column in columns)
        return f"({inner}{',' if len(columns) == 1 else ''})"

    def _is_usual(self, index: Index) -> bool:
        """Say whether a field or ``unique_together`` makes the index."""
        usual = [
            object_name(self.dialect, self.table.name, index.columns, each) for each in ("", "_like", "_uniq")
        ]
        return bool(index.columns) and index.name in usual

    def _index(self, index: Index) -> str:
        if not index.columns or index.condition:
            return ""
        fields = ", ".join(
            f'"{"-" if part.endswith((" DESC", " desc")) else ""}{self.fields[column]}"'
            for column, part in zip(index.columns, index.parts, strict=True)
        )
        include = f", include={[self.fields[each] for each in index.include]!r}" if index.include else ""
        return f'models.Index(fields=[{fields}], name="{index.name}"{include})'

    def _unique_index(self, index: Index) -> str:
        if not index.columns or index.condition:
            return ""
        fields = ", ".join(f'"{self.fields[column]}"' for column in index.columns)
        include = f", include={[self.fields[each] for each in index.include]!r}" if index.include else ""
        return f'models.UniqueConstraint(fields=[{fields}], name="{index.name}"{include})'

    def _uniques(self) -> Iterator[str]:
        for unique in self.table.uniques:
            if len(unique.columns) == 1 or unique.name == self._together_name(unique.columns):
                continue
            fields = ", ".join(f'"{self.fields[column]}"' for column in unique.columns)
            late = f", deferrable=models.Deferrable.{unique.deferrable.upper()}" if unique.deferrable else ""
            yield f'models.UniqueConstraint(fields=[{fields}], name="{unique.name}"{late})'

    def _comments(self, indexes: Sequence[Index]) -> Iterator[str]:
        for index in indexes:
            if not index.columns or index.condition:
                where = f" WHERE {index.condition}" if index.condition else ""
                yield f"# index {index.name}: ({', '.join(index.parts)}){where}"
        positive = {_squeezed(f'"{column.name}" >= 0') for column in self.table.columns}
        for check in self.table.checks:
            if _squeezed(check.sql) not in positive:
                yield f"# check {check.name}: {check.sql}"


def _squeezed(sql: str) -> str:
    return re.sub(r'["()\s]', "", sql).lower()


def _auto(column: Column, dialect: Dialect) -> str:
    if not column.identity:
        return ""
    return "BigAutoField" if dialect == "sqlite" else _AUTO.get(column.type, "BigAutoField")


def _default(column: Column, kind: str) -> dict[str, str]:
    text = column.default
    if "nextval(" in text:
        return {}  # a sequence that other columns may share is not the model's to make
    if kind == "BooleanField" and text.lower() in _TRUTH:
        return {"db_default": _TRUTH[text.lower()]}
    if match := _NUMBER.fullmatch(text):
        return {"db_default": match[1] or match[2]}
    if (match := _TEXT.fullmatch(text)) and not kind.startswith(_WRITTEN_OTHERWISE):
        return {"db_default": repr(match[1].replace("''", "'"))}
    sql = text.replace("%", "%%")
    return {"db_default": f"models.RawSQL({sql!r})"}


def _listed(name: str, parts: Any) -> Iterator[str]:
    found = [part for part in parts if part]
    if found:
        yield f"{name} = ["
        for part in found:
            yield f"    {part},"
        yield "]"


def _model(live: Live, names: Names, dialect: Dialect, managed: bool) -> str:
    model = _Model(live.table, names, dialect)
    lines = [f"class {names.classes[live.table.name]}(models.Model):"]
    lines += [f"    {line}" for line in model.lines()]
    lines += ["", "    class Meta:"]
    lines += [f"        {line}" for line in model.meta(managed and not live.view)]
    return "\n".join(lines)


__all__ = ["FIELDS", "field_name", "inspect"]
