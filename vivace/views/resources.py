"""``resource(Model, fields=[…])``: list, page, new, edit and delete of a model in one line (RO9).

It is a router of ordinary class-based views with templates of ours, so each piece can be replaced alone: a template
``<app_label>/<model>_list.html`` (or ``_detail``, ``_form``, ``_confirm_delete``) of yours takes the place of ours, a
route of yours at the same path that of a view, and ``base.html`` that of the frame.

==========  ====================  =====================  ==========================================
page        path                  name                   leads to
==========  ====================  =====================  ==========================================
list        ``/books``            ``book:list``          its rows' pages
detail      ``/books/{pk}``       ``book:detail``        edit, delete
create      ``/books/new``        ``book:create``        the new object's page, else the list
edit        ``/books/{pk}/edit``  ``book:edit``          the object's page, else the list
delete      ``…/delete``          ``book:delete``        the list
==========  ====================  =====================  ==========================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, Unpack, get_args

from markupsafe import Markup

from vivace.errors import NotLoaded, nearest
from vivace.errors.views import BadView
from vivace.models import AutoField, FieldFile, IntegerField, TextField
from vivace.routing import Router
from vivace.routing.routes import RouteKwargs
from vivace.templates.filters.text import capfirst

from .base import Part
from .detail import DetailView
from .editing import CreateView, DeleteView, SuccessMessageMixin, UpdateView
from .lists import ListView

if TYPE_CHECKING:
    from vivace.models import Model

    M = TypeVar("M", bound=Model)

ResourcePage: TypeAlias = Literal["list", "detail", "create", "edit", "delete"]
PAGES: Final[tuple[ResourcePage, ...]] = get_args(ResourcePage)
_WRITING: Final = ("create", "edit", "delete")
_MOST_COLUMNS: Final = 5
_NOTHING: Final = "–"
_LINK: Final = Markup('<a href="{}">{}</a>')


class Resource:
    """What the pages of one model know of each other; ``resource`` in their templates."""

    def __init__(
        self, model: type[Model], pages: Sequence[ResourcePage], fields: Any, columns: Sequence[str]
    ) -> None:
        meta: Any = model._meta
        self.model = model
        self.pages = tuple(pages)
        self.fields = fields
        self.name: str = meta.model_name
        self.title = capfirst(meta.verbose_name)
        self.plural = capfirst(meta.verbose_name_plural)
        self.shown = _shown_fields(meta, fields)
        self.columns = tuple(columns) or _columns(meta, self.shown)

    def label(self, name: str) -> str:
        """Return how a field is called."""
        return capfirst(getattr(self.model._meta.get_field(name), "verbose_name", name))

    def value(self, obj: Any, name: str, *, links: bool = True) -> Any:
        """Return the value of a field as people read it; a file as a link, unless it stands in one."""
        display = getattr(obj, f"get_{name}_display", None)
        value: Any = display() if display is not None else getattr(obj, name)
        if links and _is_file(value):
            return _LINK.format(value.url, str(value).rpartition("/")[2])
        if hasattr(value, "all"):  # related objects
            value = ", ".join(str(related) for related in value.all())
        if isinstance(value, bool):
            return "Yes" if value else "No"
        return _NOTHING if value is None or value == "" else value


class _ResourceMixin(Part):
    """Gives the pages of a resource each other's addresses."""

    resource: Resource | None = None

    def address(self, page: ResourcePage, obj: Any = None) -> str | None:
        """Return the address of a page, of an object where it has one; ``None`` for a page that the resource does not have."""
        if self.resource is None or page not in self.resource.pages:
            return None
        params = {} if obj is None else {"pk": obj.pk}
        url: str = self.request.app.reverse(f"{self.request.route.namespace}:{page}", **params)
        return url

    async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the context with ``resource`` and ``address``."""
        context: dict[str, Any] = await super().get_context_data(**kwargs)  # type: ignore[misc]
        return {"resource": self.resource, "address": self.address, **context}


class _SavingMixin(_ResourceMixin, SuccessMessageMixin):
    """Says what was done and goes on to the object's page, or the list."""

    done = "saved"
    object: Any

    @classmethod
    def knows_success_url(cls, given: Mapping[str, Any]) -> bool:
        """It is the object's page, or the list."""
        return True

    def get_success_url(self) -> str:
        """Return the object's page, else the list, else the page itself."""
        target = self.address("detail", self.object) if self.done != "deleted" else None
        return target or self.address("list") or self.request.path

    def get_success_message(self, cleaned_data: Mapping[str, Any]) -> str:
        """Return that it was saved."""
        return f"{self.named()} was {self.done}."

    def named(self) -> str:
        """Return what kind of object it is, and which."""
        kind = self.resource.title if self.resource is not None else type(self.object).__name__
        try:
            return f"{kind} “{self.object}”"
        except NotLoaded:  # its text is made of related objects
            return kind


class _ListPage(_ResourceMixin, ListView[Any]):
    default_template = "vivace/views/list.html"


class _DetailPage(_ResourceMixin, DetailView[Any]):
    default_template = "vivace/views/detail.html"


class _CreatePage(_SavingMixin, CreateView[Any]):
    default_template = "vivace/views/form.html"


class _EditPage(_SavingMixin, UpdateView[Any]):
    default_template = "vivace/views/form.html"


class _DeletePage(_SavingMixin, DeleteView[Any]):
    default_template = "vivace/views/confirm_delete.html"
    done = "deleted"
    was = ""

    async def delete_object(self) -> Any:
        """Delete the object, and keep its name for the message."""
        self.was = self.named()
        return await super().delete_object()

    def get_success_message(self, cleaned_data: Mapping[str, Any]) -> str:
        """Return that it was deleted."""
        return f"{self.was} was {self.done}."


def resource(
    model: type[M],
    *,
    fields: Sequence[str] | Literal["__all__"] = "__all__",
    pages: Sequence[ResourcePage] = PAGES,
    columns: Sequence[str] = (),
    paginate_by: int | None = 25,
    prefix: str | None = None,
    write_guards: Sequence[Callable[..., Any]] = (),
    **options: Unpack[RouteKwargs],
) -> Router:
    """Return a router with the pages of a model, for ``app.include``.

    ``fields`` are those of its form and its page, ``columns`` those of the list (by default the first few fields).
    ``prefix`` is the plural's name (``/books``), the namespace the model's (``book:list``). ``write_guards`` are asked
    before new, edit and delete; further options (``guards`` …) hold for all pages, as those of a ``Router`` do. Raises
    ``BadView`` for a page or column that does not exist.
    """
    shared = Resource(model, _checked(model, pages, PAGES, "page"), fields, columns)
    _checked(model, shared.columns, [field.name for field in model._meta.get_fields()], "field")
    given: RouteKwargs = {"name": shared.name, **options}
    router = Router(prefix if prefix is not None else f"/{_slug(shared.plural)}", **given)
    common: dict[str, Any] = {"model": model, "resource": shared}
    views = {
        "list": ("", _ListPage.as_view(**common, paginate_by=paginate_by)),
        "create": ("/new", _CreatePage.as_view(**common, fields=fields)),
        "detail": (f"/{_pk(model)}", _DetailPage.as_view(**common)),
        "edit": (f"/{_pk(model)}/edit", _EditPage.as_view(**common, fields=fields)),
        "delete": (f"/{_pk(model)}/delete", _DeletePage.as_view(**common)),
    }
    for page, (path, view) in views.items():
        if page in pages:
            router.add_route(path, view, name=page, guards=write_guards if page in _WRITING else ())
    return router


def _is_file(value: object) -> bool:
    return isinstance(value, FieldFile) and bool(value)


def _checked(model: Any, given: Sequence[Any], known: Sequence[Any], what: str) -> Sequence[Any]:
    for name in given:
        if name not in known:
            raise BadView(
                f"The resource of {model.__name__} has no {what} {name!r}.",
                expected=", ".join(known),
                got=repr(name),
                fix=nearest(str(name), known),
            )
    return given


def _pk(model: Any) -> str:
    """Return the path's parameter: whole numbers where the key is one, so that others are 404 at once."""
    return "{pk:int}" if isinstance(model._meta.pk, (AutoField, IntegerField)) else "{pk}"


def _shown_fields(meta: Any, fields: Any) -> tuple[str, ...]:
    """Return the fields that the page of an object shows: those of the form."""
    if fields != "__all__":
        return tuple(fields)
    own = [*meta.concrete_fields, *meta.many_to_many]
    return tuple(field.name for field in own if field.editable and not field.primary_key)


def _columns(meta: Any, names: Sequence[str]) -> tuple[str, ...]:
    """Return the first few fields that fit into a column."""
    fields = [(name, meta.get_field(name)) for name in names]
    fitting = [name for name, field in fields if not isinstance(field, TextField) and not field.many_to_many]
    return tuple(fitting[:_MOST_COLUMNS])


def _slug(text: str) -> str:
    return "-".join("".join(character if character.isalnum() else " " for character in text.lower()).split())


__all__ = ["Resource", "ResourcePage", "resource"]
