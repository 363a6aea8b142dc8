"""Regular expressions in paths, and the check that none of them can be made to run for ever.

Python's ``re`` backtracks, so a pattern such as ``(a+)+`` takes time exponential in the length of what a stranger
sends. Checked once, when the pattern is read; what passes is at worst quadratic in ``MAX_INPUT`` characters.

Rules, on the parse tree that ``re`` itself makes. *Variable* is what can match in more than one way: a repeat whose
bounds differ, or a choice of branches.

1. No variable repeat inside a repeat (``(a+)+``), unless the body of the outer one starts or ends with one character
   that nothing else in it can match: ``[a-z]+(?:-[a-z]+)*`` has one way to match, and passes.
2. Branches inside a repeat start with different characters: ``(?:a|ab)*`` is refused.
3. Variable parts of one sequence that can match the same characters multiply their ways; the product is bounded:
   ``.*-.*`` passes, ``.*.*.*`` and ``a?a?a?…`` do not. Inside a repeat no two of them may share a character.
4. What is repeated is never empty: ``(a?)?`` has two ways to match nothing.
5. Back references, look-around, conditions and named groups are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from math import prod
from typing import Any

from vivace.errors.routing import BadPattern

MAX_PATTERN = 200  # characters of a regex: what is longer belongs into a converter
MAX_INPUT = 255  # characters of a segment that a regex is tried on; Fastify's maxParamLength is 100
MAX_WAYS = (MAX_INPUT + 1) ** 2  # two free repeats: quadratic, at most 65,536 steps
OTHER = 128  # stands for every character beyond ASCII

_parser: Any = import_module("re._parser")
_ALL = frozenset(range(OTHER + 1))
_NOTHING: frozenset[int] = frozenset()
_REFUSED = {
    "ASSERT": "look-around",
    "ASSERT_NOT": "look-around",
    "GROUPREF": "a back reference",
    "GROUPREF_EXISTS": "a condition",
}
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


def compile_regex(text: str) -> re.Pattern[str]:
    """Return ``text`` compiled; raises ``BadPattern`` when it is malformed, too long or could backtrack too much."""
    if len(text) > MAX_PATTERN:
        raise _bad(text, f"it has {len(text)} characters", f"at most {MAX_PATTERN} characters")
    try:
        tree = _parser.parse(text)
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise _bad(
            text, f"it is malformed: {error}", "a regular expression as Python's re reads it"
        ) from error
    if compiled.groupindex:
        raise _bad(text, "it names groups", "no named groups: the parameter has a name already")
    _lint(list(tree), text)
    return compiled


def matcher_of(text: str) -> Callable[[str], str]:
    """Return a function that gives back what the regex matches whole, and raises ``ValueError`` for the rest."""
    fullmatch = compile_regex(text).fullmatch

    def parse(value: str) -> str:
        if len(value) > MAX_INPUT or fullmatch(value) is None:
            raise ValueError(value)
        return value

    return parse


def _bad(text: str, why: str, expected: str) -> BadPattern:
    return BadPattern(
        f"The regular expression {text!r} cannot be used in a path: {why}.",
        expected=expected,
        got=text,
        fix="Write it simpler, or write a Converter whose parse function decides.",
    )


def _lint(items: list[Any], text: str, *, repeated: bool = False, open_ended: bool = False) -> None:
    """Walk one sequence of the tree; raises ``BadPattern`` at the first rule that is broken.

    ``repeated``: inside a repeat. ``open_ended``: inside one whose rounds nothing separates (rule 1).
    """
    items = list(_flat(items))
    _lint_neighbours(items, text, repeated=repeated)
    for operator, argument in items:
        name = str(operator)
        if name in _REFUSED:
            raise _bad(text, f"it has {_REFUSED[name]}", "characters, classes, groups, branches and repeats")
        if name == "BRANCH" and repeated and _overlap(_first(list(branch)) for branch in argument[1]):
            expected = "branches that differ in their first character"
            raise _bad(text, "branches inside a repeat start alike", expected)
        if open_ended and name in _REPEATS and argument[0] != argument[1]:
            raise _bad(text, "a repeat stands inside a repeat", "no nested repeats such as (a+)+")
        if name in _REPEATS and argument[0] != argument[1] and _may_be_empty(argument[2]):
            raise _bad(text, "it repeats what may be empty", "something to repeat, unlike (a?)?")
        loop = name in _REPEATS and int(argument[1]) > 1
        for child in _children(name, argument):
            separated = loop and _is_delimited(child)
            _lint(child, text, repeated=repeated or loop, open_ended=(open_ended or loop) and not separated)


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of a sequence with groups opened: ``(a?)(a?)`` is one sequence."""
    for item in items:
        name = str(item[0])
        if name in {"SUBPATTERN", "ATOMIC_GROUP"}:
            yield from _flat(item[1][3] if name == "SUBPATTERN" else item[1])
        else:
            yield item


def _lint_neighbours(items: list[Any], text: str, *, repeated: bool) -> None:
    """Rule 3 for one sequence."""
    groups = list(_rival_ways(items))
    if any(prod(ways) > MAX_WAYS or (repeated and len(ways) > 1) for ways in groups):
        raise _bad(text, "repeats compete for the same characters", "at most two such as .*-.*")


def _rival_ways(items: Iterable[Any]) -> Iterator[list[int]]:
    """Yield for each variable item its ways and those of all items that may match the same characters."""
    variable = [(_chars([item]), ways) for item in items if (ways := _ways(item)) > 1]
    for chars, _ in variable:
        yield [ways for other, ways in variable if chars & other]


def _sequence_ways(items: Iterable[Any]) -> int:
    return max((prod(ways) for ways in _rival_ways(list(_flat(items)))), default=1)


def _ways(item: Any) -> int:
    """Return in how many ways an item of a sequence may match, at most."""
    name, argument = str(item[0]), item[1]
    if name in _REPEATS:
        low, high = (min(int(bound), MAX_INPUT) for bound in argument[:2])
        inner = _sequence_ways(argument[2])
        if inner == 1:
            return high - low + 1
        return inner + 1 - low if high == 1 else max(inner, MAX_INPUT + 1)
    if name == "BRANCH":
        return sum(_sequence_ways(branch) for branch in argument[1])
    return 1


def _may_be_empty(items: Iterable[Any]) -> bool:
    """Return whether a sequence may match nothing."""
    for operator, argument in _flat(items):
        name = str(operator)
        if name in _REPEATS:
            empty = int(argument[0]) == 0 or _may_be_empty(argument[2])
        elif name == "BRANCH":
            empty = any(_may_be_empty(branch) for branch in argument[1])
        else:
            empty = name == "AT"
        if not empty:
            return False
    return True


def _is_delimited(body: list[Any]) -> bool:
    """Return whether the first or last item of a loop's body is one character found nowhere else in it (rule 1)."""
    body = list(_flat(body))
    ends = ((body[0], body[1:]), (body[-1], body[:-1])) if len(body) > 1 else ()
    return any(_is_single(end) and not _chars([end]) & _chars(rest) for end, rest in ends)


def _is_single(item: Any) -> bool:
    return str(item[0]) in {"LITERAL", "NOT_LITERAL", "IN", "ANY"}


def _children(name: str, argument: Any) -> Iterator[list[Any]]:
    """Yield the sequences inside a node of the tree."""
    if name in _REPEATS:
        yield list(argument[2])
    elif name == "SUBPATTERN":
        yield list(argument[3])
    elif name == "ATOMIC_GROUP":
        yield list(argument)
    elif name == "BRANCH":
        yield from (list(branch) for branch in argument[1])


def _overlap(sets: Iterable[frozenset[int]]) -> bool:
    seen: frozenset[int] = frozenset()
    for chars in sets:
        if seen & chars:
            return True
        seen |= chars
    return False


def _first(items: list[Any]) -> frozenset[int]:
    """Return the characters a sequence may start with; too many rather than too few."""
    if not items:
        return _ALL
    name, argument = str(items[0][0]), items[0][1]
    if name in _REPEATS and int(argument[0]) == 0:
        return _ALL
    children = list(_children(name, argument))
    return _NOTHING.union(*map(_first, children)) if children else _chars(items[:1])


def _chars(items: list[Any]) -> frozenset[int]:
    """Return every character that a sequence may match."""
    return _NOTHING.union(*(_node_chars(str(operator), argument) for operator, argument in items))


def _node_chars(name: str, argument: Any) -> frozenset[int]:
    if name == "LITERAL":
        return frozenset((min(argument, OTHER),))
    if name == "NOT_LITERAL":
        return _ALL - {argument}
    if name == "IN":
        return _class_chars(argument)
    if name == "AT":
        return frozenset()
    children = list(_children(name, argument))
    return _NOTHING.union(*map(_chars, children)) if children else _ALL


def _class_chars(members: list[Any]) -> frozenset[int]:
    found: set[int] = set()
    negated = False
    for operator, argument in members:
        name = str(operator)
        if name == "NEGATE":
            negated = True
        elif name == "RANGE":
            found.update(min(char, OTHER) for char in range(argument[0], min(argument[1], OTHER) + 1))
            found.update([OTHER] if argument[1] >= OTHER else [])
        elif name == "CATEGORY":
            found |= _category_chars(str(argument))
        else:
            found.add(min(argument, OTHER))
    if negated:  # a class that leaves out some characters beyond ASCII still matches others
        return (_ALL - found) | {OTHER}
    return frozenset(found)


@cache
def _category_chars(category: str) -> frozenset[int]:
    """Return the ASCII members of ``CATEGORY_DIGIT``, ``CATEGORY_NOT_WORD`` …; each has members beyond ASCII too."""
    kind = category.removeprefix("CATEGORY_").removeprefix("UNI_")
    negated = kind.startswith("NOT_")
    matches = re.compile(_CATEGORIES[kind.removeprefix("NOT_")]).match
    found = {char for char in range(OTHER) if (matches(chr(char)) is None) is negated}
    return frozenset(found | {OTHER})
