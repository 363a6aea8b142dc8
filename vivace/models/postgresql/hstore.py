"""``HStoreField``: texts by key. The extension ``hstore`` must be there: ``migrations.HStoreExtension()``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from vivace.errors import InvalidValue
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.func import Transform
from vivace.models.expressions.values import Slot
from vivace.models.fields.text import TextField
from vivace.models.lookups.base import Compared, Lookup
from vivace.models.shapes import is_listed

from .arrays import ArrayField
from .base import PostgreSQLField

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.render import Renderer

    H = TypeVar("H", default=dict[str, str | None])
else:
    from typing import TypeVar

    H = TypeVar("H")

_TEXT: Any = TextField()
_TEXTS: Any = ArrayField(TextField())


class Pairs(dict[str, "str | None"]):
    """Keys and texts as a query holds them; DDL writes them as PostgreSQL reads them."""

    def as_literal(self) -> str:
        """Return the text form."""
        return ",".join(f"{_quoted(key)}=>{_quoted(value)}" for key, value in self.items())


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class HStoreField(PostgreSQLField[H], Generic[H]):
    """A dict of texts (or ``None``) by key."""

    column_type = "hstore"
    sa_name = "HSTORE"
    python_type = "a dict of texts"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "not_a_string": "The value of “%(key)s” is not a string or null.",
        "invalid": "The value must be a mapping of texts.",
    }

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.invalid_value(value)
        given: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType] - any mapping
        return Pairs({str(key): None if item is None else str(item) for key, item in given.items()})

    def to_python(self, value: Any) -> Any:
        """Return a dict; a text is taken for JSON."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise self.refused("invalid") from None

    def validate(self, value: Any, model_instance: Model | None) -> None:
        super().validate(value, model_instance)
        if value is None:
            return
        if not isinstance(value, Mapping):
            raise self.refused("invalid")
        given: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType] - any mapping
        for key, item in given.items():
            if item is not None and not isinstance(item, str):
                raise self.refused("not_a_string", key=key)

    def value_to_string(self, obj: Model) -> str:
        return json.dumps(self.value_from_object(obj))

    def get_transform(self, name: str) -> Any:
        found = super().get_transform(name)
        if found is not None or self.get_lookup(name) is not None:
            return found
        return KeyTransformFactory(name)

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_mutable_default

        return [*super().check(), *check_mutable_default(self)]


class KeyTransform(Transform):
    """The text at a key."""

    output_field = _TEXT

    def __init__(self, key_name: Any, expression: Any, **extra: Any) -> None:
        super().__init__(expression, **extra)
        self.key_name = str(key_name)

    def render(self, r: Renderer) -> Any:
        return r.sql("(", self.lhs, " -> ", r.constant(self.key_name, "TextField"), ")")


class KeyTransformFactory:
    """Makes the transform of a key: ``data__color``."""

    def __init__(self, key_name: str) -> None:
        self.key_name = key_name

    def __call__(self, *args: Any, **kwargs: Any) -> KeyTransform:
        return KeyTransform(self.key_name, *args, **kwargs)


class KeysTransform(Transform):
    """All keys, as an array."""

    lookup_name = "keys"
    function = "akeys"
    output_field = _TEXTS


class ValuesTransform(Transform):
    """All texts, as an array."""

    lookup_name = "values"
    function = "avals"
    output_field = _TEXTS


class HStoreContains(Compared):
    """Has all of these pairs."""

    lookup_name = "contains"
    operator = "@>"


class HStoreContainedBy(Compared):
    """Has no other pairs than these."""

    lookup_name = "contained_by"
    operator = "<@"


class HStoreHasKey(Lookup):
    """Has a key."""

    lookup_name = "has_key"

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        return super().lift_right(lifter, left, _TEXT, value)

    def render(self, r: Renderer) -> Any:
        return r.sql(r.side(self.lhs), " ? ", r.side(self.rhs))


class HStoreHasKeys(Lookup):
    """Has all of these keys."""

    lookup_name = "has_keys"
    operator: ClassVar[str] = "?&"

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if is_expression(value):
            return super().lift_right(lifter, left, _TEXTS, value)
        if not is_listed(value):
            raise InvalidValue(f"{cls.lookup_name!r} takes a list of texts.", got=repr(value)[:80])
        keys = [str(each) for each in value]
        slot: Slot = lifter.slot_for(keys, _TEXTS)
        return slot if keys else Known(cls.operator == "?&")

    def render(self, r: Renderer) -> Any:
        return r.sql(r.side(self.lhs), f" {self.operator} ", r.side(self.rhs))


class HStoreHasAnyKeys(HStoreHasKeys):
    """Has any of these keys."""

    lookup_name = "has_any_keys"
    operator = "?|"


for _lookup in (
    HStoreContains,
    HStoreContainedBy,
    HStoreHasKey,
    HStoreHasKeys,
    HStoreHasAnyKeys,
    KeysTransform,
    ValuesTransform,
):
    HStoreField.register_lookup(_lookup)

__all__ = ["HStoreField", "KeyTransform", "KeysTransform", "Pairs", "ValuesTransform"]
