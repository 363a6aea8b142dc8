"""The filters of the site's templates."""

from __future__ import annotations

import re
from datetime import datetime

from markupsafe import Markup, escape

from vivace.templates import Library

from .models import now

library = Library()
UNITS = (
    (31_536_000, "year"),
    (2_592_000, "month"),
    (604_800, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)


@library.filter
def ago(moment: datetime) -> str:
    """Say how long ago something was, in its largest unit: ``3 hours ago``."""
    seconds = (now() - moment).total_seconds()
    for length, unit in UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


@library.filter
def marked(text: str, words: str) -> Markup:
    """Return text with each of ``words`` marked."""
    wanted = [re.escape(word) for word in words.split()]
    if not wanted:
        return escape(text)
    parts = re.split(f"({'|'.join(wanted)})", text, flags=re.IGNORECASE)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


@library.filter
def around(text: str, words: str, length: int = 180) -> str:
    """Return the part of a text in which the first of ``words`` is found."""
    places = [text.lower().find(word.lower()) for word in words.split()]
    start = max(0, min((place for place in places if place >= 0), default=0) - length // 3)
    piece = text[start : start + length].strip()
    return f"{'… ' if start else ''}{piece}{' …' if start + length < len(text) else ''}"
