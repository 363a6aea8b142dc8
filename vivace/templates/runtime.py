"""What compiled templates call. ``codegen`` writes the calls; nobody else needs these names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinja2.environment import TemplateModule

from vivace.errors import TemplateNotFound

from .calling import read_attribute as missing_attribute
from .escaping import attribute, bare, escape_text, plain, string, style, text
from .escaping import name as name_of
from .escaping import page as page_of

if TYPE_CHECKING:
    from .context import TemplateContext
    from .environment import PageTemplate, TemplateEnvironment


def include(
    environment: TemplateEnvironment,
    target: Any,
    context: TemplateContext,
    values: Mapping[str, Any] | None,
    out: list[str],
    options: tuple[bool, bool],
) -> None:
    """Append another template; ``options``: whether it may be missing, and whether this page is HTML."""
    may_be_missing, is_html = options
    try:
        template = find(environment, target, context)
    except TemplateNotFound:
        if may_be_missing:
            return
        raise
    inner = template.within(context, values)
    if is_html and template.is_text:
        out.append(escape_text("".join(template.root_render_func(inner))))
    else:
        template.root_render_func(inner, out)
    inner.end()


def module_of(
    environment: TemplateEnvironment,
    target: Any,
    context: TemplateContext,
    values: Mapping[str, Any] | None,
) -> TemplateModule:
    """Return what another template sets and defines: for ``import``. Its macros know what providers give."""
    template = find(environment, target, context)
    inner = template.within(context, values)
    inner.scope.imported(inner)
    return TemplateModule(template, inner, list(template.root_render_func(inner)))


def find(environment: TemplateEnvironment, target: Any, context: TemplateContext) -> PageTemplate:
    """Return a template by name, or the first of several that there is."""
    if isinstance(target, str):
        return environment.get_template(target, context.name)
    return environment.get_or_select_template(target, context.name)


__all__ = [
    "attribute",
    "bare",
    "escape_text",
    "find",
    "include",
    "missing_attribute",
    "module_of",
    "name_of",
    "page_of",
    "plain",
    "string",
    "style",
    "text",
]
