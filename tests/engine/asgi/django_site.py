"""A tiny Django project, and what it answers when it is mounted; run in a process of its own (settings are global).

Prints one JSON object per check: ``python django_site.py asgi`` or ``wsgi``.
"""

# mypy: disable-error-code="import-untyped"
# pyright: basic
from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.urls import path, reverse

from vivace.engine.asgi import ASGIMount, WSGIMount
from vivace.http.request import Request
from vivace.http.response import Response, Text
from vivace.testing import Client

KIND = sys.argv[1]


def home(request: Any) -> HttpResponse:
    return JsonResponse(
        {
            "script": request.META.get("SCRIPT_NAME"),
            "path": request.path,
            "info": request.path_info,
            "link": reverse("home"),
            "name": request.GET.get("name"),
            "secure": request.is_secure(),
            "host": request.get_host(),
            "address": request.META.get("REMOTE_ADDR"),
        }
    )


def form(request: Any) -> HttpResponse:
    if request.method == "POST":
        files = {name: file.read().decode() for name, file in request.FILES.items()}
        return JsonResponse({"title": request.POST["title"], "files": files})
    return HttpResponse(f'<input name="csrfmiddlewaretoken" value="{get_token(request)}">'.encode())


def stream(request: Any) -> HttpResponseBase:
    async def pieces() -> AsyncIterator[str]:
        for number in range(5):
            yield f"{number}\n"

    def blocking_pieces() -> Iterator[str]:
        for number in range(5):
            yield f"{number}\n"

    return StreamingHttpResponse(pieces() if KIND == "asgi" else blocking_pieces())


urlpatterns = [
    path("", home, name="home"),
    path("form/", form),
    path("stream/", stream),
]


def configure() -> Any:
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["localhost"],
        SECRET_KEY="only for tests",
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    )
    django.setup()
    if KIND == "asgi":
        from django.core.asgi import get_asgi_application

        return ASGIMount(get_asgi_application())
    from django.core.wsgi import get_wsgi_application

    handler: Any = get_wsgi_application()
    return WSGIMount(handler, threads=2)


class Site:
    """Our app: one page of its own, Django below ``/old``."""

    def __init__(self, mount: Any) -> None:
        self.startup = mount.startup
        self.shutdown = mount.shutdown
        self.mount = mount

    async def handle(self, request: Request) -> Response:
        if request.path.startswith("/old"):
            response: Response = await self.mount(request, request.path.removeprefix("/old"))
            return response
        return Text("ours")


async def main() -> None:
    async with Client(Site(configure())) as client:
        results: dict[str, Any] = {"ours": (await client.get("/")).text}
        results["home"] = (await client.get("/old/?name=%C3%85sa")).json()
        results["stream"] = (await client.get("/old/stream/")).text
        results["missing"] = (await client.get("/old/none")).status
        results["slash"] = (await client.get("/old/form")).redirect
        page = await client.get("/old/form/")
        token = re.findall('value="([^"]+)"', page.text)[0]
        results["cookie"] = "csrftoken" in client.cookies
        results["refused"] = (await client.post("/old/form/", form={"title": "x"})).status
        posted = await client.post("/old/form/", form={"title": "Åre", "csrfmiddlewaretoken": token})
        results["posted"] = posted.json()
        files = {"file": ("a.txt", "x" * 100_000)}
        upload = await client.post(
            "/old/form/", form={"title": "t", "csrfmiddlewaretoken": token}, files=files
        )
        results["file"] = len(upload.json()["files"]["file"])

        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"title=", b"chunked&csrfmiddlewaretoken=", token.encode()):
                yield piece

        kind = {"content-type": "application/x-www-form-urlencoded"}
        chunked = await client.post("/old/form/", content=pieces(), headers=kind)
        results["chunked"] = chunked.json()["title"]
        many = await asyncio.gather(*[client.get(f"/old/?name={number}") for number in range(10)])
        results["many"] = [response.json()["name"] for response in many]
    print(json.dumps(results))


if __name__ == "__main__":
    asyncio.run(main())
