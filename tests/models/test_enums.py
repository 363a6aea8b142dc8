"""Choices as enumerations."""

# pyright: reportUnusedClass=false

from __future__ import annotations

import datetime as dt
import enum

import pytest

from vivace.models import Choices, IntegerChoices, TextChoices


class Kind(TextChoices):
    PAPER = "p", "paper"
    E_BOOK = "e"
    AUDIO = enum.auto()


class Size(IntegerChoices):
    SMALL = 1, "small"
    VERY_LARGE = 9

    __empty__ = "(unknown)"


class Landing(dt.date, Choices):
    APOLLO = 1969, 7, 20, "Eagle"  # pyright: ignore[reportCallIssue]
    LUNA = 1970, 11, 17


def test_md15_values_and_labels() -> None:
    assert Kind.choices == [("p", "paper"), ("e", "E Book"), ("AUDIO", "Audio")]
    assert Kind.values == ["p", "e", "AUDIO"]
    assert Kind.labels == ["paper", "E Book", "Audio"]
    assert Kind.names == ["PAPER", "E_BOOK", "AUDIO"]
    assert Kind.PAPER.label == "paper"


def test_md15_members_are_values() -> None:
    value: str = Kind.PAPER
    assert value == "p"
    assert str(Kind.PAPER) == "p"
    assert f"{Kind.PAPER}" == "p"
    assert repr(Kind.PAPER) == "Kind.PAPER"
    assert Kind("e") is Kind.E_BOOK
    assert Size.SMALL + 1 == 2
    assert "p" in Kind
    assert "q" not in Kind
    assert Kind.PAPER in Kind


def test_md15_empty_label() -> None:
    assert Size.choices == [(None, "(unknown)"), (1, "small"), (9, "Very Large")]
    assert Size.values == [None, 1, 9]
    assert Size.names == ["__empty__", "SMALL", "VERY_LARGE"]


def test_md15_other_types() -> None:
    assert Landing.choices == [(dt.date(1969, 7, 20), "Eagle"), (dt.date(1970, 11, 17), "Luna")]
    assert Landing.APOLLO.year == 1969


def test_md15_values_are_unique() -> None:
    with pytest.raises(ValueError, match="duplicate values"):

        class Doubled(TextChoices):
            ONE = "x", "one"
            TWO = "x", "two"


class Promise:
    """What Django's texts are made of that are translated when they are shown."""


class Lazy(Promise):
    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def test_md15_labels_may_be_translated_later() -> None:
    class Level(IntegerChoices):
        LOW = 1, Lazy("low")  # pyright: ignore[reportCallIssue, reportArgumentType]
        HIGH = 2

    class Tone(TextChoices):
        WARM = "w", Lazy("warm")  # pyright: ignore[reportCallIssue, reportArgumentType]

    assert [(value, str(label)) for value, label in Level.choices] == [(1, "low"), (2, "High")]
    assert [(value, str(label)) for value, label in Tone.choices] == [("w", "warm")]
