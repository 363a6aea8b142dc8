"""HTML that users wrote, reduced to what is allowed (extra ``html``: nh3, which is ammonia, a parser of real HTML5).

A sanitizer that works on text loses to what browsers make of it (mXSS: ``<math><mi><style>…``); this one parses as
browsers do, keeps what an allow-list names and writes it out again. The result is a fragment for the *content* of an
element: not for attributes, scripts or styles. It is made when the text is shown, or stored beside the original: rules
get stricter over the years.

Left out on purpose: ``style`` (positions a fake login over the page), ``id`` and ``name`` (they shadow ``document``'s
properties), ``class`` (it puts on the page's own looks), forms, frames, SVG and MathML.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from markupsafe import Markup

from vivace.errors import ConfigurationError, MissingExtra, nearest

if TYPE_CHECKING:
    import nh3

_TEXT: Final = "p br b strong i em u s del ins sub sup small mark abbr cite q code kbd samp var time span wbr bdi".split()
_BLOCKS: Final = (
    "h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre hr figure figcaption details summary".split()
)
_TABLES: Final = "table caption thead tbody tfoot tr th td".split()
_NO_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = MappingProxyType({})
_WHOLE: Final = frozenset(
    {"script", "style", "template", "noscript", "title", "textarea", "iframe", "object"}
)


class HTMLProfile(msgspec.Struct, frozen=True):
    """What may stay: ``tags``, ``attributes`` by tag (``"*"``: on all), ``schemes`` of links and pictures.

    Links get ``rel``: search engines do not follow them, the other page does not get hold of this one. ``relative`` lets
    addresses of this site stay. What is no tag of the list is dropped and its text kept; of scripts, styles and frames
    the text goes, too.
    """

    tags: frozenset[str] = frozenset({*_TEXT, "a"})
    attributes: Mapping[str, frozenset[str]] = _NO_ATTRIBUTES
    schemes: frozenset[str] = frozenset({"http", "https", "mailto"})
    rel: str = "nofollow noopener noreferrer ugc"
    relative: bool = True


COMMENT: Final = HTMLProfile(attributes=MappingProxyType({"a": frozenset({"href", "title"})}))
"""Text with emphasis, code and links: comments, messages."""

ARTICLE: Final = HTMLProfile(
    tags=frozenset({*_TEXT, *_BLOCKS, *_TABLES, "a", "img"}),
    attributes=MappingProxyType(
        {
            "a": frozenset({"href", "title", "hreflang"}),
            "img": frozenset({"src", "alt", "title", "width", "height", "loading"}),
            "abbr": frozenset({"title"}),
            "time": frozenset({"datetime"}),
            "ol": frozenset({"start", "reversed"}),
            "th": frozenset({"colspan", "rowspan", "scope"}),
            "td": frozenset({"colspan", "rowspan"}),
            "details": frozenset({"open"}),
            "*": frozenset({"lang", "dir"}),
        }
    ),
)
"""Headings, lists, tables and pictures, too: what an editor writes."""

PROFILES: Final[Mapping[str, HTMLProfile]] = MappingProxyType({"comment": COMMENT, "article": ARTICLE})


def sanitize_html(text: str, profile: HTMLProfile | str = COMMENT) -> Markup:
    """Return HTML that users wrote with nothing in it but what ``profile`` allows; safe as the content of an element.

    ``profile``: ``"comment"``, ``"article"`` or one of your own. Raises ``MissingExtra`` without the package nh3,
    ``ConfigurationError`` for a name that is none.
    """
    if isinstance(profile, str):
        profile = _named(profile)
    return Markup(_cleaner(profile).clean(str(text)))  # noqa: S704 - this is what makes it safe


def _named(name: str) -> HTMLProfile:
    try:
        return PROFILES[name]
    except KeyError:
        raise ConfigurationError(
            f"There is no HTML profile {name!r}.",
            expected=", ".join(PROFILES),
            got=name,
            fix=nearest(name, PROFILES) or "Pass an HTMLProfile(…) of your own.",
        ) from None


def _cleaner(profile: HTMLProfile) -> nh3.Cleaner:
    rules = tuple(sorted((tag, names) for tag, names in profile.attributes.items()))
    return _made(profile.tags, rules, profile.schemes, profile.rel, profile.relative)


@cache
def _made(
    tags: frozenset[str],
    rules: tuple[tuple[str, frozenset[str]], ...],
    schemes: frozenset[str],
    rel: str,
    relative: bool,
) -> nh3.Cleaner:
    try:
        import nh3  # an extra
    except ImportError:
        raise MissingExtra(
            "Sanitizing HTML needs the package `nh3`, which is not installed.",
            fix="pip install 'vivace[html]'",
        ) from None
    options: dict[str, Any] = {} if relative else {"url_relative": "deny"}
    return nh3.Cleaner(
        tags=set(tags),
        clean_content_tags=set(_WHOLE - tags),
        attributes={tag: set(names) for tag, names in rules},
        url_schemes=set(schemes),
        link_rel=rel or None,
        **options,
    )


__all__ = ["ARTICLE", "COMMENT", "HTMLProfile", "sanitize_html"]
