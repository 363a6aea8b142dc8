"""Signed tokens: fixed vectors of the documented construction, rotation, age, and every way of tampering."""

from __future__ import annotations

import hashlib
import hmac
import string
from base64 import urlsafe_b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.crypto import Secret, Signer
from vivace.crypto.tokens import Mac
from vivace.errors import BadSignature, InvalidKey, SignatureExpired

NOW = 1_700_000_000.5
VECTOR = "aGVsbG8.AYvP5Wn0.Dl5RwyZdzwEP3_AcQiQnO13eL4DXnhbn-OG8F9g1t_g"


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_sc10_what_is_hashed_once_is_hmac(key: bytes, message: bytes) -> None:
    mac = Mac(key)
    assert mac.digest(message) == mac.digest(message) == hmac.digest(key, message, "sha256")


def at(now: float) -> Signer:
    return Signer(["key"], "test", clock=lambda: now)


def by_hand(key: bytes, salt: bytes, value: bytes, milliseconds: int) -> str:
    """Make a token from the documentation alone."""

    def b64(raw: bytes) -> bytes:
        return urlsafe_b64encode(raw).replace(b"=", b"")

    derived = hmac.new(key, b"vivace.sign.1\x00" + salt, hashlib.sha256).digest()
    body = b64(value) + b"." + b64(milliseconds.to_bytes(6, "big"))
    return (body + b"." + b64(hmac.new(derived, body, hashlib.sha256).digest())).decode()


def test_sc10_token_is_the_fixed_vector() -> None:
    assert at(NOW).sign("hello") == VECTOR
    assert at(NOW).unsign(VECTOR) == b"hello"


@given(st.text(min_size=1), st.text(), st.binary(), st.integers(0, 2**47))
def test_sc10_token_is_the_documented_construction(key: str, salt: str, value: bytes, ms: int) -> None:
    try:
        raw_key, raw_salt = key.encode(), salt.encode()
    except UnicodeEncodeError:
        return
    signer = Signer([key], salt, clock=lambda: ms // 1000)
    assert signer.sign(value) == by_hand(raw_key, raw_salt, value, ms // 1000 * 1000)
    assert signer.unsign(signer.sign(value)) == value


def test_token_needs_no_quoting_in_url_or_cookie() -> None:
    token = at(NOW).sign(bytes(range(256)))
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_sc10_rotation_first_key_signs_and_all_verify() -> None:
    old = Signer(["old"], "s").sign("x")
    rotated = Signer(["new", "old"], "s")
    assert rotated.unsign(old) == b"x"
    assert Signer(["new"], "s").unsign(rotated.sign("x")) == b"x"
    with pytest.raises(BadSignature):
        Signer(["new"], "s").unsign(old)


def test_another_salt_does_not_verify() -> None:
    token = Signer(["key"], "password-reset").sign("1")
    with pytest.raises(BadSignature):
        Signer(["key"], "session").unsign(token)


@given(st.data())
def test_no_changed_token_verifies(data: st.DataObject) -> None:
    token = at(NOW).sign("hello world")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(exclude_characters=token[place]))
    with pytest.raises(BadSignature):
        at(NOW).unsign(token[:place] + other + token[place + 1 :])


@given(st.text() | st.binary())
def test_no_foreign_text_verifies(text: str | bytes) -> None:
    with pytest.raises(BadSignature):
        at(NOW).unsign(text)


@pytest.mark.parametrize(
    ("later", "valid"), [(0, True), (60, True), (60.1, False), (-299, True), (-301, False)]
)
def test_age_is_checked_against_the_clock(later: float, valid: bool) -> None:
    token = at(NOW).sign("x")
    if valid:
        assert at(NOW + later).unsign(token, max_age=60) == b"x"
    else:
        with pytest.raises(SignatureExpired, match="at most 60 seconds old"):
            at(NOW + later).unsign(token, max_age=60)
    assert at(NOW + later).unsign(token) == b"x"


def test_objects_are_json_with_a_type() -> None:
    signer = at(NOW)
    token = signer.sign_object({"user": 7, "roles": ["a"]})
    assert signer.unsign_object(token) == {"user": 7, "roles": ["a"]}
    assert signer.unsign(token) == msgspec.json.encode({"user": 7, "roles": ["a"]})
    with pytest.raises(BadSignature):
        signer.unsign_object(token, list[int])
    assert signer.unsign_object(signer.sign_object([1, 2]), list[int], max_age=5) == [1, 2]


@pytest.mark.parametrize("keys", [[], [""], ["good", b""], [Secret("")], "text", b"bytes"])
def test_missing_and_empty_keys_are_refused(keys: list[str]) -> None:
    with pytest.raises(InvalidKey):
        Signer(keys, "s")


def test_keys_may_be_text_bytes_or_secrets() -> None:
    token = Signer(["key"], "s").sign("x")
    for key in (b"key", Secret("key"), Secret(b"key")):
        assert Signer([key], "s").unsign(token) == b"x"
