"""Validators say what Django's say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import ValidationError
from vivace.models import validators as v

theirs = pytest.importorskip("django.core.validators")
DjangoError = pytest.importorskip("django.core.exceptions").ValidationError

TEXTS = [
    "", "a", "abc-1_2", "abc def", "ünï", "a@b.co", "a@b", "a.b+c@ex-ample.org", "a@localhost", '"q s"@x.org', "a@[1.2.3.4]",
    "a@[::1]", "a@-x.org", "a@x.c", "@x.org", "a b@x.org", "a@ünï.org", "http://x.org", "https://x.org/p?q#f", "ftp://h",
    "http://localhost:8000/", "http://1.2.3.4", "http://[::1]/", "http://[::zz]/", "javascript:alert(1)", "http://",
    "http://a b.org", "http://-x.org", "http://x.org:123456", "http://ünï.org/", "http://u:p@x.org/", "http://x..org",
    "HTTP://X.ORG", "http://x.org\n", "http://256.1.1.1", "1.2.3.4", "01.2.3.4", "::1", "1::2::3", "::ffff:1.2.3.4", "1",
    "0@0.00", "a@x.org.", "http://१२.५", "http://x.१२", "a@ü.१२",
    "-1", "1,2", "1,-2", "1, 2", ",1", "12a", "x.org", "xn--a.org", "a" * 64 + ".org", "x", "x\x00", "1.2.3",
]  # fmt: skip
PAIRS: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (v.validate_email, theirs.validate_email),
    (v.URLValidator(), theirs.URLValidator()),
    (v.URLValidator(schemes=["http"]), theirs.URLValidator(schemes=["http"])),
    (v.validate_slug, theirs.validate_slug),
    (v.validate_unicode_slug, theirs.validate_unicode_slug),
    (v.validate_integer, theirs.validate_integer),
    (v.validate_ipv4_address, theirs.validate_ipv4_address),
    (v.validate_ipv6_address, theirs.validate_ipv6_address),
    (v.validate_ipv46_address, theirs.validate_ipv46_address),
    (v.validate_comma_separated_integer_list, theirs.validate_comma_separated_integer_list),
    (v.int_list_validator(allow_negative=True), theirs.int_list_validator(allow_negative=True)),
    (v.validate_domain_name, theirs.validate_domain_name),
    (v.ProhibitNullCharactersValidator(), theirs.ProhibitNullCharactersValidator()),
    (v.MinLengthValidator(3), theirs.MinLengthValidator(3)),
    (v.MaxLengthValidator(3), theirs.MaxLengthValidator(3)),
    (v.RegexValidator("^a", inverse_match=True), theirs.RegexValidator("^a", inverse_match=True)),
]


def code(validator: Callable[[Any], Any], value: Any, error: type[Exception]) -> str:
    """Return the code of the refusal, ``""`` for none."""
    try:
        validator(value)
    except error as refusal:
        return str(refusal.code)  # type: ignore[attr-defined]
    return ""


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{i}-{type(p[0]).__name__}" for i, p in enumerate(PAIRS)])
def test_md2_texts(pair: tuple[Any, Any]) -> None:
    ours, django = pair
    expected = {text: code(django, text, DjangoError) for text in TEXTS}
    assert {text: code(ours, text, ValidationError) for text in TEXTS} == expected


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**9), max_value=10**9),
    st.integers(1, 12),
    st.integers(0, 6),
)
def test_md2_decimals(number: Decimal, digits: int, places: int) -> None:
    digits = max(digits, places)
    ours, django = v.DecimalValidator(digits, places), theirs.DecimalValidator(digits, places)
    assert code(ours, number, ValidationError) == code(django, number, DjangoError)


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 7))
def test_md2_numbers(value: int, limit: int, step: int) -> None:
    for name in ("MinValueValidator", "MaxValueValidator"):
        ours, django = getattr(v, name), getattr(theirs, name)
        assert code(ours(limit), value, ValidationError) == code(django(limit), value, DjangoError)
        assert code(ours(lambda: limit), value, ValidationError) == code(
            django(lambda: limit), value, DjangoError
        )
    assert code(v.StepValueValidator(step, offset=limit), value, ValidationError) == code(
        theirs.StepValueValidator(step, offset=limit), value, DjangoError
    )


def test_md2_message_is_filled_in() -> None:
    with pytest.raises(ValidationError) as caught:
        v.MinValueValidator(3)(1)
    assert caught.value.messages == ["Ensure this value is greater than or equal to 3."]
    with pytest.raises(ValidationError) as caught:
        v.MaxLengthValidator(3, "no more than %(limit_value)d")("abcd")
    assert caught.value.messages == ["no more than 3"]


def test_md2_file_extensions() -> None:
    class File:
        name = "x.PDF"

    v.FileExtensionValidator(["pdf"])(File())
    with pytest.raises(ValidationError, match="pdf"):
        v.FileExtensionValidator(["txt"])(File())


@pytest.mark.parametrize("validator", [pair[0] for pair in PAIRS if hasattr(pair[0], "deconstruct")])
def test_md2_deconstructed_validators_are_equal(validator: Any) -> None:
    path, args, kwargs = validator.deconstruct()
    assert path.startswith("vivace.models.")
    again = type(validator)(*args, **kwargs)
    assert again == validator
    assert hash(again) == hash(validator)
    assert copy.deepcopy(validator) == validator
    assert validator != object()


def test_md2_flags_need_a_text() -> None:
    with pytest.raises(TypeError, match="flags"):
        v.RegexValidator(v.validate_slug.regex, flags=2)


@pytest.mark.parametrize("value", [10**400, -(10**400) + 1, 7, 6.5, Decimal("7.0"), Decimal("1e400")])
def test_fm8_steps_are_exact_for_long_numbers_and_never_fail(value: Any) -> None:
    step = v.StepValueValidator(7)
    if (isinstance(value, int) and value % 7 == 0) or value == 7:
        step(value)
    else:
        with pytest.raises(ValidationError, match="multiple of step size 7"):
            step(value)


def test_fm8_steps_from_an_offset_are_told_with_examples() -> None:
    with pytest.raises(ValidationError) as caught:
        v.StepValueValidator(3, offset=-1)(1)
    told = "Ensure this value is a multiple of step size 3, starting from -1, e.g. -1, 2, 5, and so on."
    assert caught.value.messages == [told]


def test_fm8_texts_for_one() -> None:
    cases: list[tuple[Any, Any, str]] = [
        (v.MaxLengthValidator(1), "ab", "at most 1 character (it has 2)"),
        (v.MinLengthValidator(1), "", "at least 1 character (it has 0)"),
        (v.MaxLengthValidator(1, "%(limit_value)d letters"), "ab", "1 letters"),
        (v.DecimalValidator(1, None), Decimal("12"), "no more than 1 digit in total"),
    ]
    for validator, value, told in cases:
        with pytest.raises(ValidationError) as caught:
            validator(value)
        assert told in caught.value.messages[0]
