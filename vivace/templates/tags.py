"""How tags are read: the functions of libraries, and the few of Django's tags that have a grammar of their own.

A tag is written as in Django, ``{% name 1 "two" three=3 as result %}``, or with commas. Each argument is a Jinja
expression. It becomes a call in the compiled template: what a tag does is a function (``standard``, or a library's),
nothing here runs in a render but ``cycle``'s memory and ``regroup``.

Before a template is read, three spellings that Jinja reads otherwise, or not at all, are replaced on the text (lines
keep their numbers): ``{% verbatim %}``, ``{% comment %}``, and ``{% autoescape on|off %}``, whose words Jinja would
take for variables: an undefined ``on`` would switch escaping *off*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

from jinja2 import nodes
from jinja2.environment import Environment
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.utils import concat, pass_context
from markupsafe import Markup

from .library import Library, Tag

Node: TypeAlias = nodes.Node
_GRAMMATICAL: Final = frozenset({"cycle", "resetcycle", "regroup"})
_VERBATIM: Final = re.compile(r"\{%([-+]?)\s*(end)?verbatim(?:\s+\w+)?\s*([-+]?)%\}")
_COMMENT: Final = re.compile(r"\{%[-+]?\s*comment\b.*?%\}.*?\{%[-+]?\s*endcomment\s*[-+]?%\}", re.DOTALL)
_AUTOESCAPE: Final = re.compile(r"(\{%[-+]?\s*autoescape\s+)(on|off)(\s*[-+]?%\})")


class Group(NamedTuple):
    """What ``regroup`` makes: ``grouper`` is the value that the members of ``list`` share."""

    grouper: Any
    list: list[Any]


class Arguments(NamedTuple):
    """The arguments of a tag, and the name behind ``as``."""

    args: list[nodes.Expr]
    kwargs: list[nodes.Keyword]
    target: str


class TagExtension(Extension):
    """Reads the tags of libraries in one environment."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.tags = set(_GRAMMATICAL)
        self.table: dict[str, Tag] = {}
        self.functions: dict[str, Callable[..., Any]] = {
            "cycle": _cycle,
            "resetcycle": _resetcycle,
            "regroup": _regroup,
        }

    def add(self, tags: Iterable[Tag]) -> None:
        """Know more tags; one of a known name replaces it."""
        for tag in tags:
            self.table[tag.name] = tag
            self.functions[tag.name] = _including(tag) if tag.kind == "inclusion" else tag.function
        self.tags = {*_GRAMMATICAL, *self.table}

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Replace what Jinja would read otherwise; see above."""
        if "comment" in source:
            source = _COMMENT.sub(_as_comment, source)
        if "verbatim" in source:
            source = _VERBATIM.sub(r"{%\1 \2raw \3%}", source)
        if "autoescape" in source:
            source = _AUTOESCAPE.sub(lambda found: found[1] + _BOOLEANS[found[2]] + found[3], source)
        return source

    def parse(self, parser: Parser) -> Node | list[Node]:
        """Return the nodes of the tag at which the parser stands."""
        token = next(parser.stream)
        name, line = str(token.value), token.lineno
        if name == "cycle":
            return self._parse_cycle(parser, line)
        if name == "resetcycle":
            return self._parse_resetcycle(parser, line)
        if name == "regroup":
            return self._parse_regroup(parser, line)
        tag, arguments = self.table[name], parse_arguments(parser)
        if tag.kind == "block":
            return self._block(parser, tag, arguments, line)
        return _result(self.call(name, arguments.args, arguments.kwargs, line), arguments.target, line)

    def call(
        self, name: str, args: Sequence[nodes.Expr], kwargs: Sequence[nodes.Keyword], line: int
    ) -> nodes.Call:
        """Return the node of a call of a tag's function."""
        table = nodes.ExtensionAttribute(self.identifier, "functions", lineno=line)
        function = nodes.Getitem(table, nodes.Const(name, lineno=line), "load", lineno=line)
        return nodes.Call(function, list(args), list(kwargs), None, None, lineno=line)

    def _block(self, parser: Parser, tag: Tag, arguments: Arguments, line: int) -> list[Node]:
        body = parser.parse_statements((f"name:{tag.end}",), drop_needle=True)
        content = parser.free_identifier(lineno=line)
        inner = nodes.AssignBlock(content, None, body, lineno=line)
        call = self.call(tag.name, [content, *arguments.args], arguments.kwargs, line)
        return [inner, *_as_list(_result(call, arguments.target, line))]

    # -- cycle ----------------------------------------------------------------------------------------------------

    def _parse_cycle(self, parser: Parser, line: int) -> Node | list[Node]:
        arguments = parse_arguments(parser, trailing=("silent",))
        named: dict[str, tuple[str, list[nodes.Expr]]] = parser.__dict__.setdefault("cycles", {})
        first = arguments.args[0] if arguments.args else None
        if len(arguments.args) == 1 and isinstance(first, nodes.Name) and first.name in named:
            key, values = named[first.name]
            target, silent = first.name, False
        else:
            count = parser.__dict__["cycle_count"] = parser.__dict__.get("cycle_count", 0) + 1
            key, values = str(count), arguments.args
            target, silent = arguments.target, "silent" in {word.key for word in arguments.kwargs}
        if not values:
            parser.fail("cycle needs the values to go through: {% cycle 'odd' 'even' %}.", line)
        if target:
            named[target] = key, values
        parser.__dict__["last_cycle"] = key
        call = self.call("cycle", [nodes.Const(key, lineno=line), *values], [], line)
        if not target:
            return _result(call, "", line)
        assigned = nodes.Assign(nodes.Name(target, "store", lineno=line), call, lineno=line)
        shown = nodes.Output([nodes.Name(target, "load", lineno=line)], lineno=line)
        return [assigned] if silent else [assigned, shown]

    def _parse_resetcycle(self, parser: Parser, line: int) -> Node | list[Node]:
        named: dict[str, tuple[str, list[nodes.Expr]]] = parser.__dict__.setdefault("cycles", {})
        if parser.stream.current.type == "block_end":
            key = parser.__dict__.get("last_cycle", "")
        else:
            name = parser.stream.expect("name").value
            key = named.get(name, ("", []))[0]
        if not key:
            parser.fail("resetcycle comes before any cycle of that name.", line)
        return nodes.ExprStmt(self.call("resetcycle", [nodes.Const(key)], [], line), lineno=line)

    # -- regroup --------------------------------------------------------------------------------------------------

    def _parse_regroup(self, parser: Parser, line: int) -> Node:
        items = parser.parse_expression()
        parser.stream.expect("name:by")
        first = parser.stream.next_if("integer") or parser.stream.expect("name")
        path = [str(first.value)]
        while parser.stream.skip_if("dot"):
            path.append(str(next(parser.stream).value))
        filters: list[nodes.Expr] = []
        while parser.stream.skip_if("pipe"):
            filters.append(_filter(parser, line))
        parser.stream.expect("name:as")
        target = parser.stream.expect("name").value
        args = [items, nodes.Const(".".join(path)), nodes.List(filters, lineno=line)]
        return nodes.Assign(
            nodes.Name(target, "store", lineno=line), self.call("regroup", args, [], line), lineno=line
        )


_BOOLEANS: Final[Mapping[str, str]] = {"on": "true", "off": "false"}


def extension_of(environment: Environment) -> TagExtension:
    """Return the extension that reads an environment's tags; added where it is not there yet."""
    found = environment.extensions.get(TagExtension.identifier)
    if not isinstance(found, TagExtension):
        environment.add_extension(TagExtension)
        found = environment.extensions[TagExtension.identifier]
    return found  # type: ignore[return-value]


def install(environment: Environment, library: Library) -> None:
    """Let the templates of an environment use a library; its names replace those of the same kind that were there."""
    environment.filters.update(library.filters)
    environment.tests.update(library.tests)
    environment.globals.update(library.functions)
    extension_of(environment).add(library.tags.values())


def parse_arguments(parser: Parser, trailing: Sequence[str] = ()) -> Arguments:
    """Return what stands between a tag's name and its end; words of ``trailing`` may follow ``as name``."""
    args: list[nodes.Expr] = []
    kwargs: list[nodes.Keyword] = []
    target = ""
    stream = parser.stream
    while stream.current.type != "block_end":
        token = stream.current
        if token.test("name:as") and stream.look().type in ("name", "block_end"):
            next(stream)
            target = stream.expect("name").value
            while stream.current.type == "name" and stream.current.value in trailing:
                kwargs.append(nodes.Keyword(next(stream).value, nodes.Const(True), lineno=token.lineno))
            if stream.current.type != "block_end":
                parser.fail(f"Nothing may follow 'as {target}'.", token.lineno)
        elif token.type == "name" and stream.look().type == "assign":
            stream.skip(2)
            kwargs.append(nodes.Keyword(token.value, parser.parse_expression(), lineno=token.lineno))
        else:
            args.append(_argument(parser))
        stream.skip_if("comma")
    return Arguments(args, kwargs, target)


def _argument(parser: Parser) -> nodes.Expr:
    """Return one argument; strings beside each other are two (Jinja would join them)."""
    if parser.stream.current.type == "string" and parser.stream.look().type == "string":
        token = next(parser.stream)
        return nodes.Const(token.value, lineno=token.lineno)
    return parser.parse_expression()


def _filter(parser: Parser, line: int) -> nodes.Expr:
    """Return a filter of ``regroup`` as (name, arguments)."""
    name = parser.stream.expect("name").value
    args: list[nodes.Expr] = []
    if parser.stream.current.type == "lparen":
        args = parser.parse_call_args()[0]
    return nodes.Tuple([nodes.Const(name), nodes.List(args, lineno=line)], "load", lineno=line)


def _result(call: nodes.Expr, target: str, line: int) -> Node:
    """Return what becomes of a tag's value: it is shown, or kept under a name."""
    if target:
        return nodes.Assign(nodes.Name(target, "store", lineno=line), call, lineno=line)
    return nodes.Output([call], lineno=line)


def _as_list(node: Node | list[Node]) -> list[Node]:
    return node if isinstance(node, list) else [node]


def _as_comment(found: re.Match[str]) -> str:
    return "{#" + "\n" * found[0].count("\n") + "#}"


# -- in a render ------------------------------------------------------------------------------------------------------


def _including(tag: Tag) -> Callable[..., Any]:
    """Return the function of an inclusion tag: the template, shown with what the tag's own function returns."""

    @pass_context
    def include(context: Context, *args: Any, **kwargs: Any) -> Markup:
        values = cast("Mapping[str, Any]", context.call(tag.function, *args, **kwargs))
        template = context.environment.get_template(tag.template, context.name)
        inner = cast("Any", template).within(context, dict(values))
        shown = Markup(concat(template.root_render_func(inner)))  # noqa: S704 - a template's output
        inner.end()
        return shown

    return include


@pass_context
def _cycle(context: Context, key: str, *values: Any) -> Any:
    """Return the next of the values; each tag has its own place among them, for one render."""
    places = _places(context)
    place = places[key] = places.get(key, -1) + 1
    return values[place % len(values)]


@pass_context
def _resetcycle(context: Context, key: str) -> None:
    _places(context).pop(key, None)


def _places(context: Context) -> dict[str, int]:
    """Return where the cycles of one template stand in one render; contexts derived from another share what is here."""
    places: dict[str, int] = context.eval_ctx.__dict__.setdefault("cycles", {})
    return places


@pass_context
def _regroup(
    context: Context, items: Iterable[Any], path: str, filters: Sequence[tuple[str, Sequence[Any]]]
) -> list[Group]:
    """Return runs of items that share a value, in their order (sort them first); nothing for what is undefined."""
    environment = context.environment
    groups: list[Group] = []
    for item in items or ():
        value: Any = item
        for name in path.split("."):
            got = environment.getitem(value, int(name)) if name.isdigit() else None
            value = environment.getattr(value, name) if got is None else got
        for filter_name, args in filters:
            value = environment.call_filter(filter_name, value, args, context=context)
        if groups and groups[-1].grouper == value:
            groups[-1].list.append(item)
        else:
            groups.append(Group(value, [item]))
    return groups


__all__ = ["Group", "TagExtension", "extension_of", "install"]
