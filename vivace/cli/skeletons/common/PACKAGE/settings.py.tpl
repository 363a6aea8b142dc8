"""The settings: Vivace's own, with the defaults of this project, and those you add.

They are read once, when this module is imported: from the environment, then `.env`, then what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vivace import Secret, Settings
from vivace.config.load import load_into
<% if template == "site" %>
from vivace.config.settings import Media
<% endif %>

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class ProjectSettings(Settings):
<% if template == "site" %>
    """What can be set: `notes_shown` is `VIVACE_NOTES_SHOWN` in the environment."""

    notes_shown: int = 50  # on the board
<% else %>
    """What can be set: `page_size` is `VIVACE_PAGE_SIZE` in the environment."""

    page_size: int = 50  # tasks in one answer
<% endif %>
    database_url: Secret[str] = field(
        default=Secret(f"sqlite:///{PROJECT}/<< project >>.sqlite3"), metadata={"env": "DATABASE_URL"}
    )
<% if template == "site" %>
    media: Media = field(default_factory=lambda: Media(root=str(PROJECT / "media")))
<% endif %>


settings = load_into(ProjectSettings, PROJECT).settings
