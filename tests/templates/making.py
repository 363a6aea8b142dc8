"""Templates from texts, for tests."""

from __future__ import annotations

from typing import Any

from vivace.templates import TemplateOptions, Templates


def templates(text: str = "", /, *, options: dict[str, Any] | None = None, **others: str) -> Templates:
    """Return templates with ``page.html`` and others: ``base_html`` is ``base.html``."""
    texts = {"page.html": text, **{name.replace("_", "."): other for name, other in others.items()}}
    return Templates(TemplateOptions(sources=[texts], **(options or {})))


def shown(text: str, /, _options: dict[str, Any] | None = None, **values: Any) -> str:
    """Return what a template shows, without waiting for anything."""
    return str(templates(text, options=_options).render_now("page.html", values))
