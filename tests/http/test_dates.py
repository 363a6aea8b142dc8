from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.http.dates import format_http_date, parse_http_date, whole_seconds

EXAMPLE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)  # RFC 9110 section 5.6.7
MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "sun, 06 nov 1994 08:49:37 gmt",
    ],
)
def test_all_three_formats_are_read(text: str) -> None:
    assert parse_http_date(text) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "0",
        "1994-11-06",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_none(text: str | None) -> None:
    assert parse_http_date(text) is None


@pytest.mark.parametrize(("year", "expected"), [("70", 2070), ("77", 1977), ("26", 2026), ("99", 1999)])
def test_two_digit_year_is_at_most_fifty_years_ahead(year: str, expected: int) -> None:
    parsed = parse_http_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", now=datetime(2026, 1, 1, tzinfo=UTC))
    assert parsed is not None
    assert parsed.year == expected


def test_leap_second_is_the_second_before() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_moments_are_written_in_gmt() -> None:
    assert format_http_date(EXAMPLE) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_http_date(EXAMPLE.timestamp()) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert format_http_date(EXAMPLE.replace(tzinfo=None)) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert (
        format_http_date(EXAMPLE.astimezone(timezone(timedelta(hours=2)))) == "Sun, 06 Nov 1994 08:49:37 GMT"
    )


@given(MOMENTS)
def test_round_trip(moment: datetime) -> None:
    assert parse_http_date(format_http_date(moment)) == whole_seconds(moment)


@given(st.text(max_size=60))
def test_never_raises(text: str) -> None:
    parse_http_date(text)
