"""What type checkers must infer of views: read by mypy and pyright with the rest of the tests, run by nobody."""

from __future__ import annotations

from typing import Any, assert_type

from vivace import Redirect, get_list_or_404, get_object_or_404, models, redirect
from vivace.views import DetailView, ListView, UpdateView, View, ViewHandler


class Essay(models.Model):
    title = models.CharField(max_length=80)


class EssayList(ListView[Essay]):
    model = Essay
    paginate_by = 10

    def get_queryset(self) -> models.QuerySet[Essay]:
        rows = super().get_queryset()
        assert_type(rows, models.QuerySet[Essay])
        return rows.filter(title="x")


class EssayPage(DetailView[Essay]):
    model = Essay

    async def get_object(self, queryset: models.QuerySet[Essay] | None = None) -> Essay:
        essay = await super().get_object(queryset)
        assert_type(essay, Essay)
        return essay

    async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**await super().get_context_data(**kwargs), "more": 1}


class EssayEdit(UpdateView[Essay]):
    model = Essay
    fields = ("title",)


async def shortcuts() -> None:
    assert_type(await get_object_or_404(Essay, pk=1), Essay)
    assert_type(await get_object_or_404(Essay.objects, pk=1), Essay)
    assert_type(await get_object_or_404(Essay.objects.filter(title="x"), pk=1), Essay)
    assert_type(await get_object_or_404(Essay.objects.values_list(Essay.title, flat=True), pk=1), str)
    assert_type(await get_list_or_404(Essay), list[Essay])
    assert_type(redirect("/"), Redirect)


view: type[View] = EssayList
assert_type(EssayList.as_view(), ViewHandler)
