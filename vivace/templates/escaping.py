"""What becomes of a value, by where it stands: a function for each place. What is harmless there passes unchanged.

=================  ========================================================================================
function           where
=================  ========================================================================================
``text``           between tags
``attribute``      in a quoted attribute: also ``Markup`` cannot end it
``bare``           in an attribute without quotes
``address``        at the start of an address; ``addresses`` in a ``srcset``
``style``          in a ``style`` attribute
``page``           in ``srcdoc``: text is shown as text by the page in the frame
``name``           in the name of an attribute or of a tag
``string``         in a string of a script (the addresses that ``url`` and ``static`` return)
=================  ========================================================================================

``None`` is shown as nothing nowhere: it is the word None, as in Jinja; ``|default("", true)`` says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any, Final

from markupsafe import Markup, escape

from .calling import settled

try:
    from markupsafe._speedups import _escape_inner  # pyright: ignore[reportPrivateUsage]
except ImportError:  # markupsafe without its C part, or before 3.0

    def _escape_inner(s: str, /) -> str:
        return str(escape(s))


escape_text: Final = _escape_inner
"""Returns text with the five characters of HTML as entities; plain text, and no ``Markup``."""
BLOCKED: Final = "about:invalid#blocked"  # in place of an address that would run code
REFUSED_NAME: Final = "data-refused"  # in place of a name that would
_MARKUP_ENDS: Final = str.maketrans({'"': "&#34;", "'": "&#39;", "<": "&lt;", ">": "&gt;"})
_BARE: Final = re.compile(r"[\s=`\"'<>/\x00]")  # what ends a value without quotes, or may seem to
_SCHEME_END: Final = re.compile(r"[:/?#]")
_IGNORED: Final = re.compile(
    r"[\x00-\x20\x7f-\xa0\u2028\u2029]+"
)  # what browsers drop in and around a scheme
_IMAGE: Final = re.compile(r"data:image/(?:png|gif|jpe?g|webp|avif|bmp|x-icon)[;,]", re.IGNORECASE)
_SAFE_STYLE: Final = re.compile(r"[\w\s.%#,+\-()*]*(?:/[\w\s.%#,+\-()]+)*")
_FUNCTIONS: Final = frozenset("rgb rgba hsl hsla hwb lab lch oklab oklch calc min max clamp var".split())
_CALLED: Final = re.compile(r"([\w-]*)\s*\(")
_SAFE_NAME: Final = re.compile(r"[A-Za-z][\w-]*|\d+")
_CODE: Final = re.compile(r"[\\'\"`<>&$\x00-\x1f\u2028\u2029/]")
_UNSAFE_TAGS: Final = frozenset("script style iframe object embed base link meta".split())
_UNSAFE_NAMES: Final = frozenset("style srcdoc href src action formaction data srcset".split())


def shown(value: Any) -> tuple[str, bool]:
    """Return what a value is shown as, and whether that is HTML already; awaitables are waited for."""
    value = settled(value)
    if hasattr(value, "__html__"):
        return str(value.__html__()), True
    return str(value), False


def text(value: Any) -> str:
    """Return a value for text."""
    if type(value) is str:
        return escape_text(value)
    if type(value) is int or type(value) is Markup:
        return str(value)
    said, is_markup = shown(value)
    return said if is_markup else escape_text(said)


def plain(value: Any) -> str:
    """Return a value as it is, for templates of plain text and where escaping is off."""
    return value if type(value) is str else shown(value)[0]


def attribute(value: Any) -> str:
    """Return a value for a quoted attribute."""
    if type(value) is str:
        return escape_text(value)
    if type(value) is int:
        return str(value)
    said, is_markup = shown(value)
    return said.translate(_MARKUP_ENDS) if is_markup else escape_text(said)


def bare(value: Any) -> str:
    """Return a value for an attribute without quotes."""
    said, is_markup = shown(value)
    return _BARE.sub(_numbered, said if is_markup else said.replace("&", "&amp;"))


def _numbered(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def is_safe_address(said: str, schemes: frozenset[str]) -> bool:
    """Return whether a browser would not run ``said`` as code: it is relative, or has one of the schemes."""
    if said.startswith("/"):
        return True
    cleaned = _IGNORED.sub("", said)
    end = _SCHEME_END.search(cleaned)
    if end is None or end[0] != ":":
        return True
    return cleaned[: end.start()].lower() in schemes or _IMAGE.match(cleaned) is not None


def address_with(schemes: frozenset[str]) -> Callable[[Any], str]:
    """Return the function for the start of an address; what it returns is still to be escaped."""

    def address(value: Any) -> str:
        said, is_markup = shown(value)
        if not is_safe_address(unescape(said) if is_markup else said, schemes):
            return BLOCKED
        return Markup(said) if is_markup else said  # noqa: S704 - it was that before

    return address


def addresses_with(schemes: frozenset[str]) -> Callable[[Any], str]:
    """Return the function for a ``srcset``: one address that would run code blocks all."""

    def addresses(value: Any) -> str:
        said, is_markup = shown(value)
        parts = (unescape(said) if is_markup else said).split(",")
        if not all(is_safe_address(part.strip(), schemes) for part in parts):
            return BLOCKED
        return Markup(said) if is_markup else said  # noqa: S704 - it was that before

    return addresses


def page(value: Any) -> str:
    """Return a value for ``srcdoc``, still to be escaped for the attribute: text stays text in the frame."""
    said, is_markup = shown(value)
    return said if is_markup else escape_text(said)


def style(value: Any) -> str:
    """Return a value for a ``style`` attribute, still to be escaped: numbers, words, colours and harmless functions."""
    said, is_markup = shown(value)
    if is_markup:
        return Markup(said)  # noqa: S704 - it was that before
    harmless = _SAFE_STYLE.fullmatch(said) and all(
        name.lower() in _FUNCTIONS or not name for name in _CALLED.findall(said)
    )
    return said if harmless else "unset"


def name(value: Any) -> str:
    """Return a value for the name of an attribute or a tag; ``Markup`` may be whole attributes."""
    said, is_markup = shown(value)
    if is_markup or not said:
        return said
    low = said.lower()
    unsafe = low.startswith("on") or low in _UNSAFE_NAMES or low in _UNSAFE_TAGS
    return said if _SAFE_NAME.fullmatch(said) and not unsafe else REFUSED_NAME


def string(value: Any) -> str:
    """Return a value for a string in a script."""
    said, _ = shown(value)
    return _CODE.sub(lambda found: f"\\u{ord(found[0]):04x}", said)
