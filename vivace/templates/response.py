"""The answer that is a page: rendered after the handler, inside the innermost middleware."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vivace.http.request import Request
from vivace.http.response import HTML_TYPE, TEXT, Response

from .bridge import begin
from .engine import Templates, templates_of

_TYPES: Final = {  # by the suffix of the template's name; all else is HTML
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": TEXT,
    "xml": "application/xml; charset=utf-8",
}


class TemplateResponse(Response):
    """A page that is rendered when the answer is prepared.

    Until then ``template`` and ``context`` may be changed: by hooks that ``app.before_render`` registered, or by who
    made it. ``rendered`` is true afterwards.
    """

    needs_prepare = True
    content_type: str | None = HTML_TYPE

    def __init__(
        self,
        request: Request,
        template: str,
        context: dict[str, Any] | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.body = b""  # what Response.__init__ does, which has more to look at
        self.status = status
        self._headers = None
        self.on_sent = None
        self.request = request
        self.template = template
        self.context = context if context is not None else {}
        self.rendered = False
        if not template.endswith(".html"):  # most are
            kind = _TYPES.get(template.partition("#")[0].rpartition(".")[2])
            if kind is not None:
                self.content_type = kind
        if headers:
            self.headers.update(headers)

    async def altered(self, templates: Templates) -> None:
        """Let the hooks of ``app.before_render`` change template and context."""
        for hook in templates.before_render:
            result = hook(self.request, self)
            if inspect.isawaitable(result):
                await result

    async def _load(self, needs: Sequence[str], templates: Templates) -> None:
        """Load the parts of the request that the page would wait for at once: the session, the user."""
        request = self.request
        installed = getattr(request.app, "parts", ())
        for name in needs:
            if name in installed and name not in self.context and name not in templates.providers:
                await request.part(name)

    async def prepare(self, request: Request) -> Response:
        """Render; raises what the template raises."""
        templates = templates_of(self.request)
        if templates.before_render:
            await self.altered(templates)
        # Where templates are read again none is known: who asks is told by its line there.
        known = templates.environment.known.get(self.template)
        if known is not None:
            needs = known.find_needs() if known.needs is None else known.needs
            if needs:
                await self._load(needs, templates)
        said = begin(templates.page, (known or self.template, self.context, self.request, self.status))
        self.body = said.pop() if isinstance(said, list) else await said
        self.rendered = True
        return self


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    stream: bool = False,
    **values: Any,
) -> TemplateResponse:
    """Return a page: ``template`` with the names in ``context`` and ``values``, of which the latter win.

    It is rendered after the handler returns. ``page.html#part`` is one block or partial of the page. The type of
    the answer goes by the template's name; ``.txt`` is plain text, where nothing is escaped. The names that providers give (``user``, ``session`` …) need not be given here. ``stream``: a
    long page is sent while it is rendered.
    """
    if context:
        values = {**context, **values}
    if stream:
        from .streaming import StreamedTemplateResponse  # few pages are so long

        return StreamedTemplateResponse(request, template, values, status, headers)
    return TemplateResponse(request, template, values, status, headers)


__all__ = ["TemplateResponse", "render"]
