"""The views have Django's names: every public attribute and hook of Django's class, with the same default."""

from __future__ import annotations

from typing import Any, Final

import pytest

from vivace import views

generic: Any = pytest.importorskip("django.views.generic")

NAMES: Final = (
    "View TemplateView RedirectView ListView DetailView FormView CreateView UpdateView DeleteView ArchiveIndexView "
    "YearArchiveView MonthArchiveView WeekArchiveView DayArchiveView TodayArchiveView DateDetailView"
).split()
LEFT_OUT: Final = {
    "head",  # answered by get
    "template_engine",  # there is one
    "response_class",  # render_to_response is overridden instead
}
DIFFERENT: Final = {
    "content_type",  # that of the template
    "fields",
    "initial",
    "http_method_names",  # a tuple
    "paginator_class",
    "view_is_async",  # always
}


@pytest.mark.parametrize("name", NAMES)
def test_ro9_names_and_defaults_are_djangos(name: str) -> None:
    theirs, ours = getattr(generic, name), getattr(views, name)
    public = {attribute for attribute in dir(theirs) if not attribute.startswith("_")} - LEFT_OUT
    assert sorted(attribute for attribute in public if not hasattr(ours, attribute)) == []
    plain = {
        attribute
        for attribute in public - DIFFERENT
        if isinstance(getattr(theirs, attribute), str | int | bool | None)
    }
    assert {attribute: getattr(ours, attribute) for attribute in plain} == {
        attribute: getattr(theirs, attribute) for attribute in plain
    }
