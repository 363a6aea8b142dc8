"""Apps with live pages for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vivace import App, models, render
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.live.server import Live
from vivace.templates import TemplateOptions

HEAD: Final = "<!doctype html><title>t</title>"
LIST: Final = (
    HEAD + "<p>{% csrf_token %}</p>{% live %}<b>{{ notes | length }}</b><ul>"
    "{% for note in notes %}<li>{{ note.text }}</li>{% endfor %}</ul>{% endlive %}"
)


class Topic(models.Model):
    """What notes are about."""

    name = models.CharField(max_length=40)

    class Meta:
        app_label = "livepages"


class Note(models.Model):
    """What pages show."""

    text = models.CharField(max_length=80)
    topic = models.ForeignKey(Topic, null=True, on_delete=models.CASCADE)
    public = models.BooleanField(default=True)

    class Meta:
        app_label = "livepages"
        ordering = ["id"]


def make_app(texts: Mapping[str, str] | str = LIST, **options: Any) -> App:
    """Return an app with these templates (``page.html``, if it is only one) and the models above."""
    given = {"page.html": texts} if isinstance(texts, str) else dict(texts)
    return App(models=[Topic, Note], templates=TemplateOptions(sources=[given]), **options)


def notes_app(texts: Mapping[str, str] | str = LIST, **options: Any) -> App:
    """Return an app whose ``/`` shows all notes."""
    app = make_app(texts, **options)

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    return app


def live_of(app: App) -> Live:
    """Return the live regions of an app."""
    return app.live


def renders(app: App) -> int:
    """Return how often pages of an app were rendered again."""
    return app.live.renderer.passes


async def note(text: str, **values: Any) -> Note:
    """Write a note."""
    return await Note.objects.create(text=text, **values)


__all__ = ["HEAD", "LIST", "Note", "Topic", "live_of", "make_app", "note", "notes_app", "renders"]
