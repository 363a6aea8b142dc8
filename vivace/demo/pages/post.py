"""One post: its page with the comments, and what its readers and its author do with it."""

from __future__ import annotations

from vivace import Redirect, Request, Response, Router, flash, get_object_or_404, redirect, render
from vivace.auth import authorize, signed_in
from vivace.demo import actions
from vivace.demo.forms import CommentForm, NewPostForm, PostForm
from vivace.demo.models import Member, Post

router = Router("/posts")
LATEST = 50  # comments that the page shows at first


@router.get("/new", name="new_post", guards=[signed_in])
async def new(request: Request, topic: int = 0) -> Response:
    """Show the form for a post."""
    return render(request, "post_form.html", form=NewPostForm(initial={"topic": topic}))


@router.post("/new", name="publish_post", guards=[signed_in])
async def publish(request: Request, user: Member) -> Response:
    """Publish a post."""
    form = NewPostForm(await request.form())
    if not await form.is_valid():
        return render(request, "post_form.html", status=422, form=form)
    made = await actions.publish(await form.save(commit=False), user, form.cleaned_data["attachments"])
    flash(request, "Your post is published.", "success")
    return redirect(made)


@router.get("/{id:int}", name="post")
async def show(request: Request, id: int, older: bool = False) -> Response:
    """Show a post and what was said to it last; ``older``: all that was said."""
    return page(request, await found(id), CommentForm(), older=older)


@router.post("/{id:int}", name="add_comment", guards=[signed_in])
async def comment(request: Request, id: int, user: Member) -> Response:
    """Add a comment."""
    post, form = await found(id), CommentForm(await request.form())
    if not await form.is_valid():
        return page(request, post, form, status=422)
    await actions.comment(post, user, form.cleaned_data["body"])
    return redirect(post)


@router.post("/{id:int}/vote", name="vote", guards=[signed_in])
async def vote(request: Request, id: int, user: Member, take_back: bool = False, back: str = "") -> Response:
    """Be for a post, once; or not any more. ``back`` is the list where somebody voted."""
    post = await found(id)
    if take_back:
        await actions.unvote(post, user)
    elif not await actions.vote(post, user):
        flash(request, f"You have voted for “{post}” already. On its page you can take that back.")
    elif back:  # a list is rendered once for all who look at it, so it cannot show whose votes they are
        flash(request, f"You voted for “{post}”.", "success")
    return Redirect.safe(back, default=post.get_absolute_url())


@router.get("/{id:int}/edit", name="edit_post", guards=[signed_in])
async def edit(request: Request, id: int) -> Response:
    """Show the form to change a post."""
    post = await found(id)
    await authorize(request, "change", post)
    return render(request, "post_form.html", form=PostForm(instance=post), post=post)


@router.post("/{id:int}/edit", name="change_post", guards=[signed_in])
async def change(request: Request, id: int) -> Response:
    """Change a post."""
    post = await found(id)
    await authorize(request, "change", post)
    form = PostForm(await request.form(), instance=post)
    if not await form.is_valid():
        return render(request, "post_form.html", status=422, form=form, post=post)
    await actions.edited(await form.save())
    return redirect(post)


@router.post("/{id:int}/delete", name="delete_post", guards=[signed_in])
async def delete(request: Request, id: int) -> Response:
    """Delete a post with its comments and files."""
    post = await found(id)
    await authorize(request, "delete", post)
    await actions.remove(post)
    flash(request, f"“{post}” is deleted.", "success")
    return redirect("front")


async def found(id: int) -> Post:
    """Return a post with its author and topic, or answer 404."""
    return await get_object_or_404(Post.objects.select_related("author", "topic"), pk=id)


def page(
    request: Request, post: Post, form: CommentForm, status: int = 200, *, older: bool = False
) -> Response:
    """Show a post with a form for a comment."""
    newest = post.comments.select_related("author").reverse()
    return render(
        request,
        "post.html",
        status=status,
        post=post,
        newest=newest if older else newest[:LATEST],
        hidden=0 if older else post.replies - LATEST,
        form=form,
    )
