from __future__ import annotations

import msgspec
import pytest

from vivace.errors import (
    HTTPError,
    MethodNotAllowed,
    NotFound,
    Problem,
    ServerError,
    ServiceUnavailable,
    ValidationFailed,
)
from vivace.http.problems import problem_document, problem_response, shorten


def test_error_as_a_document() -> None:
    response = problem_response(NotFound("There is no book 7."), instance="urn:uuid:1")
    assert response.status == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(response.body) == {
        "type": "urn:vivace:error:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no book 7.",
        "instance": "urn:uuid:1",
    }


def test_headers_of_the_error_are_sent() -> None:
    assert problem_response(MethodNotAllowed("PUT", ["GET", "HEAD"])).headers["allow"] == "GET, HEAD"
    limited = problem_response(ServiceUnavailable("Busy.", headers={"retry-after": "5"}))
    assert limited.headers["retry-after"] == "5"
    assert msgspec.json.decode(limited.body)["detail"] == "Busy."


@pytest.mark.parametrize("error", [ServerError("password is hunter2", got="hunter2", fix="/etc/app.conf")])
def test_internals_never_leave(error: HTTPError) -> None:
    assert b"hunter2" not in problem_response(error).body
    assert problem_document(error) == {
        "type": "urn:vivace:error:server-error",
        "title": "Internal Server Error",
        "status": 500,
    }


def test_parts_for_the_log_stay_there() -> None:
    error = NotFound("Gone.", expected="secret table", got="secret row", fix="secret file")
    assert b"secret" not in problem_response(error).body


def test_all_problems_are_listed() -> None:
    error = ValidationFailed(
        [
            Problem("body", "/age", "a whole number", '"x"'),
            Problem("query", "/page", "at least 1", "0" * 500, "min_value"),
            Problem("body", "/name", "a text"),
        ]
    )
    document = problem_document(error)
    assert document["status"] == 422
    assert document["detail"] == "3 problems in the request."
    assert document["errors"] == [
        {"in": "body", "pointer": "/age", "code": "invalid", "expected": "a whole number", "got": '"x"'},
        {
            "in": "query",
            "pointer": "/page",
            "code": "min_value",
            "expected": "at least 1",
            "got": "0" * 79 + "…",
        },
        {"in": "body", "pointer": "/name", "code": "invalid", "expected": "a text", "got": ""},
    ]


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        ("body", "/password"),
        ("form", "/user/newPassword"),
        ("header", "/Authorization"),
        ("header", "/x-api-key"),
        ("cookie", "/sid"),
        ("body", "/card/pin"),
        ("query", "/access_token"),
    ],
)
def test_secrets_are_not_echoed(place: str, pointer: str) -> None:
    response = problem_response(ValidationFailed([Problem(place, pointer, "12 characters", "hunter2")]))
    assert b"hunter2" not in response.body
    assert b"[hidden]" in response.body


def test_other_values_are_shown() -> None:
    shown = problem_document(ValidationFailed([Problem("body", "/shipping", "a date", "soon")]))
    assert shown["errors"][0]["got"] == "soon"


def test_shortened_text_has_the_limit_as_its_length() -> None:
    assert shorten("x" * 80) == "x" * 80
    assert len(shorten("x" * 81)) == 80
