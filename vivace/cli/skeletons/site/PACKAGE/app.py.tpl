"""The site: what it is made of. `vivace dev` serves it, `vivace routes` lists its pages."""

from __future__ import annotations

from vivace import App

from .board.views import pages as board_pages
from .settings import settings

app = App(settings=settings, installed=["vivace.auth"])
app.include(board_pages)
