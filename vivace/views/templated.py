"""What is shown by a template: the context, the template's names, the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from jinja2 import TemplateNotFound

from vivace.errors.views import BadView
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.templates import render, templates_of

from .base import Part, View, has_own, resolved


class ContextMixin(Part):
    """Collects what a template is shown with; ``extra_context`` is added to it."""

    extra_context: Mapping[str, Any] | None = None

    async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the values for the template: those given, ``view``, and ``extra_context``."""
        kwargs.setdefault("view", self)
        if self.extra_context is not None:
            kwargs.update(self.extra_context)
        return kwargs


class TemplateResponseMixin(Part):
    """Answers with the template ``template_name``."""

    shows_pages: ClassVar[bool] = True
    template_name: str | None = None
    content_type: str | None = None

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse a view that has no template."""
        super().check_options(given)
        if not cls.knows_template(given):
            raise BadView(
                f"{cls.__name__} does not say which template it shows.",
                expected="template_name or get_template_names()",
                got="neither",
                fix=f'{cls.__name__}.as_view(template_name="page.html").',
            )

    @classmethod
    def knows_template(cls, given: Mapping[str, Any]) -> bool:
        """Say whether a view with these attributes will find the name of a template."""
        name = given.get("template_name", cls.template_name)
        return name is not None or has_own(cls, "get_template_names")

    @classmethod
    def template_candidates(cls, given: Mapping[str, Any]) -> Sequence[str]:
        """Return the names of templates that the class with these attributes will look for; none where that is not known."""
        name: str | None = given.get("template_name", cls.template_name)
        if has_own(cls, "get_template_names"):
            return ()
        return [name] if name is not None else cls.named_after(given)

    @classmethod
    def named_after(cls, given: Mapping[str, Any]) -> Sequence[str]:
        """Return the names of templates that follow from something else, such as a model."""
        return ()

    def get_template_names(self) -> Sequence[str]:
        """Return the names of templates, of which the first that exists is shown."""
        return [self.template_name] if self.template_name is not None else []

    def render_to_response(self, context: Mapping[str, Any], **response_kwargs: Any) -> Response:
        """Return the page; ``status`` and ``headers`` may be given. It is rendered after the view has returned."""
        template = first_template(self.request, self.get_template_names())
        response = render(self.request, template, context, **response_kwargs)
        if self.content_type is not None:
            response.content_type = self.content_type
        return response


def first_template(request: Request, names: Sequence[str]) -> str:
    """Return the first of several templates that there is; the last one is not looked for, its error tells."""
    *earlier, last = names
    for name in earlier:
        environment = templates_of(request).environment
        try:
            environment.loader.get_source(environment, name)
        except TemplateNotFound:
            continue
        return name
    return last


class TemplateView(TemplateResponseMixin, ContextMixin, View):
    """Shows ``template_name``; the parameters of the path are in its context."""

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show the page."""
        context = await resolved(self.get_context_data(**kwargs))
        return self.render_to_response(context)


__all__ = ["ContextMixin", "TemplateResponseMixin", "TemplateView"]
