"""Fields answer what Django's answer: the same value or the same codes, or a difference that is in the table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forms import agreement
from tests.forms.agreement import CASES, Case, ours, theirs
from vivace import forms

pytest.importorskip("django", reason="the peer")


LISTED = ("choices", "typed-choices", "split")


def _same(value: Any, other: Any) -> bool:
    return type(value).__name__ == type(other).__name__ and (value == other or repr(value) == repr(other))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_fm2_fields_answer_what_django_answers(case: Case, data: st.DataObject) -> None:
    django = agreement.django_forms()
    if case.name == "url" and _version() < (6, 1):
        pytest.skip("older versions split a URL another way")
    value = data.draw(case.values)
    answer, other = ours(case.make(forms), value), theirs(case.make(django), value)
    if answer.kind == other.kind and _same(answer.value, other.value):
        return
    assert agreement.is_meant(case, value, answer, other), f"{case.name}({value!r}): {answer}, Django {other}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_fm1_fields_see_changes_as_django_does(case: Case, data: st.DataObject) -> None:
    django = agreement.django_forms()
    initial, sent = data.draw(case.values), data.draw(case.values)
    if case.name.startswith(LISTED) and not all(isinstance(each, list | None) for each in (initial, sent)):
        return  # the widgets of these fields give lists
    mine = case.make(forms).has_changed(initial, sent)
    try:
        other = case.make(django).has_changed(initial, sent)
    except Exception:
        return
    if mine != other:
        answer, cleaned = ours(case.make(forms), sent), theirs(case.make(django), sent)
        assert agreement.is_meant(case, sent, answer, cleaned) or agreement.is_meant(
            case, initial, answer, cleaned
        ), (
            initial,
            sent,
        )


def _version() -> tuple[int, ...]:
    import django

    return tuple(django.VERSION[:2])
