"""Functions that make and read JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Func, parsed
from vivace.models.expressions.values import Constant

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


def _nested(r: Renderer, node: Expression) -> Any:
    """Return a value so that JSON within JSON stays JSON (SQLite keeps it as text)."""
    if r.dialect == "sqlite" and r.kind(node) == "JSONField":
        return r.call("JSON", node)
    return node


class JSONArray(Func):
    """An array of values."""

    output_kind = "JSONField"

    def render(self, r: Renderer) -> Any:
        name = "JSON_ARRAY" if r.dialect == "sqlite" else "JSONB_BUILD_ARRAY"
        return r.call(name, *(_nested(r, each) for each in self.source))


class JSONObject(Func):
    """An object of named values."""

    output_kind = "JSONField"

    def __init__(self, **fields: Any) -> None:
        parts: list[Any] = []
        for name, value in fields.items():
            parts += [Constant(name, "TextField"), parsed(value)]
        super().__init__(*parts)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("JSONField")

    def render(self, r: Renderer) -> Any:
        name = "JSON_OBJECT" if r.dialect == "sqlite" else "JSONB_BUILD_OBJECT"
        return r.call(name, *(_nested(r, each) for each in self.source))


class JSONNull(Expression):
    """JSON's own null, which is a value; SQL's NULL is none."""

    output_kind: ClassVar[str] = "JSONField"

    def render(self, r: Renderer) -> Any:
        return r.sql("'null'" if r.dialect == "sqlite" else "'null'::jsonb")


class KT(Expression):
    """The text at a path of keys: ``KT("data__owner__name")``."""

    def __init__(self, path: str) -> None:
        self.path = path

    def lifted(self, lifter: Lifter) -> Expression:
        from vivace.models.lookups.json import KeyTextTransform, KeyTransform

        node = lifter.name(self.path)
        if not isinstance(node, KeyTransform):
            from vivace.errors import FieldError

            raise FieldError("KT needs a path with a key: KT('field__key').", got=self.path)
        return KeyTextTransform(node.key_name, node.lhs)


__all__ = ["JSONArray", "JSONNull", "JSONObject", "KT"]
