"""``full_clean`` and what it consists of: fields, ``clean``, unique fields, constraints.

Everything that fields can tell is told without a database; foreign keys, unique fields and constraints ask it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from vivace.errors.models import NON_FIELD_ERRORS, ValidationError

from .naming import names_in
from .substitution import substituted

if TYPE_CHECKING:
    from .base import Model
    from .constraints import UniqueConstraint
    from .fields.base import Field

Names = set[str]


class UniqueCheck(NamedTuple):
    """Fields of a model that together must be unique."""

    model: type[Model]
    fields: tuple[str, ...]


class DateCheck(NamedTuple):
    """A field that must be unique among the rows of the same day, month or year of another."""

    model: type[Model]
    lookup: str
    field: str
    date_field: str


async def full_clean(instance: Model, exclude: Iterable[str] | None, unique: bool, constraints: bool) -> None:
    """Check everything and raise one ``ValidationError`` with all that is wrong."""
    errors: dict[str, list[ValidationError]] = {}
    without: Names = set(exclude or ())
    await _collect(errors, instance.clean_fields, without)
    await _collect(errors, instance.clean)
    if unique:
        _without_failed(without, errors)
        await _collect(errors, instance.validate_unique, without)
    if constraints:
        _without_failed(without, errors)
        await _collect(errors, instance.validate_constraints, without)
    if errors:
        raise ValidationError(errors)


async def _collect(errors: dict[str, list[ValidationError]], step: Any, *args: Any) -> None:
    """Take one step, and keep what it finds. A model may write its ``clean`` as a plain function."""
    try:
        result = step(*args)
        if result is not None:
            await result
    except ValidationError as error:
        error.update_error_dict(errors)


def _without_failed(exclude: Names, errors: dict[str, Any]) -> None:
    """Leave out of the next step the fields of which it is known that they are wrong."""
    exclude.update(name for name in errors if name != NON_FIELD_ERRORS)


async def clean_fields(instance: Model, exclude: Names) -> None:
    """Check and convert the value of each field."""
    errors: dict[str, list[ValidationError]] = {}
    for field in instance._meta.fields:
        if field.name in exclude or field.generated:
            continue
        value = getattr(instance, field.attname)
        if (field.blank and value in field.empty_values) or _is_default(value):
            continue
        try:
            cleaned = field.clean(value, instance)
            await _check_target(field, cleaned, instance)
            setattr(instance, field.attname, cleaned)
        except ValidationError as error:
            errors[field.name] = error.error_list
    if errors:
        raise ValidationError(errors)


def _is_default(value: Any) -> bool:
    """Say whether the database will choose the value."""
    from .expressions.values import DatabaseDefault

    return isinstance(value, DatabaseDefault)


async def _check_target(field: Field[Any], value: Any, instance: Model) -> None:
    check = getattr(field, "validate_target", None)
    if check is not None:
        await check(value, instance)


# -- unique fields -------------------------------------------------------------------------------------------------


async def validate_unique(instance: Model, exclude: Names) -> None:
    """Ask whether another row has the same values in unique fields."""
    unique, dates = unique_checks(instance, exclude)
    errors: dict[str, list[ValidationError]] = {}
    for check in unique:
        if await _is_taken(instance, check):
            error = unique_error(check.model, check.fields)
            errors.setdefault(check.fields[0] if len(check.fields) == 1 else NON_FIELD_ERRORS, []).append(
                error
            )
    for date in dates:
        if await _is_taken_on(instance, date):
            errors.setdefault(date.field, []).append(date_error(date))
    if errors:
        raise ValidationError(errors)


def unique_checks(instance: Model, exclude: Names) -> tuple[list[UniqueCheck], list[DateCheck]]:
    """Return what must be unique, without what concerns excluded fields."""
    unique: list[UniqueCheck] = []
    dates: list[DateCheck] = []
    model = type(instance)
    for owner in (model, *model._meta.all_parents):
        options = owner._meta
        groups = [tuple(group) for group in options.unique_together]
        unique += [UniqueCheck(owner, group) for group in groups if not exclude.intersection(group)]
        for field in options.local_fields:
            if field.name in exclude:
                continue
            if field.unique:
                unique.append(UniqueCheck(owner, _key_names(field)))
            for lookup in ("date", "year", "month"):
                other = getattr(field, f"unique_for_{lookup}")
                if other and other not in exclude:
                    dates.append(DateCheck(owner, lookup, field.name, other))
    return unique, dates


def _key_names(field: Field[Any]) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(field, "field_names", (field.name,))
    return names


async def _is_taken(instance: Model, check: UniqueCheck) -> bool:
    options = check.model._meta
    wanted: dict[str, Any] = {}
    for name in check.fields:
        field = options.get_field(name)
        value = getattr(instance, field.attname)
        if value is None or _is_default(value):
            return False  # NULL is equal to nothing
        if field.primary_key and not instance._state.adding:
            continue
        wanted[name] = value
    if len(wanted) != len(check.fields):
        return False
    return bool(await others(instance, check.model, instance._state.db).filter(**wanted).exists())


def others(instance: Model, model: type[Model], using: str | None) -> Any:
    """Return the queryset of all rows but the object's own."""
    found = model._default_manager.using(using)
    key = _key_in(instance, model)
    return found.exclude(pk=key) if not instance._state.adding and key is not None else found


def _key_in(instance: Model, model: type[Model]) -> Any:
    """Return the key that the object has in the table of one of its parents."""
    options = model._meta
    if options.is_composite_pk:
        key = tuple(getattr(instance, field.attname) for field in options.pk_fields)
        return None if None in key else key
    return getattr(instance, options.pk.attname)


async def _is_taken_on(instance: Model, check: DateCheck) -> bool:
    date = getattr(instance, check.date_field)
    if date is None:
        return False
    if check.lookup == "date":
        wanted = {f"{check.date_field}__{part}": getattr(date, part) for part in ("day", "month", "year")}
    else:
        wanted = {f"{check.date_field}__{check.lookup}": getattr(date, check.lookup)}
    wanted[check.field] = getattr(instance, check.field)
    return bool(await others(instance, check.model, instance._state.db).filter(**wanted).exists())


def unique_error(model: type[Model], fields: tuple[str, ...]) -> ValidationError:
    """Return the error for values that another row has."""
    options = model._meta
    labels = [_capitalized(str(options.get_field(name).verbose_name)) for name in fields]
    params: dict[str, Any] = {
        "model": model,
        "model_class": model,
        "model_name": _capitalized(options.verbose_name),
        "unique_check": fields,
    }
    if len(fields) == 1:
        field = options.get_field(fields[0])
        params["field_label"] = labels[0]
        return ValidationError(field.error_messages["unique"], code="unique", params=params)
    params["field_labels"] = f"{', '.join(labels[:-1])} and {labels[-1]}"
    message = "%(model_name)s with this %(field_labels)s already exists."
    return ValidationError(message, code="unique_together", params=params)


def date_error(check: DateCheck) -> ValidationError:
    """Return the error for a value that another row of the same day, month or year has."""
    options = check.model._meta
    field = options.get_field(check.field)
    params = {
        "model": check.model,
        "model_name": _capitalized(options.verbose_name),
        "lookup_type": check.lookup,
        "field": check.field,
        "field_label": _capitalized(str(field.verbose_name)),
        "date_field": check.date_field,
        "date_field_label": _capitalized(str(options.get_field(check.date_field).verbose_name)),
    }
    return ValidationError(field.error_messages["unique_for_date"], code="unique_for_date", params=params)


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


# -- constraints ---------------------------------------------------------------------------------------------------


async def validate_constraints(instance: Model, exclude: Names) -> None:
    """Check the constraints of the model and its parents."""
    errors: dict[str, list[ValidationError]] = {}
    model = type(instance)
    for owner in (model, *model._meta.all_parents):
        for constraint in owner._meta.constraints:
            try:
                await constraint.validate(owner, instance, exclude=exclude, using=instance._state.db)
            except ValidationError as error:
                fields: tuple[str, ...] = getattr(constraint, "fields", ())
                single = error.given_code == "unique" and len(fields) == 1
                errors.setdefault("".join(fields) if single else NON_FIELD_ERRORS, []).extend(error.flat())
    if errors:
        raise ValidationError(errors)


async def validate_unique_constraint(
    constraint: UniqueConstraint, model: type[Model], instance: Model, exclude: Names, using: str | None
) -> None:
    """Ask whether another row has the same values. Raises ``ValidationError``."""
    if exclude.intersection(constraint.fields) or any(
        concerns(model, each, exclude) for each in constraint.expressions
    ):
        return
    if constraint.condition is not None and concerns(model, constraint.condition, exclude):
        return
    same = _same_rows(constraint, model, instance)
    if same is None:
        return
    found = others(instance, model, using).filter(same)
    if constraint.condition is None:
        if await found.exists():
            raise _taken(constraint, model)
        return
    meant = await holds(constraint.condition, model, instance, using, unknown=False)
    if meant and await found.filter(constraint.condition).exists():
        raise constraint.violation()


def _same_rows(constraint: UniqueConstraint, model: type[Model], instance: Model) -> Any:
    """Return the condition that other rows meet which have the same values; ``None``: no row can."""
    from .expressions.q import Q
    from .lookups.base import Exact, IsNull

    same = Q()
    for name in constraint.fields:
        field = model._meta.get_field(name)
        if field.generated:
            same &= Q((name, substituted(field.expression, model, instance)))
            continue
        value = getattr(instance, field.attname)
        if _is_default(value) or (value is None and constraint.nulls_distinct is not False):
            return None
        same &= Q((f"{name}__isnull", True)) if value is None else Q((name, value))
    for expression in constraint.expressions:
        here = (
            getattr(expression, "expression", expression) if hasattr(expression, "descending") else expression
        )
        mine = substituted(here, model, instance)
        equal = Q(Exact(here, mine))
        if constraint.nulls_distinct is False:
            equal |= Q(IsNull(here, True), IsNull(mine, True))
        same &= equal
    return same


def _taken(constraint: UniqueConstraint, model: type[Model]) -> ValidationError:
    worded = constraint.violation_error_message != constraint.default_violation_error_message
    if constraint.fields and not worded:
        error = unique_error(model, constraint.fields)
        if constraint.violation_error_code is not None:
            return ValidationError(error.message, constraint.violation_error_code, error.params)
        return error
    return constraint.violation()


def concerns(model: type[Model], expression: Any, exclude: Iterable[str] | None) -> bool:
    """Say whether an expression names one of the excluded fields, generated ones through what they are made of."""
    without = set(exclude or ())
    if not without:
        return False
    for name in names_in(expression):
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        if name in without or field.name in without:
            return True
        if field.generated and concerns(model, field.expression, without):
            return True
    return False


async def holds(
    condition: Any, model: type[Model], instance: Model, using: str | None, *, unknown: bool = True
) -> bool:
    """Ask the database whether a condition is true of the values of an object; ``unknown``: the answer for NULL."""
    from .expressions.aggregates import Count
    from .expressions.conditional import Case, Not, When
    from .expressions.q import Q

    stated = Q(substituted(condition, model, instance))
    case = Case(When(Not(stated), then=0), default=1) if unknown else Case(When(stated, then=1), default=0)
    # An aggregate over no rows has one row, in which the condition is computed: a SELECT without a table.
    nothing = model._base_manager.using(using).filter(pk__in=model._base_manager.order_by().values("pk")[:0])
    answer = await nothing.aggregate(answer=Count("pk") + case)
    return bool(answer["answer"])
