"""The RealWorld backend of ``examples``: what its specification says, on both databases, and what a list costs."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.process import ROOT, vivace
from tests.db.backends import DIALECTS
from vivace.app.loading import load_app
from vivace.crypto import Signer
from vivace.db import query_log
from vivace.testing import Client

REALWORLD: Final = ROOT / "examples" / "realworld"
PASSWORD: Final = "password123"
ARTICLE: Final = {
    "title": "How to train",
    "description": "Ever wonder?",
    "body": "With care.",
    "tagList": ["b", "a"],
}
SPECIFIED: Final = """
POST /users, POST /users/login, GET /user, PUT /user, GET /profiles/{username}, POST /profiles/{username}/follow,
DELETE /profiles/{username}/follow, GET /articles/feed, GET /articles, POST /articles, GET /articles/{slug},
PUT /articles/{slug}, DELETE /articles/{slug}, GET /articles/{slug}/comments, POST /articles/{slug}/comments,
DELETE /articles/{slug}/comments/{id}, POST /articles/{slug}/favorite, DELETE /articles/{slug}/favorite, GET /tags
"""
SHOWN: Final = set(
    "slug title description body tagList createdAt updatedAt favorited favoritesCount author".split()
)


class Person:
    """Somebody who uses the API; without a token anybody."""

    def __init__(self, client: Client, name: str = "", token: str = "") -> None:
        self.client = client
        self.name = name
        self.headers = {"authorization": f"Token {token}"} if token else {}

    async def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        response = await self.client.request(method, f"/api{path}", headers=self.headers, **options)
        assert response.status == status, response.text
        return response.json() if response.body else None

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        return await self.ask("GET", path, status, query=query)

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return await self.ask("POST", path, status, json=body)

    async def put(self, path: str, body: Any, status: int = 200) -> Any:
        return await self.ask("PUT", path, status, json=body)

    async def delete(self, path: str, status: int = 200) -> Any:
        return await self.ask("DELETE", path, status)

    async def publish(self, **given: Any) -> Any:
        return (await self.post("/articles", {"article": {**ARTICLE, **given}}, 201))["article"]

    async def signed_up(self, name: str) -> Person:
        user = (await self.post("/users", {"user": new_user(name)}, 201))["user"]
        return Person(self.client, name, user["token"])


def new_user(name: str, **given: str) -> dict[str, str]:
    return {"username": name, "email": f"{name}@test.com", "password": PASSWORD, **given}


def errors(**texts: str) -> dict[str, Any]:
    return {"errors": {name: [text] for name, text in texts.items()}}


@pytest.fixture(scope="module", params=DIALECTS)
def app(request: pytest.FixtureRequest) -> Iterator[Any]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("VIVACE_AUTH_ARGON2_MEMORY", str(1 << 20))
        patch.setenv("VIVACE_AUTH_ARGON2_PASSES", "1")
        patch.delenv("DATABASE_URL", raising=False)
        if request.param == "postgresql":
            databases = request.getfixturevalue("postgresql_databases")
            patch.setenv("DATABASE_URL", stack.enter_context(databases.fresh()))
        patch.setattr(sys, "path", sys.path.copy())
        yield load_app("conduit.app", REALWORLD)
        for name in [name for name in sys.modules if name.partition(".")[0] == "conduit"]:
            del sys.modules[name]


@pytest.fixture
async def anybody(app: Any) -> AsyncIterator[Person]:
    async with Client(app) as client:
        yield Person(client)


@pytest.fixture
async def jake(anybody: Person) -> Person:
    return await anybody.signed_up("jake")


@pytest.fixture
async def anna(anybody: Person) -> Person:
    return await anybody.signed_up("anna")


# users


async def test_users_register_log_in_and_are_known_by_their_token(anybody: Person, jake: Person) -> None:
    credentials = {"email": "jake@test.com", "password": PASSWORD}
    user = (await anybody.post("/users/login", {"user": credentials}))["user"]
    assert user.pop("token")
    assert user == {"username": "jake", "email": "jake@test.com", "bio": None, "image": None}
    known = (await jake.get("/user"))["user"]
    assert known.pop("token")
    assert known == user


@pytest.mark.parametrize("name", ["bio", "image"])
async def test_null_and_empty_texts_clear_and_missing_ones_stay(jake: Person, name: str) -> None:
    for sent, kept in (("x", "x"), ("", None), ("y", "y"), (None, None), ("z", "z")):
        assert (await jake.put("/user", {"user": {name: sent}}))["user"][name] == kept
        assert (await jake.get("/user"))["user"][name] == kept
    changed = await jake.put("/user", {"user": {"username": "jakob", "email": "jakob@test.com"}})
    assert changed["user"][name] == "z"
    assert (await jake.get("/profiles/jakob"))["profile"]["username"] == "jakob"


@pytest.mark.parametrize("name", ["username", "email", "password"])
async def test_what_must_be_there_must_be_there(anybody: Person, jake: Person, name: str) -> None:
    blank = errors(**{name: "can't be blank"})
    assert await anybody.post("/users", {"user": new_user("anna", **{name: ""})}, 422) == blank
    assert await jake.put("/user", {"user": {name: ""}}, 422) == blank
    assert name in (await jake.put("/user", {"user": {name: None}}, 422))["errors"]
    missing = {key: value for key, value in new_user("anna").items() if key != name}
    assert name in (await anybody.post("/users", {"user": missing}, 422))["errors"]
    assert await jake.put("/user", {"user": {}}, 422) == errors(user="can't be empty")


async def test_what_others_have_is_taken(anybody: Person, jake: Person, anna: Person) -> None:
    taken = "has already been taken"
    for given in ({"username": "jake"}, {"email": "Jake@test.com"}):
        wanted = errors(**dict.fromkeys(given, taken))
        assert await anybody.post("/users", {"user": new_user("other", **given)}, 409) == wanted
        assert await anna.put("/user", {"user": given}, 409) == wanted


async def test_who_logs_in_with_something_wrong(anybody: Person, jake: Person) -> None:
    for email, password, status, wrong in (
        ("jake@test.com", "wrong", 401, errors(credentials="invalid")),
        ("nobody@test.com", PASSWORD, 401, errors(credentials="invalid")),
        ("", PASSWORD, 422, errors(email="can't be blank")),
        ("jake@test.com", "", 422, errors(password="can't be blank")),
    ):
        body = {"user": {"email": email, "password": password}}
        assert await anybody.post("/users/login", body, status) == wrong


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/user"),
        ("PUT", "/user"),
        ("POST", "/profiles/jake/follow"),
        ("DELETE", "/profiles/jake/follow"),
        ("GET", "/articles/feed"),
        ("POST", "/articles"),
        ("PUT", "/articles/x"),
        ("DELETE", "/articles/x"),
        ("POST", "/articles/x/favorite"),
        ("DELETE", "/articles/x/favorite"),
        ("POST", "/articles/x/comments"),
        ("DELETE", "/articles/x/comments/1"),
    ],
)
async def test_without_a_token(anybody: Person, method: str, path: str) -> None:
    bodies: dict[str, Any] = {"/user": {"user": {}}, "/articles/x/comments": {"comment": {"body": "x"}}}
    body: Any = bodies.get(path, {"article": ARTICLE}) if method in ("PUT", "POST") else None
    assert await anybody.ask(method, path, 401, json=body) == errors(token="is missing")


async def test_void_tokens(app: Any, anybody: Person, jake: Person) -> None:
    mine = jake.headers["authorization"].removeprefix("Token ")
    claim = Signer(app.secret_keys, "conduit.token").unsign_object(mine)
    old = Signer(app.secret_keys, "conduit.token", clock=lambda: 1e9).sign_object(claim)
    other = Signer(app.secret_keys, "something else").sign_object(claim)
    gone = Signer(app.secret_keys, "conduit.token").sign_object([claim[0] + 999, claim[1]])
    for token in ("nonsense", mine[:-1], old, other, gone):
        for path in ("/user", "/articles"):  # also where nobody needs one
            void = Person(anybody.client, "", token)
            assert await void.get(path, 401) == errors(token="is invalid")
    changed = await jake.put("/user", {"user": {"password": "another one"}})
    assert await jake.get("/user", 401) == errors(token="is invalid")
    assert await Person(anybody.client, "", changed["user"]["token"]).get("/user")


# profiles


async def test_profiles_and_who_follows_them(anybody: Person, jake: Person, anna: Person) -> None:
    shown = {"username": "anna", "bio": None, "image": None, "following": False}
    assert await anybody.get("/profiles/anna") == await jake.get("/profiles/anna") == {"profile": shown}
    for _ in range(2):  # it may be said twice
        assert await jake.post("/profiles/anna/follow") == {"profile": {**shown, "following": True}}
    assert (await jake.get("/profiles/anna"))["profile"]["following"]
    assert not (await anna.get("/profiles/anna"))["profile"]["following"]
    for _ in range(2):
        assert await jake.delete("/profiles/anna/follow") == {"profile": shown}
    assert await jake.get("/profiles/anna") == {"profile": shown}
    for method, path in (("GET", ""), ("POST", "/follow"), ("DELETE", "/follow")):
        assert await jake.ask(method, f"/profiles/nobody{path}", 404) == errors(profile="not found")


# articles


async def test_an_article_from_first_to_last(anybody: Person, jake: Person) -> None:
    made = await jake.publish()
    assert set(made) == SHOWN
    assert {name: made[name] for name in ARTICLE} == ARTICLE
    assert (made["favorited"], made["favoritesCount"]) == (False, 0)
    assert made["author"] == {"username": "jake", "bio": None, "image": None, "following": False}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", made["createdAt"])
    path = f"/articles/{made['slug']}"
    assert (await anybody.get(path))["article"] == made
    changed = (await jake.put(path, {"article": {"body": "With more care."}}))["article"]
    assert changed.pop("updatedAt") != made["updatedAt"]
    assert {**changed, "body": "", "updatedAt": ""} == {**made, "body": "", "updatedAt": ""}
    renamed = (await jake.put(path, {"article": {"title": "How not to"}}))["article"]
    assert renamed["slug"].startswith("how-not-to-")
    assert renamed["tagList"] == ["b", "a"]
    assert await jake.delete(f"/articles/{renamed['slug']}", 204) is None
    assert await anybody.get(f"/articles/{renamed['slug']}", 404) == errors(article="not found")


async def test_titles_may_be_equal_and_slugs_are_not(jake: Person) -> None:
    slugs = {(await jake.publish(title=title))["slug"] for title in ("Same", "Same", "…", "x" * 200)}
    assert len(slugs - {""}) == 4


async def test_tags_stay_go_and_are_never_null(jake: Person) -> None:
    made = await jake.publish(tagList=["z", "a", "z"])
    path = f"/articles/{made['slug']}"
    assert made["tagList"] == ["z", "a"]
    assert (await jake.put(path, {"article": {"title": "New"}}))["article"]["tagList"] == ["z", "a"]
    made = (await jake.publish(tagList=["k"]))["slug"]
    assert (await jake.get("/tags"))["tags"] == ["a", "k", "z"]
    assert (await jake.put(f"/articles/{made}", {"article": {"tagList": []}}))["article"]["tagList"] == []
    assert (await jake.get(f"/articles/{made}"))["article"]["tagList"] == []
    wrong = await jake.put(f"/articles/{made}", {"article": {"tagList": None}}, 422)
    assert list(wrong["errors"]) == ["tagList"]


@pytest.mark.parametrize("name", ["title", "description", "body"])
async def test_articles_are_not_blank(jake: Person, name: str) -> None:
    blank = errors(**{name: "can't be blank"})
    assert await jake.post("/articles", {"article": {**ARTICLE, name: " "}}, 422) == blank
    path = f"/articles/{(await jake.publish())['slug']}"
    assert await jake.put(path, {"article": {name: ""}}, 422) == blank
    assert list((await jake.put(path, {"article": {name: None}}, 422))["errors"]) == [name]


async def test_lists_are_filtered_and_come_in_pages(anybody: Person, jake: Person, anna: Person) -> None:
    first, second = await jake.publish(tagList=["x"]), await jake.publish()
    third = await anna.publish(tagList=["x", "y"])
    await anna.post(f"/articles/{first['slug']}/favorite")
    await jake.post(f"/articles/{first['slug']}/favorite")

    async def listed(**query: Any) -> tuple[list[str], int]:
        page = await anybody.get("/articles", **query)
        assert all(set(article) == SHOWN - {"body"} for article in page["articles"])
        return [article["slug"] for article in page["articles"]], page["articlesCount"]

    one, two, three = first["slug"], second["slug"], third["slug"]
    assert await listed() == ([three, two, one], 3)
    assert await listed(author="jake") == ([two, one], 2)
    assert await listed(tag="x") == ([three, one], 2)
    assert await listed(tag="x", author="anna") == ([three], 1)
    assert await listed(favorited="anna") == ([one], 1)
    assert await listed(favorited="nobody") == await listed(tag="no") == ([], 0)
    assert await listed(limit=1) == ([three], 3)
    assert await listed(limit=1, offset=1) == ([two], 3)
    filtered = (await anybody.get("/articles", favorited="anna"))["articles"][0]
    assert filtered["favoritesCount"] == 2  # of everybody, whoever was asked for
    for query in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "many"}):
        assert list((await anybody.get("/articles", 422, **query))["errors"]) == list(query)


async def test_the_feed_has_what_those_write_whom_one_follows(jake: Person, anna: Person) -> None:
    assert await jake.get("/articles/feed") == {"articles": [], "articlesCount": 0}
    await jake.publish()
    slugs = [(await anna.publish())["slug"] for _ in range(2)]
    await jake.post("/profiles/anna/follow")
    feed = await jake.get("/articles/feed")
    assert [article["slug"] for article in feed["articles"]] == slugs[::-1]
    assert all(article["author"]["following"] for article in feed["articles"])
    page = await jake.get("/articles/feed", limit=1, offset=1)
    assert ([article["slug"] for article in page["articles"]], page["articlesCount"]) == (slugs[:1], 2)


async def test_favorites_count_and_are_ones_own(anybody: Person, jake: Person, anna: Person) -> None:
    path = f"/articles/{(await jake.publish())['slug']}"
    for who, count in ((jake, 1), (anna, 2), (anna, 2)):
        article = (await who.post(f"{path}/favorite"))["article"]
        assert (article["favorited"], article["favoritesCount"]) == (True, count)
    for _ in range(2):
        article = (await anna.delete(f"{path}/favorite"))["article"]
        assert (article["favorited"], article["favoritesCount"]) == (False, 1)
    assert [(await who.get(path))["article"]["favorited"] for who in (anybody, jake, anna)] == [
        False,
        True,
        False,
    ]


async def test_only_its_author_changes_an_article(jake: Person, anna: Person) -> None:
    path = f"/articles/{(await jake.publish())['slug']}"
    assert await anna.put(path, {"article": {"body": "mine"}}, 403) == errors(article="forbidden")
    assert await anna.delete(path, 403) == errors(article="forbidden")
    assert (await anna.get(path))["article"]["body"] == ARTICLE["body"]
    missing = errors(article="not found")
    assert await jake.put("/articles/no", {"article": {"body": "x"}}, 404) == missing
    for method, rest in (
        ("DELETE", ""),
        ("POST", "/favorite"),
        ("DELETE", "/favorite"),
        ("GET", "/comments"),
    ):
        assert await jake.ask(method, f"/articles/no{rest}", 404) == missing


# comments


async def test_comments(anybody: Person, jake: Person, anna: Person) -> None:
    path = f"/articles/{(await jake.publish())['slug']}/comments"
    made = (await anna.post(path, {"comment": {"body": "First"}}, 201))["comment"]
    assert set(made) == {"id", "createdAt", "updatedAt", "body", "author"}
    assert made["author"] == {"username": "anna", "bio": None, "image": None, "following": False}
    await jake.post(path, {"comment": {"body": "Second"}}, 201)
    await jake.post("/profiles/anna/follow")
    shown = (await jake.get(path))["comments"]
    assert [(each["body"], each["author"]["following"]) for each in shown] == [
        ("Second", False),
        ("First", True),
    ]
    assert (await anybody.get(path))["comments"][1] == made
    assert await jake.delete(f"{path}/{made['id']}", 403) == errors(comment="forbidden")
    assert await anna.delete(f"{path}/{made['id']}", 204) is None
    assert await anna.delete(f"{path}/{made['id']}", 404) == errors(comment="not found")
    assert [each["body"] for each in (await anybody.get(path))["comments"]] == ["Second"]
    assert await anna.post(path, {"comment": {"body": ""}}, 422) == errors(body="can't be blank")
    assert await anna.post("/articles/no/comments", {"comment": {"body": "x"}}, 404) == errors(
        article="not found"
    )


# the whole


def test_it_answers_what_is_specified_and_nothing_else(app: Any) -> None:
    answered = {f"{method} {route.path}" for route in app.compile().routes for method in route.methods}
    assert answered == {each.strip().replace(" /", " /api/") for each in SPECIFIED.split(",")}


async def test_all_errors_have_one_shape(anybody: Person, jake: Person) -> None:
    for method, path, content, status in (
        ("GET", "/nothing", b"", 404),
        ("POST", "/tags", b"", 405),
        ("POST", "/users", b"{", 400),
        ("POST", "/users", b'{"user": []}', 422),
        ("POST", "/users", b'{"user": {"naem": 1}}', 422),
    ):
        response = await anybody.client.request(
            method, f"/api{path}", content=content, headers={"content-type": "application/json"}
        )
        assert response.status == status
        assert response.headers["content-type"] == "application/json"
        assert all(isinstance(texts, list) for texts in response.json()["errors"].values())
    missing = await anybody.client.get("/api/user")
    assert missing.headers["www-authenticate"] == "Token"


async def test_a_list_costs_the_same_number_of_queries_however_long_it_is(jake: Person, anna: Person) -> None:
    await jake.post("/profiles/anna/follow")
    costs: set[int] = set()
    for count in (1, 19):
        made = [await anna.publish() for _ in range(count)][-1]
        await jake.post(f"/articles/{made['slug']}/favorite")
        await jake.post(f"/articles/{made['slug']}/comments", {"comment": {"body": "x"}}, 201)
        for path in ("/articles", "/articles/feed"):
            with query_log() as log:
                assert len((await jake.get(path))["articles"]) in (1, 20)
            costs.add(len(log))
        with query_log() as log:
            await jake.get(f"/articles/{made['slug']}/comments")
        assert len(log) == 3
    assert costs == {4}  # who asks, the articles with their authors, their tags, how many there are


def test_the_migration_files_fit_and_it_is_a_small_program() -> None:
    checked = vivace("makemigrations", "--check", folder=REALWORLD)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    files = Path(REALWORLD, "conduit").glob("*.py")
    assert sum(path.read_text("utf-8").count("\n") for path in files) < 620
