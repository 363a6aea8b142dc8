"""URLs that configure something: ``scheme://user:password@host:port/name?option=value``.

What follows ``?`` sets fields of an options struct by their names, with their types. Errors never show the password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from vivace.errors import VivaceError, nearest


class URLReader:
    """Reads URLs of one kind. ``what`` names it ("database"), ``forms`` shows how it is written."""

    __slots__ = ("_forms", "_invalid", "_what")

    def __init__(self, what: str, forms: str, invalid: type[VivaceError]) -> None:
        self._what = what
        self._forms = forms
        self._invalid = invalid

    def scheme(self, url: str, known: Mapping[str, Any], *, bare: str = "") -> str:
        """Return the scheme, one of ``known``; that named by ``bare`` may stand without ``//`` behind its colon."""
        scheme, separator, _ = url.partition("://")
        # what has no scheme may be a password, or end in one: it is not shown
        if not separator and not (bare and url.lower().startswith(f"{bare}:")):
            raise self._invalid(f"A {self._what} URL has no scheme with :// behind it.", expected=self._forms)
        scheme = scheme.partition(":")[0].lower()
        if scheme not in known:
            raise self._invalid(
                f"A {self._what} URL begins with {scheme!r}.",
                expected=self._forms,
                fix=nearest(scheme, known),
            )
        return scheme

    def split(self, url: str) -> SplitResult:
        """Return the parts of a URL of which host and port can be read."""
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - raises when it is no number
        except ValueError:  # its text quotes what stands where a port should: a part of the password, mostly
            raise self._invalid(
                f"The {self._what} URL cannot be read: its host or port is none.",
                expected=self._forms,
                fix="Write characters such as @ : / # in a password as %40 %3A %2F %23.",
            ) from None
        return parts

    def address(self, parts: SplitResult) -> dict[str, Any]:
        """Return those of host, port, user, password and database that the URL gives."""
        found = {
            "host": parts.hostname,
            "port": parts.port,
            "user": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "database": unquote(parts.path[1:]) or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def options(self, query: str, cls: type[Any]) -> dict[str, Any]:
        """Return what a query string sets, with the types that the fields of the struct have."""
        return self._typed(dict(parse_qsl(query, keep_blank_values=True)), cls)

    def _typed(self, given: Mapping[str, str], cls: type[Any]) -> dict[str, Any]:
        import msgspec

        types = {field.name: field.type for field in msgspec.structs.fields(cls)}
        options: dict[str, Any] = {}
        for name, text in given.items():
            if name not in types:
                raise self._invalid(
                    f"A {self._what} URL has the unknown option {name!r}.",
                    expected=", ".join(types),
                    fix=nearest(name, types),
                )
            try:
                options[name] = msgspec.convert(text, types[name], strict=False)
            except msgspec.ValidationError as error:
                raise self._invalid(
                    f"The option {name!r} of a {self._what} URL has a wrong value.",
                    expected=str(error),
                    got=text,
                ) from None
        return options


__all__ = ["URLReader"]
