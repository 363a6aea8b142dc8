"""Errors in the specification's shape: ``{"errors": {"title": ["can't be blank"]}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from vivace import JSON, Request
from vivace.errors import HTTPError, LoginRequired, UniqueViolation, ValidationFailed

BLANK: Final = {"required", "null", "pattern"}  # codes of problems


class Refused(HTTPError):
    """An answer with what is wrong, by name: ``Refused(404, {"article": "not found"})``."""

    def __init__(self, status: int, wrong: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {text}" for name, text in wrong.items()), status=status)
        self.wrong = wrong


Errors: TypeAlias = dict[str, dict[str, list[str]]]


def answer(request: Request, error: HTTPError) -> Errors:
    """Tell any error in this shape; status and headers are the error's."""
    if isinstance(error, Refused):
        return {"errors": {name: [text] for name, text in error.wrong.items()}}
    if not isinstance(error, ValidationFailed):
        return {"errors": {"request": [error.detail or error.title]}}
    errors: dict[str, list[str]] = {}
    for problem in error.problems:
        name = problem.pointer.rpartition("/")[2] or problem.place
        text = "can't be blank" if problem.code in BLANK else f"must be {problem.expected}"
        errors.setdefault(name, []).append(text)
    return {"errors": errors}


def token_missing(request: Request, error: LoginRequired) -> JSON:
    """Tell that nobody is signed in, and how one would be."""
    return JSON({"errors": {"token": ["is missing"]}}, status=401, headers={"www-authenticate": "Token"})


def taken(request: Request, error: UniqueViolation) -> Errors:
    """Tell which field has the value of another row. The database said so: asking first would be a race."""
    name = "email" if "email" in (error.constraint or "") else next(iter(error.columns), "value")
    return {"errors": {name: ["has already been taken"]}}
