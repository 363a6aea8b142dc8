"""Programs that Django and Vivace once answered differently, as the differential test found them, shrunk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential import schema
from tests.differential.django_side import NEWEST
from tests.differential.programs import Case, Written
from tests.differential.running import Worlds, worlds

if TYPE_CHECKING:
    from tests.servers import Databases

SEEDS: Final = (2, 4, 11)  # of the rows
PROGRAMS: Final = (
    # ~~Q is Q: a doubled negation wraps nothing, and its joins repeat rows
    "Book.objects.filter(~~Q(novel__isnull=False, tags__books__rating__exact=0.0))",
    # a condition that no row can meet still joins
    "Book.objects.filter(~Q(novel__isnull=True) & (Q(novel__isnull=False) | Q(tags__in=[]))).values_list('pk')",
    "Author.objects.exclude(books__tags__in=[])",
    "Author.objects.filter(Q(books__pages__lt=2**70) | Q(age=1))",
    # a negation over many is about the row that the same call joined
    "Author.objects.filter(Q(pupils__isnull=False) & ~Q(pupils__age__gt=0))",
    "Tag.objects.exclude(books__price__gt=F('books__price'))",
    "Author.objects.exclude(books__rating__gt=F('books__rating')).values_list('pk', 'name')",
    "Book.objects.exclude(Q(rating__gt=F('tags__weight'), year__gt=0) & Q(tags__weight__gte=1.0, signed=True))",
    "Tag.objects.filter(Q(books__novel__wakes__isnull=False) | ~Q(books__novel__wakes__gte=Value(time(8, 5))))",
    # relations to a composite key
    "Club.objects.exclude(members__shelves__isnull=False)",
    "Membership.objects.filter(author__shelves__isnull=True, author__mentor__isnull=False).count()",
    "Shelf.objects.values_list('pk', 'label')",
    "Author.objects.values_list('shelves')",
    "Review.objects.values('stars', 'writer__shelves')",
    "Author.objects.annotate(x=F('shelves')).values('x', 'name')",
    # a Q without conditions says nothing, negated or not
    "Club.objects.exclude(Q())",
    "Club.objects.filter(~Q(Q(), ~Q()) | Q(pk=2))",
    # the condition of a filtered relation, compared with another relation's column
    "Book.objects.annotate(fr=FilteredRelation('publisher', condition=Q(publisher__name__lt=F('author__name')))).values_list('pk', 'fr__name')",
    # JSON's null under a negation
    "Book.objects.exclude(data__a=None)",
    "Book.objects.exclude(data__exact=None)",
    # what is computed has more digits than the column
    "Book.objects.order_by().values_list(F('price') * D('10.50'))",
    "Book.objects.aggregate(a=Avg('price'), v=Variance('price'), s=Sum('price', default=D('0.125')))",
    # a child's key is its parent's too: one column of a combination
    "Novel.objects.order_by().intersection(Novel.objects.order_by(), Novel.objects.order_by()).count()",
    "Novel.objects.order_by().union(Novel.objects.order_by()).order_by('pk')",
)
OLDER: Final = ("exact=None", "a=None")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Both worlds on a database of their own."""
    if request.param == "sqlite":
        with worlds(f"sqlite:///{tmp_path_factory.mktemp('seeds') / 'worlds.sqlite3'}") as made:
            yield made
        return
    databases: Databases = request.getfixturevalue("postgresql_databases")
    with databases.fresh() as url, worlds(url) as made:
        yield made


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("seed", SEEDS)
def test_what_once_differed(seed: int, both: Worlds) -> None:
    schema.fill(seed)
    asked = [each for each in PROGRAMS if NEWEST or not any(mark in each for mark in OLDER)]
    differing = {each: both.difference(Case("seeds", Written(each))) for each in asked}
    assert {each: answers for each, answers in differing.items() if answers is not None} == {}
    assert both.answered["seeds"] >= len(asked) * 0.9
