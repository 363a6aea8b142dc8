"""Many objects: ordered, cut into pages, shown by a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from vivace.errors import InvalidPage, NotFound
from vivace.errors.views import BadView
from vivace.http.request import Request
from vivace.models.pagination import KeysetPage, KeysetPaginator, Page, Paginator

from .base import View, has_own, resolved
from .detail import M, ModelMixin, ModelTemplateMixin, model_templates
from .templated import ContextMixin

if TYPE_CHECKING:
    from vivace.models import QuerySet

    Rows: TypeAlias = "QuerySet[M, M] | Sequence[M]"

_WRONG: Final = ("404", "nearest")


class MultipleObjectMixin(ModelMixin[M], ContextMixin):
    """Lists objects in pages of ``paginate_by`` (``None``: all at once).

    Numbered pages (``?page=2``, ``?page=last``): a last page of at most ``paginate_orphans`` rows joins the one before; a
    page that is not there is 404, or with ``wrong_page = "nearest"`` the first or last one. ``keyset = True`` pages by
    the ordering's values instead (``?after=…``): stable while rows come and go, equally fast however far.
    """

    object_list: Any = None
    allow_empty: bool = True
    ordering: str | Sequence[str] | None = None
    paginate_by: int | None = None
    paginate_orphans: int = 0
    paginator_class: type[Paginator[Any]] = Paginator
    page_kwarg: str = "page"
    wrong_page: Literal["404", "nearest"] = "404"
    keyset: bool = False

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse an answer to wrong pages that does not exist, and keyset pages of no size."""
        super().check_options(given)
        wrong = given.get("wrong_page", cls.wrong_page)
        if wrong not in _WRONG:
            raise BadView(
                f"{cls.__name__}.wrong_page is unknown.",
                expected=" or ".join(map(repr, _WRONG)),
                got=repr(wrong),
            )
        size = given.get("paginate_by", cls.paginate_by)
        own = has_own(cls, "get_paginate_by")
        if given.get("keyset", cls.keyset) and size is None and not own:
            raise BadView(
                f"{cls.__name__} has keyset = True and no size of a page.",
                expected="paginate_by",
                fix="paginate_by = 25",
            )

    def get_queryset(self) -> QuerySet[M, M]:
        """Return the rows in their order."""
        rows = super().get_queryset()
        ordering = self.get_ordering()
        if not ordering:
            return rows
        return rows.order_by(*([ordering] if isinstance(ordering, str) else ordering))

    def get_ordering(self) -> str | Sequence[str] | None:
        """Return by what rows are ordered; ``None`` leaves the queryset as it is."""
        return self.ordering

    def get_allow_empty(self) -> bool:
        """Say whether an empty list is a page; else it is 404."""
        return self.allow_empty

    def get_paginate_by(self, queryset: Rows[M]) -> int | None:
        """Return how many rows a page has, ``None`` for all."""
        return self.paginate_by

    def get_paginate_orphans(self) -> int:
        """Return how few rows of a last page join the one before it."""
        return self.paginate_orphans

    def get_paginator(
        self,
        queryset: Rows[M],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
        **kwargs: Any,
    ) -> Paginator[M]:
        """Return what cuts the rows into numbered pages."""
        return self.paginator_class(
            cast("Any", queryset),
            per_page,
            orphans=orphans,
            allow_empty_first_page=allow_empty_first_page,
            **kwargs,
        )

    async def paginate_queryset(
        self, queryset: Rows[M], page_size: int
    ) -> tuple[Any, Page[M] | KeysetPage[M], list[M], bool]:
        """Return paginator, page, its rows, and whether there are other pages. Raises ``NotFound`` for a page that is not."""
        if self.keyset:
            return await self._keyset_page(queryset, page_size)
        paginator = self.get_paginator(
            queryset, page_size, self.get_paginate_orphans(), allow_empty_first_page=self.get_allow_empty()
        )
        asked = self.kwargs.get(self.page_kwarg) or self.request.query.get(self.page_kwarg) or 1
        if self.wrong_page == "nearest" and asked != "last":
            page = await paginator.get_page(asked)
        else:
            page = await self._numbered(paginator, asked)
        return paginator, page, page.items, page.has_other_pages

    async def _numbered(self, paginator: Paginator[M], asked: Any) -> Page[M]:
        try:
            if asked == "last":
                asked = max(1, paginator.pages_of(await paginator.count()))
            return await paginator.page(asked)
        except InvalidPage as error:
            raise NotFound(
                f"There is no page {str(asked)[:40]!r}.", expected=error.expected, got=error.got
            ) from error

    async def _keyset_page(
        self, queryset: Rows[M], page_size: int
    ) -> tuple[KeysetPaginator[M], KeysetPage[M], list[M], bool]:
        paginator = KeysetPaginator(cast("QuerySet[M, M]", queryset), page_size)
        query = self.request.query
        page = await paginator.page(after=query.get("after"), before=query.get("before"))
        return paginator, page, page.items, page.has_next or page.has_previous

    def get_context_object_name(self, object_list: Any) -> str | None:
        """Return under which name beside ``object_list`` the template finds the rows: ``book_list``."""
        if self.context_object_name:
            return self.context_object_name
        model = getattr(object_list, "model", None)
        return f"{model._meta.model_name}_list" if model is not None else None

    async def get_context_data(self, *, object_list: Any = None, **kwargs: Any) -> dict[str, Any]:
        """Return the context: ``object_list``, the model's own name for it, ``page_obj``, ``paginator``, ``is_paginated``."""
        rows = self.object_list if object_list is None else object_list
        size = self.get_paginate_by(rows)
        name = self.get_context_object_name(rows)
        context: dict[str, Any] = {
            "paginator": None,
            "page_obj": None,
            "is_paginated": False,
            "object_list": rows,
        }
        if size:
            paginator, page, shown, others = await self.paginate_queryset(rows, size)
            context = {"paginator": paginator, "page_obj": page, "is_paginated": others, "object_list": shown}
        if name is not None:
            context[name] = context["object_list"]
        return await super().get_context_data(**{**context, **kwargs})


class MultipleObjectTemplateResponseMixin(ModelTemplateMixin):
    """Shows ``<app_label>/<model>_list.html``, unless ``template_name`` says otherwise."""

    template_name_suffix: str = "_list"
    lacks = ("shows a list that is no queryset, and has no template.", "template_name")

    def names_of_rows(self) -> list[str]:
        """Return the name that follows from the model of the rows."""
        model = getattr(getattr(self, "object_list", None), "model", None)
        return model_templates(model, self.template_name_suffix)


class BaseListView(MultipleObjectMixin[M], View):
    """Finds the objects and leaves them to ``render_to_response``."""

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Show the list."""
        self.object_list = await resolved(self.get_queryset())
        if not self.get_allow_empty() and await self._is_empty():
            raise NotFound(f"{type(self).__name__} has nothing to show.")
        context = await resolved(self.get_context_data())
        return await resolved(self.render_to_response(context))

    async def _is_empty(self) -> bool:
        """Say whether there are no rows; asked of the database, unless pages count them anyway."""
        rows = self.object_list
        return not (await rows.exists() if hasattr(rows, "exists") else len(rows))


class ListView(MultipleObjectTemplateResponseMixin, BaseListView[M]):
    """Lists objects: ``object_list`` (and e.g. ``book_list``) in ``<app_label>/<model>_list.html``."""


__all__ = ["BaseListView", "ListView", "MultipleObjectMixin", "MultipleObjectTemplateResponseMixin"]
