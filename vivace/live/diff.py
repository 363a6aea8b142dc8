"""What changed between two versions of a region's source, as splices of the old text.

Theory. A region changes little at a time: an item is added, a number counts up. The texts are cut into tags and what
stands between them; equal tokens at both ends are left out, which mostly leaves very little. The rest is divided at
tokens that occur once in both (patience: the lines of a list find each other even where many are alike), and small rests
are compared token by token. In the end, pairs of old and new text lose what they begin and end with in common: of a
counter only the digit travels. Time is bounded: what is left over after the anchors is replaced as a whole.

``splices(old, new)`` → ``[(start, deleted, text), …]``, ascending, in UTF-16 units, all counted in the old text: that is
how JavaScript counts. ``apply(old, splices)`` is the other direction, for clients in Python and for tests.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple, TypeAlias

_TOKENS: Final = re.compile(r"<[^>]*>|[^<]+|<")
_SMALL: Final = 64  # tokens on each side that are compared one by one: 64 × 64 steps are below a millisecond
_CLOSE: Final = 8  # characters between two changes for which it is cheaper to send them as well


class Splice(NamedTuple):
    """Put ``text`` in place of ``deleted`` units at ``start`` of the old text."""

    start: int
    deleted: int
    text: str


def splices(old: str, new: str) -> list[Splice]:
    """Return what turns ``old`` into ``new``; nothing when they are equal."""
    if old == new:
        return []
    found = [_trimmed(old, *change) for change in _merged(old, _changes(old, new))]
    return found if old.isascii() or max(old) <= "\uffff" else _in_utf16(old, found)


def apply(old: str, changes: Sequence[Sequence[Any]]) -> str:
    """Return the new text."""
    units = old.encode("utf-16-le", "surrogatepass")
    for start, deleted, text in reversed([Splice(*change) for change in changes]):
        inserted = text.encode("utf-16-le", "surrogatepass")
        units = units[: 2 * start] + inserted + units[2 * (start + deleted) :]
    return units.decode("utf-16-le", "surrogatepass")


class _Change(NamedTuple):
    start: int  # characters of the old text
    end: int
    text: str


def _changes(old: str, new: str) -> Iterator[_Change]:
    before, after = _TOKENS.findall(old), _TOKENS.findall(new)
    starts = [0]
    for token in before:
        starts.append(starts[-1] + len(token))
    for low, high, left, right in _differing(before, after):
        yield _Change(starts[low], starts[high], "".join(after[left:right]))


_Span: TypeAlias = tuple[int, int, int, int]
"""From and to of the old tokens, from and to of the new ones."""


def _differing(before: Sequence[str], after: Sequence[str]) -> Iterator[_Span]:
    """Yield what differs, ascending."""
    work = [(0, len(before), 0, len(after))]
    while work:
        low, high, left, right = work.pop()
        while low < high and left < right and before[low] == after[left]:
            low, left = low + 1, left + 1
        while low < high and left < right and before[high - 1] == after[right - 1]:
            high, right = high - 1, right - 1
        if low == high and left == right:
            continue
        if low < high and left < right:
            if high - low <= _SMALL and right - left <= _SMALL:
                yield from _compared(before, after, (low, high, left, right))
                continue
            pieces = _divided(before, after, (low, high, left, right))
            if len(pieces) > 1:
                work.extend(reversed(pieces))
                continue
        yield low, high, left, right


def _compared(before: Sequence[str], after: Sequence[str], span: _Span) -> Iterator[_Span]:
    """Yield what differs in a small span, token by token."""
    low, high, left, right = span
    matcher = SequenceMatcher(None, before[low:high], after[left:right], autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            yield low + i, low + j, left + k, left + m


def _divided(before: Sequence[str], after: Sequence[str], span: _Span) -> list[_Span]:
    """Return what is between the anchors of a span; the span itself where there are none."""
    low, high, left, right = span
    pieces: list[_Span] = []
    for one, other in _anchors(before[low:high], after[left:right]):
        pieces.append((low, span[0] + one, left, span[2] + other))
        low, left = span[0] + one + 1, span[2] + other + 1
    return [*pieces, (low, high, left, right)]


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of places with the same token that occurs once on each side, ascending on both."""
    once, other = Counter(before), Counter(after)
    places = {token: at for at, token in enumerate(after) if other[token] == 1}
    pairs = [(at, places[token]) for at, token in enumerate(before) if once[token] == 1 and token in places]
    return _longest_ascending(pairs)


def _longest_ascending(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of pairs whose second values ascend (patience sorting)."""
    tops: list[int] = []
    ends: list[int] = []
    links: list[int] = []
    for index, (_, value) in enumerate(pairs):
        at = bisect_left(tops, value)
        links.append(ends[at - 1] if at else -1)
        if at == len(tops):
            tops.append(value)
            ends.append(index)
        else:
            tops[at], ends[at] = value, index
    found: list[tuple[int, int]] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        found.append(pairs[index])
        index = links[index]
    return found[::-1]


def _merged(old: str, changes: Iterator[_Change]) -> list[_Change]:
    """Return the changes, of which those that are close together are one."""
    found: list[_Change] = []
    for change in changes:
        if found and change.start - found[-1].end <= _CLOSE:
            last = found.pop()
            between = old[last.end : change.start]
            change = _Change(last.start, change.end, last.text + between + change.text)
        found.append(change)
    return found


def _trimmed(old: str, start: int, end: int, text: str) -> Splice:
    """Return a change without what its old and its new text begin and end with in common."""
    gone = old[start:end]
    most = min(len(gone), len(text))
    head = 0
    while head < most and gone[head] == text[head]:
        head += 1
    tail = 0
    while tail < most - head and gone[-1 - tail] == text[-1 - tail]:
        tail += 1
    return Splice(start + head, len(gone) - head - tail, text[head : len(text) - tail])


def _in_utf16(old: str, found: Sequence[Splice]) -> list[Splice]:
    """Return splices whose places are counted in UTF-16 units."""
    changed: list[Splice] = []
    at = units = 0
    for start, deleted, text in found:
        units += _units(old[at:start])
        length = _units(old[start : start + deleted])
        changed.append(Splice(units, length, text))
        units, at = units + length, start + deleted
    return changed


def _units(text: str) -> int:
    return len(text) + sum(1 for character in text if character > "\uffff")


__all__ = ["Splice", "apply", "splices"]
