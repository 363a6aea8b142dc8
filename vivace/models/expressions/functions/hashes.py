"""Hashes of text, in hexadecimal digits. SHA1 needs the extension pgcrypto on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.expressions.func import Transform

if TYPE_CHECKING:
    from vivace.models.sql.render import Renderer


class MD5(Transform):
    """MD5."""

    function = "MD5"
    lookup_name = "md5"


class _SHA(Transform):
    def render(self, r: Renderer) -> Any:
        if r.dialect == "sqlite":
            return r.call(self.function, *self.source)
        return r.sql(f"ENCODE({self.function}(CONVERT_TO((", *self.source, ")::text, 'UTF8')), 'hex')")


class SHA1(Transform):
    """SHA-1."""

    function = "SHA1"
    lookup_name = "sha1"

    def render(self, r: Renderer) -> Any:
        if r.dialect == "sqlite":
            return r.call("SHA1", *self.source)
        return r.sql("ENCODE(DIGEST((", *self.source, ")::text, 'sha1'), 'hex')")


class SHA224(_SHA):
    """SHA-224."""

    function = "SHA224"
    lookup_name = "sha224"


class SHA256(_SHA):
    """SHA-256."""

    function = "SHA256"
    lookup_name = "sha256"


class SHA384(_SHA):
    """SHA-384."""

    function = "SHA384"
    lookup_name = "sha384"


class SHA512(_SHA):
    """SHA-512."""

    function = "SHA512"
    lookup_name = "sha512"


__all__ = ["MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"]
