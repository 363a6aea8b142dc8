"""One object: found by the parameters of the path, shown by a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from vivace.errors.views import BadView
from vivace.http.request import Request
from vivace.models import Model

from .base import Part, View, has_own, resolved
from .shortcuts import NO_SUCH_ROW, not_found
from .templated import ContextMixin, TemplateResponseMixin

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    from vivace.models import QuerySet

    M = TypeVarWithDefault("M", bound=Model, default=Any)
else:
    M = TypeVar("M")


class ModelMixin(Part, Generic[M]):
    """What views of one object and views of many have in common: where the rows come from."""

    model: type[M] | None = None
    queryset: QuerySet[M, M] | None = None
    context_object_name: str | None = None

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse a view that has no rows to show."""
        super().check_options(given)
        own = has_own(cls, "get_queryset")
        if not own and all(given.get(name, getattr(cls, name)) is None for name in ("model", "queryset")):
            raise BadView(
                f"{cls.__name__} does not say which rows it shows.",
                expected="model, queryset or get_queryset()",
                got="none of them",
                fix=f"{cls.__name__}.as_view(model=Book), or `model = Book` in the class.",
            )

    def get_queryset(self) -> QuerySet[M, M]:
        """Return the rows to choose from: a fresh copy of ``queryset``, else all of ``model``."""
        if self.queryset is not None:
            return self.queryset.all()
        if self.model is None:
            raise BadView(
                f"{type(self).__name__} does not say which rows it shows.",
                expected="model, queryset or get_queryset()",
            )
        rows: QuerySet[M, M] = self.model._default_manager.all()
        return rows


class SingleObjectMixin(ModelMixin[M], ContextMixin):
    """Finds one object by the path: ``pk_url_kwarg`` and ``slug_url_kwarg`` name the parameters."""

    object: Any
    slug_field: str = "slug"
    slug_url_kwarg: str = "slug"
    pk_url_kwarg: str = "pk"
    query_pk_and_slug: bool = False

    async def get_object(self, queryset: QuerySet[M, M] | None = None) -> M:
        """Return the object that the path names. Raises ``NotFound`` when there is none, ``BadView`` when it names none."""
        rows = queryset if queryset is not None else await resolved(self.get_queryset())
        try:
            found: M = await rows.get(**self._conditions())
        except NO_SUCH_ROW as error:
            raise not_found(rows) from error
        return found

    def _conditions(self) -> dict[str, Any]:
        pk, slug = self.kwargs.get(self.pk_url_kwarg), self.kwargs.get(self.slug_url_kwarg)
        conditions: dict[str, Any] = {} if pk is None else {"pk": pk}
        if slug is not None and (pk is None or self.query_pk_and_slug):
            conditions[self.get_slug_field()] = slug
        if not conditions:
            there = ", ".join(self.kwargs)
            raise BadView(
                f"{type(self).__name__} cannot tell which object the path {self.request.path!r} means.",
                expected=f"a parameter {self.pk_url_kwarg!r} or {self.slug_url_kwarg!r} in the path",
                got=there or "no parameters",
                fix=f"Set pk_url_kwarg = {next(iter(self.kwargs))!r}." if there else "Write /books/{pk:int}.",
            )
        return conditions

    def get_slug_field(self) -> str:
        """Return the name of the field that the slug is compared with."""
        return self.slug_field

    def get_context_object_name(self, obj: Any) -> str | None:
        """Return under which name beside ``object`` the template finds it: the model's."""
        if self.context_object_name:
            return self.context_object_name
        return obj._meta.model_name if isinstance(obj, Model) else None

    async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the context with ``object`` and the model's own name for it."""
        context: dict[str, Any] = {}
        obj = getattr(self, "object", None)
        if obj is not None:
            context["object"] = obj
            name = self.get_context_object_name(obj)
            if name:
                context[name] = obj
        context.update(kwargs)
        return await super().get_context_data(**context)


class ModelTemplateMixin(TemplateResponseMixin):
    """Names templates after a model: ``<app_label>/<model><suffix>.html``, then ``default_template``, if there is one."""

    template_name_suffix: str
    default_template: str | None = None  # where none of the model's own exists
    lacks: ClassVar[
        tuple[str, str]
    ]  # for the error where nothing names a template: what is missing, what to give

    @classmethod
    def knows_template(cls, given: Mapping[str, Any]) -> bool:
        """A model has a template by its name."""
        return True

    @classmethod
    def named_after(cls, given: Mapping[str, Any]) -> Sequence[str]:
        """Return the names of templates that follow from the model."""
        return templates_of_options(cls, given)

    def names_of_rows(self) -> list[str]:
        """Return the names that follow from what is shown; none where that is not known."""
        return []

    def get_template_names(self) -> Sequence[str]:
        """Return the names of templates, of which the first that exists is shown."""
        if self.template_name is not None:
            return [self.template_name]
        names = self.names_of_rows()
        if not names and self.default_template is None:
            what, expected = self.lacks
            raise BadView(f"{type(self).__name__} {what}", expected=expected)
        return [*names, *([self.default_template] if self.default_template else ())]


class SingleObjectTemplateResponseMixin(ModelTemplateMixin):
    """Shows ``<app_label>/<model><suffix>.html``, unless ``template_name`` or the object's own field says otherwise."""

    template_name_field: str | None = None
    template_name_suffix: str = "_detail"
    lacks = ("has neither a template nor a model to name it after.", "template_name or model")

    @classmethod
    def named_after(cls, given: Mapping[str, Any]) -> Sequence[str]:
        """Return the names of templates that follow from the model; none where the object may name one."""
        if given.get("template_name_field", cls.template_name_field):
            return ()
        return super().named_after(given)

    def names_of_rows(self) -> list[str]:
        """Return the name that the object itself holds, and that of its model."""
        obj = getattr(self, "object", None)
        own = (
            getattr(obj, self.template_name_field, None)
            if obj is not None and self.template_name_field
            else None
        )
        return [*([own] if own else ()), *model_templates(_model_of(self, obj), self.template_name_suffix)]


def _model_of(view: Any, obj: Any) -> Any:
    """Return the model that a view is about."""
    if isinstance(obj, Model):
        return type(obj)
    if getattr(view, "model", None) is not None:
        return view.model
    queryset = getattr(view, "queryset", None)
    return queryset.model if queryset is not None else None


def templates_of_options(cls: type[Any], given: Mapping[str, Any]) -> list[str]:
    """Return the templates by which the class with these attributes would show its model; none where that is not known."""
    queryset = given.get("queryset", cls.queryset) if hasattr(cls, "queryset") else None
    model = given.get("model", getattr(cls, "model", None)) or getattr(queryset, "model", None)
    names = model_templates(model, given.get("template_name_suffix", cls.template_name_suffix))
    default = given.get("default_template", cls.default_template)
    return [*names, *([default] if default and names else ())]


def model_templates(model: Any, suffix: str) -> list[str]:
    """Return the template that belongs to a model by name: ``shop/book_list.html``."""
    if model is None:
        return []
    meta = model._meta
    return [f"{meta.app_label}/{meta.model_name}{suffix}.html"]


class BaseDetailView(SingleObjectMixin[M], View):
    """Finds the object and leaves it to ``render_to_response``."""

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Show the object."""
        self.object = await resolved(self.get_object())
        context = await resolved(self.get_context_data(object=self.object))
        return await resolved(self.render_to_response(context))


class DetailView(SingleObjectTemplateResponseMixin, BaseDetailView[M]):
    """Shows one object: ``object`` (and e.g. ``book``) in ``<app_label>/<model>_detail.html``."""


__all__ = [
    "BaseDetailView",
    "DetailView",
    "ModelTemplateMixin",
    "SingleObjectMixin",
    "SingleObjectTemplateResponseMixin",
]
