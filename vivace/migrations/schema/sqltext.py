"""Reads the text of CREATE statements as SQLite keeps it: enough to know columns, checks and keys, no more.

A statement is split into words, quoted names, literals and parentheses; what stands in parentheses is kept as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(
    r"""\s+|--[^\n]*\n?|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[A-Za-z_\x80-\U0010ffff0-9$.]+|.""",
    re.DOTALL,
)


def tokens(text: str) -> Iterator[str]:
    """Yield the tokens of SQL without blanks and comments."""
    for match in _TOKEN.finditer(text):
        word = match.group()
        if not word.isspace() and not word.startswith(("--", "/*")):
            yield word


def unquoted(word: str) -> str:
    """Return a name without its quotes."""
    if word[:1] == '"':
        return word[1:-1].replace('""', '"')
    return word[1:-1] if word[:1] in "`[" else word


def body(statement: str) -> str:
    """Return what stands between the outermost parentheses."""
    start = opening(statement)
    if start < 0:
        return ""
    return statement[start + 1 : closing(statement, start)]


def opening(text: str, start: int = 0) -> int:
    """Return where the next parenthesis outside of quotes opens, -1 if none does."""
    for match in _TOKEN.finditer(text, start):
        if match.group() == "(":
            return match.start()
    return -1


def closing(text: str, start: int) -> int:
    """Return where the parenthesis that opens at ``start`` closes."""
    depth = 0
    for match in _TOKEN.finditer(text, start):
        if match.group() == "(":
            depth += 1
        elif match.group() == ")":
            depth -= 1
            if depth == 0:
                return match.start()
    return len(text)


def split(text: str) -> list[str]:
    """Return the parts of a list, split at commas that are in no parentheses and no quotes."""
    parts: list[str] = []
    depth = begin = 0
    for match in _TOKEN.finditer(text):
        word = match.group()
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            parts.append(text[begin : match.start()].strip())
            begin = match.end()
    last = text[begin:].strip()
    return [*parts, last] if last else parts


def words(text: str) -> list[str]:
    """Return the tokens of a definition, each parenthesis with what is in it as one word ``(…)``."""
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            break
        word = match.group()
        position = match.end()
        if word == "(":
            end = closing(text, match.start())
            found.append(text[match.start() : end + 1])
            position = end + 1
        elif not word.isspace() and not word.startswith(("--", "/*")):
            found.append(word)
    return found


def normal(text: str) -> str:
    """Return SQL with one blank between tokens and unquoted words in lower case: equal texts compare equal."""
    return " ".join(word if word[0] in "'\"" else word.lower() for word in tokens(text))


__all__ = ["body", "closing", "normal", "opening", "split", "tokens", "unquoted", "words"]
