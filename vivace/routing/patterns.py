"""Path patterns: ``/books/{id}``, ``/{year:int}-{slug}.html``, ``/files/{path:path}``, ``/{code:re:[a-z]{3}}``.

Theory. A path is split at its slashes *before* it is percent-decoded, so ``%2F`` stays inside a parameter. A pattern
is a tuple of segments, and each segment is a ``str`` (that text), a ``Param`` (the whole segment) or a ``Mixed`` (text
and parameters). A pattern is written decoded: ``/café``, not ``/caf%C3%A9``.

A ``Mixed`` segment is cut without a regular expression and without backtracking: its first and last text are taken
from the ends, the rest is cut at the first occurrence of each text between parameters. So it is linear, and a value
that would be cut differently on the way back is refused when the address is made.

``{page?}`` as the last segment may be absent: ``/posts/{page:int?}`` is ``/posts`` and ``/posts/{page:int}`` under one
name. A parameter is read by its converter (``converters.py``); the handler's annotation names it where the pattern
does not, so patterns are parsed when a route is registered and *bound* when the app is frozen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

import msgspec
from msgspec.structs import replace

from vivace.errors import BadRequest, nearest
from vivace.errors.routing import BadPattern

from .converters import BUILT_IN, STR, Converter, converter_for, regex_converter

MAX_SEGMENTS: Final = 64  # of a pattern; the matcher's recursion is as deep
SAFE: Final = (
    "!$&'()*+,;=:@"  # RFC 3986 section 3.3: what a path segment may hold beside the unreserved characters
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_REFUSED_TEXT = re.compile(r"[%?#\\\x00-\x1f\x7f]")


class Param(msgspec.Struct, frozen=True):
    """One parameter: its name, the converter it asks for (``""``: by annotation), and the converter once bound."""

    name: str
    spec: str = ""
    optional: bool = False
    converter: Converter = STR

    @property
    def shape(self) -> Hashable:
        """What two patterns must share to match the same segments."""
        return self.converter.key

    @property
    def rank(self) -> tuple[int, int]:
        """The smaller, the earlier it is tried among its siblings."""
        return (self.converter.rank, 0)

    def __str__(self) -> str:
        spec = f":{self.spec}" if self.spec else ""
        return f"{{{self.name}{spec}{'?' if self.optional else ''}}}"


class Mixed(msgspec.Struct, frozen=True):
    """A segment of text and parameters in turn: ``texts`` has one item more than ``params``."""

    texts: tuple[str, ...]
    params: tuple[Param, ...]

    @property
    def shape(self) -> Hashable:
        """What two patterns must share to match the same segments."""
        return (self.texts, tuple(param.shape for param in self.params))

    @property
    def rank(self) -> tuple[int, int]:
        """Among words and typed parameters; the more text, the more specific."""
        return (15, -len("".join(self.texts)))

    def cut(self, segment: str) -> list[str] | None:
        """Return the parameters' texts, or ``None`` when the segment does not fit."""
        first, last = self.texts[0], self.texts[-1]
        if not (
            segment.startswith(first) and segment.endswith(last) and len(segment) > len(first) + len(last)
        ):
            return None
        rest, found = segment[len(first) : len(segment) - len(last)], list[str]()
        for text in self.texts[1:-1]:
            piece, separator, rest = rest.partition(text)
            if not (piece and separator):
                return None
            found.append(piece)
        return [*found, rest] if rest else None

    def parse(self, segment: str) -> list[Any]:
        """Return the parameters' values; raises ``ValueError`` when the segment does not fit."""
        pieces = self.cut(segment)
        if pieces is None:
            raise ValueError(segment)
        parsers = (param.converter.parse for param in self.params)
        return [
            piece if parse is None else parse(piece) for parse, piece in zip(parsers, pieces, strict=True)
        ]

    def join(self, pieces: list[str]) -> str:
        """Return the segment of the parameters' texts; the inverse of ``cut`` where there is one."""
        pairs = zip(pieces, self.texts[1:], strict=True)
        return self.texts[0] + "".join(piece + text for piece, text in pairs)

    def __str__(self) -> str:
        return self.join([str(param) for param in self.params])


Segment: TypeAlias = str | Param | Mixed


class Pattern(msgspec.Struct, frozen=True):
    """A path pattern: its text and its segments (without the empty one before the first slash)."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def params(self) -> tuple[Param, ...]:
        """All parameters from left to right."""
        return tuple(param for segment in self.segments for param in segment_params(segment))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters from left to right."""
        return tuple(param.name for param in self.params)

    @property
    def is_static(self) -> bool:
        """Whether it is plain text."""
        return all(isinstance(segment, str) for segment in self.segments)

    def variants(self) -> tuple[tuple[Segment, ...], ...]:
        """Return the sequences of segments that it stands for: two when the last one is optional."""
        last = self.segments[-1]
        if not (isinstance(last, Param) and last.optional):
            return (self.segments,)
        return (self.segments[:-1] or ("",), self.segments)

    def bind(self, types: Mapping[str, Any], converters: Mapping[str, Converter]) -> Pattern:
        """Return the pattern with a converter for each parameter; raises ``BadPattern`` when there is none."""

        def bound(param: Param) -> Param:
            return replace(param, converter=self._converter(param, types, converters))

        segments = tuple(_map_params(segment, bound) for segment in self.segments)
        _check_spans(self.text, segments)
        return Pattern(self.text, segments)

    def _converter(
        self, param: Param, types: Mapping[str, Any], converters: Mapping[str, Converter]
    ) -> Converter:
        if not param.spec:
            return converter_for(types[param.name]) if param.name in types else STR
        if param.spec.startswith("re:"):
            return regex_converter(param.spec[3:])
        found = converters.get(param.spec) or BUILT_IN.get(param.spec)
        if found is None:
            known = sorted({*converters, *BUILT_IN})
            raise BadPattern(
                f"The path {self.text!r} asks for a converter {param.spec!r} that nobody handed in.",
                expected=", ".join(known) + " or re:…",
                got=param.spec,
                fix=nearest(param.spec, known) or "Pass it: Router(converters={…}).",
            )
        return found

    def __str__(self) -> str:
        return self.text


def segment_params(segment: Segment) -> tuple[Param, ...]:
    """Return the parameters of a segment from left to right."""
    if isinstance(segment, str):
        return ()
    return (segment,) if isinstance(segment, Param) else segment.params


def _map_params(segment: Segment, change: Callable[[Param], Param]) -> Segment:
    if isinstance(segment, str):
        return segment
    if isinstance(segment, Param):
        return change(segment)
    return replace(segment, params=tuple(change(param) for param in segment.params))


def parse_pattern(text: str) -> Pattern:
    """Return the pattern of ``text``; raises ``BadPattern`` saying what is wrong with it."""
    if not text.startswith("/"):
        raise _bad(
            text, "does not begin with a slash", "a path such as /books/{id}", f"Write {'/' + text!r}."
        )
    segments = tuple(_parse_segment(text, piece) for piece in _split(text[1:], text))
    if len(segments) > MAX_SEGMENTS:
        raise _bad(text, f"has {len(segments)} segments", f"at most {MAX_SEGMENTS}", "Shorten it.")
    if "" in segments[:-1]:
        raise _bad(text, "has an empty segment", "single slashes", "Write one slash for two.")
    if {".", ".."} & {segment for segment in segments if isinstance(segment, str)}:
        raise _bad(
            text,
            "has a dot segment",
            "no . and ..",
            "Clients remove dot segments; write the path they lead to.",
        )
    pattern = Pattern(text, segments)
    _check_names(pattern)
    return pattern


def join_patterns(prefix: str, path: str) -> str:
    """Return the text of a path under a prefix: ``/books`` and ``/`` give ``/books/``, ``/books`` and ``""`` itself."""
    return prefix.rstrip("/") + path if path else prefix


def _bad(text: str, what: str, expected: str, fix: str) -> BadPattern:
    return BadPattern(f"The path {text!r} {what}.", expected=expected, got=text, fix=fix)


def _split(rest: str, text: str) -> list[str]:
    """Split at the slashes outside of braces."""
    pieces, depth, start, index = list[str](), 0, 0, 0
    while index < len(rest):
        char = rest[index]
        if char == "\\" and depth:
            index += 1
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
        elif char == "/" and depth == 0:
            pieces.append(rest[start:index])
            start = index + 1
        if depth < 0:
            break
        index += 1
    if depth:
        raise _bad(
            text,
            "has unbalanced braces",
            "{ and } in pairs",
            "Close what is open (/{name}); escape braces of a regex with a backslash.",
        )
    return [*pieces, rest[start:]]


def _parse_segment(text: str, piece: str) -> Segment:
    """Return one segment; ``piece`` has balanced braces."""
    texts, params, position = list[str](), list[Param](), 0
    while (start := piece.find("{", position)) >= 0:
        end = _closing(piece, start)
        texts.append(_checked_text(text, piece[position:start]))
        params.append(_parse_param(text, piece[start + 1 : end]))
        position = end + 1
    texts.append(_checked_text(text, piece[position:]))
    if not params:
        return texts[0]
    if len(params) == 1 and texts == ["", ""]:
        return params[0]
    if "" in texts[1:-1]:
        raise _bad(text, "has two parameters side by side", "text between them", "Write {a}-{b} or {a}/{b}.")
    return Mixed(tuple(texts), tuple(params))


def _closing(piece: str, start: int) -> int:
    """Return where the brace that opens at ``start`` closes; regexes inside may hold braces."""
    depth, index = 0, start
    while True:
        if piece[index] == "\\":
            index += 1
        elif piece[index] == "{":
            depth += 1
        elif piece[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1


def _checked_text(text: str, literal: str) -> str:
    found = _REFUSED_TEXT.search(literal)
    if found:
        fix = "Write the text decoded, without query and fragment; read query parameters in the handler."
        raise _bad(text, f"has {found.group()!r} in it", "letters, digits and other path characters", fix)
    return literal


def _parse_param(text: str, inside: str) -> Param:
    name, colon, spec = inside.partition(":")
    optional = not spec.startswith("re:") and inside.endswith("?")
    if optional:
        name, spec = (name, spec[:-1]) if colon else (name[:-1], "")
    if not name.isidentifier():
        fix = "Write {name}, {name:int}, {name:path}, {name:re:[a-z]+} or {name?}."
        raise _bad(
            text, f"has a parameter {inside!r} whose name is no identifier", "{name} or {name:converter}", fix
        )
    return Param(name, spec, optional)


def _check_names(pattern: Pattern) -> None:
    names = pattern.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _bad(
            pattern.text, f"has the parameter {twice[0]!r} twice", "each name once", "Rename one of them."
        )
    for position, segment in enumerate(pattern.segments, 1):
        alone = isinstance(segment, Param) and position == len(pattern.segments)
        if not alone and any(param.optional for param in segment_params(segment)):
            fix = "Move it to the end, or register two routes."
            raise _bad(
                pattern.text, "has an optional parameter in the middle", "{name?} as the last segment", fix
            )


def _check_spans(text: str, segments: tuple[Segment, ...]) -> None:
    for position, segment in enumerate(segments, 1):
        alone = isinstance(segment, Param) and position == len(segments)
        if not alone and any(param.converter.spans for param in segment_params(segment)):
            fix = "Move it to the end; what stands behind it can be cut off in the handler."
            raise _bad(
                text, "goes on behind a parameter that takes the rest of the path", "it to be the last", fix
            )


def decode_segments(path: str) -> list[str]:
    """Return the percent-decoded segments of a raw path, split before decoding: ``/a%2Fb`` is ``["", "a/b"]``.

    Raises ``BadRequest`` for a malformed escape, for bytes that are not UTF-8, and for NUL (which no file system and
    no PostgreSQL text can hold).
    """
    if _BAD_ESCAPE.search(path):
        raise BadRequest("The path has a malformed percent-escape.", expected="%XX, not %00", got=path[:100])
    try:
        return [unquote_to_bytes(part).decode() if "%" in part else part for part in path.split("/")]
    except UnicodeDecodeError as error:
        raise BadRequest(
            "The path is not UTF-8.", expected="percent-encoded UTF-8", got=path[:100]
        ) from error


def decode_path(path: str) -> str:
    """Return a raw path percent-decoded; raises ``BadRequest`` as ``decode_segments`` does."""
    return "/".join(decode_segments(path)) if "%" in path else path


def encode_segment(text: str) -> str:
    """Return a decoded segment percent-encoded; raises ``ValueError`` for what no address can carry."""
    if text in {".", ".."}:  # RFC 3986 section 5.2.4: clients remove them, encoded or not (WHATWG URL)
        raise ValueError(text)
    if "\0" in text:
        raise ValueError(text)
    return quote(text, safe=SAFE)  # a lone surrogate raises UnicodeEncodeError, a ValueError
