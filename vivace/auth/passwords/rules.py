"""Which passwords are good enough: rules, each with a sentence for the form that asks for one.

A rule raises ``ValidationError`` with a stable code; all rules are asked, so a person hears everything at once. There is none
that wants a digit or a capital: NIST SP 800-63B-4 section 3.1.1.2 forbids such rules, since they make passwords worse.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Sequence
from typing import Any, Final, Protocol

from vivace.auth.current import current_realm
from vivace.errors import ValidationError

from .common import is_common
from .service import MAX_LENGTH, too_long

ATTRIBUTES: Final = ("email", "username", "name", "first_name", "last_name")


class Rule(Protocol):
    """What a password must be; ``validate`` may be ``async``."""

    def validate(self, password: str, user: Any = None) -> Any:
        """Raise ``ValidationError`` for a password that is not good enough."""
        ...

    def help_text(self) -> str:
        """Return a sentence for the form."""
        ...


class MinimumLength:
    """At least so many characters."""

    def __init__(self, length: int = 8) -> None:
        self.length = length

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ``ValidationError`` (``password_too_short``) for a shorter one."""
        if len(password) < self.length:
            raise ValidationError(
                "This password is too short. It must contain at least %(min_length)d characters.",
                code="password_too_short",
                params={"min_length": self.length},
            )

    def help_text(self) -> str:
        """Return a sentence for the form."""
        return f"Your password must contain at least {self.length} characters."


class NotSimilar:
    """Not much like the user's own address or name; ``most`` from 0.1 (next to nothing) to 1.0 (the same)."""

    def __init__(self, attributes: Sequence[str] = ATTRIBUTES, most: float = 0.7) -> None:
        self.attributes = tuple(attributes)
        self.most = most

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ``ValidationError`` (``password_too_similar``) for one that is like an attribute, or a part of it."""
        lowered = password.lower()
        for name in self.attributes:
            value = getattr(user, name, None)
            if isinstance(value, str) and any(self._alike(lowered, part) for part in _parts(value.lower())):
                raise ValidationError(
                    "The password is too similar to the %(verbose_name)s.",
                    code="password_too_similar",
                    params={"verbose_name": _verbose_name(user, name)},
                )

    def _alike(self, password: str, part: str) -> bool:
        # Beyond ten times its length nothing can be alike enough, and the comparison is quadratic.
        if not part or len(part) * 10 < len(password):
            return False
        return difflib.SequenceMatcher(a=password, b=part).quick_ratio() >= self.most

    def help_text(self) -> str:
        """Return a sentence for the form."""
        return "Your password can't be too similar to your other personal information."


class NotCommon:
    """None of those that everybody tries first: see ``vivace.auth.passwords.common``."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ``ValidationError`` (``password_too_common``) for a common one."""
        if is_common(password):
            raise ValidationError("This password is too common.", code="password_too_common")

    def help_text(self) -> str:
        """Return a sentence for the form."""
        return "Your password can't be a commonly used password."


class NotNumeric:
    """Not digits alone."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ``ValidationError`` (``password_entirely_numeric``) for digits alone."""
        if password.isdigit():
            raise ValidationError("This password is entirely numeric.", code="password_entirely_numeric")

    def help_text(self) -> str:
        """Return a sentence for the form."""
        return "Your password can't be entirely numeric."


def usual_rules(length: int) -> tuple[Rule, ...]:
    """Return the rules of an app that says nothing else."""
    return NotSimilar(), MinimumLength(length), NotCommon(), NotNumeric()


async def validate_password(password: str, user: Any = None, rules: Sequence[Rule] | None = None) -> None:
    """Raise ``ValidationError`` with everything that is wrong with a password; ``rules``: by default those of the app."""
    errors: list[ValidationError] = []
    if len(password) > MAX_LENGTH:
        errors.append(too_long())
        password = password[:MAX_LENGTH]
    for rule in current_realm().rules if rules is None else rules:
        try:
            result = rule.validate(password, user)
            if inspect.isawaitable(result):
                await result
        except ValidationError as error:
            errors.append(error)
    if errors:
        raise ValidationError(errors)


def password_help_texts(rules: Sequence[Rule] | None = None) -> list[str]:
    """Return a sentence for each rule; ``rules``: by default those of the app."""
    return [rule.help_text() for rule in (current_realm().rules if rules is None else rules)]


def _parts(value: str) -> list[str]:
    return [*re.split(r"\W+", value), value]


def _verbose_name(user: Any, name: str) -> str:
    try:
        return str(user._meta.get_field(name).verbose_name)
    except Exception:
        return name


__all__ = [
    "MinimumLength",
    "NotCommon",
    "NotNumeric",
    "NotSimilar",
    "Rule",
    "password_help_texts",
    "usual_rules",
    "validate_password",
]
