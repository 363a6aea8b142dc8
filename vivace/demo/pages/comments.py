"""One comment: its author changes or deletes it."""

from __future__ import annotations

from vivace import Request, Response, Router, flash, get_object_or_404, redirect, render
from vivace.auth import authorize, signed_in
from vivace.demo import actions
from vivace.demo.forms import CommentForm
from vivace.demo.models import Comment

router = Router("/comments", guards=[signed_in])


@router.get("/{id:int}", name="edit_comment")
async def show(request: Request, id: int) -> Response:
    """Show the form to change a comment."""
    comment = await mine(request, "change", id)
    return render(request, "comment_form.html", form=CommentForm(instance=comment), comment=comment)


@router.post("/{id:int}", name="change_comment")
async def change(request: Request, id: int) -> Response:
    """Change a comment."""
    comment = await mine(request, "change", id)
    form = CommentForm(await request.form(), instance=comment)
    if not await form.is_valid():
        return render(request, "comment_form.html", status=422, form=form, comment=comment)
    await actions.edited(await form.save())
    return redirect(comment)


@router.post("/{id:int}/delete", name="delete_comment")
async def delete(request: Request, id: int) -> Response:
    """Delete a comment."""
    comment = await mine(request, "delete", id)
    await actions.take_back(comment)
    flash(request, "Your comment is deleted.", "success")
    return redirect(comment.post)


async def mine(request: Request, action: str, id: int) -> Comment:
    """Return a comment with its post; 404 when there is none, 403 when somebody else wrote it."""
    comment = await get_object_or_404(Comment.objects.select_related("post"), pk=id)
    await authorize(request, action, comment)
    return comment
