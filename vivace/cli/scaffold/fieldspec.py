"""``published:date?``: how a field is written on the command line, and what it may be.

::

    name:kind[(argument)][:unique][?][=default]

``?`` stands behind the kind or at the end: the field may be empty. An argument may be written behind a colon as well,
``author:fk:User``, because shells want parentheses in quotes.

==================================  ==================================================
``title:str``, ``code:str(8)``      text of a line; the argument is its greatest length
``author:fk(User)``                 one object of another model
``tags:m2m(Tag)``                   many of them
``state:choice(draft|public)``      one of these words
``email:email:unique``              no two rows have the same
``pages:int=0``, ``done:bool=yes``  what the form and the row begin with
==================================  ==================================================

A parsed field is written back by ``str``; the two are each other's inverse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vivace.errors import FieldSpecInvalid, nearest

from .kinds import KINDS, Argument, Kind
from .names import check_field_name

_KIND: Final = re.compile(r"(?P<kind>[^()?]*)(?:\((?P<argument>[^()]*)\))?(?P<optional>\??)")
_FLAGS: Final = ("unique",)
_SHOWN: Final = 80  # characters of what was given
_EXPECTED: Final = "name:kind, such as title:str, published:date? or 'author:fk(User)'"


@dataclass(frozen=True)
class FieldSpec:
    """One field as it was asked for. ``arguments``: a length, a model or the choices; ``default``: as it was written."""

    name: str
    kind: str
    arguments: tuple[str, ...] = ()
    optional: bool = False
    unique: bool = False
    default: str | None = None

    def __str__(self) -> str:
        argument = f"({'|'.join(self.arguments)})" if self.arguments else ""
        flags = ":unique" if self.unique else ""
        default = "" if self.default is None else f"={self.default}"
        return f"{self.name}:{self.kind}{argument}{flags}{'?' if self.optional else ''}{default}"

    @property
    def about(self) -> Kind:
        """What its kind means."""
        return KINDS[self.kind]


def parse_specs(texts: Iterable[str]) -> list[FieldSpec]:
    """Return fields in their order. Raises ``FieldSpecInvalid``, also for a name that comes twice, and ``NameRefused``."""
    found: dict[str, FieldSpec] = {}
    for text in texts:
        spec = parse_spec(text)
        if spec.name in found:
            raise _wrong(
                text, f"there is a field {spec.name!r} already", "each name once", "Rename one of them."
            )
        found[spec.name] = spec
    if not found:
        raise FieldSpecInvalid(
            "A resource needs fields.",
            expected=_EXPECTED,
            got="none",
            fix="vivace make resource Post title:str body:text",
        )
    return list(found.values())


def parse_spec(text: str) -> FieldSpec:
    """Return what a text says of a field. Raises ``FieldSpecInvalid`` and ``NameRefused``."""
    head, equals, default = text.partition("=")
    name, colon, rest = head.partition(":")
    if not colon:
        raise _wrong(text, "it has no kind", _EXPECTED, f"Write {text[:40]}:str, or another kind.")
    check_field_name(name, text)
    optional = rest.endswith("?")
    first, *more = rest.removesuffix("?").split(":")
    kind, argument, early = _kind(first, text)
    if argument is None and more and KINDS[kind].argument is not Argument.NONE and more[0] not in _FLAGS:
        argument = more.pop(0)
    spec = FieldSpec(
        name,
        kind,
        _arguments(kind, argument, text),
        optional or early,
        _is_unique(more, text),
        default if equals else None,
    )
    _check(spec, text)
    return spec


def _kind(text: str, spec: str) -> tuple[str, str | None, bool]:
    match = _KIND.fullmatch(text)
    kind = match["kind"] if match else text
    if match is None or kind not in KINDS:
        fix = nearest(kind, KINDS) or _other_names(kind)
        raise _wrong(spec, f"there is no kind {kind[:_SHOWN]!r}", ", ".join(KINDS), fix)
    return kind, match["argument"], bool(match["optional"])


_OTHERS: Final[Mapping[str, str]] = {
    "string": "str", "char": "str", "varchar": "str", "integer": "int", "number": "int", "boolean": "bool",
    "money": "decimal", "timestamp": "datetime", "foreignkey": "fk", "references": "fk", "enum": "choice",
    "image": "file", "object": "json", "link": "url", "many": "m2m", "real": "float",
}  # fmt: skip


def _other_names(kind: str) -> str:
    known = _OTHERS.get(kind.lower())
    return f"Here it is called {known!r}." if known else "vivace make resource --help lists them."


def _arguments(kind: str, argument: str | None, spec: str) -> tuple[str, ...]:
    wanted = KINDS[kind].argument
    given = () if argument is None else tuple(part.strip() for part in re.split(r"[|,]", argument))
    problem = wanted.problem(given)
    if problem:
        raise _wrong(spec, problem, wanted.value.format(kind=kind), wanted.example(kind))
    return given


def _is_unique(flags: list[str], spec: str) -> bool:
    for flag in flags:
        if flag not in _FLAGS:
            fix = nearest(flag, [*_FLAGS, *KINDS]) or "Leave it out."
            raise _wrong(spec, f"{flag[:_SHOWN]!r} says nothing of a field", "unique, or nothing", fix)
    return bool(flags)


def _check(spec: FieldSpec, text: str) -> None:
    """Refuse what a kind cannot be."""
    about = spec.about
    if spec.optional and not about.may_be_empty:
        raise _wrong(text, f"a {spec.kind} is never empty", "no ?", f"Write {spec.name}:{spec.kind}.")
    if spec.unique and not about.may_be_unique:
        raise _wrong(text, f"a {spec.kind} cannot be unique", "no unique", "Leave it out.")
    if spec.default is None:
        return
    if about.literal is None:
        raise _wrong(
            text,
            f"a {spec.kind} has no default here",
            "no =",
            "Leave it out, and write the default into the model.",
        )
    try:
        about.literal(spec.default, spec.arguments)
    except ValueError as error:
        raise _wrong(text, f"its default {spec.default[:_SHOWN]!r} does not fit", str(error), "") from error


def _wrong(spec: str, what: str, expected: str, fix: str) -> FieldSpecInvalid:
    return FieldSpecInvalid(
        f"The field {spec[:_SHOWN]!r} cannot be made: {what}.",
        expected=expected,
        got=spec[:_SHOWN] or "nothing",
        fix=fix,
    )


__all__ = ["FieldSpec", "parse_spec", "parse_specs"]
