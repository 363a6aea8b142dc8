"""What is answered about << m.plural >>, as JSON."""

from __future__ import annotations

<% for line in view_imports %>
<< line >>
<% endfor %>

import msgspec
from vivace import Query, Router, get_object_or_404
<% if has_auth %>
from vivace.auth import << "User" if owner else "signed_in" >>
<% endif %>

from .models import << m.model >>

PAGE = 50  # << m.plural >> in one answer

routes = Router("/<< m.path >>", name="<< m.one >>")


class << m.model >>In(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What clients send; whatever does not fit is answered 422, with all problems at once."""

<% for field in asked %>
    << field.name >>: << field.json_type >><< field.json_default >>
<% endfor %>


async def save(<< v >>: << m.model >>, given: << m.model >>In) -> << m.model >>:
    """Take over what was sent, check and save it."""
<% for field in asked %>
    << v >>.<< field.name >><< "_id" if field.kind == "fk" >> = << field.json_value >>
<% endfor %>
    await << v >>.full_clean()
    await << v >>.save()
    return << v >>


<% set guards = ", guards=[signed_in]" if has_auth and not owner else "" %>
<% set who = ", user: User" if owner else "" %>
@routes.get("", name="list")
async def index(page: Annotated[int, Query(ge=1)] = 1) -> list[<< m.model >>]:
    """Return a page of the << m.plural >>, the newest first."""
    start = (page - 1) * PAGE
    return await << m.model >>.objects.order_by("-pk")[start : start + PAGE]


@routes.post("", name="create", status=201<< guards >>)
async def create(given: << m.model >>In<< who >>) -> << m.model >>:
    """Make << m.article >> << m.words >><< " of who is signed in" if owner >>."""
<% if owner %>
    return await save(<< m.model >>(<% for field in owners %><< field.name >>=user<< ", " if not loop.last >><% endfor %>), given)
<% else %>
    return await save(<< m.model >>(), given)
<% endif %>


@routes.get("/{pk:int}", name="detail")
async def detail(pk: int) -> << m.model >>:
    """Return << m.article >> << m.words >>."""
    return await get_object_or_404(<< m.model >>, pk=pk)


@routes.put("/{pk:int}", name="update"<< guards >>)
async def update(pk: int, given: << m.model >>In<< who >>) -> << m.model >>:
    """Change << m.article >> << m.words >>."""
    return await save(await get_object_or_404(<< m.model >>, pk=pk<< ", " ~ owner.name ~ "=user" if owner >>), given)


@routes.delete("/{pk:int}", name="delete"<< guards >>)
async def delete(pk: int<< who >>) -> None:
    """Delete << m.article >> << m.words >>."""
    found = await get_object_or_404(<< m.model >>, pk=pk<< ", " ~ owner.name ~ "=user" if owner >>)
    await found.delete()
