"""The filters that Django's users know and Jinja lacks (TP1); where Jinja has an equal, its name is the one.

==================  ==============================================================================================
module              filters
==================  ==============================================================================================
``text``            addslashes capfirst cut ljust rjust linenumbers slugify truncatechars truncatewords stringformat
``html``            linebreaks linebreaksbr truncatechars_html truncatewords_html unordered_list escapejs json_script
                    sanitize
``numbers``         add divisibleby filesizeformat floatformat get_digit intcomma
``values``          default_if_none pluralize yesno
``dates``           date time timesince timeuntil
==================  ==============================================================================================

What is text goes in as ``str`` and comes out as ``str``, so the template escapes it; what is ``Markup`` comes out as
``Markup`` and is never cut inside of a tag or an entity.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, Final

from vivace.templates.library import Library

from . import dates, html, numbers, text, values

_FILTERS: Final[tuple[Callable[..., Any], ...]] = (
    text.addslashes,
    text.capfirst,
    text.cut,
    text.linenumbers,
    text.ljust,
    text.rjust,
    text.slugify,
    text.stringformat,
    text.truncatechars,
    text.truncatewords,
    html.escapejs,
    html.json_script,
    html.linebreaks,
    html.linebreaksbr,
    html.sanitize,
    html.truncatechars_html,
    html.truncatewords_html,
    html.unordered_list,
    numbers.add,
    numbers.divisibleby,
    numbers.filesizeformat,
    numbers.floatformat,
    numbers.get_digit,
    numbers.intcomma,
    values.default_if_none,
    values.pluralize,
    values.yesno,
)


def register(library: Library, now: Callable[[], datetime], zone: tzinfo | None = None) -> None:
    """Put the filters into a library; ``now`` is what ``timesince`` and ``timeuntil`` count from and to.

    ``zone`` is where the clocks are that ``date`` and ``time`` go by.
    """
    library.filters.update({function.__name__: function for function in _FILTERS})

    def date(value: Any, style: str | None = None) -> str:
        return dates.date(value, style, zone=zone)

    def time(value: Any, style: str | None = None) -> str:
        return dates.time(value, style, zone=zone)

    def timesince(value: Any, other: Any = None) -> str:
        return dates.timesince(value, other, now)

    def timeuntil(value: Any, other: Any = None) -> str:
        return dates.timeuntil(value, other, now)

    library.filter(date)
    library.filter(time)
    library.filter(timesince)
    library.filter(timeuntil)


__all__ = ["register"]
