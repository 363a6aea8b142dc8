"""Which passwords are good enough, and what people are told."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.auth import (
    MinimumLength,
    NotCommon,
    NotNumeric,
    NotSimilar,
    password_help_texts,
    validate_password,
)
from vivace.auth.passwords.common import is_common
from vivace.auth.passwords.rules import usual_rules
from vivace.errors import ValidationError


class Somebody:
    email = "ann.lee@example.com"
    name = "Ann Leeward"


async def wrong(password: str, *rules: Any) -> list[str]:
    """Return the codes of what is wrong."""
    try:
        await validate_password(password, Somebody(), rules or usual_rules(8))
    except ValidationError as error:
        return [str(each.given_code) for each in error.error_list]
    return []


async def test_au3_everything_that_is_wrong_is_told_at_once() -> None:
    assert await wrong("12345") == ["password_too_short", "password_too_common", "password_entirely_numeric"]
    assert await wrong("annleeward") == ["password_too_similar"]
    assert await wrong("example.com") == ["password_too_similar"]
    assert await wrong("violet anchor 7") == []
    assert await wrong("violet anchor 7" * 1000) == ["password_too_long"]


async def test_au3_messages_and_help() -> None:
    with pytest.raises(ValidationError) as caught:
        await validate_password("short", None, [MinimumLength(12)])
    assert caught.value.messages == ["This password is too short. It must contain at least 12 characters."]
    assert password_help_texts([MinimumLength(12), NotNumeric()]) == [
        "Your password must contain at least 12 characters.",
        "Your password can't be entirely numeric.",
    ]


async def test_au3_a_rule_of_ones_own_may_be_async() -> None:
    class NotBreached:
        async def validate(self, password: str, user: Any = None) -> None:
            if password == "breached":
                raise ValidationError("It is in a leak.", code="breached")

        def help_text(self) -> str:
            return "Not in a leak."

    assert await wrong("breached", NotBreached()) == ["breached"]
    assert await wrong("something", NotBreached()) == []


@pytest.mark.parametrize(
    "password",
    ["password", "Passw0rd!", "P@ssword2024", "qwertyuiop", "1q2w3e4r5t", "abcdefgh", "aaaaaaaa", "abcabcabc", "iloveyou1",
     "monkey123", "letmein!", "dragon99", "1qaz2wsx", "zaq12wsx", "12/24/1999", "trustno1", "football7", "adminadmin"],
)  # fmt: skip
def test_au3_common_passwords_are_known_however_they_are_decorated(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "violet anchor 7", "xK9#mQ2$vL", "my dog ate 14 cakes", "gr8 t1mes ah3ad!", "j7RtPq02"],
)  # fmt: skip
def test_au3_others_are_not(password: str) -> None:
    assert not is_common(password)


def test_au3_most_of_a_published_list_is_told_by_rule() -> None:
    """Django ships twenty thousand; of those that are long enough to be allowed at all, so many are refused."""
    django = pytest.importorskip("django")
    path = Path(django.__file__).parent / "contrib/auth/common-passwords.txt.gz"
    words = [word for word in gzip.decompress(path.read_bytes()).decode().split("\n") if word]
    first = [word for word in words if len(word) >= 8][:1000]
    refused = sum(is_common(word) for word in first)
    assert refused >= 800, refused


@given(st.text(max_size=200))
def test_au3_any_text_is_judged(password: str) -> None:
    for rule in (NotCommon(), NotNumeric(), MinimumLength(), NotSimilar()):
        with contextlib.suppress(ValidationError):
            rule.validate(password, Somebody())
    assert is_common(password) in (True, False)
