"""``{% cache %}…{% endcache %}``: how the tag is read and compiled; ``fragments`` says what it does in a render.

The compiler knows which names a fragment uses: those that its body reads and does not set. They stand in the tag's node
as values, so that the frame around has them, and go into the key. What it cannot know (names that an included template or
a block of a child reads) the render finds out and the fragment learns; see ``fragments``.

=======================  ===========================================================================================
``{% cache %}``          the key is the block and the values that it used
``timeout=60``           at most so many seconds: for what the clock, chance or another service decides
``key=value``            the key is this in place of the values that the view gave; for values that have no key
``vary=[a, b]``          these are in the key, too
``{% cache 60 name a %}``  Django's way to write ``timeout=60 key="name" vary=[a]``
=======================  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import msgspec
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension
from jinja2.parser import Parser

if TYPE_CHECKING:
    from .codegen import PageCompiler

_PLAN: Final = "vivace_fragment"  # an attribute of a node: Jinja allows no new kinds of them
_OPTIONS: Final = {
    "key": "missing",
    "timeout": "None",
    "vary": "()",
}  # in their order, with what stands for each
_BLOCKS_OWN: Final = frozenset({"self", "super"})  # what they show is in the page's templates, or learned
_LOOP: Final = frozenset(
    {"index", "index0", "first", "last", "revindex", "revindex0", "length", "depth", "depth0"}
)
NOT_KEPT: Final = frozenset({"caller"})  # what is called may show anything


class FragmentPlan(msgspec.Struct):
    """What the compiler knows of a fragment; ``options`` has the expressions of its options."""

    names: tuple[str, ...]
    options: dict[str, nodes.Expr]
    line: int
    number: int = 0
    loop: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()
    refusal: str = ""


class FragmentExtension(Extension):
    """Reads the tag."""

    tags = {"cache"}

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """Return the nodes of the tag at which the parser stands."""
        line = next(parser.stream).lineno
        options = _options(parser, line)
        body = parser.parse_statements(("name:endcache",), drop_needle=True)
        names = tuple(sorted(free_names(self.environment, body) - _BLOCKS_OWN))
        values: list[nodes.Expr] = [nodes.Name(name, "load", lineno=line) for name in names]
        node = nodes.With([], [*values, *options.values()], body, lineno=line)
        setattr(node, _PLAN, FragmentPlan(names, options, line))
        return node


def _options(parser: Parser, line: int) -> dict[str, nodes.Expr]:
    """Return the options as expressions, ``vary`` as a list of them."""
    found: dict[str, nodes.Expr] = {}
    given: list[nodes.Expr] = []
    stream = parser.stream
    while stream.current.type != "block_end":
        token = stream.current
        if token.type == "name" and stream.look().type == "assign":
            if token.value not in _OPTIONS or token.value in found:
                _refuse(parser, f"{token.value}=", line)
            stream.skip(2)
            found[token.value] = parser.parse_expression()
        else:
            given.append(parser.parse_expression())
        stream.skip_if("comma")
    if given:
        found.update(_as_django(parser, given, found, line))
    return found


def _as_django(
    parser: Parser, given: list[nodes.Expr], found: dict[str, nodes.Expr], line: int
) -> Iterator[tuple[str, nodes.Expr]]:
    """Yield the options that Django's positions mean: seconds, the name of the fragment, what it varies on."""
    if len(given) < 2 or found:
        _refuse(parser, "values without names", line)
    seconds, name, *vary = given
    yield "timeout", seconds
    yield "key", nodes.Const(name.name, lineno=line) if isinstance(name, nodes.Name) else name
    if vary:
        yield "vary", nodes.List(vary, lineno=line)


def _refuse(parser: Parser, got: str, line: int) -> NoReturn:
    parser.fail(
        f"cache takes key=, timeout= and vary=, each once, or Django's seconds, name and values, and not {got}.",
        line,
    )


class _Tracking(CodeGenerator):
    """Finds the names that statements read from outside; writes nothing."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment, "<cache>", "<cache>")
        self.found: set[str] = set()

    def write(self, x: str) -> None:
        """Write nothing."""

    def enter_frame(self, frame: Frame) -> None:
        """Take note of what a frame looks for."""
        super().enter_frame(frame)
        self.found.update(
            name for action, name in frame.symbols.loads.values() if action == "resolve" and name
        )


def free_names(environment: Any, body: list[nodes.Node]) -> set[str]:
    """Return the names that statements read and do not set themselves."""
    template = nodes.Template(body, lineno=1)
    template.set_environment(environment)
    tracking = _Tracking(environment)
    tracking.visit(template)
    return tracking.found


# -- compiling --------------------------------------------------------------------------------------------------------


def plan_of(node: nodes.Node) -> FragmentPlan | None:
    """Return what is known of a fragment; ``None`` for what is none."""
    plan: FragmentPlan | None = getattr(node, _PLAN, None)
    return plan


def write_sites(compiler: PageCompiler, template: nodes.Template) -> None:
    """Write, at the top of a module, the sites of its fragments; and whether there are any."""
    found = [(node, plan) for node in template.find_all(nodes.With) if (plan := plan_of(node)) is not None]
    compiler.writeline(f"has_fragments = {bool(found)!r}")
    if not found:
        return
    compiler.writeline("from vivace.templates.fragments import FragmentSite, fragment")
    known = _Known(compiler.environment, template)
    for number, (node, plan) in enumerate(found):
        known.examine(node, plan)
        plan.number = number
        explicit = "key" in plan.options
        given = (compiler.name, plan.line, plan.names, plan.loop, plan.learned, explicit, plan.refusal)
        compiler.writeline(f"fragment_{number} = FragmentSite{given!r}")


class _Known:
    """What a template defines that its fragments may use: macros, and what it imports."""

    def __init__(self, environment: Any, template: nodes.Template) -> None:
        self.macros = {node.name: node for node in template.find_all(nodes.Macro)}
        self.imported: set[str] = set()
        self.unknown: set[str] = set()
        self._environment = environment
        imports: list[Any] = [*template.find_all((nodes.Import, nodes.FromImport))]
        for node in imports:
            names = set(_imported_names(node))
            plain = isinstance(node.template, nodes.Const) and not node.with_context
            (self.imported if plain else self.unknown).update(names)

    def examine(self, node: nodes.With, plan: FragmentPlan) -> None:
        """Say which names are in the key, which are known to be the same, and whether anything may be kept."""
        names = set(plan.names)
        macros = self._macros_used(names)
        behind = {name for macro in macros for name in self._free(macro)}
        unknown = sorted((names | behind) & (self.unknown | NOT_KEPT))
        if unknown:
            plan.refusal = f"uses {unknown[0]}"
        if "loop" in names:
            plan.loop = _of_loop(node)
            if not plan.loop:
                plan.refusal = "uses loop"
        constant = set(self.macros) | self.imported | {"loop"}
        plan.names = tuple(sorted(names - constant))
        plan.learned = tuple(sorted(behind - constant - names))

    def _macros_used(self, names: set[str]) -> list[nodes.Macro]:
        todo, found = [*names], dict[str, nodes.Macro]()
        while todo:
            name = todo.pop()
            macro = self.macros.get(name)
            if macro is not None and name not in found:
                found[name] = macro
                todo += self._free(macro)
        return list(found.values())

    def _free(self, macro: nodes.Macro) -> set[str]:
        return free_names(self._environment, [macro]) - {macro.name}


def _imported_names(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Import):
        yield node.target
    elif isinstance(node, nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in node.names)


def _of_loop(node: nodes.With) -> tuple[str, ...]:
    """Return what a fragment reads of the loop around it; nothing where it does more than read."""
    owners = [each for each in node.find_all(nodes.Getattr) if _is_loop(each.node)]
    every = sum(_is_loop(each) for statement in node.body for each in _with_self(statement))
    read = {each.attr for each in owners}
    return tuple(sorted(read)) if every == len(owners) and read <= _LOOP else ()


def _with_self(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    yield from node.find_all(nodes.Node)


def _is_loop(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "loop"


def write_fragment(compiler: PageCompiler, node: nodes.With, plan: FragmentPlan, frame: Frame) -> None:
    """Write a fragment: its text where that is kept, else what makes it."""
    conditional = frame.require_output_check
    if conditional and compiler.has_known_extends:
        return
    if conditional:
        compiler.writeline("if parent_template is None:")
        compiler.indent()
    text = compiler.temporary_identifier()
    _write_call(compiler, text, plan, frame)
    compiler.writeline(f"if type({text}) is not str:")
    compiler.indent()
    _write_body(compiler, node, text, frame)
    compiler.outdent()
    compiler.writeline(f"{frame.buffer}.append({text})")
    if conditional:
        compiler.outdent()


def _write_call(compiler: PageCompiler, text: str, plan: FragmentPlan, frame: Frame) -> None:
    refs = [frame.symbols.ref(name) for name in plan.names]
    if plan.loop:
        loop = frame.symbols.ref("loop")
        refs += [f"{loop}.{name}" for name in plan.loop]
    values = "".join(f"{ref}, " for ref in refs)
    local = compiler.dump_local_context(frame)
    start = f"{text} = fragment(environment, {compiler.get_context_ref()}, fragment_{plan.number}, ({values})"
    compiler.writeline(
        f"{start}, {local if local != '{}' else None}", cast("nodes.Node", nodes.Const(0, lineno=plan.line))
    )
    if plan.options:
        compiler.write(", (")
        for name, absent in _OPTIONS.items():
            if name in plan.options:
                compiler.visit(plan.options[name], frame)
                compiler.write(", ")
            else:
                compiler.write(f"{absent}, ")
        compiler.write(")")
    compiler.write(")")


def _write_body(compiler: PageCompiler, node: nodes.With, text: str, frame: Frame) -> None:
    opened = compiler.temporary_identifier()
    compiler.writeline(f"{opened} = {text}")
    inner = frame.inner()
    inner.require_output_check = False
    inner.symbols.analyze_node(node)
    compiler.buffer(inner)
    compiler.writeline("try:")
    compiler.indent()
    compiler.enter_frame(inner)
    compiler.blockvisit(node.body, inner)
    compiler.writeline(f"{text} = {opened}.done({inner.buffer})")
    compiler.leave_frame(inner)
    compiler.outdent()
    compiler.writeline("finally:")
    compiler.indent()
    compiler.writeline(f"{opened}.leave()")
    compiler.outdent()


__all__ = ["FragmentExtension", "FragmentPlan", "free_names", "plan_of", "write_fragment", "write_sites"]
