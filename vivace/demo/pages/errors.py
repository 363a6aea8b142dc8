"""Errors in the look of the site, for who reads pages; programs get the framework's own answers."""

from __future__ import annotations

from vivace import App, Request, Response, render
from vivace.errors import HTTPError

TEXTS = {
    403: ("This is not yours", "You may look at it, but only its author may change it."),
    404: ("There is nothing here", "It may have been deleted, or the address has a slip in it."),
    405: ("This cannot be done here", "The address is right, what was asked of it is not."),
    413: ("This is too much", "What you sent is larger than this site takes."),
    422: ("That was not understood", "The address has a value in it that does not fit."),
    429: ("Too fast", "Wait a moment, then try again."),
}
SOMETHING = ("Something went wrong", "It is not your fault. Try again in a moment.")


def show_error(request: Request, error: HTTPError) -> Response | None:
    """Return the page of an error; ``None`` leaves it to the framework."""
    if request.preferred_type(("text/html", "application/json")) != "text/html" or error.status == 401:
        return None
    title, text = TEXTS.get(error.status, SOMETHING)
    return render(
        request,
        "error.html",
        status=error.status,
        headers=error.headers,
        title=title,
        text=text,
        code=error.status,
    )


def add_error_pages(app: App) -> None:
    """Show errors as pages of the site."""
    app.error(HTTPError)(show_error)
