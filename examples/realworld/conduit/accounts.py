"""Who one is, and whom one follows."""

from __future__ import annotations

from typing import Annotated

from vivace import Body, Request, Router
from vivace.auth import authenticate

from .errors import Refused
from .models import Account, Follow
from .schemas import Login, NewUser, Profile, UserChanges, UserView, named
from .tokens import make_token

router = Router()


@router.post("/users", status=201)
async def register(request: Request, new: Annotated[NewUser, Body("user")]) -> dict[str, UserView]:
    account = await Account.objects.create_user(new.email, new.password, username=new.username)
    return _shown(request, account)


@router.post("/users/login")
async def login(request: Request, given: Annotated[Login, Body("user")]) -> dict[str, UserView]:
    account = await authenticate(request, email=given.email, password=given.password)
    if account is None:
        raise Refused(401, {"credentials": "invalid"})
    return _shown(request, account)


@router.get("/user")
async def current(request: Request, account: Account) -> dict[str, UserView]:
    return _shown(request, account)


@router.put("/user")
async def change(
    request: Request, account: Account, user: Annotated[UserChanges, Body("user")]
) -> dict[str, UserView]:
    changes = named(user)
    if not changes:
        raise Refused(422, {"user": "can't be empty"})
    for name, value in changes.items():
        if name == "password":
            await account.set_password(value)
        else:
            setattr(account, name, value or None)
    await account.save(update_fields=list(changes))
    return _shown(request, account)


@router.get("/profiles/{username}")
async def profile(username: str, reader: Account | None) -> dict[str, Profile]:
    account = await _account(username)
    following = await Follow.objects.filter(follower=reader, followed=account).exists()
    return {"profile": Profile.of(account, following=following)}


@router.post("/profiles/{username}/follow")
async def follow(username: str, reader: Account) -> dict[str, Profile]:
    account = await _account(username)
    await Follow.objects.get_or_create(follower=reader, followed=account)
    return {"profile": Profile.of(account, following=True)}


@router.delete("/profiles/{username}/follow")
async def unfollow(username: str, reader: Account) -> dict[str, Profile]:
    account = await _account(username)
    await Follow.objects.filter(follower=reader, followed=account).delete()
    return {"profile": Profile.of(account, following=False)}


def _shown(request: Request, account: Account) -> dict[str, UserView]:
    return {"user": UserView.of(account, make_token(request, account))}


async def _account(username: str) -> Account:
    account = await Account.objects.filter(username=username).first()
    if account is None:
        raise Refused(404, {"profile": "not found"})
    return account
