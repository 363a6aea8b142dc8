"""Members: who there is, what each has written, one's own profile and what is new for oneself."""

from __future__ import annotations

from vivace import Request, Response, Router, flash, get_object_or_404, redirect, render
from vivace.auth import signed_in
from vivace.demo.forms import ProfileForm
from vivace.demo.models import Member, Notice
from vivace.models import Count, QuerySet
from vivace.models.pagination import Paginator

router = Router()
PER_PAGE = 24


@router.get("/members", name="members")
async def members(request: Request, page: int = 1) -> Response:
    """Show all members, those who write most first."""
    busy = (
        Member.objects.filter(is_active=True).annotate(written=Count("posts")).order_by("-written", "handle")
    )
    return render(request, "members.html", members=Paginator(busy, PER_PAGE), number=page)


@router.get("/members/{handle}", name="member")
async def member(request: Request, handle: str) -> Response:
    """Show a member and what they have written last."""
    shown = await get_object_or_404(Member, handle=handle, is_active=True)
    return render(
        request,
        "member.html",
        member=shown,
        posts=shown.posts.select_related("topic", "author").order_by("-made_at")[:10],
        comments=shown.comments.select_related("post").order_by("-made_at")[:10],
    )


@router.get("/you", name="profile", guards=[signed_in])
async def profile(request: Request, user: Member) -> Response:
    """Show the form of one's own profile."""
    return render(request, "profile.html", form=ProfileForm(instance=user))


@router.post("/you", name="change_profile", guards=[signed_in])
async def change_profile(request: Request, user: Member) -> Response:
    """Change one's own profile."""
    form = ProfileForm(await request.form(), instance=user)
    if not await form.is_valid():
        return render(request, "profile.html", status=422, form=form)
    await form.save()
    flash(request, "Your profile is saved.", "success")
    return redirect("profile")


@router.get("/notices", name="notices", guards=[signed_in])
async def notices(request: Request, user: Member) -> Response:
    """Show what others said to one's posts."""
    return render(request, "notices.html", notices=of(user)[:50])


@router.post("/notices", name="seen_notices", guards=[signed_in])
async def seen(user: Member) -> Response:
    """Note that all of it was read."""
    await user.notices.filter(is_new=True).update(is_new=False)
    return redirect("notices")


def of(user: Member) -> QuerySet[Notice]:
    """Return the notices of a member, with all that their lines show."""
    return user.notices.select_related("comment__author", "comment__post")
