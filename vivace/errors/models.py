"""Errors of models and queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from .base import VivaceError


class ModelError(VivaceError):
    """A model class cannot be what its source says."""

    code: ClassVar[str] = "model"


class UnknownModel(ModelError):
    """A relation or a lookup names a model that nobody defined."""

    code: ClassVar[str] = "unknown-model"


class FieldError(VivaceError):
    """A query names a field, lookup or relation that does not exist, or uses one as it cannot be used."""

    code: ClassVar[str] = "field"


class FieldDoesNotExist(FieldError):
    """A model has no field of this name."""

    code: ClassVar[str] = "field-does-not-exist"


class InvalidValue(VivaceError, ValueError):
    """A value cannot be one of a field: wrong type or out of range. Names the field and the value."""

    code: ClassVar[str] = "invalid-value"
    status: int = 400


class UnexpectedArgument(ModelError, TypeError):
    """A model object was made with the name of no field. Names the nearest match."""

    code: ClassVar[str] = "unexpected-argument"


class UnknownAttribute(ModelError, AttributeError):
    """A queryset or manager was asked for what it does not have. Names the way that there is, or the nearest match."""

    code: ClassVar[str] = "unknown-attribute"


class NotLoaded(VivaceError):
    """Something was read that no query has fetched: reading an attribute never queries."""

    code: ClassVar[str] = "not-loaded"


class QueryError(VivaceError):
    """A query was built in a way that has no meaning: filtered after slicing, combined with another shape."""

    code: ClassVar[str] = "query"


class ObjectDoesNotExist(VivaceError):
    """No row matches; each model has its own ``DoesNotExist``. Where nobody catches it the answer is 404."""

    code: ClassVar[str] = "object-does-not-exist"
    status: int = 404


class MultipleObjectsReturned(VivaceError):
    """More than one row matches where one was asked for; each model has its own."""

    code: ClassVar[str] = "multiple-objects"


class ProtectedError(VivaceError):
    """Rows cannot be deleted since others, with ``on_delete=PROTECT``, point to them: ``protected_objects``."""

    code: ClassVar[str] = "protected"
    status: int = 409
    protected_objects: Sequence[Any] = ()


class RestrictedError(VivaceError):
    """Rows cannot be deleted since others, with ``on_delete=RESTRICT``, point to them: ``restricted_objects``."""

    code: ClassVar[str] = "restricted"
    status: int = 409
    restricted_objects: Sequence[Any] = ()


class UnboundedResult(VivaceError):
    """A result without a limit has more rows than allowed where it would be sent whole."""

    code: ClassVar[str] = "unbounded-result"


class QueryBudgetExceeded(VivaceError):
    """More queries ran than the block allows."""

    code: ClassVar[str] = "query-budget"


class StaleObject(VivaceError):
    """A row to update is gone, or was changed by somebody else meanwhile."""

    code: ClassVar[str] = "stale-object"
    status: int = 409


class ValidationError(VivaceError):
    """Values that a model refuses: one message, or messages by field.

    ``message`` is a text, another ``ValidationError``, a list of these or a mapping of field names to them. A single
    one keeps ``code`` and ``params`` (``%(name)s`` in the text is filled in late, so that it can be worded anew);
    ``messages`` lists all texts, ``message_dict`` those of each field.
    """

    code: ClassVar[str] = "validation"
    status: int = 422

    def __init__(
        self, message: Any, code: str | None = None, params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__("The values are not valid.")
        self.given_code = code
        self.params = params
        if isinstance(message, Mapping):
            by_field = cast("Mapping[str, Any]", message)
            self.error_dict = {field: _as_error(given).error_list for field, given in by_field.items()}
        elif isinstance(message, ValidationError):
            self.__dict__.update(message.__dict__)
        elif isinstance(message, list | tuple):
            self._several: list[ValidationError] = []
            for given in cast("list[Any]", message):
                self._several.extend(_as_error(given).flat())
        else:
            self.message: str = str(message)
            if code is not None:
                self.__dict__["code"] = (
                    code  # what a test or a form asks for; the class's is the documented slug
                )

    if TYPE_CHECKING:
        error_dict: dict[str, list[ValidationError]]

    @property
    def error_list(self) -> list[ValidationError]:
        """The single errors; of a single one itself, which it does not keep: it would be a circle. None by field: see ``flat``."""
        if "error_dict" in self.__dict__:
            raise AttributeError("An error by field has an error_dict and no error_list.")
        several: list[ValidationError] | None = self.__dict__.get("_several")
        return [self] if several is None else several

    def flat(self) -> list[ValidationError]:
        """Return the single errors this one is made of."""
        by_field = self.__dict__.get("error_dict")
        return (
            self.error_list if by_field is None else [error for given in by_field.values() for error in given]
        )

    @property
    def message_dict(self) -> dict[str, list[str]]:
        """The texts by field. Raises ``AttributeError`` when the error has no fields."""
        return {field: [error.text for error in errors] for field, errors in self.error_dict.items()}

    def problems_by_field(self) -> Iterator[tuple[str, str, str]]:
        """Yield (JSON pointer, text, code) for the answer to whoever sent the values; "" points at all of them."""
        by_field = self.error_dict if hasattr(self, "error_dict") else {NON_FIELD_ERRORS: self.flat()}
        for field, errors in by_field.items():
            pointer = "" if field == NON_FIELD_ERRORS else f"/{field}"
            yield from ((pointer, error.text, error.given_code or "invalid") for error in errors)

    @property
    def messages(self) -> list[str]:
        return [error.text for error in self.flat()]

    @property
    def text(self) -> str:
        """The message of a single error with its parameters filled in."""
        return self.message % self.params if self.params else self.message

    def update_error_dict(self, errors: dict[str, list[ValidationError]]) -> dict[str, list[ValidationError]]:
        """Add this error to others by field; what names no field goes to ``NON_FIELD_ERRORS``."""
        mine = self.__dict__.get("error_dict") or {NON_FIELD_ERRORS: self.error_list}
        for field, given in mine.items():
            errors.setdefault(field, []).extend(given)
        return errors

    def __iter__(self) -> Iterator[Any]:
        if "error_dict" in self.__dict__:
            yield from self.message_dict.items()
        else:
            yield from self.messages

    def __str__(self) -> str:
        shown = self.message_dict if "error_dict" in self.__dict__ else self.messages
        return f"{shown}\n[{type(self).code}]"

    def __repr__(self) -> str:
        shown = self.message_dict if "error_dict" in self.__dict__ else self.messages
        return f"ValidationError({shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValidationError) and _comparable(self) == _comparable(other)

    def __hash__(self) -> int:
        return hash(_comparable(self))


NON_FIELD_ERRORS: Final = "__all__"
"""The key of errors that concern no single field."""


def _as_error(given: Any) -> ValidationError:
    return given if isinstance(given, ValidationError) else ValidationError(given)


def _comparable(error: ValidationError) -> Any:
    by_field = error.__dict__.get("error_dict")
    if by_field is not None:
        return frozenset((field, _singles(errors)) for field, errors in by_field.items())
    return _singles(error.error_list)


def _singles(errors: list[ValidationError]) -> frozenset[Any]:
    return frozenset((error.text, error.given_code) for error in errors)


class InvalidPage(VivaceError):
    """A page was asked for that does not exist."""

    code: ClassVar[str] = "invalid-page"
    status: int = 404


class InvalidCursor(VivaceError):
    """A page was asked for by a cursor that no list gave out."""

    code: ClassVar[str] = "invalid-cursor"
    status: int = 400


class FixtureError(VivaceError):
    """A fixture cannot be read or written: which file, which object, and why."""

    code: ClassVar[str] = "fixture"
