"""Static files of an app, as browsers get them: in debug, in production, collected; in pages and import maps."""

from __future__ import annotations

import gzip
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from vivace import App, StaticFiles
from vivace.app.assets import StaticSite
from vivace.config.secret import Secret
from vivace.config.settings import Settings, StaticSettings
from vivace.errors import AppInvalid, ConfigurationError, UnknownStatic
from vivace.http.request import Request
from vivace.templates import render
from vivace.testing import Client

KEY = Secret("k" * 50)
FILES = {
    "static/css/app.css": "body{background:url(../img/sky.png)}",
    "static/img/sky.png": "sky",
    "static/js/app.js": "import './lib/a.js'",
    "static/js/lib/a.js": "export default 1",
    "static/.env": "secret",
}
PAGE = "{% static 'css/app.css' %} {{ static_integrity('js/app.js') }}"


def app_in(folder: Path, page: str = "", *, debug: bool = False, static: Any = None, **settings: Any) -> App:
    files = {**FILES, **({"templates/page.html": page} if page else {})}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    options: dict[str, Any] = {"static": static} if static is not None else {}
    chosen = Settings(secret_key=KEY, static=StaticSettings(**settings))
    app = App(root=folder, settings=chosen, debug=debug, **options)

    @app.get("/")
    async def home(request: Request) -> Any:
        return render(request, "page.html")

    return app


async def test_sf1_an_app_without_static_files_has_no_such_address(tmp_path: Path) -> None:
    app = App(root=tmp_path, settings=Settings(secret_key=KEY))
    async with Client(app) as client:
        assert (await client.get("/static/app.css")).status == 404
    assert not any(route.is_mount for route in app.compile().routes)


async def test_sf2_production_serves_hashed_names_for_ever(tmp_path: Path) -> None:
    async with Client(app_in(tmp_path, PAGE)) as client:
        address, integrity = (await client.get("/")).text.split()
        assert re.fullmatch(r"/static/css/app\.[0-9a-f]{12}\.css", address)
        assert integrity.startswith("sha384-")
        response = await client.get(address)
        assert response.headers["cache-control"] == "max-age=31536000, public, immutable"
        assert response.headers["content-type"] == "text/css; charset=utf-8"
        (image,) = re.findall(r"url\((.*?)\)", response.text)
        assert (await client.get(f"/static/css/{image}")).text == "sky"
        again = await client.get(address, headers={"if-none-match": response.headers["etag"]})
        assert again.status == 304


async def test_sf2_plain_names_are_served_too_for_a_minute(tmp_path: Path) -> None:
    async with Client(app_in(tmp_path)) as client:
        response = await client.get("/static/img/sky.png")
        assert (response.text, response.headers["cache-control"]) == ("sky", "max-age=60, public")


async def test_sf1_debug_shows_each_edit_at_once(tmp_path: Path) -> None:
    async with Client(app_in(tmp_path, PAGE, debug=True)) as client:
        assert (await client.get("/")).text.split() == ["/static/css/app.css"]
        for text in ("one", "two"):
            (tmp_path / "static/css/app.css").write_text(text)
            response = await client.get("/static/css/app.css")
            assert (response.text, response.headers["cache-control"]) == (text, "max-age=0, public")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "%2e%2e/templates/page.html",
        "..%2ftemplates/page.html",
        ".env",
        "css//app.css",
        "css\\app.css",
        "css",
    ],
)
async def test_sc9_nothing_outside_is_served(tmp_path: Path, path: str, debug: bool) -> None:
    async with Client(app_in(tmp_path, PAGE, debug=debug)) as client:
        assert (await client.get(f"/static/{path}")).status == 404


async def test_sc9_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    app = app_in(tmp_path / "app", debug=True)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "app/static/link.txt").symlink_to(tmp_path / "secret.txt")
    async with Client(app) as client:
        assert (await client.get("/static/link.txt")).status == 404


async def test_sf3_range_of_a_hashed_file(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    async with Client(app) as client:
        response = await client.get(app.static_url("img/sky.png"), headers={"range": "bytes=1-"})
        assert (response.status, response.text) == (206, "ky")


async def test_sf3_range_of_a_rewritten_file_is_not_cut_from_the_original(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    async with Client(app) as client:
        response = await client.get(app.static_url("css/app.css"), headers={"range": "bytes=0-3"})
    assert response.status == 200
    assert re.fullmatch(r"body\{background:url\(\.\./img/sky\.[0-9a-f]{12}\.png\)\}", response.text)
    assert "accept-ranges" not in response.headers


async def test_sf3_compressed_file_beside_a_file_is_sent_under_its_hashed_name(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    (tmp_path / "static/plain.txt").write_text("a" * 999)
    (tmp_path / "static/plain.txt.gz").write_bytes(gzip.compress(b"a" * 999))
    async with Client(app) as client:
        response = await client.get(app.static_url("plain.txt"), headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "accept-encoding"
    assert "plain.txt.gz" not in app.site.assets.built.assets


async def test_sf1_static_files_need_no_login(tmp_path: Path) -> None:
    from vivace.auth import Auth

    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    app = App(root=tmp_path, settings=Settings(secret_key=KEY), installed=[Auth(login_required=True)])

    @app.get("/private")
    async def private() -> str:
        return "private"

    async with Client(app) as client:
        assert (await client.get("/private")).status == 401
        assert (await client.get("/static/img/sky.png")).text == "sky"


async def test_sf1_the_app_is_asked_before_installed_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "path" / "shop_with_static"
    (package / "static" / "css").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "static" / "css" / "app.css").write_text("theirs")
    (package / "static" / "css" / "shop.css").write_text("shop")
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    app_in(tmp_path / "app")
    app = App(root=tmp_path / "app", settings=Settings(secret_key=KEY), installed=["shop_with_static"])
    async with Client(app) as client:
        assert (await client.get(app.static_url("css/shop.css"))).text == "shop"
        assert "theirs" not in (await client.get(app.static_url("css/app.css"))).text


async def test_sf1_own_mount_wins(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("mine")
    app.mount("/static", StaticFiles(tmp_path / "other"))
    async with Client(app) as client:
        assert (await client.get("/static/x.txt")).text == "mine"
        assert (await client.get("/static/img/sky.png")).status == 404


async def test_sf1_mounted_app_has_its_own_files_and_those_of_the_outer(tmp_path: Path) -> None:
    inner = app_in(tmp_path / "inner", "{% static 'css/app.css' %} {% static 'outer.css' %}", debug=True)
    outer = app_in(tmp_path / "outer", debug=True)
    (tmp_path / "outer" / "static" / "outer.css").write_text("outer")
    outer.mount("/in", inner)
    async with Client(outer) as client:
        own, outers = (await client.get("/in/")).text.split()
        assert (own, outers) == ("/in/static/css/app.css", "/static/outer.css")
        assert (await client.get(own)).status == 200
        assert (await client.get(outers)).text == "outer"


# -- what is not there ----------------------------------------------------------------------------------------------------


async def test_sf2_unknown_name_is_an_error_in_debug(tmp_path: Path) -> None:
    app = app_in(tmp_path, debug=True)
    with pytest.raises(UnknownStatic) as caught:
        app.static_url("css/ap.css")
    assert caught.value.fix == "Did you mean 'css/app.css'?"
    assert str(tmp_path / "static") in caught.value.expected


async def test_sf2_unknown_name_in_production_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_in(tmp_path)
    with caplog.at_level(logging.WARNING, "vivace.app"):
        assert [app.static_url("css/ap.css") for _ in range(3)] == ["/static/css/ap.css"] * 3
    assert len(caplog.records) == 1


def test_sf2_missing_reference_stops_the_start(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    (tmp_path / "static/css/app.css").write_text("\nurl(../img/ski.png)")
    with pytest.raises(AppInvalid) as caught:
        app.compile()
    (finding,) = caught.value.findings
    assert finding.place == f"{tmp_path / 'static/css/app.css'}:2"
    assert [one.id for one in app.check()] == ["static-reference"]  # asked again, it says the same


@pytest.mark.parametrize("url", ["static", "/", "static/", "/static"])
def test_sf1_prefix_that_cannot_be(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="VIVACE_STATIC_URL"):
        app_in(tmp_path, url=url).compile()


def test_sf1_files_may_be_served_from_elsewhere(tmp_path: Path) -> None:
    app = app_in(tmp_path, url="https://cdn.example.com/s/")
    assert app.static_url("img/sky.png").startswith("https://cdn.example.com/s/img/sky.")


# -- import maps ----------------------------------------------------------------------------------------------------------


async def test_sf2_import_map_has_hashed_addresses_integrity_and_the_nonce(tmp_path: Path) -> None:
    site = StaticSite(importmap={"app": "js/app.js", "lib/": "js/lib/", "lit": "https://esm.sh/lit@3"})
    app = app_in(tmp_path, "{% importmap %}", static=site)
    async with Client(app) as client:
        text = (await client.get("/")).text
    assert re.match(r'<script type="importmap" nonce="[^"]+">\{', text)
    document = json.loads(text.partition(">")[2].rpartition("<")[0])
    assert document["imports"] == {
        "app": app.static_url("js/app.js"),
        "lib/a.js": app.static_url("js/lib/a.js"),
        "lit": "https://esm.sh/lit@3",
    }
    assert set(document["integrity"]) == {app.static_url("js/app.js"), app.static_url("js/lib/a.js")}


def test_sf2_import_map_of_what_is_not_there_is_found(tmp_path: Path) -> None:
    app = app_in(tmp_path, static=StaticSite(importmap={"app": "js/ap.js", "x/": "js/nix/"}))
    assert sorted(finding.message.split("'")[1] for finding in app.check()) == ["js/ap.js", "js/nix/"]


async def test_sf2_import_map_cannot_end_its_script(tmp_path: Path) -> None:
    app = app_in(
        tmp_path, "{% importmap %}", static=StaticSite(importmap={"</script>": "https://x/<b>"}), debug=True
    )
    async with Client(app) as client:
        assert (await client.get("/")).text.count("<") == 2


# -- collected ------------------------------------------------------------------------------------------------------------


async def test_sf1_collected_files_are_served_with_their_compressed_variants(tmp_path: Path) -> None:
    from vivace.app.assets.collecting import collect

    (tmp_path / "static").mkdir(parents=True)
    (tmp_path / "static/big.css").write_text("a{}" * 999)
    collect(app_in(tmp_path).site.assets.built, tmp_path / "collected")
    app = app_in(tmp_path, PAGE, root="collected")
    (tmp_path / "static/css/app.css").write_text("changed since")
    async with Client(app) as client:
        address, integrity = (await client.get("/")).text.split()
        assert integrity.startswith("sha384-")
        assert "url(../img/sky." in (await client.get(address)).text
        response = await client.get(app.static_url("big.css"), headers={"accept-encoding": "gzip"})
        assert response.headers["content-encoding"] == "gzip"
        assert gzip.decompress(response.body) == b"a{}" * 999
        assert response.headers["cache-control"].endswith("immutable")


def test_sf1_files_that_came_after_the_collection_are_a_warning(tmp_path: Path) -> None:
    from vivace.app.assets.collecting import collect

    collect(app_in(tmp_path).site.assets.built, tmp_path / "collected")
    app = app_in(tmp_path, root="collected")
    (tmp_path / "static/new.css").write_text("")
    (finding,) = app.check()
    assert (finding.id, finding.level) == ("static-not-collected", "warning")
    assert "new.css" in finding.message


def test_sf1_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"staticfiles\.json"):
        app_in(tmp_path, root="nowhere").check()
