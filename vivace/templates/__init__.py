"""Templates on Jinja2, always escaped, that wait for what they show. Each name is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vivace.errors.nearest import lazy_names

if TYPE_CHECKING:
    from .bridge import in_render as in_render
    from .bridge import wait as wait
    from .context import TemplateContext as TemplateContext
    from .engine import Templates as Templates
    from .engine import current_templates as current_templates
    from .engine import render_to_string as render_to_string
    from .engine import templates_of as templates_of
    from .environment import TemplateEnvironment as TemplateEnvironment
    from .library import Library as Library
    from .options import TemplateOptions as TemplateOptions
    from .response import TemplateResponse as TemplateResponse
    from .response import render as render

_ROOMS: Final = {
    "bridge": "in_render wait",
    "context": "TemplateContext",
    "engine": "Templates current_templates render_to_string templates_of",
    "environment": "TemplateEnvironment",
    "library": "Library",
    "options": "TemplateOptions",
    "response": "TemplateResponse render",
}
__getattr__, __dir__ = lazy_names(__name__, _ROOMS)
