"""The Jinja2 environment of an app: escaping always on, attributes read the way ``calling`` says, compiled by ``codegen``.

A name ``page.html#part`` is a block or partial of a page as a template of its own.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final, NoReturn, cast

import jinja2
from jinja2 import Environment, nodes

from vivace.errors import TemplateNotFound, nearest

from .cachetag import FragmentExtension
from .calling import read_attribute, read_item, refused_name
from .codegen import compiled
from .context import NO_SCOPE, PARTS, Blocks, Scope, TemplateContext
from .escaping import address_with, addresses_with
from .livetag import LiveExtension
from .loaders import Loaders
from .mistakes import raise_explained
from .options import TemplateOptions
from .partials import PartialExtension
from .safety import Positions, Safety
from .undefined import undefined_for

TEXT_SUFFIXES: Final = (".txt",)
_MOST_CHILDREN: Final = 1_024  # of one template; where templates are read again their number grows


def is_text(name: str | None) -> bool:
    """Return whether a template makes plain text, by its name: nothing is escaped there."""
    return name is not None and name.partition("#")[0].endswith(TEXT_SUFFIXES)


class PageTemplate(jinja2.Template):
    """A compiled template, or a part of one."""

    environment: TemplateEnvironment  # pyright: ignore[reportIncompatibleVariableOverride] - made by no other
    name: str | None
    root_render_func: Callable[..., Any]
    prelude: Callable[..., Any]
    names: MutableMapping[str, Any]
    narrow: bool = True  # whether the last page was ASCII
    asks: tuple[str, ...]  # the parts of the request whose names it reads before all else
    parent: str | None  # the template that it always extends
    needs: tuple[str, ...] | None  # what ``find_needs`` found
    chains: Blocks  # its own blocks, as a context has them
    joined: dict[
        int, tuple[Blocks, Blocks]
    ]  # of each child: its blocks, and those with this template's behind them

    @classmethod
    def _from_namespace(
        cls, environment: Environment, namespace: MutableMapping[str, Any], globals: MutableMapping[str, Any]
    ) -> PageTemplate:
        template = cast("PageTemplate", super()._from_namespace(environment, namespace, globals))
        template.prelude = namespace["prelude"]
        template.chains = {name: (function,) for name, function in template.blocks.items()}
        template.joined = {}
        template.asks = tuple(name for name in namespace["asks"] if name in PARTS)
        template.parent = namespace["parent"]
        template.needs = None
        own_environment = cast("TemplateEnvironment", environment)
        own_environment.loads += 1
        if namespace["has_fragments"]:
            own_environment.has_fragments = True
        if namespace["has_regions"]:
            own_environment.has_regions = True
        own = globals.maps[0] if isinstance(globals, ChainMap) else globals
        template.names = globals if own else environment.globals  # without a chain to go along
        return template

    @property
    def is_text(self) -> bool:
        """Whether it makes plain text."""
        return is_text(self.name)

    def in_scope(self, values: dict[str, Any], scope: Scope = NO_SCOPE) -> TemplateContext:
        """Return a context with what a view gave; ``values`` is not copied and not written to."""
        return TemplateContext(self.environment, values, self.name, self.chains, self.names, scope)

    def within(self, context: TemplateContext, values: Mapping[str, Any] | None) -> TemplateContext:
        """Return a context for this template in another's: with its names and ``values``; ``None``: without them."""
        names = {} if values is None else context.with_locals(values)
        return TemplateContext(self.environment, names, self.name, self.chains, self.names, context.scope)

    def behind(self, blocks: Blocks) -> Blocks:
        """Return the blocks of a child with those of this template behind them; made once for each child.

        Jinja2 makes lists of them for each page (measured: 2,600 instructions for each block of each page).
        """
        known = self.joined.get(id(blocks))
        if known is None:
            if len(self.joined) >= _MOST_CHILDREN:
                self.joined.clear()
            own = {name: (*blocks.get(name, ()), *functions) for name, functions in self.chains.items()}
            known = self.joined[id(blocks)] = (
                blocks,
                {**blocks, **own},
            )  # to keep the key's object is to keep its id
        return known[1]

    def new_context(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> TemplateContext:
        """Return a context, for Jinja2's own ways to render."""
        return self.in_scope({**(vars or {}), **(locals or {})})

    def text(self, values: dict[str, Any], scope: Scope = NO_SCOPE) -> str:
        """Return the page."""
        return "".join(self.fill([], values, scope))

    def encoded(self, values: dict[str, Any], scope: Scope = NO_SCOPE) -> bytes:
        """Return the page in UTF-8.

        Few pieces of most pages are more than ASCII, and of those many only say so because of one: where the page was
        more than ASCII the last time, its pieces are encoded one by one (measured for twelve short rows, one of them in
        Japanese: 15,000 instructions, not 24,000).
        """
        pieces = self.fill([], values, scope)
        page = "".join(pieces).encode() if self.narrow else b"".join(map(str.encode, pieces))
        self.narrow = page.isascii()
        return page

    def fill(self, out: list[str], values: dict[str, Any], scope: Scope = NO_SCOPE) -> list[str]:
        """Append the page to ``out``."""
        context = self.in_scope(values, scope)
        try:
            shown: list[str] = self.root_render_func(context, out)
            return shown
        except Exception:
            self.environment.handle_exception()
        finally:
            context.end()
            if scope.modules is not None:
                scope.end()

    def part(self, name: str) -> PageTemplate:
        """Return a block or partial as a template of its own; raises ``TemplateNotFound`` when it is shown, at the latest."""
        whole, part = self, object.__new__(type(self))
        part.__dict__.update(self.__dict__)

        def root(context: TemplateContext, out: list[str] | None = None) -> list[str]:
            pieces: list[str] = [] if out is None else out
            whole.prelude(context)
            functions = context.blocks.get(name)
            if not functions:
                raise _no_part(whole.name, name, context.blocks)
            show: Callable[..., Any] = functions[0]
            show(context, pieces)
            return pieces

        part.name = f"{self.name}#{name}"
        part.needs = ()  # what the page around it asks for is not shown
        part.root_render_func = root
        return part

    def find_needs(self) -> tuple[str, ...]:
        """Return the parts of the request that a page reads before all else, its parents' with it.

        Where they are there before the page begins, it need not stand still for them: each time is two switches of greenlets.
        """
        found, template, seen = set(self.asks), self, {self.name}
        while template.parent is not None and template.parent not in seen:
            seen.add(template.parent)
            above = self.environment.known.get(template.parent)
            if above is None:  # the first page that is shown loads it, and the second asks again
                return tuple(sorted(found))
            found.update(above.asks)
            template = above
        self.needs = tuple(sorted(found))
        return self.needs

    @property
    def is_up_to_date(self) -> bool:
        """Whether neither the file nor those it extends have changed; asked only where files are read again."""
        return super().is_up_to_date and self.environment.parents_unchanged(self.name)


def extended_names(template: nodes.Template) -> list[str]:
    """Return the name of the template that this one extends, or several of which one is taken, as they are written in it."""
    extended = template.find(nodes.Extends)
    if extended is None:
        return []
    try:
        written = extended.template.as_const()
    except nodes.Impossible:
        return []  # a value: what it will be is not known
    return [written] if isinstance(written, str) else [str(name) for name in written]


def _no_part(template: str | None, name: str, blocks: Mapping[str, Any]) -> TemplateNotFound:
    return TemplateNotFound(
        f"The template {template!r} has no block or partial {name!r}.",
        expected=", ".join(blocks) or "{% block name %} or {% partialdef name %} in it",
        fix=nearest(name, blocks),
    )


class TemplateEnvironment(Environment):
    """An environment whose templates are compiled for speed, and cannot switch off their safety by accident."""

    template_class: type[jinja2.Template] = PageTemplate
    context_class: type[jinja2.runtime.Context] = TemplateContext
    loader: Loaders

    def __init__(self, options: TemplateOptions, loader: Loaders, *, reload: bool = False) -> None:
        super().__init__(
            autoescape=lambda name: not is_text(name),
            loader=loader,
            auto_reload=reload,
            undefined=undefined_for(strict=options.strict, debug=reload),
            trim_blocks=options.trim_blocks,
            lstrip_blocks=options.lstrip_blocks,
            keep_trailing_newline=True,
            extensions=[
                "jinja2.ext.do",
                "jinja2.ext.loopcontrols",
                PartialExtension,
                LiveExtension,
                FragmentExtension,
            ],
            cache_size=-1,
        )
        self.policies["urlize.rel"] = (
            "nofollow noopener"  # links that strangers wrote are nobody's recommendation
        )
        self.options = options
        self.loads = 0  # how many templates were loaded so far
        self.has_fragments = False  # whether any of them keeps fragments
        self.has_regions = False  # whether any template that was compiled has a live region
        self.site: Any = None  # the app, for functions such as ``url``
        self.address = address_with(options.url_schemes)
        self.addresses = addresses_with(options.url_schemes)
        self.known: dict[str, PageTemplate] = {}  # by name, where files are not read again
        self.token_pages: dict[str, bool] = {}  # by name: whether a page shows the token of a form
        self._examined: dict[str, Mapping[str, Positions]] = {}  # parents: where their blocks stand
        self._parents: dict[str, dict[str, str]] = {}  # of a template: the texts of all that it extends

    # -- what templates read --------------------------------------------------------------------------------------

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return ``obj.attribute`` for a template; raises ``TemplateAccessRefused`` for a private name."""
        if attribute.startswith("_"):
            raise refused_name(attribute)
        return read_attribute(self, obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return ``obj[argument]`` for a template."""
        return read_item(self, obj, argument)

    def handle_exception(self, source: str | None = None) -> NoReturn:
        """Raise the error that is being handled with the lines of the templates it went through; see ``mistakes``."""
        raise_explained(self, source)

    # -- finding --------------------------------------------------------------------------------------------------

    def get_template(
        self,
        name: str | jinja2.Template | Sequence[str | jinja2.Template],
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> PageTemplate:
        """Return a compiled template; raises ``TemplateNotFound`` with the nearest name."""
        if isinstance(name, jinja2.Template):
            return cast("PageTemplate", name)
        if not isinstance(name, str):  # {% extends ["base.html", "vivace/base.html"] %}
            return self.select_template(name, parent, globals)
        known = self.known.get(name)
        if known is not None:
            return known
        file, mark, part = name.partition("#")
        try:
            template = cast("PageTemplate", super().get_template(file, parent, globals))
        except jinja2.TemplateNotFound as error:
            raise self.loader.missing(str(error.name or file)) from error
        if mark:
            template = template.part(part)
        if not self.auto_reload and globals is None:
            self.known[name] = template
        return template

    def select_template(
        self,
        names: Iterable[str | jinja2.Template],
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> PageTemplate:
        """Return the first template of several that there is; raises ``TemplateNotFound`` when there is none."""
        last: TemplateNotFound | None = None
        key = "\n".join(map(str, names))  # to look for what is not there costs a walk through all folders
        known = self.known.get(key)
        if known is not None:
            return known
        for name in names:
            try:
                found = self.get_template(name, parent, globals)
            except TemplateNotFound as error:
                last = error
                continue
            if not self.auto_reload and globals is None:
                self.known[key] = found
            return found
        raise last or TemplateNotFound("A template is to be one of none.", fix="Give at least one name.")

    def get_or_select_template(
        self,
        template_name_or_list: str | jinja2.Template | list[str | jinja2.Template],
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> PageTemplate:
        """Return a template, or the first of several; raises Jinja's ``UndefinedError`` for a name that is none."""
        if isinstance(template_name_or_list, str | jinja2.Template):
            return self.get_template(template_name_or_list, parent, globals)
        return self.select_template(template_name_or_list, parent, globals)

    # -- compiling ------------------------------------------------------------------------------------------------

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        safety = self._safety(source, name, filename)
        options = {"safety": safety, "is_text": is_text(name)}
        return compiled(source, self, name, filename, options)

    def _safety(self, template: nodes.Template, name: str | None, filename: str | None) -> Safety:
        safety = Safety(name, filename, self._blocks_above(template, name))
        if not is_text(name):
            safety.examine(template)
        return safety

    def inherited_blocks(self, source: str, name: str, filename: str | None) -> Mapping[str, Positions]:
        """Return where the blocks stand that a template may fill; it need not be compiled for that."""
        return self._blocks_above(self.parse(source, name, filename), name) if "extends" in source else {}

    def _blocks_above(self, template: nodes.Template, name: str | None) -> Mapping[str, Positions]:
        texts: dict[str, str] = {}
        blocks = self._blocks_of_first(extended_names(template), texts)
        if name is not None:
            self._parents[name] = texts
        return blocks

    def _blocks_of_first(self, names: Iterable[str], texts: dict[str, str]) -> Mapping[str, Positions]:
        """Return where the blocks stand in the first template that there is; ``texts`` gets what that depends on."""
        for name in names:
            if name in texts:
                continue  # a circle: the error comes when the page is shown
            try:
                text, filename, _ = self.loader.get_source(self, name)
            except jinja2.TemplateNotFound:
                continue
            texts[name] = text
            known = self._examined.get(name)
            if known is not None and not self.auto_reload:
                return known
            template = self.parse(text, name, filename)
            safety = Safety(name, filename, self._blocks_of_first(extended_names(template), texts))
            safety.examine(template)
            self._examined[name] = safety.blocks
            return safety.blocks
        return {}

    def parents_unchanged(self, name: str | None) -> bool:
        """Return whether the templates that this one extends are still what they were when it was compiled."""
        for parent, text in self._parents.get(name or "", {}).items():
            try:
                if self.loader.get_source(self, parent)[0] != text:
                    return False
            except jinja2.TemplateNotFound:
                return False
        return True


__all__ = ["PageTemplate", "TemplateEnvironment", "is_text"]
