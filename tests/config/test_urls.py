"""URLs that configure something."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from vivace.config.urls import URLReader
from vivace.errors import DatabaseURLInvalid

READER: Final = URLReader("thing", "thing://host", DatabaseURLInvalid)


class Options(msgspec.Struct):
    """What a URL may set."""

    size: int = 0
    loud: bool = False
    share: float | None = None


def test_the_parts_of_an_address() -> None:
    parts = READER.split("thing://ann:p%40%3A%2F@[::1]:80/na%20me?x=1")
    assert READER.address(parts) == {
        "host": "::1",
        "port": 80,
        "user": "ann",
        "password": "p@:/",
        "database": "na me",
    }
    assert READER.address(READER.split("thing://")) == {}


def test_options_have_the_types_of_their_fields() -> None:
    assert READER.options("size=3&loud=true&share=0.5", Options) == {"size": 3, "loud": True, "share": 0.5}
    assert READER.options("", Options) == {}
    with pytest.raises(DatabaseURLInvalid, match="Did you mean 'size'") as caught:
        READER.options("siez=3", Options)
    assert "A thing URL has the unknown option 'siez'" in str(caught.value)
    with pytest.raises(DatabaseURLInvalid, match="'size' of a thing URL has a wrong value"):
        READER.options("size=large", Options)


def test_schemes() -> None:
    known = {"thing": 1, "file": 2}
    assert READER.scheme("THING://host", known) == "thing"
    assert READER.scheme("file:name", known, bare="file") == "file"
    with pytest.raises(DatabaseURLInvalid, match="Did you mean 'thing'"):
        READER.scheme("thingy://host", known)
    for secret in ("pa:ss", "file:name", "password"):
        with pytest.raises(DatabaseURLInvalid, match="no scheme with ://") as caught:
            READER.scheme(secret, known)
        assert secret not in str(caught.value)


def test_a_password_that_was_not_encoded_is_not_shown() -> None:
    with pytest.raises(DatabaseURLInvalid, match="its host or port is none") as caught:
        READER.split("thing://ann:se/cret@host:port")
    assert "cret" not in str(caught.value)
