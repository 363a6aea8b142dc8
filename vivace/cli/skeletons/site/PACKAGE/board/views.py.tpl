"""The first page, and what is sent from it."""

from __future__ import annotations

from vivace import Redirect, Request, Response, Router, flash, render
from vivace.auth import User

from ..settings import settings
from .forms import NoteForm
from .models import Note

pages = Router()


def board(request: Request, form: NoteForm, status: int = 200) -> Response:
    """Return the page. The query runs when the template reads the notes."""
    notes = Note.objects.select_related("author")[: settings.notes_shown]
    return render(request, "board/board.html", status=status, notes=notes, form=form)


@pages.get("/", name="home")
async def home(request: Request) -> Response:
    """Show the board."""
    return board(request, NoteForm())


@pages.post("/")
async def pin(request: Request, user: User) -> Response:
    """Pin a note. Who is not logged in is sent to the login page."""
    form = NoteForm(await request.form())
    if not await form.is_valid():
        return board(request, form, status=422)
    form.instance.author = user
    await form.save()
    flash(request, "Your note hangs on the board.", "success")
    return Redirect("home")
