"""Content Security Policy (CSP Level 3): what a page may load, run, frame and send, as a typed value.

A policy becomes a header line once, when the app is frozen. Two things about it are decided by browsers' rules:

- a nonce goes into ``script-src`` and ``style-src`` (into ``…-elem`` too where they are set), which are made of
  ``default-src`` where they are not set; never into one that has ``'unsafe-inline'``, which a nonce would switch off
  (section 6.7.3.2), and never where neither is set, because it would forbid what was allowed;
- ``'none'`` stands alone, so a nonce takes its place.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import msgspec

from vivace.errors import ConfigurationError, nearest

SELF: Final = "'self'"
NONE: Final = "'none'"
UNSAFE_INLINE: Final = "'unsafe-inline'"

_KEYWORDS: Final = (
    "self none unsafe-inline unsafe-eval unsafe-hashes strict-dynamic report-sample wasm-unsafe-eval "
    "inline-speculation-rules trusted-types-eval script allow-duplicates"
).split()
_SOURCE: Final = re.compile(
    r"[!-+\--:<-~]+"
)  # visible ASCII but the comma and the semicolon, which end a policy
_HASH: Final = r"'(?:nonce-|sha(?:256|384|512)-)[\w+/=\-]+'"  # compiled by re when one is written
_NOT_SOURCES: Final = frozenset({"sandbox", "trusted_types"})  # their words are written without quotes
_REPORT_GROUP: Final = "csp"


class ContentSecurityPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What pages may do; each directive is a tuple of sources as the header has them, and ``()`` leaves it out.

    ``frame_ancestors=None`` is what the app's ``frame_options`` say. ``report_to`` is the path or URL that browsers tell
    of violations (see ``report_endpoint``); ``report_only`` lets everything pass and tells. Raises ``ConfigurationError``
    for a source that no browser understands.
    """

    default_src: tuple[str, ...] = (SELF,)
    script_src: tuple[str, ...] = ()
    script_src_elem: tuple[str, ...] = ()
    script_src_attr: tuple[str, ...] = ()
    style_src: tuple[str, ...] = ()
    style_src_elem: tuple[str, ...] = ()
    style_src_attr: tuple[str, ...] = ()
    img_src: tuple[str, ...] = (SELF, "data:")
    font_src: tuple[str, ...] = ()
    connect_src: tuple[str, ...] = ()
    media_src: tuple[str, ...] = ()
    object_src: tuple[str, ...] = (NONE,)
    frame_src: tuple[str, ...] = ()
    child_src: tuple[str, ...] = ()
    worker_src: tuple[str, ...] = ()
    manifest_src: tuple[str, ...] = ()
    base_uri: tuple[str, ...] = (NONE,)
    form_action: tuple[str, ...] = (SELF,)
    frame_ancestors: tuple[str, ...] | None = None
    sandbox: tuple[str, ...] = ()
    trusted_types: tuple[str, ...] = ()
    require_trusted_types_for: tuple[str, ...] = ()
    upgrade_insecure_requests: bool = False
    report_to: str = ""
    report_only: bool = False

    def __post_init__(self) -> None:
        for name in DIRECTIVES:
            given: tuple[str, ...] | None = getattr(self, name)
            if isinstance(given, str):
                raise _wrong(name, given, f"Write a tuple: {name}=({given!r},).")
            for source in given or ():
                _check_source(name, source)
            if given and NONE in given and len(given) > 1:
                raise _wrong(name, " ".join(given), "'none' stands alone: leave it out, or all the others.")
        if self.report_to and (not _SOURCE.fullmatch(self.report_to) or '"' in self.report_to):
            raise _wrong("report_to", self.report_to, "Write a path or an https URL, percent-encoded.")

    @property
    def header(self) -> str:
        """The name of its header, in lower case."""
        return "content-security-policy-report-only" if self.report_only else "content-security-policy"

    def text(self, nonce: str | None = None) -> str:
        """Return the value of the header, with a nonce where there is one."""
        parts = [_directive(name, sources) for name, sources in self._sources(nonce) if sources]
        if self.upgrade_insecure_requests:
            parts.append("upgrade-insecure-requests")
        if self.report_to:
            parts += [f"report-uri {self.report_to}", f"report-to {_REPORT_GROUP}"]
        return "; ".join(parts)

    @property
    def reporting(self) -> str:
        """The value of ``Reporting-Endpoints`` that belongs to it; ``""`` without ``report_to``."""
        return f'{_REPORT_GROUP}="{self.report_to}"' if self.report_to else ""

    def _sources(self, nonce: str | None) -> list[tuple[str, tuple[str, ...]]]:
        found = {name: getattr(self, name) or () for name in DIRECTIVES}
        for name in _NONCED if nonce else ():
            inherited = () if name.endswith("elem") else self.default_src
            base = found[name] or inherited
            if base and UNSAFE_INLINE not in base:
                found[name] = (*(source for source in base if source != NONE), f"'nonce-{nonce}'")
        return list(found.items())


DIRECTIVES: Final = tuple(
    name
    for name in ContentSecurityPolicy.__struct_fields__
    if name not in ("report_to", "report_only", "upgrade_insecure_requests")
)
_NONCED: Final = ("script_src", "script_src_elem", "style_src", "style_src_elem")

Policies: TypeAlias = ContentSecurityPolicy | tuple[ContentSecurityPolicy, ...]
"""One policy, or several that all hold: one that is enforced and one that only reports."""

RoutePolicies: TypeAlias = Policies | Literal[False]
"""What a route may say of itself; ``False``: none at all."""


def as_policies(given: Policies | Literal[False] | None) -> tuple[ContentSecurityPolicy, ...]:
    """Return policies as a tuple; none for ``None`` and ``False``."""
    if isinstance(given, ContentSecurityPolicy):
        return (given,)
    return tuple(given or ())


def _directive(name: str, sources: tuple[str, ...]) -> str:
    return f"{name.replace('_', '-')} {' '.join(sources)}"


def _check_source(name: str, source: str) -> None:
    if not _SOURCE.fullmatch(source):
        raise _wrong(name, source, "One source each, as text without spaces, commas and semicolons.")
    bare = source.lower()
    if bare in _KEYWORDS and name not in _NOT_SOURCES:  # a host of that name is meant by nobody
        raise _wrong(name, source, f"Keywords have quotes: \"'{bare}'\".")
    quoted = source.startswith("'")
    if (
        quoted
        and not (source.endswith("'") and source[1:-1] in _KEYWORDS)
        and not re.fullmatch(_HASH, source)
    ):
        raise _wrong(name, source, nearest(source.strip("'"), _KEYWORDS))


def _wrong(name: str, got: str, fix: str) -> ConfigurationError:
    return ConfigurationError(
        f"The directive {name.replace('_', '-')} of a content security policy has a source that browsers ignore.",
        expected='such as "\'self\'", "\'none\'", "https://cdn.example.com" or "data:"',
        got=got,
        fix=fix,
    )


__all__ = ["DIRECTIVES", "NONE", "SELF", "ContentSecurityPolicy", "Policies", "RoutePolicies", "as_policies"]
