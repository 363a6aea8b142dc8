"""The root of all Vivace errors: what was wrong and where, what was expected, what came and how to mend it.

Rules of this room:

1. Each class has a ``code``: kebab-case, unique, never reused, documented in ``docs/reference/errors.md``.
2. Each class has the HTTP ``status`` that the error becomes when it reaches the edge of a request.
3. A message is written for the person who must mend it; ``fix`` says what to do, not what is forbidden.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar


class VivaceError(Exception):
    """An error in three parts, with a stable code.

    ``what`` says what was wrong and where; ``expected`` and ``got`` what was wanted and what came;
    ``fix`` names the remedy or the nearest match. Only ``what`` is required.
    """

    code: ClassVar[str] = "vivace-error"
    status: int = 500

    def __init__(self, what: str, *, expected: str = "", got: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.got = got
        self.fix = fix

    def __str__(self) -> str:
        parts = (("Expected", self.expected), ("Got", self.got), ("Fix", self.fix))
        lines = [self.what, *(f"{label}: {text}" for label, text in parts if text)]
        return "\n".join([*lines, f"[{self.code}]"])

    def problems_by_field(self) -> Iterable[tuple[str, str, str]]:
        """Return JSON pointers, what is wrong there, and a word for it; nothing for an error that is not about single values."""
        return ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied and pickled (offloaded work raises across processes) without ``__init__``, which subclasses vary."""
        return _restored, (type(self), self.args), self.__dict__


def _restored(cls: type[VivaceError], args: tuple[Any, ...]) -> VivaceError:
    return cls.__new__(cls, *args)  # keeps the arguments, as any exception; its attributes follow
