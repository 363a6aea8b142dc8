"""Dates, times and durations from text, as Django reads them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.models.fields import parsing

theirs = pytest.importorskip("django.utils.dateparse")

TEXTS = [
    "2020-01-02", "2020-1-2", "2020-13-01", "2020-02-30", "20-01-02", "", "x", "2020-01-02 10:20", "2020-01-02T10:20:30",
    "2020-1-2 1:2:3", "2020-01-02 10:20:30.123", "2020-01-02 10:20:30,123456789", "2020-01-02T10:20:30Z",
    "2020-01-02 10:20:30+02:00", "2020-01-02 10:20:30 -0330", "2020-01-02 10:20:30+02", "2020-01-02 25:00", "10:20",
    "1:2", "10:20:30", "10:20:30.5", "10:20:30.1234567", "25:00", "10:61", "15", "15:30", "10:15:30", "4 10:15:30",
    "4 days, 0:15:30.1", "-4 15:30", "-15:30", "15.5", "15,5", "1 day, 0:00:01", "P4D", "PT5H", "P1DT1.5S", "-P1D",
    "-PT0.5S", "P", "PT", "3 days 04:05:06", "-1 day +0:00:01", "1 days -00:00:01", "1 day",
]  # fmt: skip


def result(parse: Any, text: str) -> Any:
    """Return what came of it, or that it was refused."""
    try:
        return parse(text)
    except (ValueError, OverflowError):
        return ValueError


@pytest.mark.parametrize("name", ["parse_date", "parse_time", "parse_datetime", "parse_duration"])
def test_md1_texts(name: str) -> None:
    ours, django = getattr(parsing, name), getattr(theirs, name)
    assert {text: result(ours, text) for text in TEXTS} == {text: result(django, text) for text in TEXTS}


@given(st.timedeltas(min_value=dt.timedelta(-9999), max_value=dt.timedelta(9999)))
def test_md1_durations_there_and_back(span: dt.timedelta) -> None:
    text = parsing.duration_text(span)
    assert parsing.parse_duration(text) == span
    assert text == pytest.importorskip("django.utils.duration").duration_string(span)
