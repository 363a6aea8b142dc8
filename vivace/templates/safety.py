"""Goes over a template when it is compiled and finds, for each value, where it stands and how it is made harmless there.

It follows the page as a browser would read it: both branches of an ``if``, a loop until nothing new comes, the blocks of
the parent template at the places where the parent has them. So a value has a *set* of positions, and must be harmless
in each. What cannot be is an ``UnsafeOutput``, with the line and what to write instead.

The explicit way out is ``|safe`` as the last filter, which can be searched for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from jinja2 import nodes

from vivace.errors import UnsafeOutput

from .livetag import live_key
from .partials import is_definition, used_partial
from .positions import TEXT, Position, after, behind_value

Positions = frozenset[Position]
Chain = tuple[str, ...]
"""Functions of ``escaping``, the first applied first; ``()``: shown as it is."""

START: Final[Positions] = frozenset({TEXT})
_RAW: Final[Chain] = ()
_TEXT: Final[Chain] = ("text",)
_ROUNDS: Final = 8  # of a loop, until its positions repeat; no page needs three
_JSON: Final = "tojson"
_ADDRESSES: Final = frozenset({"url", "static"})
_OWN_CONTENT: Final = frozenset(
    {"super", "self"}
)  # calls that show blocks, which are looked at where they stand
_SCRIPT_TEMPLATES: Final = {
    ".js": Position("script", "script", state="code"),
    ".css": Position("style", "style", state="code"),
}


class Safety:
    """What was found: ``chains`` by the ``id`` of a value's node, ``blocks`` where each block begins."""

    def __init__(self, name: str | None, filename: str | None, blocks: Mapping[str, Positions]) -> None:
        self.name = name
        self.filename = filename
        self.inherited = blocks
        self.blocks: dict[str, Positions] = dict(blocks)
        self.chains: dict[int, Chain] = {}
        self._where: dict[int, Positions] = {}
        self._trusting = False
        self._partials: dict[str, nodes.Block] = {}

    def examine(self, template: nodes.Template) -> None:
        """Look at a whole template; raises ``UnsafeOutput``."""
        self._partials = {
            block.name: block for block in template.find_all(nodes.Block) if is_definition(block)
        }
        is_child = any(isinstance(node, nodes.Extends) for node in template.body)
        if is_child:
            for block in template.find_all(nodes.Block):
                if block.name in self.inherited:
                    self._go(block.body, self.inherited[block.name])
            others = [node for node in template.body if not isinstance(node, nodes.Block | nodes.Output)]
            self._go(others, START)
            self._strays(template)
        else:
            self._go(template.body, _beginning(self.name))

    def _strays(self, template: nodes.Template) -> None:
        """Look at blocks that the parent does not have: they may be shown alone, by name."""
        for block in template.find_all(nodes.Block):
            if block.name not in self.blocks and not used_partial(block):
                self._go([block], START)

    def _go(self, body: Sequence[nodes.Node], where: Positions) -> Positions:
        for node in body:
            where = self._behind(node, where)
        return where

    def _behind(self, node: nodes.Node, where: Positions) -> Positions:
        """Return where the page is behind a statement."""
        if isinstance(node, nodes.Output):
            return self._output(node, where)
        if isinstance(node, nodes.If):
            ways = [node.body, *(branch.body for branch in node.elif_), node.else_]
            return _all(self._go(way, where) for way in ways)
        if isinstance(node, nodes.For):
            return self._loop(node, where)
        if isinstance(node, nodes.Block):
            return self._block(node, where)
        if isinstance(node, nodes.Macro | nodes.CallBlock | nodes.AssignBlock):
            self._go(node.body, START)
            return where
        if isinstance(node, nodes.Include):
            self._include(node, where)
            return where
        if isinstance(node, nodes.With | nodes.Scope | nodes.FilterBlock):
            return self._go(node.body, where)
        if isinstance(node, nodes.ScopedEvalContextModifier):
            return self._switched(node, where)
        return where

    def _switched(self, node: nodes.ScopedEvalContextModifier, where: Positions) -> Positions:
        """Go through ``{% autoescape off %}``: there all is shown as it is, and its author says that it may be."""
        before = self._trusting
        for option in node.options:
            if option.key == "autoescape" and isinstance(option.value, nodes.Const):
                self._trusting = not option.value.value
        try:
            return self._go(node.body, where)
        finally:
            self._trusting = before

    def _loop(self, node: nodes.For, where: Positions) -> Positions:
        seen = where
        for _ in range(_ROUNDS):
            grown = seen | self._go(node.body, seen)
            if grown == seen:
                break
            seen = grown
        return seen | self._go(node.else_, where) if node.else_ else seen

    def _block(self, node: nodes.Block, where: Positions) -> Positions:
        used = used_partial(node)
        if used:
            definition = self._partials.pop(used, None)  # one that shows itself is looked at once
            if definition is None:
                return where
            behind = self._block(definition, where)
            self._partials[used] = definition
            return behind
        self.blocks[node.name] = self.blocks.get(node.name, frozenset()) | where
        behind = self._go(node.body, where)
        if live_key(node) is not None:
            self._check_region(node, where | behind)
        return where if is_definition(node) and where == START else behind

    def _check_region(self, node: nodes.Block, where: Positions) -> None:
        """Raise unless a live region begins and ends between tags: comments stand around it."""
        for position in where:
            if position.kind != "text" or position.element:
                error = UnsafeOutput(
                    f"A live region begins or ends {_place(position)}, line {node.lineno} of {self.name or 'the template'}.",
                    expected="{% live %} and {% endlive %} between tags, around whole elements",
                    fix="Put the element around which it stands into the region.",
                )
                error.at(self.name, node.lineno, self.filename)
                raise error

    def _include(self, node: nodes.Include, where: Positions) -> None:
        name = node.template.value if isinstance(node.template, nodes.Const) else None
        for position in where:
            fits = position.kind in ("text", "comment", "script", "style")
            if isinstance(name, str) and fits:
                fits = _beginning(name) == START or position.kind in ("script", "style")
            if position.kind in ("script", "style"):
                fits = isinstance(name, str) and name.endswith((".js", ".css"))
            if not fits and not (position.kind == "value" and not position.language and position.quote):
                raise self._unsafe("An include", position, node.lineno, "Include it between tags.")

    # -- values ---------------------------------------------------------------------------------------------------

    def _output(self, node: nodes.Output, where: Positions) -> Positions:
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                where = frozenset(after(position, child.data) for position in where)
            else:
                known = self._where[id(child)] = self._where.get(id(child), frozenset()) | where
                self.chains[id(child)] = self._chain(child, known)
                if not _is_safe(child):
                    where = _all(map(behind_value, where))
                else:
                    where = frozenset(map(_vouched, where))
        return where

    def _chain(self, node: nodes.Expr, where: Positions) -> Chain:
        """Return how a value is made harmless in all its positions; raises ``UnsafeOutput`` where it cannot be."""
        if self._trusting or _is_safe(node) or _shows_blocks(node):
            return _RAW
        chains = sorted({self._chain_at(node, position) for position in where}, key=_strictness)
        return chains[-1] if chains else _TEXT

    def _chain_at(self, node: nodes.Expr, position: Position) -> Chain:
        kind, language = position.kind, position.language
        if language in ("js", "css") and not (language == "css" and kind == "value"):
            return self._in_code(node, position)
        if kind in ("text", "comment", "bogus"):
            return _TEXT
        if kind != "value" and kind != "=":
            return ("name",)
        return self._in_value(node, position)

    def _in_value(self, node: nodes.Expr, position: Position) -> Chain:
        if position.kind == "=":  # the value begins here, without a quote
            position = next(iter(behind_value(position)))
            if position.state == "value":
                position = position._replace(state="start")
            if position.language == "js":
                return self._in_code(node, position)
        last = "attribute" if position.quote else "bare"
        if position.state == "script":
            raise self._unsafe(_words(node), position, node.lineno, "Use a button and a script, or |safe.")
        checks = {"css": "style", "html": "page"}
        if position.state in ("start", "value"):
            checks |= {"url": "address", "urls": "addresses"}
        first = checks.get(position.language)
        return (last,) if first is None else (first, last)

    def _in_code(self, node: nodes.Expr, position: Position) -> Chain:
        """Return how a value is shown in a script or a style: as JSON, outside of strings and comments."""
        last = "plain" if position.kind != "value" else "attribute" if position.quote else "bare"
        if position.state == "code" and _last_filter(node) == _JSON:
            return (last,)
        if position.state in ("'", '"', "`"):
            if _is_address(node):
                return ("string", last)
            if _last_filter(node) == "escapejs" and position.state != "`":  # there ${…} is code, too
                return (last,)
        if position.state == "code":
            raise self._unsafe(_words(node), position, node.lineno, f"Write {_words(node, 'tojson')}.")
        fix = f"Leave the quotes out and write {_words(node, 'tojson')}: JSON brings its own."
        raise self._unsafe(_words(node), position, node.lineno, fix)

    def _unsafe(self, what: str, position: Position, line: int, fix: str) -> UnsafeOutput:
        place = f"line {line} of {self.name or 'the template'}"
        error = UnsafeOutput(
            f"{what} stands {_place(position)}, {place}: escaping does not make it harmless there.",
            expected="values in text and in attributes; in scripts and styles as JSON",
            fix=f"{fix} If you made the value yourself and it is safe whatever it is, write |safe behind it.",
        )
        error.at(self.name, line, self.filename)
        return error


def _all(many: Iterable[Positions]) -> Positions:
    return frozenset(position for each in many for position in each)


def _beginning(name: str | None) -> Positions:
    """Return where a template begins: in text, or in what its name says."""
    for suffix, position in _SCRIPT_TEMPLATES.items():
        if name is not None and name.endswith(suffix):
            return frozenset({position})
    return START


def _vouched(position: Position) -> Position:
    """Return the position behind a value that the author called safe."""
    moved = next(iter(behind_value(position)))
    return moved._replace(state="rest") if moved.state == "value" else moved


_ORDER: Final = (
    "plain",
    "text",
    "attribute",
    "string",
    "bare",
    "style",
    "addresses",
    "address",
    "page",
    "name",
)


def _strictness(chain: Chain) -> tuple[int, ...]:
    return tuple(sorted((_ORDER.index(step) for step in chain), reverse=True))


def _last_filter(node: nodes.Expr) -> str:
    return node.name if isinstance(node, nodes.Filter) else ""


def _is_safe(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.CondExpr):
        other = node.expr2
        return _is_safe(node.expr1) and (other is None or _is_safe(other))
    return _last_filter(node) == "safe" or isinstance(node, nodes.MarkSafe)


def _called(node: nodes.Expr) -> str:
    """Return the name of the function that a node calls, as a function or as a tag."""
    if not isinstance(node, nodes.Call):
        return ""
    function = node.node
    if isinstance(function, nodes.Name):
        return function.name
    if isinstance(function, nodes.Getattr) and isinstance(function.node, nodes.Name):
        return function.node.name  # self.block()
    tag = isinstance(function, nodes.Getitem) and isinstance(function.node, nodes.ExtensionAttribute)
    argument = function.arg if isinstance(function, nodes.Getitem) and tag else None
    return str(argument.value) if isinstance(argument, nodes.Const) else ""


def _is_address(node: nodes.Expr) -> bool:
    return _called(node) in _ADDRESSES


def _shows_blocks(node: nodes.Expr) -> bool:
    return _called(node) in _OWN_CONTENT


def _place(position: Position) -> str:
    """Return a position in words."""
    if position.kind in ("script", "style"):
        inside = {
            "code": "",
            "//": " comment",
            "/*": " comment",
            "re": " regular expression",
            "url": " url()",
        }
        return f"in a <{position.element}>{inside.get(position.state, ' string')}"
    if position.kind == "value":
        return f"in the attribute {position.attribute!r}"
    return "in a tag"


def _words(node: nodes.Expr, last_filter: str = "") -> str:
    """Return an expression as it stands in a template, as far as it is a name with attributes."""
    words = _path(node)
    return f"{{{{ {words or '…'}{f'|{last_filter}' if last_filter else ''} }}}}"


def _path(node: nodes.Node | None) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_path(node.node)}.{node.attr}"
    if isinstance(node, nodes.Filter):
        return f"{_path(node.node)}|{node.name}"
    return f"{_path(node.node)}(…)" if isinstance(node, nodes.Call) else ""


def fingerprint(blocks: Mapping[str, Positions]) -> str:
    """Return a text that changes when a parent's blocks move to other places in its page."""
    return repr(sorted((name, sorted(where)) for name, where in blocks.items() if where != START))


def merged(*many: Mapping[str, Positions]) -> dict[str, Positions]:
    """Return all positions of each block."""
    names: Iterable[str] = {name for each in many for name in each}
    return {name: _all(each.get(name, frozenset()) for each in many) for name in names}


__all__ = ["START", "Chain", "Positions", "Safety", "fingerprint", "merged"]
