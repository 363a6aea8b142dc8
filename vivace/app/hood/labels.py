"""What people call a live region: the template and the line of its tag, of the name that the compiler gave it.

``v1x8k3_2`` is tag 2 of a template (``templates.livetag``). Tags are counted where they end, so a nested one comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from jinja2 import TemplateError

from vivace.errors import VivaceError
from vivace.templates.livetag import stem_of

from .noting import apps_in

if TYPE_CHECKING:
    from vivace.app import App
    from vivace.templates.environment import PageTemplate

_NAME: Final = re.compile(r"(v[0-9a-z]+)_(\d+)")


class Labels:
    """The labels of the regions of an app: of templates that are loaded, as those of all regions are."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._loads = -1
        self._templates: dict[str, PageTemplate] = {}  # by the stem of their regions' names
        self._labels: dict[PageTemplate, dict[str, str]] = {}

    def of(self, region: str) -> str:
        """Return the label of a root or a region, ``""`` for one that no template has."""
        found = _NAME.search(region)
        template = self._by_stem().get(found[1]) if found is not None else None
        if found is None or template is None:
            return ""
        labels = self._labels.get(template)
        if labels is None:
            labels = self._labels[template] = dict(_tags_of(template))
        return labels.get(found[0], "")

    def of_all(self, regions: Iterable[str]) -> str:
        """Return the labels of several regions, each once."""
        return ", ".join(filter(None, dict.fromkeys(map(self.of, regions))))

    def _by_stem(self) -> dict[str, PageTemplate]:
        environments = [app.templates.environment for app in apps_in(self._app) if app.has_templates]
        loads = sum(environment.loads for environment in environments)
        if loads != self._loads:
            self._loads, self._labels = loads, {}
            loaded: list[Any] = [each for one in environments for each in (one.cache or {}).values()]
            self._templates = {stem_of(each.name): each for each in loaded}
        return self._templates


def _tags_of(template: PageTemplate) -> Iterator[tuple[str, str]]:
    """Yield the names of a template's tags with their labels."""
    environment, name = template.environment, template.name or ""
    try:
        source, _, _ = environment.loader.get_source(environment, name)
        tokens = [
            (line, kind, text)
            for line, kind, text in environment.lex(environment.preprocess(source, name))
            if text.strip()
        ]
    except (TemplateError, VivaceError, OSError):  # somebody is writing it
        return
    open_lines: list[int] = []
    number = 0
    for (_, before, _), (line, kind, text) in pairwise(tokens):
        if (before, kind) != ("block_begin", "name"):
            continue
        if text == "live":
            open_lines.append(line)
        elif text == "endlive" and open_lines:
            number += 1
            yield f"{stem_of(name)}_{number}", f"{name}:{open_lines.pop()}"


__all__ = ["Labels"]
