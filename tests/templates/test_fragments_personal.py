"""``{% cache %}`` and people: what belongs to one of them is shown to nobody else (CA5)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.auth.site import EMAIL, enter, site, started
from tests.cache.shelf import Novel, filled, shelf_app
from tests.cache.shelf import site as fares
from vivace import App, Request, TemplateOptions, render
from vivace.templates import Library
from vivace.testing import Client

PAGES = {
    "user.html": "{% cache %}Hello {{ user.email if user.is_authenticated else 'nobody' }}{% endcache %}",
    "included.html": "{% cache %}{% include 'user_part.html' %}{% endcache %}",
    "user_part.html": "Hello {{ user.email if user.is_authenticated else 'nobody' }}",
    "keyed.html": (
        "{% cache key='greeting' %}Hello {{ user.email if user.is_authenticated else 'nobody' }}{% endcache %}"
    ),
    "keyed_included.html": "{% cache key='greeting' %}{% include 'user_part.html' %}{% endcache %}",
    "cookie.html": "{% cache %}{{ request.cookies.name }}{% endcache %}",
    "filtered.html": "{% cache %}{{ ''|whoever }}{% endcache %}",
    "provided.html": "{% cache %}{{ basket }}{% endcache %}{{ basket }}",
    "provided_keyed.html": "{{ basket }}{% cache key='basket' %}{{ basket }}{% endcache %}",
    "address.html": "{% cache %}{{ request.path }}?{{ request.query.q }}{% endcache %}",
    "query.html": "{% cache %}{% querystring page=2 %}{% endcache %}",
    "url.html": "{% cache %}{% url 'named' %}{% endcache %}",
    "form.html": "{% cache %}<form>{% csrf_token %}</form>{% endcache %}",
    "two_forms.html": "<form>{% csrf_token %}</form>{% cache %}<form>{% csrf_token %}</form>{% endcache %}",
    "nonce.html": "{% cache %}<script nonce='{{ csp_nonce }}'></script>{% endcache %}",
    "list.html": "{% for part in parts %}{% cache %}{% for n in novels %}{{ n.title }}{% endfor %}{% endcache %}{% endfor %}",
}


def with_pages(app: App) -> App:
    library = Library()

    @library.filter(need_context=True)
    def whoever(context: object, value: str) -> str:
        from vivace import current_request

        request = current_request()
        return request.cookies.get("name", "") if request is not None else ""

    app.templates.add(library)

    @app.context_provider
    async def basket(request: Request) -> str:
        return f"basket of {request.cookies.get('name')}"

    @app.get("/pages/{name}", name="named_page")
    async def page(request: Request, name: str) -> object:
        return render(request, f"{name}.html")

    @app.get("/named", name="named")
    async def named() -> str:
        return "x"

    app.messaging.alone = True
    return app


@pytest.fixture
def app(tmp_path: Path) -> App:
    return with_pages(shelf_app(f"sqlite:///{tmp_path}/test.sqlite3", PAGES))


@pytest.mark.parametrize("name", ["user", "included", "keyed", "keyed_included"])
async def test_ca5_each_person_has_their_own(tmp_path: Path, name: str) -> None:
    app = with_pages(site(f"sqlite:///{tmp_path}/test.sqlite3", templates=TemplateOptions(sources=[PAGES])))
    async with started(app) as client:
        for _ in range(3):
            client.cookies.clear()
            assert (await client.get(f"/pages/{name}")).text == "Hello nobody"
            await enter(client)
            assert (await client.get(f"/pages/{name}")).text == f"Hello {EMAIL}"
        assert fares(app, f"{name}.html").hits >= 1


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("cookie", "{}"),
        ("filtered", "{}"),
        ("provided", "basket of {}" * 2),
        ("provided_keyed", "basket of {}" * 2),
    ],
)
async def test_ca5_cookies_filters_and_providers(app: App, page: str, text: str) -> None:
    async with Client(app, isolate=False) as client:
        for _ in range(3):
            for name in ("ann", "bob"):
                answer = await client.get(f"/pages/{page}", headers={"cookie": f"name={name}"})
                assert answer.text == text.format(name, name)
        names = [f"n{n}" for n in range(4)]
        answers = await asyncio.gather(
            *(client.get(f"/pages/{page}", headers={"cookie": f"name={name}"}) for name in names)
        )
        assert [answer.text for answer in answers] == [text.format(name, name) for name in names]


async def test_ca5_the_address_is_in_the_key_where_it_is_read(app: App) -> None:
    async with Client(app, isolate=False) as client:
        for _ in range(3):
            for query in ("q=1", "q=2"):
                assert (await client.get(f"/pages/address?{query}")).text == f"/pages/address?{query[2:]}"
                assert query in (await client.get(f"/pages/query?{query}")).text
        await client.get("/pages/url?q=1")
        await client.get("/pages/url?q=2")
        assert fares(app, "url.html").hits == 1, "addresses of routes are the same on all pages"


@pytest.mark.parametrize("page", ["form", "two_forms", "nonce"])
async def test_ca5_tokens_and_nonces_are_made_anew(app: App, page: str) -> None:
    async with Client(app, isolate=False) as client:
        texts = {(await client.get(f"/pages/{page}")).text for _ in range(4)}
        assert len(texts) == 4
        assert not any(each.hits for each in app.dependents.report().sites)


async def test_ca5_a_page_that_streams_keeps_its_fragments(app: App) -> None:
    @app.get("/stream")
    async def stream(request: Request) -> object:
        values = {"parts": range(3), "novels": Novel.objects.all()}
        return render(request, "list.html", values, stream=True)

    async with Client(app, isolate=False) as client:
        await filled(2)
        assert (await client.get("/stream")).text == "Novel 1Novel 2" * 3
        assert (await client.get("/stream")).text == "Novel 1Novel 2" * 3
        await Novel.objects.update(title="N")
        assert (await client.get("/stream")).text == "NN" * 3


async def test_ca5_a_page_without_fragments_keeps_connects_and_counts_nothing(tmp_path: Path) -> None:
    app = shelf_app(f"sqlite:///{tmp_path}/test.sqlite3", {"page.html": "{{ novels|length }}"})

    @app.get("/")
    async def page(request: Request) -> object:
        return render(request, "page.html", novels=Novel.objects.all())

    async with Client(app, isolate=False) as client:
        assert (await client.get("/")).text == "0"
        assert app.own_messaging is None
        assert app.dependents._feed is None
