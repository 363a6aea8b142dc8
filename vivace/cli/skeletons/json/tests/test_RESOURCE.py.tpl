"""<< m.plural|capitalize >>, as clients see them."""

from __future__ import annotations

<% set sent = asked|rejectattr("kind", "equalto", "file")|rejectattr("is_own")|list %>
<% set relations = fields|selectattr("kind", "equalto", "fk")|rejectattr("is_owner")|rejectattr("is_own")|list %>
<% if has_auth %>
from vivace.auth import User
<% endif %>
from vivace.testing import Client, assert_problem
from vivace.testing.factories import Factory

from << app_module >> import app
<% for line in test_imports %>
<< line >>
<% endfor %>

<% if has_auth %>
Users = Factory.of(User)
<% endif %>
<< plural_class >> = Factory.of(<< m.model >>)


<% set call = "await filled()" if relations else "filled()" %>
<< "async " if relations >>def filled() -> dict[str, object]:
    """Return what a client sends."""
<% for field in relations %>
    << field.name >> = await Factory.of(<< field.target >>).create()
<% endfor %>
    return {<< "}" if not sent >>
<% for field in sent %>
<% if field.kind == "fk" %>
        "<< field.name >>": << field.name >>.pk,
<% else %>
        "<< field.name >>": << field.json_code >>,
<% endif %>
<% endfor %>
<% if sent %>
    }
<% endif %>


async def test_<< m.many >>_are_listed_the_newest_first() -> None:
    async with Client(app) as client:
        first, second = await << plural_class >>.create_many(2)
        found = (await client.get("/<< m.path >>")).json()
        assert [each["id"] for each in found] == [second.pk, first.pk]
        assert (await client.get("/<< m.path >>?page=2")).json() == []


async def test_<< m.article >>_<< m.one >>_is_made_changed_and_deleted() -> None:
    async with Client(app) as client:
<% if has_auth %>
        await client.login(await Users.create())
<% endif %>
        given = << call >>
        made = await client.post("/<< m.path >>", json=given)
        assert made.status == 201
        place = f"/<< m.path >>/{made.json()['id']}"
        assert (await client.get(place)).json() == made.json()
        assert (await client.put(place, json=given)).json() == made.json()
        assert (await client.delete(place)).status == 204
        assert_problem(await client.get(place), 404)


async def test_what_is_wrong_is_said() -> None:
    async with Client(app) as client:
<% if has_auth %>
        await client.login(await Users.create())
<% endif %>
        answer = await client.post("/<< m.path >>", json={**<< call >>, "nonsense": 1})
        problem = assert_problem(answer, 422)
        assert [error["pointer"] for error in problem["errors"]] == ["/nonsense"]
        assert not await << m.model >>.objects.exists()
<% if has_auth %>


async def test_visitors_only_read() -> None:
    async with Client(app) as client:
        place = f"/<< m.path >>/{(await << plural_class >>.create()).pk}"
        given = << call >>
        assert (await client.get(place)).status == 200
        assert (await client.post("/<< m.path >>", json=given)).status == 401
        assert (await client.put(place, json=given)).status == 401
        assert (await client.delete(place)).status == 401
<% endif %>
<% if owner %>


async def test_nobody_touches_what_is_not_theirs() -> None:
    async with Client(app) as client:
        place = f"/<< m.path >>/{(await << plural_class >>.create()).pk}"
        given = << call >>
        await client.login(await Users.create())
        assert_problem(await client.put(place, json=given), 404)
        assert_problem(await client.delete(place), 404)
<% endif %>
