"""Names of tables, indexes and constraints: those that Django gives, so that either finds the other's."""

from __future__ import annotations


def digest(*parts: str, length: int) -> str:
    """Return the first hexadecimal digits of a hash of the parts, as Django does."""
    from hashlib import md5  # loads OpenSSL

    hashed = md5(usedforsecurity=False)
    for part in parts:
        hashed.update(part.encode())
    return hashed.hexdigest()[:length]


def shortened(name: str, length: int, hash_length: int = 4) -> str:
    """Return the name, or its beginning and a hash of it when it is too long."""
    if len(name) <= length:
        return name
    return name[: length - hash_length] + digest(name, length=hash_length)
