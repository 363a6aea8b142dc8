"""Assertions about answers, with Django's meaning and messages that show what came."""

from __future__ import annotations

from typing import Any

from .answers import ClientResponse


def assert_redirects(response: ClientResponse, url: str, status: int = 303, final_status: int = 200) -> None:
    """Assert that ``response`` redirects to ``url``; after ``follow=True`` that its chain began with ``status`` and
    ended at ``url`` with ``final_status``.
    """
    if response.history:
        first = response.history[0].status
        _check(first == status, f"the first answer has status {first}, not {status}")
        _check(
            response.status == final_status,
            f"the last answer has status {response.status}, not {final_status}",
        )
        came, base = response.url, response.address
    else:
        _check(response.status == status, f"the answer has status {response.status}, not {status}")
        came, base = response.redirect or "", response.address
    _check(base.join(came).url == base.join(url).url, f"the answer leads to {came!r}, not to {url!r}")


def assert_contains(response: ClientResponse, text: str, count: int | None = None, status: int = 200) -> None:
    """Assert the status and that ``text`` is in the body, exactly ``count`` times when that is given."""
    _check(response.status == status, f"the answer has status {response.status}, not {status}")
    found = response.text.count(text)
    if count is None:
        _check(found > 0, f"{text!r} is not in the answer: {_shortened(response.text)}")
    else:
        _check(
            found == count,
            f"{text!r} is {found} times in the answer, not {count}: {_shortened(response.text)}",
        )


def assert_problem(response: ClientResponse, status: int, **members: Any) -> dict[str, Any]:
    """Assert that ``response`` is a problem document with these members, and return it."""
    _check(response.status == status, f"the answer has status {response.status}, not {status}")
    problem = response.problem
    if problem is None:
        raise AssertionError(f"the answer is {response.headers.get('content-type')}, not a problem document")
    for name, value in members.items():
        _check(problem.get(name) == value, f"{name} is {problem.get(name)!r}, not {value!r}, in {problem}")
    return problem


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _shortened(text: str) -> str:
    return text if len(text) <= 500 else f"{text[:500]}…"
