"""Reports of browsers: both forms, bounded, never trusted."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.app import App
from vivace.config.settings import Settings
from vivace.errors import BadRequest
from vivace.http.csp import ContentSecurityPolicy
from vivace.http.request import Request
from vivace.http.response import HTML
from vivace.security import Security, report_endpoint
from vivace.security.reports import MAX_BYTES, Violation, read_reports
from vivace.testing import Client

OLD: dict[str, Any] = {
    "csp-report": {
        "document-uri": "https://example.com/a",
        "effective-directive": "script-src-elem",
        "blocked-uri": "inline",
        "line-number": 7,
        "disposition": "enforce",
    }
}
NEW: list[dict[str, Any]] = [
    {
        "type": "csp-violation",
        "body": {
            "documentURL": "https://example.com/a",
            "effectiveDirective": "script-src-elem",
            "blockedURL": "inline",
            "lineNumber": 7,
            "disposition": "enforce",
        },
    },
    {"type": "deprecation", "body": {}},
]


def test_sc3_both_forms_of_reports_are_one_value() -> None:
    old = read_reports("application/csp-report", msgspec.json.encode(OLD))
    new = read_reports("application/reports+json", msgspec.json.encode(NEW))
    wanted = Violation("https://example.com/a", "script-src-elem", "inline", "", 7, "", "enforce")
    assert old == new == [wanted]


async def test_sc3_a_report_is_taken_from_anybody_and_logged_as_a_literal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App(settings=Settings())
    app.security = Security(csp=ContentSecurityPolicy(report_to=report_endpoint(app)))

    @app.get("/")
    async def home() -> HTML:
        return HTML("x")

    forged = {"csp-report": {"document-uri": "x\nFAKE line", "blocked-uri": "y" * 1000}}
    kind = {"content-type": "application/csp-report", "sec-fetch-site": "cross-site", "cookie": "a=b"}
    async with Client(app, same_origin=False) as client:
        page = await client.get("/")
        assert "report-uri /csp-reports; report-to csp" in page.headers["content-security-policy"]
        assert page.headers["reporting-endpoints"] == 'csp="/csp-reports"'
        with caplog.at_level(logging.WARNING, "vivace.security"):
            answer = await client.post("/csp-reports", content=msgspec.json.encode(forged), headers=kind)
        assert answer.status == 204
        too_large = await client.post("/csp-reports", content=b"x" * (MAX_BYTES + 1), headers=kind)
        assert too_large.status == 413
        assert (await client.post("/csp-reports", json={})).status == 415
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 1000


async def test_sc3_reports_go_to_a_function_of_ones_own() -> None:
    app, seen = App(settings=Settings()), list[str]()

    async def keep(request: Request, violation: Violation) -> None:
        seen.append(violation.blocked)

    report_endpoint(app, "/told", keep)
    async with Client(app) as client:
        kind = {"content-type": "application/reports+json"}
        await client.post("/told", content=msgspec.json.encode(NEW * 50), headers=kind)
        assert seen == ["inline"] * 10  # of one delivery only the first twenty entries are looked at
        statuses = [(await client.post("/told", content=b"[]", headers=kind)).status for _ in range(60)]
    assert statuses[-1] == 429


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(["application/csp-report", "application/reports+json"]), VALUES)
def test_sc14_any_json_is_read_without_an_error(kind: str, value: Any) -> None:
    wrapped = [value, {"csp-report": value}, [{"type": "csp-violation", "body": value}]]
    for told in wrapped:
        for violation in read_reports(kind, msgspec.json.encode(told)):
            assert len(violation.document) <= 300
            assert violation.line >= 0


def test_sc14_what_is_no_json_is_refused() -> None:
    with pytest.raises(BadRequest):
        read_reports("application/csp-report", b"{")
