"""Passwords that everybody tries first, told by rule: a list of bare words, and what people do to words.

Lists of leaked passwords are other people's compilations, so none is copied here. Instead the shape of such lists is
written down: nearly all of their entries are a word of a small set (``words.txt``: names, places, teams, animals, endearments and
curses, written for this purpose), a walk over the keyboard, a sequence, a repetition, a date, or one of these turned
around, interleaved, with digits and signs about it, or with letters replaced by the digits that look like them.
``is_common`` undoes that and looks at what is left, so ``P4ssw0rd!2024`` is ``password``. How much of a published list it
tells is measured in the tests.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

MAX_LENGTH: Final = 64  # beyond it nothing is common
MIN_WORD: Final = 3  # a shorter rest than this tells nothing

_ROWS: Final = (
    "`1234567890-=",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiop",
    "azertyuiop",
    "yxcvbnm",
)
_COLUMNS: Final = "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"
_SLANTS: Final = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "zaq1", "xsw2", "cde3", "vfr4")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "01234567890123456789"
_PAD: Final = (
    "789456123",
    "147258369",
    "963852741",
    "741852963",
    "159753",
    "159357",
    "456123",
    "123654",
    "321654",
    "987654",
)

# Letters that digits and signs stand for; "1" is tried as i and as l.
_LOOKALIKES: Final = (
    str.maketrans("0134578@$!|+(", "oieastbasiitc"),
    str.maketrans("0134578@$!|+(", "oleastbaslltc"),
)
_LONGEST: Final = len(_COLUMNS)
_AROUND: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_STRAY: Final = 2  # letters before or after a walk: a123456789


@lru_cache(maxsize=1)
def words() -> frozenset[str]:
    """Return the words; read when a password is first judged."""
    return frozenset(Path(__file__).with_name("words.txt").read_text("ascii").split())


def is_common(password: str) -> bool:
    """Say whether this is one of the passwords that are tried first, however it is decorated."""
    if len(password) > MAX_LENGTH:
        return False
    lowered = password.lower().strip()
    bare = _AROUND.sub("", lowered)
    return any(
        _is_plain(form)
        for form in {
            lowered,
            *(lowered.translate(table) for table in _LOOKALIKES),
            *(bare.translate(table) for table in _LOOKALIKES),
        }
    )


def _is_plain(text: str) -> bool:
    bare = _AROUND.sub("", text)
    if len(bare) < MIN_WORD and _is_digits_and_signs(text):
        return True
    return (
        _is_word(bare)
        or _is_word(bare[::-1])
        or any(_is_pattern(each) for each in (text, bare, *_trimmed(text)))
    )


def _trimmed(text: str) -> list[str]:
    """Return the text without one or two letters before or after a number."""
    cut = [text[size:] for size in range(1, _STRAY + 1) if text[:size].isalpha() and text[size:].isdigit()]
    return cut + [
        text[:-size] for size in range(1, _STRAY + 1) if text[-size:].isalpha() and text[:-size].isdigit()
    ]


def _is_word(text: str) -> bool:
    """A word, perhaps with a plural's s, or two words."""
    known = words()
    if text in known or text.removesuffix("s") in known:
        return True
    return any(
        text[:cut] in known and text[cut:] in known for cut in range(MIN_WORD, len(text) - MIN_WORD + 1)
    )


def _is_pattern(text: str) -> bool:
    """A repetition, or walks over keyboard, alphabet or digits: one after another, or two interleaved (1q2w3e4r)."""
    if len(text) < MIN_WORD:
        return False
    woven = len(text) >= 2 * MIN_WORD and _walks(text[::2], 2) and _walks(text[1::2], 2)
    return _repeats(text) or _walks(text, 2 if len(text) >= 2 * MIN_WORD else MIN_WORD) or woven


def _repeats(text: str) -> bool:
    """The same once more: aaaa, abab, 123123; the last time it may break off."""
    return any(
        (text[:size] * (len(text) // size + 1))[: len(text)] == text
        for size in range(1, min(len(text) // 2, 6) + 1)
    )


def _walks(text: str, least: int) -> bool:
    """Nothing but pieces of at least so many neighbours, or of the same character."""
    rest = text
    while rest:
        step = next(
            (size for size in range(min(len(rest), _LONGEST), least - 1, -1) if rest[:size] in _runs(size)), 0
        )
        same = len(rest) - len(rest.lstrip(rest[0]))
        if max(step, same) < least:
            return False
        rest = rest[max(step, same) :]
    return True


@lru_cache(maxsize=64)
def _runs(size: int) -> frozenset[str]:
    lines = (*_ROWS, _COLUMNS, *_SLANTS, _ALPHABET, _DIGITS, *_PAD)
    both = [line for each in lines for line in (each, each[::-1])]
    return frozenset(line[at : at + size] for line in both for at in range(len(line) - size + 1))


def _is_digits_and_signs(text: str) -> bool:
    """Digits alone, or a date with signs in it: eight characters that have as little to guess as four."""
    digits = re.sub(r"[.\-/ _]", "", text)
    return digits.isdigit() and len(digits) <= 10


__all__ = ["is_common"]
