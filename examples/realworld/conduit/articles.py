"""Articles, their tags, their comments, and who likes them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from vivace import Body, Query, Router
from vivace.db import atomic
from vivace.models import QuerySet

from .errors import Refused
from .models import Account, Article, Comment, Favorite, Follow, Tag, follows, seen_by
from .schemas import (
    ArticleChanges,
    ArticlePage,
    ArticleView,
    CommentView,
    NewArticle,
    NewComment,
    Preview,
    named,
)

router = Router()
Limit: TypeAlias = Annotated[int, Query(ge=1, le=100)]
Offset: TypeAlias = Annotated[int, Query(ge=0)]


@router.get("/articles")
async def listing(
    reader: Account | None,
    tag: str | None = None,
    author: str | None = None,
    favorited: str | None = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> ArticlePage:
    articles = Article.objects.all()
    if tag is not None:
        articles = articles.filter(pk__in=Tag.objects.filter(name=tag).values("article"))
    if author is not None:
        articles = articles.filter(author__username=author)
    if favorited is not None:
        liked = Favorite.objects.filter(account__username=favorited)
        articles = articles.filter(pk__in=liked.values("article"))
    return await _page(articles, reader, limit, offset)


@router.get("/articles/feed")
async def feed(reader: Account, limit: Limit = 20, offset: Offset = 0) -> ArticlePage:
    followed = Follow.objects.filter(follower=reader).values("followed")
    return await _page(Article.objects.filter(author__in=followed), reader, limit, offset)


@router.post("/articles", status=201)
async def publish(reader: Account, new: Annotated[NewArticle, Body("article")]) -> dict[str, ArticleView]:
    article = Article(author=reader, description=new.description, body=new.body)
    article.rename(new.title)
    async with atomic():
        await article.save()
        await _set_tags(article, new.tag_list)
    return await _shown(article.slug, reader)


@router.get("/articles/{slug}")
async def show(slug: str, reader: Account | None) -> dict[str, ArticleView]:
    return await _shown(slug, reader)


@router.put("/articles/{slug}")
async def change(
    slug: str, reader: Account, given: Annotated[ArticleChanges, Body("article")]
) -> dict[str, ArticleView]:
    changes = named(given)
    article = await _own(slug, reader)
    title, tags = changes.pop("title", article.title), changes.pop("tag_list", None)
    if title != article.title:
        article.rename(title)
    for name, value in changes.items():
        setattr(article, name, value)
    async with atomic():
        await article.save()
        if tags is not None:
            await article.tags.all().delete()
            await _set_tags(article, tags)
    return await _shown(article.slug, reader)


@router.delete("/articles/{slug}")
async def remove(slug: str, reader: Account) -> None:
    article = await _own(slug, reader)
    await article.delete()


@router.post("/articles/{slug}/favorite")
async def favorite(slug: str, reader: Account) -> dict[str, ArticleView]:
    await Favorite.objects.get_or_create(account=reader, article=await _article(slug))
    return await _shown(slug, reader)


@router.delete("/articles/{slug}/favorite")
async def unfavorite(slug: str, reader: Account) -> dict[str, ArticleView]:
    await Favorite.objects.filter(account=reader, article=await _article(slug)).delete()
    return await _shown(slug, reader)


@router.get("/articles/{slug}/comments")
async def comments(slug: str, reader: Account | None) -> dict[str, list[CommentView]]:
    article = await _article(slug)
    found = Comment.objects.filter(article=article).select_related("author").order_by("-pk")
    seen = found.annotate(followed=follows(reader, "author"))
    return {"comments": [CommentView.of(comment) async for comment in seen]}


@router.post("/articles/{slug}/comments", status=201)
async def comment(
    slug: str, reader: Account, new: Annotated[NewComment, Body("comment")]
) -> dict[str, CommentView]:
    made = Comment(article=await _article(slug), author=reader, body=new.body)
    await made.save()
    made.followed = False  # of oneself
    return {"comment": CommentView.of(made)}


@router.delete("/articles/{slug}/comments/{id}")
async def remove_comment(slug: str, id: int, reader: Account) -> None:
    found = await Comment.objects.filter(article=await _article(slug), pk=id).first()
    if found is None:
        raise Refused(404, {"comment": "not found"})
    if found.author_id != reader.pk:
        raise Refused(403, {"comment": "forbidden"})
    await found.delete()


@router.get("/tags")
async def tags() -> dict[str, list[str]]:
    names = Tag.objects.order_by("name").values_list(Tag.name, flat=True).distinct()
    return {"tags": await names[:1000]}


async def _page(articles: QuerySet[Article], reader: Account | None, limit: int, offset: int) -> ArticlePage:
    newest = seen_by(reader, articles).defer("body").order_by("-created_at", "-pk")
    return ArticlePage(
        articles=[Preview.of(article) for article in await newest[offset : offset + limit]],
        articles_count=await articles.count(),
    )


async def _shown(slug: str, reader: Account | None) -> dict[str, ArticleView]:
    return {"article": ArticleView.of(await _article(slug, seen_by(reader, Article.objects.all())))}


async def _article(slug: str, among: QuerySet[Article] | None = None) -> Article:
    article = await (Article.objects.all() if among is None else among).filter(slug=slug).first()
    if article is None:
        raise Refused(404, {"article": "not found"})
    return article


async def _own(slug: str, reader: Account) -> Article:
    article = await _article(slug)
    if article.author_id != reader.pk:
        raise Refused(403, {"article": "forbidden"})
    return article


async def _set_tags(article: Article, names: list[str]) -> None:
    await Tag.objects.bulk_create(Tag(article=article, name=name) for name in dict.fromkeys(names))
