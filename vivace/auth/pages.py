"""The account pages: sign-up, login, logout, passwords, address, devices, deletion. ``Auth`` includes them under ``/accounts``.

Rules that all of them keep:

1. **Nobody learns who has an account.** For an address with and without one the answer, its status, the number of hashes
   and the mails rendered are the same. The difference is in the mailbox of its owner.
2. **A link from a mail does nothing by being opened** (scanners and previews open links): its token moves into the session
   and the browser on to an address without it, so that neither ``Referer`` nor history has it. A form then acts.
3. A form that is wrong is shown again with 422; after success the browser is sent on with 303. Logging out is a POST.
4. Answers are never stored by caches, and pages that had a token in their address send no ``Referer`` at all.
5. All of it works without JavaScript. Each page is a template ``auth/<name>.html``; one of yours takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from vivace.errors import IntegrityError, LoginThrottled, NotFound, ProtectedError, RestrictedError
from vivace.http.redirect import Redirect, is_safe_target
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.mail import ConsoleBackend
from vivace.routing import Router
from vivace.templates import TemplateResponse, render
from vivace.views.flashes import flash
from vivace.views.shortcuts import redirect

from . import forms as default_forms
from .authentication import authenticate, login, logout, update_session_auth_hash
from .current import current_realm
from .guards import signed_in
from .mails import MailLimits, compose, duration, link
from .passwords.service import is_usable
from .sessions.devices import devices, revoke_other_sessions, revoke_session
from .sessions.session import HASH
from .sessions.stores import DatabaseStore
from .throttle import address_of
from .tokens import Purpose, age_of, make_token, read_token, user_of_token
from .useragents import device_name

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
INVALID: Final = 422
GONE: Final = 410
WRONG_LOGIN: Final = "The address or the password is wrong."
WRONG_PASSWORD: Final = "This is not your password."  # noqa: S105 - a sentence
_NEXT: Final = "_auth_next"
_NEXT_KEPT: Final = 1_000  # bytes; a session may be a cookie, which has 4096 for all that is in it
FORMS: Final[Mapping[str, Any]] = {
    "login": default_forms.LoginForm,
    "signup": default_forms.SignupForm,
    "signup_password": default_forms.SignupPasswordForm,
    "new_password": default_forms.NewPasswordForm,
    "password_change": default_forms.PasswordChangeForm,
    "password_reset": default_forms.EmailForm,
    "email_change": default_forms.EmailChangeForm,
    "delete": default_forms.PasswordForm,
}


def auth_pages(prefix: str = "/accounts", *, forms: Mapping[str, Any] | None = None) -> Router:
    """Return a router with the account pages, named ``auth:login``, ``auth:logout`` and so on.

    ``forms`` replaces forms by the names of ``FORMS``.
    """
    pages = Pages({**FORMS, **(forms or {})})
    router = Router(prefix, name="auth", after=[_private])
    get, both, post = ["GET"], ["GET", "POST"], ["POST"]
    public: list[tuple[str, str, list[str], Handler]] = [
        ("/login", "login", both, pages.login),
        ("/logout", "logout", both, pages.logout),
        ("/signup", "signup", both, pages.signup),
        ("/signup/sent", "signup_sent", get, pages.signup_sent),
        ("/signup/confirm", "signup_confirm", both, pages.signup_confirm),
        ("/signup/confirm/{token}", "signup_link", get, pages.signup_link),
        ("/password/reset", "password_reset", both, pages.password_reset),
        ("/password/reset/sent", "password_reset_sent", get, pages.password_reset_sent),
        ("/password/reset/new", "password_reset_new", both, pages.password_reset_new),
        ("/password/reset/{token}", "password_reset_link", get, pages.password_reset_link),
        ("/email/confirm", "email_confirm", both, pages.email_confirm),
        ("/email/confirm/{token}", "email_link", get, pages.email_link),
    ]
    members: list[tuple[str, str, list[str], Handler]] = [
        ("/", "account", get, pages.account),
        ("/password/change", "password_change", both, pages.password_change),
        ("/email", "email_change", both, pages.email_change),
        ("/email/sent", "email_sent", get, pages.email_sent),
        ("/devices", "devices", get, pages.devices),
        ("/devices/revoke", "devices_revoke", post, pages.devices_revoke),
        ("/delete", "delete", both, pages.delete),
    ]
    for path, name, methods, handler in public:
        router.add_route(path, handler, methods=methods, name=name, extra={"public": True})
    for path, name, methods, handler in members:
        router.add_route(path, handler, methods=methods, name=name, guards=[signed_in])
    return router


def _private(request: Request, response: Response) -> None:
    response.headers.set("cache-control", "no-store")
    if "token" in request.path_params:
        response.headers.set("referrer-policy", "no-referrer")


class Pages:
    """The handlers; ``forms`` by name. One for each app: it counts the mails that strangers have sent."""

    def __init__(self, forms: Mapping[str, Any]) -> None:
        self._forms = forms
        self._limits = MailLimits()

    # -- log in and out -------------------------------------------------------------------------------------------

    async def login(self, request: Request) -> Response:
        """Show the login form, or log in."""
        auth = current_realm().settings
        if request.method != "POST":
            wanted = _wanted(request.query.get("next"))
            user: Any = await request.user()
            if user.is_authenticated:
                return Redirect.safe(wanted, default=auth.login_redirect)
            return self._login_page(request, self._forms["login"](initial={"next": wanted}))
        form = self._forms["login"](await request.form())
        if await form.is_valid():
            given = form.cleaned_data
            try:
                user = await authenticate(request, email=given["email"], password=given["password"])
            except LoginThrottled as error:
                return self._throttled(request, form, error)
            if user is not None:
                await login(request, user, remember=given["remember"])
                return Redirect.safe(given["next"], default=auth.login_redirect)
            form.add_error(None, WRONG_LOGIN)
        return self._login_page(request, form, INVALID)

    def _throttled(self, request: Request, form: Any, error: LoginThrottled) -> Response:
        wait = dict(error.headers or {}).get("retry-after", "")
        minutes = math.ceil(int(wait) / 60) if wait.isdigit() else 0
        when = f"in {minutes} minutes" if minutes > 1 else "in a minute"
        form.add_error(None, f"There were too many attempts. Try again {when}.")
        response = self._login_page(request, form, error.status)
        if wait:
            response.headers.set("retry-after", wait)
        return response

    def _login_page(self, request: Request, form: Any, status: int = 200) -> Response:
        auth = current_realm().settings
        signup_url = _with_wish(request, "auth:signup", form)
        return show(request, "login", status=status, form=form, signup=auth.signup, signup_url=signup_url)

    async def logout(self, request: Request) -> Response:
        """Ask whether to log out, or do it."""
        auth = current_realm().settings
        if request.method == "POST":
            await logout(request)
            flash(request, "You are logged out.", "success")
            return Redirect(auth.logout_redirect)
        user: Any = await request.user()
        return show(request, "logout") if user.is_authenticated else Redirect(auth.logout_redirect)

    # -- sign up --------------------------------------------------------------------------------------------------

    async def signup(self, request: Request) -> Response:
        """Show the form for a new account; send a link, or make the account where addresses are not confirmed."""
        auth = current_realm().settings
        if not auth.signup:
            raise NotFound("Nobody can sign up here.", fix="The setting auth.signup decides.")
        make = self._forms["signup" if auth.confirm_email else "signup_password"]
        if request.method != "POST":
            form = make(initial={"next": _wanted(request.query.get("next"))})
            return self._signup_page(request, form)
        form = make(await request.form())
        status = INVALID
        if await form.is_valid():
            wait = await self._limits.wait_of(request)
            if not wait:
                return await self._sign_up(request, form.cleaned_data)
            status = _refuse(form, wait)
        return self._signup_page(request, form, status)

    def _signup_page(self, request: Request, form: Any, status: int = 200) -> Response:
        login_url = _with_wish(request, "auth:login", form)
        confirm = current_realm().settings.confirm_email
        return show(request, "signup", status=status, form=form, confirm=confirm, login_url=login_url)

    async def _sign_up(self, request: Request, given: Mapping[str, Any]) -> Response:
        realm = current_realm()
        email, known = given["email"], await _by_email(given["email"])
        if realm.settings.confirm_email:
            wanted = _wanted(given["next"])
            if wanted and len(wanted.encode()) <= _NEXT_KEPT:  # for who opens the link in this browser
                session: Any = await request.session()
                session[_NEXT] = wanted
            await self._mail(
                request, "signup_confirm" if known is None else "signup_known", email, purpose="signup"
            )
            return redirect("auth:signup_sent")
        user = await _create(email, given["new_password1"]) if known is None else None
        if user is None:
            if known is not None:
                await realm.passwords.spend(given["new_password1"])
            await self._mail(request, "signup_known", email)
            return redirect("auth:signup_sent")
        await login(request, user, backend=_backend())
        return Redirect.safe(given["next"], default=realm.settings.login_redirect)

    async def signup_sent(self, request: Request) -> Response:
        """Say that there is mail."""
        return _sent(request, "sent", "auth:signup")

    async def signup_link(self, request: Request) -> Response:
        """Take the token out of the address."""
        return await self._land(request, "signup", "auth:signup_confirm", "auth:signup")

    async def signup_confirm(self, request: Request) -> Response:
        """Choose a password for an address that was confirmed, and make the account."""
        session: Any = await request.session()
        claim = read_token(request.secret_keys, "signup", session.get(_key("signup"), ""))
        if claim is None or await _by_email(claim.email) is not None:
            return _invalid(request, "auth:signup")
        realm, make = current_realm(), self._forms["new_password"]
        user = realm.user_model(email=claim.email)
        form = make(await request.form(), user=user) if request.method == "POST" else make(user=user)
        if request.method == "POST" and await form.is_valid():
            made = await _create(claim.email, form.cleaned_data["new_password1"])
            if made is None:
                return _invalid(request, "auth:signup")
            session.pop(_key("signup"), None)
            wanted = _wanted(session.pop(_NEXT, ""))
            await login(request, made, backend=_backend())
            flash(request, "Your account is ready.", "success")
            return Redirect(wanted or realm.settings.login_redirect)
        return show(request, "signup_confirm", status=_status(form), form=form, email=claim.email)

    # -- passwords ------------------------------------------------------------------------------------------------

    async def password_change(self, request: Request) -> Response:
        """Change the password; all other sessions end."""
        user: Any = await request.user()
        make = self._forms["password_change"]
        if request.method != "POST":
            return show(request, "password_change", form=make(user=user))
        form = make(await request.form(), user=user)
        if await form.is_valid() and await self._proven(request, form, user):
            await user.set_password(form.cleaned_data["new_password1"])
            await user.save(update_fields=["password"])
            await update_session_auth_hash(request, user)
            await self._notify(request, "password_changed", user.email)
            flash(request, "Your password is changed.", "success")
            return redirect("auth:account")
        return show(request, "password_change", status=INVALID, form=form)

    async def password_reset(self, request: Request) -> Response:
        """Send a link to a new password to whoever has an account; the answer is the same for all."""
        make = self._forms["password_reset"]
        form = make(await request.form()) if request.method == "POST" else make()
        status = _status(form)
        if form.is_bound and await form.is_valid():
            wait = await self._limits.wait_of(request)
            if not wait:
                user = await _by_email(form.cleaned_data["email"])
                able = user is not None and is_usable(user.password) and not await user.refused()
                await self._mail_reset(request, user if able else None, form.cleaned_data["email"])
                return redirect("auth:password_reset_sent")
            status = _refuse(form, wait)
        return show(request, "password_reset", status=status, form=form)

    async def _mail_reset(self, request: Request, user: Any, email: str) -> None:
        # to the address of the account, not to what was typed: databases may take two for equal that mail does not
        to = email if user is None else getattr(user, user.EMAIL_FIELD)
        who = current_realm().user_model(email=email) if user is None else user
        values = self._values(request, "reset", make_token(request.secret_keys, "reset", who))
        message = await compose(request, "password_reset", to, values)
        if await self._limits.allow("reset", to) and user is not None:
            request.app.mail.send_soon(message)

    async def password_reset_sent(self, request: Request) -> Response:
        """Say that there may be mail."""
        return _sent(request, "password_reset_sent", "auth:password_reset")

    async def password_reset_link(self, request: Request) -> Response:
        """Take the token out of the address."""
        return await self._land(request, "reset", "auth:password_reset_new", "auth:password_reset")

    async def password_reset_new(self, request: Request) -> Response:
        """Choose a new password; all sessions of the account end."""
        session: Any = await request.session()
        user, _ = await user_of_token(request.secret_keys, "reset", session.get(_key("reset"), ""))
        if user is None:
            return _invalid(request, "auth:password_reset")
        make = self._forms["new_password"]
        form = make(await request.form(), user=user) if request.method == "POST" else make(user=user)
        if form.is_bound and await form.is_valid():
            session.pop(_key("reset"), None)
            if not await _replace_password(user, form.cleaned_data["new_password1"]):
                return _invalid(request, "auth:password_reset")
            await current_realm().throttle.succeeded(user.email.strip().lower(), address_of(request))
            await self._notify(request, "password_changed", user.email)
            flash(request, "Your password is changed. Log in with it.", "success")
            return redirect("auth:login")
        return show(request, "password_reset_new", status=_status(form), form=form, email=user.email)

    # -- address --------------------------------------------------------------------------------------------------

    async def email_change(self, request: Request) -> Response:
        """Send a link to another address; nothing changes before it is opened."""
        user: Any = await request.user()
        make = self._forms["email_change"]
        form = make(await request.form()) if request.method == "POST" else make()
        status = _status(form)
        if form.is_bound and await form.is_valid() and await self._proven(request, form, user):
            wait = await self._limits.wait_of(request)
            if not wait:
                email = form.cleaned_data["email"]
                known = await _by_email(email)
                name = "email_confirm" if known is None else "email_known"
                await self._mail(request, name, email, purpose="email", user=user)
                await self._notify(request, "email_changing", user.email)
                return redirect("auth:email_sent")
            status = _refuse(form, wait)
        return show(request, "email_change", status=status, form=form)

    async def email_sent(self, request: Request) -> Response:
        """Say that there is mail."""
        return _sent(request, "sent", "auth:email_change")

    async def email_link(self, request: Request) -> Response:
        """Take the token out of the address."""
        return await self._land(request, "email", "auth:email_confirm", "auth:email_change")

    async def email_confirm(self, request: Request) -> Response:
        """Confirm another address, and use it from now on."""
        session: Any = await request.session()
        user, email = await user_of_token(request.secret_keys, "email", session.get(_key("email"), ""))
        if user is None or not email:
            return _invalid(request, "auth:email_change")
        if request.method != "POST":
            return show(request, "email_confirm", email=email)
        session.pop(_key("email"), None)
        setattr(user, user.EMAIL_FIELD, type(user)._default_manager.normalize_email(email))
        try:
            await user.save(update_fields=[user.EMAIL_FIELD])
        except IntegrityError:  # somebody took it meanwhile
            return _invalid(request, "auth:email_change")
        flash(request, "Your address is changed.", "success")
        return redirect("auth:account")

    # -- the rest of an account -----------------------------------------------------------------------------------

    async def account(self, request: Request) -> Response:
        """Show what can be done with an account."""
        has_devices = isinstance(current_realm().sessions.store, DatabaseStore)
        return show(request, "account", has_devices=has_devices)

    async def devices(self, request: Request) -> Response:
        """List where somebody is logged in."""
        _require_devices()
        listed = await devices(await request.user(), request)
        rows = [
            {
                "id": each.id,
                "name": device_name(each.agent),
                "address": each.address,
                "last_seen": each.last_seen,
                "current": each.current,
            }
            for each in sorted(listed, key=lambda each: not each.current)
        ]
        return show(request, "devices", devices=rows)

    async def devices_revoke(self, request: Request) -> Response:
        """Log out one device, or all others."""
        _require_devices()
        user: Any = await request.user()
        wanted = (await request.form()).get("device") or ""
        if wanted == "others":
            ended = await revoke_other_sessions(request, user)
        else:
            ended = int(await revoke_session(user, str(wanted)))
        flash(request, "Logged out there." if ended else "That device was logged out before.", "success")
        return redirect("auth:devices")

    async def delete(self, request: Request) -> Response:
        """Delete the account and what belongs to it."""
        user: Any = await request.user()
        make = self._forms["delete"]
        form = make(await request.form()) if request.method == "POST" else make()
        if form.is_bound and await form.is_valid() and await self._proven(request, form, user):
            email = user.email
            try:
                await user.delete()
            except (ProtectedError, RestrictedError):
                form.add_error(
                    None, "Other things depend on this account, so it cannot be deleted here. Ask us."
                )
            else:
                await logout(request)
                await self._notify(request, "deleted", email)
                flash(request, "Your account is deleted.", "success")
                return Redirect(current_realm().settings.logout_redirect)
        return show(request, "delete", status=_status(form), form=form)

    # -- what they share ------------------------------------------------------------------------------------------

    async def _proven(self, request: Request, form: Any, user: Any) -> bool:
        """Say whether the form's password is the user's; who holds a stolen session may not guess for ever."""
        throttle, account = current_realm().throttle, f"proof:{user.pk}"
        try:
            await throttle.attempt(account, address_of(request))
        except LoginThrottled as error:
            form.add_error(None, error.what)
            return False
        if await user.check_password(form.cleaned_data["password"]):
            session: Any = await request.session()
            # an older hash was just made anew: stay logged in here
            session[HASH] = user.get_session_auth_hash()
            await throttle.succeeded(account, address_of(request))
            return True
        form.add_error("password", WRONG_PASSWORD)
        return False

    async def _land(self, request: Request, purpose: Purpose, route: str, again: str) -> Response:
        """Move a token from the address into the session, and send the browser on to an address without it."""
        token = str(request.path_params["token"])
        valid = read_token(request.secret_keys, purpose, token) is not None
        if valid and purpose != "signup":
            valid = (await user_of_token(request.secret_keys, purpose, token))[0] is not None
        if not valid:
            return _invalid(request, again)
        session: Any = await request.session()
        session[_key(purpose)] = token
        return redirect(route)

    async def _mail(
        self, request: Request, name: str, email: str, *, purpose: Purpose = "signup", user: Any = None
    ) -> None:
        """Send a mail to an address that somebody typed, with a link for the purpose."""
        token = make_token(request.secret_keys, purpose, user, email)
        message = await compose(request, name, email, self._values(request, purpose, token))
        if await self._limits.allow("confirm", email):
            request.app.mail.send_soon(message)

    async def _notify(self, request: Request, name: str, email: str) -> None:
        """Tell the owner of an account what happened to it."""
        values = {"reset_link": link(request, "auth:password_reset")}
        request.app.mail.send_soon(await compose(request, name, email, values))

    def _values(self, request: Request, purpose: Purpose, token: str) -> dict[str, str]:
        route = {
            "reset": "auth:password_reset_link",
            "signup": "auth:signup_link",
            "email": "auth:email_link",
        }
        return {
            "link": link(request, route[purpose], token=token),
            "login_link": link(request, "auth:login"),
            "reset_link": link(request, "auth:password_reset"),
            "hours": duration(age_of(purpose)),
        }


def show(request: Request, name: str, *, status: int = 200, **values: Any) -> TemplateResponse:
    """Return the page of the template ``auth/<name>.html``."""
    return render(request, f"auth/{name}.html", values, status=status)


def _sent(request: Request, name: str, again: str) -> TemplateResponse:
    """Return the page that says that there is mail, and in development where: nobody looks into a terminal unasked."""
    app = request.app
    printed = app.settings.debug and isinstance(app.mail.backend, ConsoleBackend)
    return show(request, name, back=app.url(again), printed=printed)


def _wanted(target: object) -> str:
    """Return where somebody wants to go, if that is on this site; else nothing."""
    text = str(target or "")
    return text if is_safe_target(text) else ""


def _with_wish(request: Request, route: str, form: Any) -> str:
    """Return the address of a page which knows where somebody wants to go, as this form does."""
    wanted = _wanted(form["next"].value())
    return str(request.app.url(route, query={"next": wanted} if wanted else {}))


def _status(form: Any) -> int:
    return INVALID if form.is_bound else 200


def _refuse(form: Any, wait: float) -> int:
    minutes = math.ceil(wait / 60)
    form.add_error(None, f"Too many messages were asked for. Try again in {minutes} minutes.")
    return LoginThrottled.status


def _invalid(request: Request, again: str) -> Response:
    return show(request, "link_invalid", status=GONE, again=request.app.url(again))


def _key(purpose: Purpose) -> str:
    return f"_auth_token_{purpose}"


def _require_devices() -> None:
    if not isinstance(current_realm().sessions.store, DatabaseStore):
        raise NotFound(
            "Sessions in cookies have no list of devices.", fix='Set sessions.store to "database".'
        )


def _backend() -> str:
    """Return the backend that vouches for users who have just made their account."""
    able: list[str] = [
        path for path, each in current_realm().by_path.items() if hasattr(each, "authenticate")
    ]
    return next(iter(able), "")  # without any, login() says what is missing


async def _by_email(email: str) -> Any:
    model = current_realm().user_model
    manager = model._default_manager
    if model.USERNAME_FIELD == model.EMAIL_FIELD:
        return await manager.named(email).first()
    return await manager.filter(**{f"{model.EMAIL_FIELD}__iexact": email}).first()


async def _replace_password(user: Any, password: str) -> bool:
    """Store a new password, unless it was changed meanwhile: of two answers to one link the first counts."""
    before = user.password
    await user.set_password(password)
    manager = current_realm().user_model._base_manager
    return bool(await manager.filter(pk=user.pk, password=before).update(password=user.password))


async def _create(email: str, password: str) -> Any:
    """Make an account; ``None`` when somebody else has just made one with this address."""
    try:
        return await current_realm().user_model._default_manager.create_user(email, password)
    except IntegrityError:
        return None


__all__ = ["FORMS", "Pages", "auth_pages"]
