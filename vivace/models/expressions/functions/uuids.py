"""Unique identifiers made by the database."""

from __future__ import annotations

from vivace.models.expressions.func import Func


class UUID4(Func):
    """A random UUID."""

    function = "GEN_RANDOM_UUID"
    sqlite_function = "vivace_uuid4"
    arity = 0
    output_kind = "UUIDField"


class UUID7(Func):
    """A UUID that begins with the time, so that later ones sort behind; PostgreSQL has it from 18 on."""

    function = "UUIDV7"
    sqlite_function = "vivace_uuid7"
    arity = 0
    output_kind = "UUIDField"


__all__ = ["UUID4", "UUID7"]
