"""Where the client of live pages goes after a form: told, not followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace import App, Redirect, Request, render
from vivace.http.response import Response
from vivace.testing import Client

ASKS = {"vivace-form": "1"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("SECRET_KEY", "only for this test, which nobody reads")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("{% live %}x{% endlive %}", "utf-8")
    app = App(root=tmp_path)

    @app.get("/", name="home")
    async def home(request: Request) -> Response:
        return render(request, "page.html")

    @app.post("/{status:int}")
    async def moved(status: int) -> Response:
        return Redirect("https://pay.example/next?x=1", status=status)

    @app.post("/")
    async def same() -> Response:
        return Redirect("home")

    return app


async def test_lv3_a_redirect_is_told(app: App) -> None:
    async with Client(app) as client:
        answer = await client.post("/", headers=ASKS)
        assert (answer.status, answer.headers["vivace-location"]) == (204, "/")
        assert "location" not in answer.headers
        answer = await client.post("/302", headers=ASKS)
        assert answer.headers["vivace-location"] == "https://pay.example/next?x=1"


async def test_lv3_other_answers_stay_as_they_are(app: App) -> None:
    async with Client(app) as client:
        assert (await client.post("/")).status == 303
        assert (await client.post("/307", headers=ASKS)).status == 307
        answer = await client.get("/", headers=ASKS)
        assert answer.status == 200
        assert "vivace-location" not in answer.headers
