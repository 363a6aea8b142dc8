"""Lists of posts: the front page, a topic, what a search finds.

The lists are live, and the same for everybody: nothing here asks who is looking, so one render serves all open pages. The
page of a list is cut in the template, by the region that shows it: what a view awaits is read by all regions of its page.
"""

from __future__ import annotations

from vivace import Request, Response, Router, get_object_or_404, render
from vivace.demo.forms import SearchForm
from vivace.demo.models import Post, Topic
from vivace.models import Q, QuerySet
from vivace.models.pagination import Paginator

router = Router()
ORDERS = {"hot": "-heat", "new": "-made_at", "top": "-score"}
PER_PAGE = 15


@router.get("/", name="front")
async def front(request: Request, sort: str = "hot", page: int = 1) -> Response:
    """Show all posts."""
    return listed(request, Post.objects.all(), sort, page)


@router.get("/topics/{slug}", name="topic")
async def topic(request: Request, slug: str, sort: str = "hot", page: int = 1) -> Response:
    """Show the posts of a topic."""
    shown = await get_object_or_404(Topic, slug=slug)
    return listed(request, Post.objects.filter(topic=shown), sort, page, topic=shown)


@router.get("/search", name="search")
async def search(request: Request, page: int = 1) -> Response:
    """Show the posts that have all the words."""
    form = SearchForm(request.query)
    words = str(form.cleaned_data["q"]) if await form.is_valid() else ""
    found = Post.objects.none() if not words.split() else Post.objects.filter(has_all(words))
    return render(
        request, "search.html", form=form, words=words, number=page, posts=pages(found.order_by("-made_at"))
    )


def listed(
    request: Request, posts: QuerySet[Post], sort: str, page: int, topic: Topic | None = None
) -> Response:
    """Show a list in one of its orders."""
    order = ORDERS.get(sort, ORDERS["hot"])
    return render(
        request,
        "posts.html",
        posts=pages(posts.order_by(order, "-id").defer("body")),
        number=page,
        sort=sort if sort in ORDERS else "hot",
        orders=list(ORDERS),
        topic=topic,
    )


def pages(posts: QuerySet[Post]) -> Paginator[Post]:
    """Return posts cut into pages, each with what its line shows."""
    return Paginator(posts.select_related("author", "topic"), PER_PAGE)


def has_all(words: str) -> Q:
    """Return the condition that title or text have each of the words."""
    wanted = Q()
    for word in words.split()[:8]:
        wanted &= Q(title__icontains=word) | Q(body__icontains=word)
    return wanted
