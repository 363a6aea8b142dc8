"""Django's templates and ours, for the same text and the same values: what both write is compared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tests.djangopeer import django_module
from vivace.templates import Templates
from vivace.templates.context import Scope
from vivace.templates.options import TemplateOptions

NOW: Final = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)


def django_text(source: str, values: Mapping[str, Any]) -> str:
    """Return what Django makes of a template."""
    engine: Any = django_module("django.template.engine").Engine(
        libraries={"humanize": "django.contrib.humanize.templatetags.humanize"}
    )
    context: Any = django_module("django.template").Context(dict(values))
    context.request = values.get("request")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of urlize: which scheme a bare host will get
        text: str = engine.from_string(source).render(context)
    return text


def vivace_text(source: str, values: Mapping[str, Any], **options: Any) -> str:
    """Return what we make of a template, outside of any app."""
    templates = Templates(TemplateOptions(sources=[{"page.html": source}], **options))
    return templates.get("page.html").text(dict(values), Scope(None, {}))
