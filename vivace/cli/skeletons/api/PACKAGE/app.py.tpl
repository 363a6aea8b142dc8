"""The service: what it is made of. `vivace dev` serves it, `vivace routes` lists it."""

from __future__ import annotations

from vivace import App

from .settings import settings
from .tasks.views import routes as task_routes

app = App(settings=settings)
app.include(task_routes)
