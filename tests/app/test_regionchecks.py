"""Pages whose live regions cannot be kept true are told by the check (LV4)."""

from __future__ import annotations

from typing import Any

import pytest

from vivace import App, Request, Response, render
from vivace.errors import Finding
from vivace.templates import TemplateOptions
from vivace.views import TemplateView

PAGES = {
    "base.html": "{% block body %}{% endblock %}",
    "live.html": "{% extends 'base.html' %}{% block body %}{% live %}{{ n }}{% endlive %}{% endblock %}",
    "around.html": "<p>{% include 'live.html' %}</p>",
    "still.html": "<p>{{ n }}</p>",
}


def found(app: App) -> list[Finding]:
    """Return what the check says of regions."""
    return [finding for finding in app.check() if finding.id == "live-without-get"]


@pytest.fixture
def app() -> App:
    return App(templates=TemplateOptions(sources=[PAGES]))


@pytest.mark.parametrize("name", ["live.html", "around.html", "live.html#body"])
def test_lv4_a_page_with_regions_that_only_post_shows_is_told(app: App, name: str) -> None:
    def whole(request: Request) -> Response:
        return render(request, "live.html" if request.query else "still.html", n=1)

    def around(request: Request) -> Response:
        return render(request, "around.html", n=1)

    def part(request: Request) -> Response:
        return render(request, "live.html#body", n=1)

    app.post("/preview")({"live.html": whole, "around.html": around}.get(name, part))
    (finding,) = found(app)
    assert finding.level == "warning"
    assert "POST /preview" in finding.message
    assert "test_regionchecks.py" in finding.place


def test_lv4_a_page_that_get_shows_as_well_and_one_without_regions_are_not(app: App) -> None:
    @app.get("/form")
    async def form(request: Request) -> Any:
        return render(request, "live.html", n=1)

    @app.post("/form")
    async def sent(request: Request) -> Any:
        return render(request, "live.html", n=2)

    @app.post("/still")
    async def still(request: Request) -> Any:
        return render(request, "still.html", n=2)

    assert found(app) == []


def test_lv4_views_are_looked_at_as_well(app: App) -> None:
    class Preview(TemplateView):
        template_name = "live.html"
        http_method_names = ["post"]

        async def post(self, request: Request) -> Any:
            return await self.get(request)

    app.post("/view")(Preview.as_view())
    assert [finding.id for finding in found(app)] == ["live-without-get"]
