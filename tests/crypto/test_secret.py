"""A ``Secret`` stays out of every text and every serialisation."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback

import msgspec
import pytest

from vivace.crypto import Secret
from vivace.errors import SecretExposed

VALUE = "swordfish-4711"


@dataclasses.dataclass(frozen=True)
class Holder:
    """What settings look like."""

    key: Secret[str]


def test_sc13_secret_is_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(VALUE)
    logging.getLogger("x").warning("%s %r %s", secret, [secret], Holder(secret))
    texts = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031
        caplog.text,
    ]
    texts += [repr({"k": secret}), str(Holder(secret)), repr(dataclasses.asdict(Holder(secret)))]
    assert not [text for text in texts if VALUE in text]
    assert repr(Secret("a")) == repr(Secret("a" * 99))


def test_sc13_secret_is_not_in_locals_of_a_traceback() -> None:
    def fail(secret: Secret[str]) -> None:
        raise ValueError(repr(secret))

    with pytest.raises(ValueError) as caught:
        fail(Secret(VALUE))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "secret = Secret(********)" in shown


def test_sc13_secret_is_not_serialised() -> None:
    secret = Secret(VALUE)
    with pytest.raises(TypeError):
        json.dumps({"k": secret})
    for encode in (msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins):
        with pytest.raises(TypeError):
            encode(Holder(secret))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(SecretExposed, match="reveal"):
            pickle.dumps(secret, protocol)
    with pytest.raises(SecretExposed):
        secret.__getstate__()
    assert not hasattr(secret, "__dict__")


def test_reveal_is_the_way_in() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert copy.deepcopy(Holder(Secret(VALUE))).key.reveal() == VALUE


def test_equality_and_hash_agree_with_the_value() -> None:
    assert Secret("é") == Secret("é") == "é"
    assert Secret("a") != Secret("b")
    assert Secret("a") != "b"
    assert Secret(b"a") != Secret("a")
    assert Secret(7) == 7
    assert Secret(True) != 1
    assert hash(Secret("a")) == hash("a")
    assert not Secret("")
    assert Secret("x")
