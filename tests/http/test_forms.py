"""Url-encoded forms: strict reading, limits, and the form as a value."""

from __future__ import annotations

from copy import copy
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.config.settings import Limits
from vivace.errors import BadRequest, ContentTooLarge, FormFieldMissing, UnsupportedMediaType
from vivace.http.bodies import Bodies
from vivace.http.forms import FormData, parse_urlencoded

from .bodies import post

FORM = "application/x-www-form-urlencoded"


async def test_form_has_all_values_and_the_last_by_name() -> None:
    request = post([b"a=1&b=x+y%26", b"&a=2&&empty"], FORM)
    form = await request.form()
    assert (form["a"], form.getlist("a"), form["b"], form["empty"]) == ("2", ["1", "2"], "x y&", "")
    assert await request.form() is form
    assert form.fields.urlencode() == "a=1&a=2&b=x+y%26&empty="
    assert len(form.files) == 0


@given(st.lists(st.tuples(st.text(), st.text())))
def test_every_encoded_form_reads_back(pairs: list[tuple[str, str]]) -> None:
    # A pair that encodes to "=" is there; an encoder never writes an empty piece for it.
    assert parse_urlencoded(urlencode(pairs).encode(), 10_000) == pairs


@given(st.binary(), st.integers(0, 5))
def test_no_bytes_raise_anything_but_client_errors(body: bytes, most: int) -> None:
    try:
        pairs = parse_urlencoded(body, most)
    except (BadRequest, ContentTooLarge):
        return
    assert len(pairs) <= most


@pytest.mark.parametrize("body", [b"a=%", b"a=%4", b"%zz=1", b"a=%ff", b"a=\xff", b"\xc3=1", b"a=%ED%A0%80"])
async def test_rq3_bad_percent_and_bad_utf8_are_400(body: bytes) -> None:
    with pytest.raises(BadRequest):
        await post(body, FORM).form()


async def test_utf8_is_read_raw_and_percent_encoded() -> None:
    assert (await post("é=%C3%A9".encode(), FORM).form()).pairs() == [("é", "é")]


async def test_rq3_missing_field_is_an_error_of_who_sent_the_form() -> None:
    form = await post(b"a=1", FORM).form()
    with pytest.raises(FormFieldMissing, match="'name'") as raised:
        form["name"]
    assert isinstance(raised.value, KeyError)
    assert raised.value.status == 422
    assert [(each.place, each.pointer, each.code) for each in raised.value.problems] == [
        ("form", "/name", "required")
    ]
    assert form.get("name") is None
    assert ("name" in form, "a" in form) == (False, True)
    assert str(copy(raised.value)) == str(raised.value)


@pytest.mark.parametrize(("fields", "valid"), [(1000, True), (1001, False)])
async def test_rq4_number_of_fields_is_limited(fields: int, valid: bool) -> None:
    request = post(b"&".join([b"a=1"] * fields), FORM)
    if valid:
        assert len((await request.form()).getlist("a")) == fields
    else:
        with pytest.raises(ContentTooLarge, match="at most 1000 fields"):
            await request.form()


async def test_rq4_empty_pieces_count_towards_the_work_not_the_fields() -> None:
    bodies = Bodies(Limits(form_fields=2))
    with pytest.raises(ContentTooLarge):
        await post(b"a=1&b=2&c=3", FORM, bodies=bodies).form()
    with pytest.raises(ContentTooLarge):
        await post(b"a=1&b=2" + b"&" * 100, FORM, bodies=bodies).form()
    assert len(await post(b"a=1&b=2", FORM, bodies=bodies).form()) == 2


async def test_rq4_size_is_limited_before_anything_is_read() -> None:
    request = post([b"a=1"], FORM, content_length="9999")
    request.body_limit = 100
    with pytest.raises(ContentTooLarge):
        await request.form()


async def test_media_types() -> None:
    assert await post(b"").form() == FormData()
    for content_type in ("", "application/json", "text/plain", "multipart/mixed; boundary=x"):
        with pytest.raises(UnsupportedMediaType):
            await post(b"a=1", content_type).form()
    with pytest.raises(UnsupportedMediaType):
        await post(b"a=1", f"{FORM}; charset=utf-16").form()
    assert (await post(b"a=1", f"{FORM}; charset=utf-8").form())["a"] == "1"
