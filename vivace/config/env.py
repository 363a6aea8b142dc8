"""The ``.env`` file: ``NAME=value`` lines, read without surprises and without exceptions.

::

    # a comment                            names are letters, digits and _, not starting with a digit
    DEBUG=true                             unquoted: to the end of the line, trimmed
    export HOSTS=a.example, b.example      ``export`` is allowed; a # after white space starts a comment
    GREETING='$5 \\n'                       single quotes: nothing is special
    MESSAGE="two\\nlines"                   double quotes: \\n \\r \\t \\" \\\\ \\$ are; other backslashes stay
    KEY="-----BEGIN                        quoted values may have many lines
    -----END"
    URL=http://${HOST}                     text, unless interpolation was asked for

What cannot be read is a problem with its line number, and reading goes on with the next line: all problems of a file
are known at once. A name that comes twice has its last value. A quote that never closes ends at its own line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

ENV_FILE: Final = ".env"
START_KEY: Final = "VIVACE_START_KEY"
"""Set by ``run`` and ``dev`` for their workers: the secret key where nobody set one."""

_ASSIGNMENT: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_QUOTED: Final = {
    "'": re.compile(r"'([^']*)'"),
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
}
_AFTER_QUOTE: Final = re.compile(r"[ \t]*(?:#.*)?$", re.MULTILINE)
_COMMENT: Final = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}
# An escaped dollar sign, or ${NAME} with an optional default: ${NAME:-default}.
_VARIABLE: Final = re.compile(r"(\\\\|\\\$)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class EnvProblem(msgspec.Struct, frozen=True):
    """One line that could not be read."""

    line: int
    message: str


class EnvFile(msgspec.Struct, frozen=True):
    """What a ``.env`` file says: values by name, the line of each, and the lines that could not be read."""

    values: Mapping[str, str]
    lines: Mapping[str, int]
    problems: tuple[EnvProblem, ...] = ()


def parse_env(source: str | bytes, *, interpolate: Mapping[str, str] | None = None) -> EnvFile:
    """Return what a ``.env`` file says; never raises, see ``problems``.

    ``interpolate``: replace ``${NAME}`` and ``${NAME:-default}``, outside single quotes, by values from this mapping or
    from earlier lines. By default a dollar sign is a dollar sign.
    """
    reader = _Reader(_as_text(source), interpolate)
    reader.read()
    problems = tuple(sorted(reader.problems, key=lambda problem: problem.line))
    return EnvFile(reader.values, reader.lines, problems)


def _as_text(source: str | bytes) -> str:
    """Return the text with ``\\n`` for every line end; bytes that are not UTF-8 become U+FFFD and then a problem."""
    text = (
        source.decode("utf-8-sig", "replace") if isinstance(source, bytes) else source.removeprefix("\ufeff")
    )
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Reader:
    """Walks over the text once, line by line; a quoted value may take several lines."""

    def __init__(self, text: str, interpolate: Mapping[str, str] | None) -> None:
        self.values: dict[str, str] = {}
        self.lines: dict[str, int] = {}
        self.problems: list[EnvProblem] = []
        self._text = text
        self._known = interpolate

    def read(self) -> None:
        position, line = 0, 1
        while position < len(self._text):
            end = self._line_end(position)
            following = self._read_line(position, end, line) + 1
            line += self._text.count("\n", position, following)
            position = following

    def _line_end(self, position: int) -> int:
        end = self._text.find("\n", position)
        return len(self._text) if end < 0 else end

    def _read_line(self, start: int, end: int, line: int) -> int:
        """Read the line from ``start`` to ``end``; return where its last line ends."""
        content = self._text[start:end].strip()
        if not content or content.startswith("#"):
            return end
        match = _ASSIGNMENT.match(self._text, start, end)
        if not match:
            self._problem(line, "expected NAME=value")
            return end
        name, begin = match[1], match.end()
        quote = self._text[begin : begin + 1] if begin < end else ""
        if quote in _QUOTED:
            return self._read_quoted(name, quote, begin, end, line)
        raw = _COMMENT.sub("", self._text[begin:end], count=1).strip()
        value = raw if self._known is None else self._interpolated(raw, line).replace("\\$", "$")
        self._store(name, value, line)
        return end

    def _read_quoted(self, name: str, quote: str, begin: int, end: int, line: int) -> int:
        match = _QUOTED[quote].match(self._text, begin)
        if not match:
            self._problem(line, f"the {quote} of {name} is never closed")
            return end
        end = self._line_end(match.end())
        if not _AFTER_QUOTE.match(self._text, match.end(), end):
            self._problem(line, f"unexpected text after the closing {quote} of {name}")
        elif quote == "'":
            self._store(name, match[1], line)
        else:
            self._store(name, _unescape(self._interpolated(match[1], line)), line)
        return end

    def _interpolated(self, raw: str, line: int) -> str:
        if self._known is None:
            return raw
        known = {**self.values, **self._known}

        def replacement(match: re.Match[str]) -> str:
            escaped, name, default = match.groups()
            if escaped:
                return escaped
            if name not in known and default is None:
                self._problem(line, f"{name} is not defined above or in the environment")
            return known.get(name, default or "")

        return _VARIABLE.sub(replacement, raw)

    def _store(self, name: str, value: str, line: int) -> None:
        if "\0" in value or "\ufffd" in value:
            self._problem(line, f"the value of {name} has a null character or is not UTF-8")
            return
        self.values[name], self.lines[name] = value, line

    def _problem(self, line: int, message: str) -> None:
        self.problems.append(EnvProblem(line, message))


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), text)
