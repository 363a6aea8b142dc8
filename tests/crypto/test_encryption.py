"""Encrypted tokens: round trip, the documented construction, rotation, age, tampering, the missing extra."""

from __future__ import annotations

import hashlib
import hmac
import sys
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st

from vivace.crypto import Encryptor
from vivace.errors import BadSignature, MissingExtra, SignatureExpired

NOW = 1_700_000_000.0


def at(now: float) -> Encryptor:
    return Encryptor(["key"], "test", clock=lambda: now)


@given(st.binary())
def test_round_trip(value: bytes) -> None:
    assert at(NOW).decrypt(at(NOW).encrypt(value)) == value


def test_token_is_the_documented_construction() -> None:
    token = at(NOW).encrypt("hello")
    sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    key = hmac.new(b"key", b"vivace.encrypt.1\x00test", hashlib.sha256).digest()
    once = hmac.new(key, sealed[:12], hashlib.sha256).digest()
    assert AESGCM(once).decrypt(sealed[12:24], sealed[30:], sealed[:30]) == b"hello"
    assert int.from_bytes(sealed[24:30], "big") == NOW * 1000


def test_same_value_never_gives_the_same_token() -> None:
    assert at(NOW).encrypt("x") != at(NOW).encrypt("x")


def test_sc10_rotation_first_key_encrypts_and_all_decrypt() -> None:
    old = Encryptor(["old"], "s").encrypt("x")
    rotated = Encryptor(["new", "old"], "s")
    assert rotated.decrypt(old) == b"x"
    assert Encryptor(["new"], "s").decrypt(rotated.encrypt("x")) == b"x"
    with pytest.raises(BadSignature):
        Encryptor(["new"], "s").decrypt(old)
    with pytest.raises(BadSignature):
        Encryptor(["old"], "other").decrypt(old)


TOKEN = at(NOW).encrypt("hello world!!")


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_no_changed_token_decrypts(place: int, other: str) -> None:
    changed = TOKEN[:place] + other + TOKEN[place + 1 :]
    assume(changed != TOKEN)
    with pytest.raises(BadSignature):
        at(NOW).decrypt(changed)


@given(st.text() | st.binary())
def test_no_foreign_text_decrypts(text: str | bytes) -> None:
    with pytest.raises(BadSignature):
        at(NOW).decrypt(text)


def test_age_is_checked_against_the_clock() -> None:
    token = at(NOW).encrypt("x")
    assert at(NOW + 60).decrypt(token, max_age=60) == b"x"
    with pytest.raises(SignatureExpired):
        at(NOW + 61).decrypt(token, max_age=60)


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(MissingExtra, match=r"vivace\[encryption\]"):
        at(NOW).encrypt("x")
