"""Expressions that say their SQL in Django's way: ``as_sql(compiler, connection)`` gives a text and its parameters.

Such a text is composed from what ``compiler.compile`` returned for its parts. So that these stay elements, ``compile``
returns *tokens*, which are put back afterwards; ``%s`` in the text stands for the parameters, in order.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Func
from vivace.models.expressions.values import kind_of

if TYPE_CHECKING:
    from vivace.models.sql.render import Renderer

_TOKEN = re.compile("\x02(\\d+)\x03|(%s)|(%%)")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Foreign:
    """The ``compiler`` that such expressions are given. One per statement."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer
        self.elements: list[Any] = []
        self.connection = SimpleNamespace(
            vendor=renderer.dialect,
            ops=SimpleNamespace(quote_name=_quoted),
        )

    def method(self, node: Expression) -> Any:
        """Return the method by which a node says its SQL; ``None`` when it is one of ours."""
        special = getattr(node, f"as_{self.renderer.dialect}", None)
        if special is not None:
            return special
        general = getattr(type(node), "as_sql", None)
        return None if general is None or general is Func.as_sql else node.as_sql  # type: ignore[attr-defined]

    def speaks(self, node: Expression) -> bool:
        """Say whether a node says its SQL itself."""
        return self.method(node) is not None

    def render(self, node: Expression) -> Any:
        """Return the SQL of such a node."""
        method = self.method(node)
        if method is None:
            raise FieldError(f"{type(node).__name__} does not say its SQL.", fix="define render or as_sql.")
        sql, params = method(self, self.connection)
        return self.put_together(sql, list(params))

    def put_together(self, sql: str, params: list[Any]) -> Any:
        """Return text with tokens and ``%s`` as an element."""
        parts: list[Any] = []
        end = 0
        for match in _TOKEN.finditer(sql):
            parts.append(sql[end : match.start()])
            end = match.end()
            if match.group(1):
                parts.append(self.elements[int(match.group(1))])
            elif match.group(2):
                value = params.pop(0)
                parts.append(self.renderer.constant(value, kind_of(value)))
            else:
                parts.append("%")
        return self.renderer.sql(*parts, sql[end:])

    def token(self, element: Any) -> str:
        """Return a text that stands for an element."""
        self.elements.append(element)
        return f"\x02{len(self.elements) - 1}\x03"

    # -- what as_sql calls -------------------------------------------------------------------------------------------

    def compile(self, node: Any) -> tuple[str, list[Any]]:
        """Return a token for a part; its parameters travel with it."""
        return self.token(self.renderer.render(node)), []

    def quote_name_unless_alias(self, name: str) -> str:
        """Return a quoted identifier."""
        return str(self.connection.ops.quote_name(name))


__all__ = ["Foreign"]
