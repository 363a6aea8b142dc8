"""``{% partialdef name %}…{% endpartialdef %}`` and ``{% partial name %}``: pieces of a page that can be shown alone.

A partial is a block: ``page.html#name`` renders it, for pages that exchange a piece (HTMX and the like). It is shown where
a ``{% partial name %}`` stands, with the names that are known there, and where it is defined only with ``inline``.
"""

from __future__ import annotations

from typing import Final

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

_DEFINITION: Final = "vivace_definition"  # an attribute of a node: Jinja allows no new kinds of them
_USE: Final = "vivace_use"


class PartialExtension(Extension):
    """Reads the tags of partials."""

    tags = {"partialdef", "partial"}

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """Return the nodes of the tag at which the parser stands."""
        token = next(parser.stream)
        name = parser.stream.expect("name").value
        if token.value == "partial":
            return self._use(parser, name, token.lineno)
        inline = parser.stream.skip_if("name:inline")
        body = parser.parse_statements(("name:endpartialdef",), drop_needle=True)
        parser.stream.skip_if(f"name:{name}")
        block = nodes.Block(name, body, False, False, lineno=token.lineno)
        setattr(block, _DEFINITION, True)
        return [block, self._use(parser, name, token.lineno)] if inline else block

    def _use(self, parser: Parser, name: str, line: int) -> nodes.Block:
        own = parser.free_identifier(lineno=line).name  # no two blocks of a template may have one name
        block = nodes.Block(own, [], True, False, lineno=line)
        setattr(block, _USE, name)
        return block


def is_definition(block: nodes.Block) -> bool:
    """Return whether a block is a partial, which is not shown where it is defined."""
    return getattr(block, _DEFINITION, False) is True


def used_partial(block: nodes.Block) -> str:
    """Return the name of the partial that a block stands for; ``""`` for an ordinary block."""
    return str(getattr(block, _USE, ""))


__all__ = ["PartialExtension", "is_definition", "used_partial"]
