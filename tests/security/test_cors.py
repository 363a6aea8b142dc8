"""CORS: who may read, preflights, and no origin that is reflected together with credentials."""

from __future__ import annotations

from itertools import product

import pytest

from vivace.app import App
from vivace.errors import ConfigurationError
from vivace.security import CORS, Security
from vivace.testing import Client

FRIEND, EVIL = "https://friend.example", "https://evil.example"


def site(cors: CORS) -> App:
    app = App(security=Security(cors=cors))

    @app.get("/")
    async def home() -> str:
        return "home"

    @app.get("/broken")
    async def broken() -> str:
        raise KeyError("x")

    return app


def preflight(origin: str) -> dict[str, str]:
    return {"origin": origin, "access-control-request-method": "PUT"}


async def test_sc11_listed_origins_may_read_with_credentials() -> None:
    app = site(CORS((FRIEND,), methods=("GET", "PUT"), headers=("x-a",), expose=("x-b",), credentials=True))
    async with Client(app, raise_errors=False) as client:
        for path, status in (("/", 200), ("/none", 404), ("/broken", 500)):
            answer = await client.get(path, headers={"origin": FRIEND})
            assert answer.status == status
            assert answer.headers["access-control-allow-origin"] == FRIEND
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert answer.headers["access-control-expose-headers"] == "x-b"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert "Origin" in answer.headers["vary"]
        asked = await client.options("/anything", headers=preflight(FRIEND))
        assert asked.status == 204
        assert asked.headers["access-control-allow-methods"] == "GET, PUT"
        assert asked.headers["access-control-allow-headers"].endswith(", x-a")
        assert "Access-Control-Request-Headers" in asked.headers["vary"]


@pytest.mark.parametrize("credentials", [True, False])
async def test_sc11_others_get_nothing(credentials: bool) -> None:
    async with Client(site(CORS((FRIEND,), credentials=credentials))) as client:
        for origin in (EVIL, "null", f"{FRIEND}.evil.example", "https://friend.exampl", ""):
            for answer in (
                await client.get("/", headers={"origin": origin}),
                await client.options("/", headers=preflight(origin)),
            ):
                assert [name for name in answer.headers if name.startswith("access-control")] == []
                assert "Origin" in answer.headers["vary"]


async def test_sc11_everybody_is_a_star_and_never_a_reflection() -> None:
    async with Client(site(CORS(("*",)))) as client:
        answer = await client.get("/", headers={"origin": EVIL})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_sc11_never_everybody_with_credentials() -> None:
    for origins in (("*",), (FRIEND, "*")):
        with pytest.raises(ConfigurationError, match="any site act as the visitor"):
            CORS(origins, credentials=True)


@pytest.mark.parametrize(
    "origin", ["null", "friend.example", "https://*.friend.example", "https://friend.example/"]
)
def test_sc11_origins_are_whole(origin: str) -> None:
    for credentials in (True, False):
        with pytest.raises(ConfigurationError, match="cannot be an origin of CORS"):
            CORS((origin,), credentials=credentials)


async def test_sc11_no_configuration_reflects_an_unlisted_origin_with_credentials() -> None:
    for origins, credentials in product(((), (FRIEND,), ("*",)), (True, False)):
        if credentials and "*" in origins:
            continue
        async with Client(site(CORS(origins, credentials=credentials))) as client:
            answer = await client.get("/", headers={"origin": EVIL})
            assert answer.headers.get("access-control-allow-origin") in (None, "*")
            assert "access-control-allow-credentials" not in answer.headers
