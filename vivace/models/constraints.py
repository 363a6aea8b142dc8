"""Constraints of a table, declared in ``Meta.constraints``: the database enforces them, ``full_clean`` checks them first."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, cast

from vivace.errors.models import ModelError, ValidationError

from .deconstruct import Deconstructed, public_path
from .indexes import as_expressions, is_condition

if TYPE_CHECKING:
    from typing import Self, Unpack

    from .base import Model
    from .expressions.base import Expression
    from .expressions.q import Q


class ConstraintOptions(TypedDict, total=False):
    """How a violation is told."""

    violation_error_code: str | None
    violation_error_message: str | None


class BaseConstraint:
    """Base of constraints. ``name`` may hold ``%(app_label)s`` and ``%(class)s`` in an abstract model."""

    default_violation_error_message: ClassVar[str] = "Constraint “%(name)s” is violated."
    non_db_attrs: ClassVar[tuple[str, ...]] = ("violation_error_code", "violation_error_message")

    def __init__(self, *, name: str, **options: Unpack[ConstraintOptions]) -> None:
        kind = type(self).__name__
        unknown = options.keys() - ConstraintOptions.__annotations__.keys()
        if unknown:
            raise ModelError(f"{kind} has no option {sorted(unknown)[0]!r}.")
        if not name:
            raise ModelError(f"{kind} must have a name.")
        self.name = name
        self.violation_error_code = options.get("violation_error_code")
        message = options.get("violation_error_message")
        self.violation_error_message = self.default_violation_error_message if message is None else message

    @property
    def contains_expressions(self) -> bool:
        return False

    def get_violation_error_message(self) -> str:
        return self.violation_error_message % {"name": self.name}

    def violation(self) -> ValidationError:
        return ValidationError(self.get_violation_error_message(), code=self.violation_error_code)

    async def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Sequence[str] | set[str] | None = None,
        using: str | None = None,
    ) -> None:
        """Check an object before it is saved. Raises ``ValidationError``. Fields in ``exclude`` are not looked at."""

    def deconstruct(self) -> Deconstructed:
        kwargs: dict[str, Any] = {"name": self.name}
        if self.violation_error_message != self.default_violation_error_message:
            kwargs["violation_error_message"] = self.violation_error_message
        if self.violation_error_code is not None:
            kwargs["violation_error_code"] = self.violation_error_code
        return public_path(type(self)), (), kwargs

    def clone(self) -> Self:
        _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, BaseConstraint)
            and type(self) is type(other)
            and self.deconstruct() == other.deconstruct()
        )

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __repr__(self) -> str:
        _, args, kwargs = self.deconstruct()
        shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return f"<{type(self).__name__}: {', '.join(shown)}>"


class CheckConstraint(BaseConstraint):
    """A condition that every row meets (or for which it is unknown whether it does).

    ``check`` is what Django called ``condition`` until 5.1.
    """

    def __init__(
        self,
        *,
        condition: Q | Expression | None = None,
        name: str,
        check: Q | Expression | None = None,
        **options: Unpack[ConstraintOptions],
    ) -> None:
        condition = condition if condition is not None else check
        if condition is None or not getattr(condition, "conditional", False):
            raise ModelError(
                "CheckConstraint.condition must be a Q or another condition.", got=repr(condition)
            )
        self.condition = condition
        super().__init__(name=name, **options)

    async def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Sequence[str] | set[str] | None = None,
        using: str | None = None,
    ) -> None:
        from .validation import concerns, holds

        if not concerns(model, self.condition, exclude) and not await holds(
            self.condition, model, instance, using
        ):
            raise self.violation()

    def deconstruct(self) -> Deconstructed:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "condition": self.condition}


class Deferrable(Enum):
    """When a unique constraint is checked: at the end of the transaction, or at once unless told otherwise."""

    DEFERRED = "deferred"
    IMMEDIATE = "immediate"

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}.{self.name}"


class UniqueOptions(ConstraintOptions, total=False):
    """What may be said about a unique constraint beside its columns."""

    condition: Q | None
    deferrable: Deferrable | None
    include: Sequence[str] | None
    opclasses: Sequence[str]
    nulls_distinct: bool | None


class UniqueConstraint(BaseConstraint):
    """No two rows have the same values in ``fields`` (or of the expressions).

    ``condition``: only among rows that meet it. ``nulls_distinct=False``: two NULL are the same.
    """

    def __init__(
        self, *expressions: Any, fields: Sequence[str] = (), name: str, **options: Unpack[UniqueOptions]
    ) -> None:
        given = cast("dict[str, Any]", {**options})
        self.condition: Q | None = given.pop("condition", None)
        self.deferrable: Deferrable | None = given.pop("deferrable", None)
        include: Sequence[str] | None = given.pop("include", None)
        self.include = tuple(include or ())
        self.opclasses: Sequence[str] = given.pop("opclasses", ())
        self.nulls_distinct: bool | None = given.pop("nulls_distinct", None)
        self.fields = tuple(fields)
        self.expressions = as_expressions(expressions)
        super().__init__(name=name, **given)
        self._check_combination()

    def _check_combination(self) -> None:
        kind = f"UniqueConstraint {self.name!r}"
        if not self.expressions and not self.fields:
            raise ModelError(f"{kind} needs at least one field or expression.")
        if self.expressions and self.fields:
            raise ModelError(f"{kind} has either fields or expressions, not both.")
        if not is_condition(self.condition):
            raise ModelError(f"{kind}: condition must be a Q.", got=repr(self.condition))
        if self.deferrable is not None and type(self.deferrable) is not Deferrable:
            raise ModelError(f"{kind}: deferrable must be a Deferrable.", got=repr(self.deferrable))
        if self.nulls_distinct not in (None, True, False):
            raise ModelError(f"{kind}: nulls_distinct must be a bool.", got=repr(self.nulls_distinct))
        if self.expressions and self.opclasses:
            raise ModelError(f"{kind}: opclasses cannot be used with expressions.")
        if self.opclasses and len(self.opclasses) != len(self.fields):
            raise ModelError(f"{kind}: opclasses must have one element per field.")
        for option in ("condition", "include", "opclasses", "expressions"):
            if self.deferrable and getattr(self, option):
                raise ModelError(f"{kind} with {option} cannot be deferred.")

    @property
    def contains_expressions(self) -> bool:
        return bool(self.expressions)

    async def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Sequence[str] | set[str] | None = None,
        using: str | None = None,
    ) -> None:
        from .validation import validate_unique_constraint

        await validate_unique_constraint(self, model, instance, set(exclude or ()), using)

    def deconstruct(self) -> Deconstructed:
        path, _, kwargs = super().deconstruct()
        for option in ("fields", "condition", "deferrable", "include", "opclasses"):
            if getattr(self, option):
                kwargs[option] = getattr(self, option)
        if self.nulls_distinct is not None:
            kwargs["nulls_distinct"] = self.nulls_distinct
        return path, self.expressions, kwargs
