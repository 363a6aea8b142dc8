"""``{% live %}…{% endlive %}``: how the tag is read, and which regions can be rendered without the page around them.

A region is a block, as a partial is, so it can be shown by its name. It *stands alone* when that gives what the whole page
would show there. The compiler proves it, or the region is rendered with the whole page. Not alone is a region

1. in a loop, a condition, a macro, ``with`` and the like: what is around it decides whether and with what it is shown;
   where a block is shown under such a statement (in the parent template, by ``super()``), only the render knows it: the
   statement is *sheltering* and says so while it runs;
2. in an included or imported template, or in another region, with which it is rendered;
3. that reads a name which a block around it sets;
4. of a page of which the top level sets names *unsteadily*: in a condition, twice, by ``do``, or behind a region. (A name
   that is set once, plainly, is set again by the ``prelude``.)
5. of a page whose parent template is a value.

``key=`` names a region among those of one tag in a loop; ``every=`` is in seconds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from zlib import crc32

from jinja2 import nodes
from jinja2.compiler import find_undeclared
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.utils import pass_context

from .partials import is_definition

LIVE_TAG: Final = re.compile(r"\{%[-+]?\s*live\b")
_LIVE: Final = "vivace_live"  # an attribute of a node: Jinja allows no new kinds of them
_ALONE: Final = "vivace_alone"
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_OPTIONS: Final = ("key", "every")
_SHELTERING: Final = (
    nodes.If,
    nodes.For,
    nodes.With,
    nodes.Scope,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.AssignBlock,
    nodes.Macro,
    nodes.ScopedEvalContextModifier,
)
_SCOPED: Final = (
    nodes.For,
    nodes.With,
    nodes.Scope,
    nodes.CallBlock,
    nodes.FilterBlock,
)  # names set there stay there
_SETTING: Final = (nodes.Assign, nodes.AssignBlock, nodes.Import, nodes.FromImport, nodes.Macro)


class LiveExtension(Extension):
    """Reads the tag."""

    tags = {"live"}

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """Return the nodes of the tag at which the parser stands."""
        line = next(parser.stream).lineno
        options = _options(parser)
        body = parser.parse_statements(("name:endlive",), drop_needle=True)
        count = parser.__dict__["live_count"] = parser.__dict__.get("live_count", 0) + 1
        block = nodes.Block(f"{stem_of(parser.name)}_{count}", body, True, False, lineno=line)
        if "every" in options:  # said inside, where it is also said to who renders the region alone
            call = self.call_method("expires", [options["every"]], lineno=line)
            body.insert(0, nodes.ExprStmt(call, lineno=line))
        if "key" not in options:
            setattr(block, _LIVE, "")
            return block
        kept = parser.free_identifier(lineno=line)
        setattr(block, _LIVE, kept.name)
        return [nodes.Assign(kept, options["key"], lineno=line), block]

    @pass_context
    def expires(self, context: Context, seconds: Any) -> None:
        """Say that the region is out of date by itself after so many seconds."""
        regions = getattr(context, "scope").regions  # noqa: B009 - of our contexts alone
        if regions is not None and seconds is not None:
            regions.expires(float(seconds))


def _options(parser: Parser) -> dict[str, nodes.Expr]:
    found: dict[str, nodes.Expr] = {}
    while parser.stream.current.type != "block_end":
        token = parser.stream.expect("name")
        if token.value not in _OPTIONS or token.value in found:
            parser.fail(f"live takes key= and every=, each once, and not {token.value!r}.", token.lineno)
        parser.stream.expect("assign")
        found[token.value] = parser.parse_expression()
        parser.stream.skip_if("comma")
    return found


def stem_of(template: str | None) -> str:
    """Return how the names of a template's regions begin: short, an identifier, its own."""
    number, text = crc32((template or "").encode()), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return f"v{text}"


def live_key(block: nodes.Block) -> str | None:
    """Return the name under which the key of a region is kept, ``""`` without one; ``None`` for what is no region."""
    found: str | None = getattr(block, _LIVE, None)
    return found


def stands_alone(block: nodes.Block) -> bool:
    """Return whether a region needs nothing of what is around it; known after ``examine``."""
    return getattr(block, _ALONE, False) is True


def is_sheltering(node: nodes.Node) -> bool:
    """Return whether a statement decides about blocks that stand in it."""
    if not isinstance(node, _SHELTERING):
        return False
    shows = any(name.name in ("super", "self") for name in node.find_all(nodes.Name))
    return shows or node.find(nodes.Block) is not None


class Liveness(NamedTuple):
    """What was found in a template: whether it has regions, and whether they are those of a page that is steady."""

    has_regions: bool = False
    steady: bool = True


def examine(template: nodes.Template) -> Liveness:
    """Find out which regions of a template stand alone."""
    regions = [block for block in template.find_all(nodes.Block) if live_key(block) is not None]
    _walk(template, (), regions)
    return Liveness(bool(regions), _is_steady(template))


def _walk(node: nodes.Node, blocks: tuple[nodes.Block, ...], regions: list[nodes.Block]) -> None:
    """Go through the blocks that are shown whatever happens."""
    for child in node.iter_child_nodes():
        if not isinstance(child, nodes.Block) or is_definition(child):
            continue
        if live_key(child) is None:
            if not child.scoped:
                _walk(child, (*blocks, child), regions)
        else:
            alone = not any(_reads_what_is_set(child, block) for block in blocks)
            setattr(child, _ALONE, alone)
            child.scoped = not alone


def _reads_what_is_set(region: nodes.Block, around: nodes.Block) -> bool:
    inside = {id(node) for node in _statements(region.body)}
    names = {name for node in _statements(around.body) if id(node) not in inside for name in _names_set(node)}
    names.discard(live_key(region) or "")
    return bool(names) and bool(find_undeclared(region.body, tuple(names)))


def _statements(body: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    for node in body:
        yield node
        yield from node.find_all(nodes.Node)


def _names_set(node: nodes.Node) -> Iterator[str]:
    """Yield the names that a statement sets, or may change."""
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        yield from _stored(node.target)
    elif isinstance(node, nodes.Macro):
        yield node.name
    elif isinstance(node, nodes.Import):
        yield node.target
    elif isinstance(node, nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in node.names)
    elif isinstance(node, nodes.ExprStmt):  # {% do names.append(…) %}
        yield from (name.name for name in node.find_all(nodes.Name))


def _stored(target: nodes.Node) -> Iterator[str]:
    targets: list[Any] = [target, *target.find_all(nodes.Node)]
    yield from (each.name for each in targets if isinstance(each, nodes.Name | nodes.NSRef))


def _is_steady(template: nodes.Template) -> bool:
    """Return whether what the top level sets is what the prelude sets."""
    extends = list(template.find_all(nodes.Extends))
    if any(not isinstance(each.template, nodes.Const) or each not in template.body for each in extends):
        return False
    names = Counter[str]()
    behind_region = False
    for node in template.body:
        if isinstance(node, _SETTING):
            found = set(_names_set(node))
            names.update(found)
            if found and behind_region:
                return False
        elif isinstance(node, nodes.ExprStmt) or (isinstance(node, _SHELTERING) and _leaks(node)):
            return False
        behind_region = behind_region or _has_region(node)
    return all(count == 1 for count in names.values())


def _has_region(node: nodes.Node) -> bool:
    blocks = (each for each in (node, *node.find_all(nodes.Block)) if isinstance(each, nodes.Block))
    return any(live_key(block) is not None for block in blocks)


def _leaks(node: nodes.Node, scoped: bool = False) -> bool:
    """Return whether what stands in a statement, but not in blocks, sets or changes a name that is known behind it.

    What a loop sets stays in it; what it does to a ``namespace`` or by ``do`` does not.
    """
    scoped = scoped or isinstance(node, _SCOPED)
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Block):  # these have names of their own
            continue
        if isinstance(child, nodes.ExprStmt):
            return True
        if isinstance(child, _SETTING) and (not scoped or child.find(nodes.NSRef) is not None):
            return True
        if not isinstance(child, nodes.Macro) and _leaks(child, scoped):
            return True
    return False


__all__ = [
    "LIVE_TAG",
    "LiveExtension",
    "Liveness",
    "examine",
    "is_sheltering",
    "live_key",
    "stands_alone",
    "stem_of",
]
