"""What a check found: a value with a stable id, said once for everything that is wrong before the app starts."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from .base import VivaceError

Level: TypeAlias = Literal["error", "warning"]


class Finding(msgspec.Struct, frozen=True):
    """One problem in how an app is put together.

    ``id`` is a stable kebab-case slug by which it can be silenced; ``place`` is ``file:line`` or ``""``; an ``error``
    stops the start, a ``warning`` is printed.
    """

    id: str
    message: str
    hint: str = ""
    place: str = ""
    level: Level = "error"

    @classmethod
    def from_error(cls, error: VivaceError, place: str = "") -> Finding:
        """Return the finding that tells of an exception; the id is its code, the hint what was expected and the fix."""
        parts = (("Expected", error.expected), ("Got", error.got))
        message = " ".join([error.what, *(f"{label}: {text}." for label, text in parts if text)])
        return cls(error.code, message, error.fix, place)

    def __str__(self) -> str:
        lines = [f"{self.level}: {self.message} [{self.id}]"]
        lines += [f"  at {self.place}"] if self.place else []
        lines += [f"  hint: {self.hint}"] if self.hint else []
        return "\n".join(lines)
