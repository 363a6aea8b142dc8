"""Mail addresses: what is one, and what would smuggle a second one or another header in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import InvalidMail
from vivace.mail.addresses import parse_address, parse_addresses


@pytest.mark.parametrize(
    ("text", "name", "spec"),
    [
        ("ada@example.com", "", "ada@example.com"),
        (" ada@example.com ", "", "ada@example.com"),
        ("Ada <ada@example.com>", "Ada", "ada@example.com"),
        ('"Lovelace, Ada" <ada+x@example.com>', "Lovelace, Ada", "ada+x@example.com"),
        ('"a\\"b" <a@b.c>', 'a"b', "a@b.c"),
        ("Ælfred <a@bücher.example>", "Ælfred", "a@xn--bcher-kva.example"),
        ("root@localhost", "", "root@localhost"),
        ("a@[127.0.0.1]", "", "a@[127.0.0.1]"),
        ("用户@example.com", "", "用户@example.com"),
    ],
)
def test_address_is_read(text: str, name: str, spec: str) -> None:
    address = parse_address(text)
    assert (address.name, address.spec) == (name, spec)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "a@b c",
            "a@-b.c",
            "a@b..c",
            ".a@b.c",
            "a.@b.c",
        ),
        *(
            "a@b.c, d@e.f",
            "a@b.c,d@e.f",
            "a@b.c;d@e.f",
            "<a@b.c> <d@e.f>",
            "Ada <a@b.c>, d@e.f",
            "a@b.c>",
            "a..b@c.d",
        ),
        *(
            "a@b.c\nBcc: d@e.f",
            "a@b.c\r\nBcc: d@e.f",
            "A\nB <a@b.c>",
            "a@b.c\x00",
            "a@b.c\u2028x",
            "a(x)@b.c",
        ),
        *("@a,@b:c@d.e", "x" * 65 + "@b.c", "a@" + "b." * 140 + "c", "a@b.c\r", '"a b"@c.d', "a@xn--\x80.c"),
    ],
)
def test_sc8_what_is_no_single_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidMail) as caught:
        parse_address(text)
    assert "\n" not in caught.value.got  # an error that is logged forges no line


@given(st.text(max_size=40), st.text(max_size=40))
def test_sc8_what_is_accepted_has_no_second_recipient_and_no_line_break(first: str, second: str) -> None:
    try:
        address = parse_address(f"{first}@{second}")
    except InvalidMail:
        return
    assert not set(address.spec + address.name) & set("\r\n\x00\x85\u2028\u2029")
    assert address.spec.count("@") == 1
    assert not set(address.spec) & set(' ,;<>()"\\')


def test_one_text_is_one_address() -> None:
    assert [each.spec for each in parse_addresses("a@b.c", "to")] == ["a@b.c"]
    assert [each.spec for each in parse_addresses(["a@b.c", "", "d@e.f"], "to")] == ["a@b.c", "d@e.f"]
