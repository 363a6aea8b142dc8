"""Pages by number as Django cuts them, and by key while rows come and go."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.backing import opened
from vivace import models
from vivace.db import Database
from vivace.errors import FieldError, InvalidCursor, InvalidPage
from vivace.migrations.create import create_tables
from vivace.models.pagination import KeysetPaginator, Page, Paginator
from vivace.models.query.queryset import QuerySet
from vivace.testing.factories import Factory


class Shop(models.Model):
    name = models.CharField(max_length=20)


class Product(models.Model):
    name = models.CharField(max_length=20)
    code = models.UUIDField(unique=True, default=uuid.uuid4)
    rank = models.IntegerField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    weight = models.FloatField(default=0.0)
    made = models.DateTimeField()
    wait = models.DurationField(default=timedelta)
    on = models.BooleanField(default=True)
    note = models.CharField(max_length=9, null=True)
    shop = models.ForeignKey(Shop, models.CASCADE)

    class Meta:
        ordering = ["rank", "-price"]


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    async with opened(database_url, ()) as database:
        await create_tables(database, [Shop, Product])
        await Shop.objects.bulk_create([Shop(name="one"), Shop(name="two")])
        yield database


def product(number: int, chance: random.Random) -> Product:
    """Return one whose columns have few values, so that every ordering has ties."""
    return Product(
        name=chance.choice(["a", "B", "ä", "", "a'", "%"]),
        rank=chance.randrange(-2, 3),
        price=Decimal(chance.randrange(4)) / 4,
        weight=chance.choice([0.1, -1e300, 5e-324, 0.0]),
        made=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=chance.randrange(3)),
        wait=timedelta(microseconds=chance.randrange(3)),
        on=chance.random() < 0.5,
        shop_id=chance.choice([1, 2]),
    )


# -- numbered -----------------------------------------------------------------------------------------------------


def django_paginator(things: Any, per_page: int, **options: Any) -> Any:
    """Return Django's, whose own messages would need its settings."""
    django = pytest.importorskip("django.core.paginator")
    messages = dict.fromkeys(("invalid_page", "min_page", "no_results"), "no such page")
    made = django.Paginator(things, per_page, error_messages=messages, **options)
    made.ELLIPSIS = "…"  # not translated
    return made


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 23, 24, 25, 26, 100])
@pytest.mark.parametrize("orphans", [0, 1, 4])
@pytest.mark.parametrize("empty", [True, False])
async def test_or20_pages_are_djangos(count: int, orphans: int, empty: bool) -> None:
    things = list(range(count))
    theirs = django_paginator(things, 5, orphans=orphans, allow_empty_first_page=empty)
    ours = Paginator(things, 5, orphans=orphans, allow_empty_first_page=empty)
    assert (await ours.count(), ours.pages_of(count)) == (theirs.count, theirs.num_pages)
    for number in range(-1, theirs.num_pages + 2):
        page: Page[int] | None = None
        with suppress(InvalidPage):
            page = await ours.page(number)
        expected: Any = None
        with suppress(pytest.importorskip("django.core.paginator").InvalidPage):
            expected = theirs.page(number)
        assert (page is None) == (expected is None), number
        if page is not None:
            _compare(page, expected)


def _compare(page: Page[int], expected: Any) -> None:
    assert list(page) == page.object_list == list(expected.object_list)
    assert (page.number, page.start_index, page.end_index) == (
        expected.number,
        expected.start_index(),
        expected.end_index(),
    )
    assert (page.has_next, page.has_previous, page.has_other_pages) == (
        expected.has_next(),
        expected.has_previous(),
        expected.has_other_pages(),
    )
    assert page.page_range == expected.paginator.page_range
    assert len(page) == len(expected)
    if page.has_next:
        assert page.next_page_number == expected.next_page_number()
    else:
        with pytest.raises(InvalidPage):
            page.next_page_number


@pytest.mark.parametrize(
    "asked", [1, "2", "3", "4", "0", 0, -7, 99, "x", "", None, "1.0", 2.0, 1.5, " 2 ", "9" * 5000]
)
async def test_or20_whatever_a_visitor_asks_for_is_a_page_as_in_django(asked: Any) -> None:
    things = list(range(12))
    expected = django_paginator(things, 5).get_page(asked)
    page = await Paginator(things, 5).get_page(asked)
    assert (page.number, list(page)) == (expected.number, list(expected))


@pytest.mark.parametrize("asked", ["x", "", None, "1.0", 1.5, "9" * 5000, 0, -1, 4])
async def test_or20_what_is_no_page_is_404(asked: Any) -> None:
    with pytest.raises(InvalidPage) as caught:
        await Paginator(list(range(12)), 5).page(asked)
    assert caught.value.status == 404


def test_or20_elided_ranges_are_djangos() -> None:
    compared = 0
    for pages in [*range(1, 30), 50]:
        for each_side, ends in ((3, 2), (2, 1), (1, 1), (0, 1), (0, 0), (4, 3), (1, 5)):
            for number in range(1, pages + 1):
                theirs = django_paginator(range(pages), 1).get_elided_page_range(
                    number, on_each_side=each_side, on_ends=ends
                )
                page = Page([0], number, Paginator(range(pages), 1), pages)
                ours = list(page.elided_page_range(on_each_side=each_side, on_ends=ends))
                assert ours == list(theirs), (pages, number, each_side, ends)
                compared += 1
    assert compared > 3000


async def test_or20_pages_of_a_query(database: Database) -> None:
    chance = random.Random(1)
    await Product.objects.bulk_create([product(n, chance) for n in range(23)])
    everything = [p.pk for p in await Product.objects.order_by("pk")]
    paginator = Paginator(Product.objects.order_by("pk"), 5, orphans=3)
    found = [[p.pk for p in await paginator.page(number)] for number in range(1, 5)]
    assert [key for keys in found for key in keys] == everything
    assert [len(keys) for keys in found] == [5, 5, 5, 8]
    assert [p.pk for p in await paginator.get_page("last")] == everything[:5]


# -- by key -------------------------------------------------------------------------------------------------------

ORDERINGS: Final = [
    (),
    ("pk",),
    ("-pk",),
    ("name",),
    ("-name", "rank"),
    ("price", "-made", "on"),
    ("-weight",),
    ("-wait", "name"),
    ("code",),
    ("shop",),
    ("-shop_id", "-id"),
    ("on", "-code", "rank"),
]


async def walk(paginator: KeysetPaginator[Product], forward: bool, change: Any) -> list[int]:
    """Return the keys of all rows, page after page, with ``change`` awaited between pages."""
    keys: list[int] = []
    page = await paginator.page()
    if not forward:  # from the end
        while page.next_cursor is not None:
            page = await paginator.page(after=page.next_cursor)
    while True:
        rows = [row.pk for row in page]
        keys += rows if forward else rows[::-1]
        cursor = page.next_cursor if forward else page.previous_cursor
        if cursor is None:
            return keys
        await change()
        page = await paginator.page(**({"after": cursor} if forward else {"before": cursor}))


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("forward", [True, False])
async def test_or20_no_row_that_stays_is_repeated_or_skipped(
    database: Database, ordering: tuple[str, ...], forward: bool
) -> None:
    chance = random.Random(str((ordering, forward)))
    await Product.objects.bulk_create([product(n, chance) for n in range(40)])
    stays = {p.pk for p in await Product.objects.filter(pk__lte=25)}
    query = Product.objects.order_by(*ordering) if ordering else Product.objects.all()

    async def change() -> None:
        await product(0, chance).save()
        await Product.objects.filter(pk__gt=25, rank=chance.randrange(-2, 3)).delete()

    keys = await walk(KeysetPaginator(query, chance.randrange(1, 8)), forward, change)
    assert len(keys) == len(set(keys))
    assert stays <= set(keys)
    known = [
        p.pk
        for p in await query.filter(pk__in=stays).order_by(
            *(ordering or Product._meta.ordering), *_last(ordering)
        )
    ]
    assert [key for key in keys if key in stays] == (known if forward else known[::-1])


def _last(ordering: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the paginator adds to make the order total."""
    names = ordering or ("rank", "-price")
    if {name.lstrip("-") for name in names} & {"pk", "id", "code"}:
        return ()
    return ("-pk",) if names[-1].startswith("-") else ("pk",)


async def test_or20_forwards_and_back_again(database: Database) -> None:
    chance = random.Random(3)
    await Product.objects.bulk_create([product(n, chance) for n in range(11)])
    paginator = KeysetPaginator(Product.objects.order_by("name"), 3)
    pages = [await paginator.page()]
    while pages[-1].next_cursor is not None:
        pages.append(await paginator.page(after=pages[-1].next_cursor))
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert [(page.has_previous, page.has_next) for page in pages] == [
        (False, True),
        (True, True),
        (True, True),
        (True, False),
    ]
    back = [pages[-1]]
    while back[-1].previous_cursor is not None:
        back.append(await paginator.page(before=back[-1].previous_cursor))
    assert [[row.pk for row in page] for page in back[::-1]] == [[row.pk for row in page] for page in pages]
    assert not back[-1].has_previous
    assert back[-1].has_next


async def test_or20_a_page_of_nothing(database: Database) -> None:
    page = await KeysetPaginator(Product.objects.all(), 3).page()
    assert (list(page), page.next_cursor, page.previous_cursor) == ([], None, None)


def test_or20_what_cannot_be_a_key_is_told_at_once() -> None:
    for ordering in (("note",), ("shop__name",), ("?",), ("nme",)):
        with pytest.raises(FieldError):
            KeysetPaginator(Product.objects.order_by(*ordering), 3)


async def test_or20_pages_of_values_by_key(database: Database) -> None:
    chance = random.Random(5)
    await Product.objects.bulk_create([product(n, chance) for n in range(7)])
    ordered = Product.objects.order_by("shop", "name")
    expected = await ordered.order_by("shop", "name", "pk").values_list("pk", flat=True)
    rows: dict[str, QuerySet[Any, Any]] = {
        "dicts": ordered.values("id", "shop", "name"),
        "tuples": ordered.values_list("id", "name", "shop_id", "rank"),
        "named": ordered.values_list("pk", "name", "shop", named=True),
        "flat": Product.objects.order_by("pk").values_list("pk", flat=True),
    }
    for kind, query in rows.items():
        paginator = KeysetPaginator(query, 3)
        pages = [await paginator.page()]
        while pages[-1].next_cursor is not None:
            pages.append(await paginator.page(after=pages[-1].next_cursor))
        items = [row for page in pages for row in page]
        assert [len(page) for page in pages] == [3, 3, 1]
        keys = [row["id"] if kind == "dicts" else row if kind == "flat" else row[0] for row in items]
        assert keys == (sorted(expected) if kind == "flat" else expected)
        back = await paginator.page(before=pages[-1].previous_cursor)
        assert list(back) == list(pages[1])
    with pytest.raises(FieldError, match=r"Add 'id' to values"):
        KeysetPaginator(ordered.values("shop", "name"), 3)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


TAMPERED: Final = [
    "",
    "x",
    "%",
    "é",
    "\x00",
    "A" * 5000,
    encoded("[]"),
    encoded("{}"),
    encoded("null"),
    encoded("[null,null,null]"),
    encoded('["x","1","1"]'),
    encoded("[1,2]"),
    encoded("[1,2,3,4]"),
    encoded("[[1],{},3]"),
    encoded('[1,"nan",3]'),
    encoded('[1,"1e999999",3]'),
    encoded('["1 OR 1=1","1","1"]'),
    encoded("[1,1,1"),
    encoded("[" * 3000),
]


@pytest.mark.parametrize("cursor", TAMPERED)
async def test_or20_cursors_that_were_tampered_with_are_400(database: Database, cursor: str) -> None:
    paginator = KeysetPaginator(Product.objects.all(), 3)
    for which in ("after", "before"):
        with pytest.raises(InvalidCursor) as caught:
            await paginator.page(**{which: cursor})
        assert caught.value.status == 400


async def test_or20_no_cursor_is_an_error_of_the_server(database: Database) -> None:
    chance = random.Random(4)
    await Product.objects.bulk_create([product(n, chance) for n in range(5)])
    values = [
        "1",
        "x",
        "\\u0000",
        "\\ud800",
        "'",
        "99999999999999999999",
        "2024-01-01T00:00:00Z",
        "P1D",
        "true",
    ]
    raw = [1, -1, 2**31, 2**63, 2**70, 1e308, True, "", "0.123456789"]
    tried = 0
    for ordering in ORDERINGS:
        paginator = KeysetPaginator(Product.objects.order_by(*ordering), 2)
        for _ in range(25):
            parts = [
                f'"{chance.choice(values)}"' if chance.random() < 0.5 else _json(chance.choice(raw))
                for _ in paginator.keys
            ]
            cursor = encoded(f"[{','.join(parts)}]")
            try:
                await paginator.page(after=cursor)
            except InvalidCursor:
                continue
            tried += 1
    assert tried > 20


def _json(value: Any) -> str:
    return "true" if value is True else f'"{value}"' if isinstance(value, str) else repr(value)


@given(st.binary(max_size=40) | st.text(max_size=30).map(str.encode))
def test_or20_random_cursors_are_refused(data: bytes) -> None:
    paginator = KeysetPaginator(Product.objects.all(), 3)
    for text in (data.decode("latin-1"), base64.urlsafe_b64encode(data).decode()):
        with suppress(InvalidCursor):
            paginator._read(text)


def test_the_factory_of_the_model_is_there() -> None:
    assert Factory.of(Product).build(shop_id=1).rank == 1
