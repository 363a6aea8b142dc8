"""Pages of << m.plural >>, as visitors see them."""

from __future__ import annotations

<% set asserting = ["Client", "assert_redirects"] %>
<% set files = asked|selectattr("kind", "equalto", "file")|rejectattr("optional")|list %>
<% set sent = asked|rejectattr("kind", "equalto", "file")|rejectattr("is_own")|list %>
<% set relations = fields|selectattr("kind", "in", ["fk", "m2m"])|rejectattr("is_owner")|rejectattr("is_own")|list %>
<% if has_auth %>
from vivace.auth import User
<% endif %>
from vivace.testing import Client, assert_redirects
from vivace.testing.factories import Factory

from << app_module >> import app
<% for line in test_imports %>
<< line >>
<% endfor %>

<% if has_auth %>
Users = Factory.of(User)
<% endif %>
<< plural_class >> = Factory.of(<< m.model >>)
<% if files %>
FILES = {<% for field in files %>"<< field.name >>": ("sample.txt", b"Some bytes")<< ", " if not loop.last >><% endfor %>}
<% endif %>


<% if relations %>
async def filled() -> dict[str, object]:
    """Return what a form sends that is filled in right."""
<% for field in relations %>
    << field.name >> = await Factory.of(<< field.target >>).create()
<% endfor %>
    return {<< "}" if not sent >>
<% else %>
def filled() -> dict[str, object]:
    """Return what a form sends that is filled in right."""
    return {<< "}" if not sent >>
<% endif %>
<% for field in sent %>
<% if field.kind == "fk" %>
        "<< field.name >>": << field.name >>.pk,
<% elif field.kind == "m2m" %>
        "<< field.name >>": [<< field.name >>.pk],
<% else %>
        "<< field.name >>": << field.form_code >>,
<% endif %>
<% endfor %>
<% if sent %>
    }
<% endif %>


<% set call = "await filled()" if relations else "filled()" %>
<% set with_files = ", files=FILES" if files else "" %>
<% set of_me = owner.name ~ "=me" if owner else "" %>
async def test_the_list_leads_to_each_<< m.one >>() -> None:
    async with Client(app) as client:
        assert "There are no << m.plural >> yet." in (await client.get("/<< m.path >>")).text
        made = await << plural_class >>.create()
        page = await client.get("/<< m.path >>")
        assert page.status == 200
        assert f'href="/<< m.path >>/{made.pk}"' in page.text
        assert (await client.get(f"/<< m.path >>/{made.pk}")).status == 200
        assert (await client.get(f"/<< m.path >>/{made.pk + 1}")).status == 404


async def test_a_long_list_has_pages() -> None:
    async with Client(app) as client:
        await << plural_class >>.create_many(21)
        assert 'href="?page=2"' in (await client.get("/<< m.path >>")).text
        assert (await client.get("/<< m.path >>?page=2")).status == 200
        assert (await client.get("/<< m.path >>?page=3")).status == 404


async def test_<< m.article >>_<< m.one >>_is_made_changed_and_deleted() -> None:
    async with Client(app) as client:
<% if has_auth %>
<% if owner %>
        me = await Users.create()
        await client.login(me)
<% else %>
        await client.login(await Users.create())
<% endif %>
<% endif %>
        assert (await client.get("/<< m.path >>/new")).status == 200
        form = << call >>
        answer = await client.post("/<< m.path >>/new", form=form<< with_files >>)
        made = await << m.model >>.objects.get()
        place = f"/<< m.path >>/{made.pk}"
        assert_redirects(answer, place)
<% if owner %>
        assert made.<< owner.name >>_id == me.pk
<% endif %>
        page = await client.get(place)
        assert "The << m.words >> was saved." in page.text
        assert f'href="{place}/edit"' in page.text
        assert (await client.get(f"{place}/edit")).status == 200
        assert_redirects(await client.post(f"{place}/edit", form=form<< with_files >>), place)
        assert (await client.get(f"{place}/delete")).status == 200
        assert_redirects(await client.post(f"{place}/delete"), "/<< m.path >>")
        assert not await << m.model >>.objects.exists()
<% if wrong %>


async def test_a_form_with_a_mistake_is_shown_again() -> None:
    async with Client(app) as client:
<% if has_auth %>
        await client.login(await Users.create())
<% endif %>
        form = {**<< call >>, "<< wrong[0] >>": << wrong[1] >>}
        page = await client.post("/<< m.path >>/new", form=form<< with_files >>)
        assert page.status == 422
        assert 'aria-invalid="true"' in page.text
        assert not await << m.model >>.objects.exists()
<% endif %>
<% if has_auth %>


async def test_visitors_only_look() -> None:
    async with Client(app) as client:
        place = f"/<< m.path >>/{(await << plural_class >>.create()).pk}"
        assert f'href="{place}/edit"' not in (await client.get(place)).text
        for path in ("/<< m.path >>/new", f"{place}/edit", f"{place}/delete"):
            assert (await client.get(path)).status == 401
            assert (await client.post(path)).status == 401
<% endif %>
<% if owner %>


async def test_members_do_not_touch_what_is_not_theirs() -> None:
    async with Client(app) as client:
        place = f"/<< m.path >>/{(await << plural_class >>.create()).pk}"
        await client.login(await Users.create())
        assert f'href="{place}/edit"' not in (await client.get(place)).text
        for path in (f"{place}/edit", f"{place}/delete"):
            assert (await client.get(path)).status == 404
            assert (await client.post(path)).status == 404
<% endif %>
<% if live %>


async def test_the_list_is_live() -> None:
    async with Client(app) as client, client.live("/<< m.path >>") as page:
        made = await << plural_class >>.create()
        await page.shows(f'href="/<< m.path >>/{made.pk}"')
        await made.delete()
        await page.shows("There are no << m.plural >> yet.")
<% endif %>
