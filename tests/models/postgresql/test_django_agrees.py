"""Each query is asked of Django and of Vivace on the same rows; the answers must be the same."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.models import oracle
from tests.models.postgresql import worlds
from tests.models.sql.worlds import django_settings

ARRAYS: Final = """
Post.objects.values_list("tags", "counts", "grid", "prices", "moments", "documents")
Post.objects.filter(tags=["a", "b"]).values_list("id")
Post.objects.filter(tags__contains=["b"]).values_list("id")
Post.objects.filter(tags__contains=[]).values_list("id")
Post.objects.exclude(tags__contains=["b"]).values_list("id")
Post.objects.filter(tags__contained_by=["a", "b", "c"]).values_list("id")
Post.objects.filter(tags__overlap=["a", "ü"]).values_list("id")
Post.objects.filter(tags__contains=[F("title")]).values_list("id")
Post.objects.filter(tags__overlap=["b", F("title")]).values_list("id")
Post.objects.filter(tags__len=2).values_list("id")
Post.objects.filter(tags__len__lt=1).values_list("id")
Post.objects.filter(tags__0="b").values_list("id")
Post.objects.filter(tags__0__icontains="A").values_list("id")
Post.objects.filter(tags__1__isnull=True).values_list("id")
Post.objects.filter(tags__0_1=["a"]).values_list("id")
Post.objects.filter(tags__0_2__contains=["b"]).values_list("id")
Post.objects.filter(tags__in=[["a", "b"], []]).values_list("id")
Post.objects.filter(tags__isnull=True).values_list("id")
Post.objects.filter(tags=None).values_list("id")
Post.objects.filter(tags__gt=["a"]).values_list("id")
Post.objects.filter(counts__contains=[1, 2]).values_list("id")
Post.objects.filter(counts__0=1).values_list("id")
Post.objects.filter(counts__0__gte=1).values_list("id")
Post.objects.filter(grid=[[1, 2], [3, 4]]).values_list("id")
Post.objects.filter(grid__0__1=2).values_list("id")
Post.objects.filter(grid__contains=[[1, 2]]).values_list("id")
Post.objects.filter(prices__contains=[D("2.5")]).values_list("id")
Post.objects.filter(prices__1__gt=2).values_list("id")
Post.objects.filter(moments__overlap=[noon]).values_list("id")
Post.objects.values_list("tags__0", "tags__0_2", "tags__len", "grid__1")
Post.objects.annotate(first=F("tags__0")).order_by("first", "id").values_list("first")
Post.objects.annotate(first=F("tags")[0], rest=F("tags")[1:]).values_list("rest")
Post.objects.filter(tags__overlap=Post.objects.values_list("title")).values_list("id")
Post.objects.values_list("title").annotate(ids=ArraySubquery(Post.objects.filter(flag=OuterRef("flag")).values("id")))
""".strip().splitlines()
HSTORE: Final = """
Post.objects.values_list("data")
Post.objects.filter(data={"color": "red", "size": "10", "none": None}).values_list("id")
Post.objects.filter(data__contains={"color": "red"}).values_list("id")
Post.objects.exclude(data__contains={"color": "red"}).values_list("id")
Post.objects.filter(data__contained_by={"color": 'say "hi"', "a=>b": "", "x": "y"}).values_list("id")
Post.objects.filter(data__color="red").values_list("id")
Post.objects.filter(data__color__icontains="RED").values_list("id")
Post.objects.filter(data__nothing__isnull=True).values_list("id")
Post.objects.filter(data__has_key="size").values_list("id")
Post.objects.filter(data__has_keys=["size", "color"]).values_list("id")
Post.objects.filter(data__has_any_keys=["size", "a=>b"]).values_list("id")
Post.objects.filter(data__keys__overlap=["size"]).values_list("id")
Post.objects.filter(data__values__contains=["red"]).values_list("id")
Post.objects.values_list("data__color").order_by("data__color")
""".strip().splitlines()
RANGES: Final = """
Post.objects.values_list("ages", "big", "span", "period", "days")
Post.objects.filter(ages=R(1, 10)).values_list("id")
Post.objects.filter(ages=(1, 10)).values_list("id")
Post.objects.filter(ages__contains=5).values_list("id")
Post.objects.filter(ages__contains=R(2, 5)).values_list("id")
Post.objects.filter(ages__contains=(2, 5)).values_list("id")
Post.objects.exclude(ages__contains=5).values_list("id")
Post.objects.filter(ages__contained_by=R(0, 15)).values_list("id")
Post.objects.filter(ages__contained_by=R(0, None)).values_list("id")
Post.objects.filter(ages__overlap=R(9, 11)).values_list("id")
Post.objects.filter(ages__fully_lt=R(10, 11)).values_list("id")
Post.objects.filter(ages__fully_gt=R(0, 5)).values_list("id")
Post.objects.filter(ages__not_lt=R(10, 11)).values_list("id")
Post.objects.filter(ages__not_gt=R(0, 10)).values_list("id")
Post.objects.filter(ages__adjacent_to=R(10, 12)).values_list("id")
Post.objects.filter(ages__startswith=1).values_list("id")
Post.objects.filter(ages__endswith__gte=20).values_list("id")
Post.objects.filter(ages__isempty=True).values_list("id")
Post.objects.filter(days__lower_inf=True).values_list("id")
Post.objects.filter(big__upper_inf=True).values_list("id")
Post.objects.filter(span__lower_inc=False, span__upper_inc=True).values_list("id")
Post.objects.filter(big__contains=2**41).values_list("id")
Post.objects.filter(period__contains=noon).values_list("id")
Post.objects.filter(period__contains=R(noon, noon + hour)).values_list("id")
Post.objects.filter(period__endswith__gt=noon).values_list("id")
Post.objects.filter(days__contains=date(2020, 5, 2)).values_list("id")
Post.objects.filter(days__contains=F("day")).values_list("id")
Post.objects.filter(number__contained_by=R(0, 5)).values_list("id")
Post.objects.filter(score__contained_by=R(D(0), D(3))).values_list("id")
Post.objects.filter(price__contained_by=R(D(0), D(3))).values_list("id")
Post.objects.filter(day__contained_by=R(date(2020, 1, 1), date(2020, 5, 5))).values_list("id")
Post.objects.filter(at__contained_by=R(noon, noon + hour)).values_list("id")
Post.objects.filter(ages__in=[R(1, 10), R(10, 21)]).values_list("id")
Post.objects.order_by("ages__startswith", "id").values_list("ages__startswith")
""".strip().splitlines()
AGGREGATES: Final = """
Post.objects.aggregate(x=ArrayAgg("title", order_by="title"))
Post.objects.aggregate(x=ArrayAgg("title", order_by="-title", filter=Q(flag=True)))
Post.objects.aggregate(x=ArrayAgg("flag", distinct=True))
Post.objects.filter(id=0).aggregate(x=ArrayAgg("title"))
Post.objects.filter(id=0).aggregate(x=ArrayAgg("title", default=[]))
Post.objects.filter(id=0).aggregate(x=ArrayAgg("title", default=Value(["x"])))
Post.objects.values("flag").annotate(x=ArrayAgg("number", order_by=["number", "id"])).order_by("flag")
Post.objects.values("flag").annotate(x=ArrayAgg("number")).filter(x__contains=[3]).values_list("flag")
Post.objects.aggregate(x=JSONBAgg("title", order_by="title"))
Post.objects.filter(id=0).aggregate(x=JSONBAgg("title", default=["x"]))
Post.objects.aggregate(x=BoolAnd("flag"), y=BoolOr("flag"))
Post.objects.aggregate(x=BitAnd("number"), y=BitOr("number"), z=BitXor("number"))
Post.objects.aggregate(x=Corr("score", "weight"), y=CovarPop("score", "weight"), z=CovarPop("score", "weight", sample=True))
Post.objects.aggregate(a=RegrAvgX("score", "weight"), b=RegrAvgY("score", "weight"), c=RegrCount("score", "weight"))
Post.objects.aggregate(a=RegrIntercept("score", "weight"), b=RegrR2("score", "weight"), c=RegrSlope("score", "weight"))
Post.objects.aggregate(a=RegrSXX("score", "weight"), b=RegrSXY("score", "weight"), c=RegrSYY("score", "weight"))
Post.objects.aggregate(x=Corr("score", "weight", filter=Q(score__gt=1)))
""".strip().splitlines()
SEARCH: Final = """
Post.objects.filter(body__search="dog").values_list("id")
Post.objects.filter(title__search="cats").values_list("id")
Post.objects.filter(body__search=F("title")).values_list("id")
Post.objects.annotate(s=SearchVector("title", "body")).filter(s="dog cats").values_list("id")
Post.objects.annotate(s=SearchVector("title", "body", config="english")).filter(s="dogs").values_list("id")
Post.objects.annotate(s=SearchVector("body", "number")).filter(s="20").values_list("id")
Post.objects.annotate(s=SearchVector("body")).filter(s=SearchQuery("dog") | SearchQuery("fox")).values_list("id")
Post.objects.annotate(s=SearchVector("body")).filter(s=SearchQuery("dog") & SearchQuery("cats")).values_list("id")
Post.objects.annotate(s=SearchVector("body")).filter(s=~SearchQuery("fox")).values_list("id")
Post.objects.annotate(s=SearchVector("body")).filter(s=SearchQuery("lazy dogs", search_type="phrase")).values_list("id")
Post.objects.annotate(s=SearchVector("body")).filter(s=SearchQuery("fox & !cat", search_type="raw")).values_list("id")
Post.objects.annotate(s=SearchVector("body")).filter(s=SearchQuery("fox -cats", search_type="websearch")).values_list("id")
Post.objects.annotate(s=SearchVector("body", config="simple")).filter(s=SearchQuery("dog", config="simple")).values_list("id")
Post.objects.annotate(s=SearchVector("title", weight="A") + SearchVector("body", weight="D")).filter(s="dog").values_list("id")
Post.objects.annotate(r=SearchRank(SearchVector("title", "body"), SearchQuery("dog"))).order_by("-r", "id").values_list("id", "r")
Post.objects.annotate(r=SearchRank(SearchVector("body", weight="A"), SearchQuery("dog"), weights=[0.2, 0.4, 0.6, 0.8])).values_list("r")
Post.objects.annotate(r=SearchRank("body", "dog", normalization=2, cover_density=True)).values_list("r")
Post.objects.annotate(h=SearchHeadline("body", "dog")).values_list("h")
Post.objects.annotate(h=SearchHeadline("body", SearchQuery("dog"), config="simple", start_sel="<'", stop_sel='\\\\">', max_words=5, min_words=2)).values_list("h")
Post.objects.annotate(h=SearchHeadline("body", "dog", highlight_all=True, max_fragments=2, fragment_delimiter=" ~ ")).values_list("h")
Post.objects.filter(vector="dog").values_list("id")
""".strip().splitlines()
SIMILAR: Final = """
Post.objects.filter(title__trigram_similar="cat and dog").values_list("id")
Post.objects.filter(title__trigram_word_similar="dog").values_list("id")
Post.objects.filter(title__trigram_strict_word_similar="dogs").values_list("id")
Post.objects.annotate(s=TrigramSimilarity("title", "dogs")).order_by("-s", "id").values_list("s")
Post.objects.annotate(s=TrigramDistance("title", "dogs")).order_by("s", "id").values_list("s")
Post.objects.annotate(s=TrigramWordSimilarity("dogs", "title")).values_list("s")
Post.objects.annotate(s=TrigramStrictWordSimilarity("dogs", "title")).values_list("s")
Post.objects.annotate(s=TrigramWordDistance("dogs", "title")).values_list("s")
Post.objects.annotate(s=TrigramStrictWordDistance("dogs", "title")).values_list("s")
Post.objects.filter(title__unaccent="hotel angstrom").values_list("id")
Post.objects.filter(title__unaccent="Hotel Angstrôm").values_list("id")
Post.objects.filter(title__unaccent__icontains="ANGSTRÖM").values_list("id")
Post.objects.filter(title__unaccent__startswith="Hot%").values_list("id")
Post.objects.filter(title__unaccent__iexact="hotel ANGSTROM").values_list("id")
Post.objects.filter(title__unaccent__trigram_similar="Hotel Angstrom").values_list("id")
""".strip().splitlines()


@pytest.fixture(scope="session")
def contrib_url(postgresql_databases: Any) -> Any:
    """A database with the extensions, the tables (made by Django) and rows, for all queries of a worker."""
    import asyncio

    with postgresql_databases.fresh() as url:
        asyncio.run(_extensions(url))
        world = worlds.django_world(django_settings(url))
        from django.db import connection

        with connection.schema_editor() as editor:
            editor.create_model(world.model("Post"))
        for row in worlds.rows(world.names["R"]):
            if row.get("ages") == "empty":
                from psycopg.types.range import Range

                row["ages"] = Range(empty=True)
            world.model("Post").objects.create(**row)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE contrib_post SET vector = to_tsvector(body)")
        oracle.disconnect_django()
        yield url


async def _extensions(url: str) -> None:
    import asyncpg

    driver: Any = asyncpg
    connection: Any = await driver.connect(url)
    try:
        for name in worlds.EXTENSIONS:
            known: Any = await connection.fetchval(
                "SELECT 1 FROM pg_available_extensions WHERE name = $1", name
            )
            if not known:
                pytest.skip(f"the server has no extension {name}")
            await connection.execute(f"CREATE EXTENSION {name}")
    finally:
        await connection.close()


async def differences(url: str, queries: list[str]) -> list[str]:
    """Return those queries that the two answer differently, with both answers."""
    from pathlib import Path

    from vivace.db import Database, Databases, current_databases
    from vivace.db.urls import connect

    django, vivace = worlds.django_world(django_settings(url)), worlds.vivace_world()
    database = Database("default", connect(url, root=Path("/")))
    token = current_databases.set(Databases({"default": database}))
    found: list[str] = []
    try:
        for text in queries:
            expected = worlds.shown(await oracle.answer(django, text))
            got = worlds.shown(await oracle.answer(vivace, text))
            if isinstance(expected, str) and expected.startswith("error"):
                found.append(f"{text}: Django itself says {expected}")
            elif expected != got:
                found.append(f"{text}\n  Django: {expected}\n  Vivace: {got}")
    finally:
        current_databases.reset(token)
        await database.close()
        oracle.disconnect_django()
    return found


@pytest.mark.parametrize(
    "queries",
    [ARRAYS, HSTORE, RANGES, AGGREGATES, SEARCH, SIMILAR],
    ids=["arrays", "hstore", "ranges", "aggregates", "search", "similar"],
)
async def test_pg1_pg2_pg3_answers_are_those_of_django(contrib_url: str, queries: list[str]) -> None:
    assert not await differences(contrib_url, queries)
