"""JSON: keys and indexes as transforms, containment and keys as lookups.

A chain ``data__owner__0__name`` is one ``KeyTransform`` per key. Keys are parameters, never text of a statement. On SQLite
a chain is one path from the column (``$."owner"[0]."name"``), since a part that was taken out is no JSON any more; on
PostgreSQL one key is ``->``, several are ``#>``.

*Null.* ``data__key=None`` finds the key with JSON's null; ``data__key__isnull=True`` rows where the key is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors import FieldError, InvalidValue
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.func import Transform
from vivace.models.expressions.values import Constant, Slot
from vivace.models.lookups import base, text
from vivace.models.lookups.base import Lookup

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


def as_index(key: Any) -> int | None:
    """Return a key as an index, ``None`` when it is a name."""
    try:
        return int(key)
    except (TypeError, ValueError):
        return None


def json_path(keys: Iterable[Any], *, rooted: bool = True) -> str:
    """Return a path as SQLite takes it: names quoted, indexes in brackets, negative ones from the end."""
    parts = ["$"] if rooted else []
    for key in keys:
        index = as_index(key)
        if index is None:
            parts.append("." + json.dumps(str(key)))
        else:
            parts.append(f"[#{index}]" if index < 0 else f"[{index}]")
    return "".join(parts)


def named_path(key: Any) -> str:
    """Return the last part of a path, taken for a name even when it is a number."""
    return "." + json.dumps(str(key))


class KeyTransform(Transform):
    """The value at a key or index."""

    output_kind = "JSONField"

    def __init__(self, key_name: Any, expression: Any, **extra: Any) -> None:
        super().__init__(expression, **extra)
        self.key_name = str(key_name)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("JSONField")

    def chain(self) -> tuple[Any, list[str]]:
        """Return the column and the keys from it."""
        keys = [self.key_name]
        node: Any = self.lhs
        while isinstance(node, KeyTransform):
            keys.insert(0, node.key_name)
            node = node.lhs
        return node, keys

    def render(self, r: Renderer) -> Any:
        column, keys = self.chain()
        if r.dialect == "postgresql":
            return self._postgresql(r, column, keys, "->", "#>")
        path = r.constant(json_path(keys), "TextField")
        kind = r.call("JSON_TYPE", column, path)
        value = r.call("JSON_EXTRACT", column, path)
        return r.sql(
            "(CASE WHEN ", kind, " IN ('false', 'true', 'null') THEN ", kind, " ELSE ", value, " END)"
        )

    def _postgresql(self, r: Renderer, column: Any, keys: list[str], single: str, several: str) -> Any:
        if len(keys) > 1:
            parts = r.joined([r.constant(key, "TextField") for key in keys])
            return r.sql("(", column, f" {several} ARRAY[", parts, "])")
        index = as_index(keys[0])
        if index is not None:
            return r.sql("(", column, f" {single} {index})")
        return r.sql("(", column, f" {single} ", r.constant(keys[0], "TextField"), ")")


class KeyTextTransform(KeyTransform):
    """The value at a key or index, as text."""

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("TextField")

    def render(self, r: Renderer) -> Any:
        column, keys = self.chain()
        if r.dialect == "postgresql":
            return self._postgresql(r, column, keys, "->>", "#>>")
        return super().render(r)


class KeyTransformFactory:
    """Makes the transform of a key: what a JSON field's ``get_transform`` returns for any name."""

    def __init__(self, key_name: str) -> None:
        self.key_name = key_name

    def __call__(self, *args: Any, **kwargs: Any) -> KeyTransform:
        return KeyTransform(self.key_name, *args, **kwargs)


class JSONExact(base.Exact):
    """Equal as JSON; ``None`` is JSON's null."""

    can_use_none_as_rhs: ClassVar[bool] = True

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if value is None:
            return Constant("null", "json")
        return super().lift_right(lifter, left, field, value)

    def render(self, r: Renderer) -> Any:
        if isinstance(self.rhs, Constant) and self.rhs.kind == "json":
            return r.sql(r.side(self.lhs), " = 'null'" + ("::jsonb" if r.dialect == "postgresql" else ""))
        return super().render(r)


class DataContains(Lookup):
    """Holds these parts (PostgreSQL)."""

    lookup_name = "contains"
    operator: ClassVar[str] = "@>"

    def render(self, r: Renderer) -> Any:
        if r.dialect != "postgresql":
            raise FieldError(
                f"SQLite cannot look for {self.lookup_name!r} in JSON.", fix="compare single keys."
            )
        return r.sql(r.side(self.lhs), f" {self.operator} ", self.rhs)


class ContainedBy(DataContains):
    """All of it is in the value (PostgreSQL)."""

    lookup_name = "contained_by"
    operator = "<@"


class HasKey(Lookup):
    """Has a key at its top level."""

    lookup_name = "has_key"
    prepare_rhs = False

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if isinstance(value, KeyTransform) or is_expression(value):
            node = lifter.lift(as_operand(value))
            if not isinstance(node, KeyTransform):
                raise FieldError("'has_key' takes a text, or a path of keys as F('field__key').")
            return Constant(tuple(node.chain()[1]), "keys")
        if not isinstance(value, (str, int)):
            raise InvalidValue("'has_key' takes a text.", got=repr(value)[:80])
        index = len(lifter.params)
        lifter.params.append(str(value))
        return Slot(index, "TextField", form="json_key")

    def render(self, r: Renderer) -> Any:
        column, keys = _parts(self.lhs)
        if isinstance(self.rhs, Constant):
            *rest, last = self.rhs.value
            return has_path(r, column, [*keys, *rest], last)
        if r.dialect == "postgresql":
            return r.sql(r.side(self.lhs), " ? ", self.rhs.but(form=""))
        path = r.sql("(", r.constant(json_path(keys), "TextField"), " || ", self.rhs, ")")
        return r.sql(r.call("JSON_TYPE", column, path), " IS NOT NULL")


def _parts(node: Any) -> tuple[Any, list[str]]:
    return node.chain() if isinstance(node, KeyTransform) else (node, [])


def has_path(r: Renderer, column: Any, keys: list[str], last: str) -> Any:
    """Return whether a path of keys that are part of the shape exists."""
    if r.dialect == "sqlite":
        path = r.constant(json_path(keys) + named_path(last), "TextField")
        return r.sql(r.call("JSON_TYPE", column, path), " IS NOT NULL")
    left: Any = column
    for key in keys:
        left = KeyTransform(key, left)
    return r.sql(r.side(left), " ? ", r.constant(last, "TextField"))


class _HasKeys(Lookup):
    prepare_rhs = False
    operator: ClassVar[str] = "?&"

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise InvalidValue(f"{cls.lookup_name!r} takes a list of texts.", got=repr(value)[:80])
        keys = [str(each) for each in base.items_of(value)]
        if not keys:
            return Known(cls.operator == "?&")
        index = len(lifter.params)
        lifter.params.append(keys)
        return Slot(index, "TextField", many=True)

    def render(self, r: Renderer) -> Any:
        if r.dialect == "postgresql":
            return r.sql(r.side(self.lhs), f" {self.operator} ", self.rhs)
        column, keys = _parts(self.lhs)
        path = r.sql("(", r.constant(json_path(keys), "TextField"), " || '.' || json_quote(wanted.value))")
        found = r.call("JSON_TYPE", column, path)
        if self.operator == "?|":
            return r.sql(
                "EXISTS(SELECT 1 FROM json_each(", self.rhs, ") AS wanted WHERE ", found, " IS NOT NULL)"
            )
        missing = r.sql("EXISTS(SELECT 1 FROM json_each(", self.rhs, ") AS wanted WHERE ", found, " IS NULL)")
        return r.sql("(", column, " IS NOT NULL AND NOT ", missing, ")")


class HasKeys(_HasKeys):
    """Has all of these keys at its top level."""

    lookup_name = "has_keys"


class HasAnyKeys(_HasKeys):
    """Has any of these keys at its top level."""

    lookup_name = "has_any_keys"
    operator = "?|"


class KeyTransformIsNull(base.IsNull):
    """The key is not there."""

    def render(self, r: Renderer) -> Any:
        if r.dialect == "postgresql":
            return super().render(r)
        column, keys = self.lhs.chain()
        path = r.constant(json_path(keys), "TextField")
        return r.sql(r.call("JSON_TYPE", column, path), " IS NULL" if self.rhs else " IS NOT NULL")


def _extracted(r: Renderer, right: Any) -> Any:
    """Return a JSON value as SQLite's ``JSON_EXTRACT`` gives it, with words for true, false and null."""
    if not isinstance(right, Slot):
        return right
    kind = r.sql("JSON_TYPE(", right, ", '$')")
    return r.sql(
        "(CASE WHEN ",
        kind,
        " IN ('false', 'true', 'null') THEN ",
        kind,
        " ELSE JSON_EXTRACT(",
        right,
        ", '$') END)",
    )


class KeyTransformExact(JSONExact):
    """The value at a key is equal as JSON."""

    def render(self, r: Renderer) -> Any:
        if r.dialect == "postgresql" or isinstance(self.rhs, Constant):
            return super().render(r)
        return r.sql(r.side(self.lhs), " = ", _extracted(r, self.rhs))


class KeyTransformIn(base.In):
    """The value at a key is one of these, as JSON."""

    def render(self, r: Renderer) -> Any:
        if r.dialect == "postgresql" or not isinstance(self.rhs, Slot):
            return r.member(self.lhs, self.rhs)
        # each value is JSON in a text of its own, so that it can be told from what SQLite makes of a list
        word, plain = "JSON_TYPE(value, '$')", "JSON_EXTRACT(value, '$')"
        value = ("CASE WHEN ", word, " IN ('true', 'false', 'null') THEN ", word, " ELSE ", plain, " END")
        return r.sql(r.side(self.lhs), " IN (SELECT ", *value, " FROM json_each(", self.rhs, "))")


class _KeyCompared(base.Compared):
    def render(self, r: Renderer) -> Any:
        if r.dialect == "postgresql":
            return super().render(r)
        right = r.sql("JSON_EXTRACT(", self.rhs, ", '$')") if isinstance(self.rhs, Slot) else self.rhs
        return r.sql(r.side(self.lhs), f" {self.operator} ", right)


class KeyTransformLt(_KeyCompared, base.LessThan):
    """The value at a key is less."""


class KeyTransformLte(_KeyCompared, base.LessThanOrEqual):
    """The value at a key is less or equal."""


class KeyTransformGt(_KeyCompared, base.GreaterThan):
    """The value at a key is greater."""


class KeyTransformGte(_KeyCompared, base.GreaterThanOrEqual):
    """The value at a key is greater or equal."""


def _text_lookup(lookup: type[Lookup]) -> type[Lookup]:
    """Return a lookup of text as one of the text at a key."""

    def render(self: Any, r: Renderer) -> Any:
        return lookup(_as_text(self.lhs), self.rhs).render(r)

    namespace = {"render": render, "__doc__": lookup.__doc__, "__module__": __name__}
    return type(f"KeyTransform{lookup.__name__}", (lookup,), namespace)


def _as_text(node: Any) -> Any:
    if isinstance(node, KeyTransform) and not isinstance(node, KeyTextTransform):
        return KeyTextTransform(node.key_name, node.lhs)
    return node


TEXT_LOOKUPS = tuple(
    _text_lookup(each)
    for each in (
        text.IExact,
        text.IContains,
        text.StartsWith,
        text.IStartsWith,
        text.EndsWith,
        text.IEndsWith,
        text.Regex,
        text.IRegex,
    )
)

FIELD_LOOKUPS = (JSONExact, DataContains, ContainedBy, HasKey, HasKeys, HasAnyKeys)
KEY_LOOKUPS = (
    KeyTransformExact,
    KeyTransformIn,
    KeyTransformIsNull,
    KeyTransformLt,
    KeyTransformLte,
    KeyTransformGt,
    KeyTransformGte,
    *TEXT_LOOKUPS,
)

__all__ = [
    "FIELD_LOOKUPS",
    "KEY_LOOKUPS",
    "ContainedBy",
    "DataContains",
    "HasAnyKeys",
    "HasKey",
    "HasKeys",
    "JSONExact",
    "KeyTextTransform",
    "KeyTransform",
    "KeyTransformFactory",
    "json_path",
]
