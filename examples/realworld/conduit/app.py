"""The whole of it: `vivace dev` in the folder above."""

from __future__ import annotations

from vivace import App, Router
from vivace.auth import Auth, ModelBackend
from vivace.errors import HTTPError, LoginRequired, UniqueViolation

from . import accounts, articles, errors
from .models import Account
from .tokens import Tokens

app = App(installed=[Auth(user=Account, pages=None, backends=[ModelBackend(), Tokens()])])
app.error(HTTPError)(errors.answer)
app.error(LoginRequired)(errors.token_missing)
app.error(UniqueViolation)(errors.taken)

api = Router("/api")
api.include(accounts.router)
api.include(articles.router)
app.include(api)
