"""What kind of statement a text is, where SQLite's own API does not stop mistakes.

apsw runs all statements of a text one after the other; a call here runs one, as on other databases, so that an injected
second statement never runs. Transactions are begun and ended by ``atomic`` alone: a COMMIT by hand would commit the
writes of others in a group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Final

import apsw

from vivace.errors import ProgrammingError


class Kind(Enum):
    """How a statement must be run."""

    PLAIN = "plain"
    SCHEMA = "schema"  # changes tables, and rows without telling the hook
    OUTSIDE = "outside"  # cannot run, or has no effect, in a transaction


_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("create", "alter", "drop", "reindex", "analyze"), Kind.SCHEMA),
    **dict.fromkeys(("vacuum", "pragma", "attach", "detach"), Kind.OUTSIDE),
}
_CONTROL: Final = frozenset(("begin", "commit", "end", "rollback", "savepoint", "release"))
# All groups are atomic: where a comment ends is not up to what makes the rest match.
_COMMENT: Final = r"--[^\n]*+(?:\n|\Z)|/\*(?>.*?(?:\*/|\Z))"
_FIRST_WORD: Final = re.compile(rf"(?>\s|{_COMMENT})*+([a-zA-Z]*)", re.S)
_NOTHING: Final = re.compile(rf"(?>\s|;|{_COMMENT})*+", re.S)
_TOKENS: Final = re.compile(rf"'[^']*+'|\"[^\"]*+\"|`[^`]*+`|\[[^\]]*+\]|{_COMMENT}|;", re.S)


@lru_cache(maxsize=2048)
def kind_of(sql: str) -> Kind:
    """Return how a statement must be run; raise ``ProgrammingError`` for several at once and for COMMIT and its kin."""
    match = _FIRST_WORD.match(sql)
    word = match[1].lower() if match else ""
    if word in _CONTROL:
        raise ProgrammingError(
            f"{word.upper()} was sent as a statement.",
            expected="transactions that the driver knows of",
            fix="Use `async with atomic():`.",
        )
    if _has_more(sql):
        raise ProgrammingError(
            "Several statements were sent in one call.",
            expected="one statement",
            got=sql[:500],
            fix="Send them one by one, or use run_script() in a migration.",
        )
    return _KINDS.get(word, Kind.PLAIN)


def _has_more(sql: str) -> bool:
    for token in _TOKENS.finditer(sql):
        if token[0] == ";" and apsw.complete(sql[: token.end()]):  # it knows where a trigger ends
            return _NOTHING.fullmatch(sql, token.end()) is None
    return False


__all__ = ["Kind", "kind_of"]
