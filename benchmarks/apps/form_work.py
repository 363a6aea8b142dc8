"""A form of twenty fields, rendered by a template as a page does it: see ``benchmarks/pages.py``."""

from __future__ import annotations

import asyncio

from vivace import App, forms
from vivace.templates import TemplateOptions

from .form.fields import INITIAL, twenty
from .works import Clock, Told, answer

REPEATS = 200
app = App(templates=TemplateOptions(sources=[{"form.html": "{{ form }}"}]))
TwentyFields = type("TwentyFields", (forms.Form,), twenty(forms))


async def form() -> Told:
    """Render it again and again, each time a form of its own."""
    page = ""
    with Clock() as clock:
        for _ in range(REPEATS):
            page = await app.templates.render("form.html", {"form": TwentyFields(initial=INITIAL)})
    return clock.told(count=REPEATS, fields=len(set(names_in(page))))


def names_in(page: str) -> list[str]:
    """Return the names of the controls in a page."""
    return [piece.partition('"')[0] for piece in page.split(' name="')[1:]]


if __name__ == "__main__":
    asyncio.run(answer(app, form))
