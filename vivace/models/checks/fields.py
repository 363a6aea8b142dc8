"""Checks of single fields."""

from __future__ import annotations

from typing import Any

from vivace.errors.findings import Finding
from vivace.models.fields.choices import CallableChoices, flattened
from vivace.models.fields.options import NOT_PROVIDED
from vivace.models.naming import names_in
from vivace.models.shapes import is_listed

from .places import about_field as about


def check_field(field: Any) -> list[Finding]:
    """Return what is wrong with a field of any kind."""
    return [
        *_name(field),
        *_choices(field),
        *_primary_key(field),
        *_validators(field),
        *_index(field),
        *_db_default(field),
    ]


def _name(field: Any) -> list[Finding]:
    name = field.name
    if name.endswith("_"):
        return [about(field, "field-name", "a field's name cannot end with an underscore.", "Rename it.")]
    if "__" in name:
        return [
            about(
                field,
                "field-name",
                "a field's name cannot contain '__': lookups are separated by it.",
                "Rename it.",
            )
        ]
    if name == "pk" and field.column is not None:
        return [about(field, "field-name", "'pk' stands for the primary key of any model.", "Rename it.")]
    return []


def _choices(field: Any) -> list[Finding]:
    choices = field.choices
    if choices is None or isinstance(choices, CallableChoices):
        return []
    if isinstance(choices, str) or not hasattr(choices, "__iter__"):
        return [
            about(field, "choices", "choices must be a mapping or an iterable.", "Write [(value, label), …].")
        ]
    bad: list[Any] = [entry for entry in choices if not (is_listed(entry) and len(entry) == 2)]
    if bad:
        return [about(field, "choices", "choices must be pairs of value and label.", f"{bad[0]!r} is none.")]
    return _choice_lengths(field)


def _choice_lengths(field: Any) -> list[Finding]:
    limit = field.max_length
    longest = max(
        (len(str(value)) for value, _ in flattened(field.choices) if isinstance(value, str)), default=0
    )
    if limit is not None and longest > limit:
        return [
            about(
                field,
                "choices",
                f"max_length={limit} is too small for the longest choice ({longest} characters).",
                f"Set max_length={longest}.",
            )
        ]
    return []


def _primary_key(field: Any) -> list[Finding]:
    if field.primary_key and field.null and not field.generated:
        return [
            about(
                field, "primary-key", "a primary key cannot be null.", "Remove null=True or primary_key=True."
            )
        ]
    return []


def _validators(field: Any) -> list[Finding]:
    bad = [each for each in field.validators if not callable(each)]
    return [about(field, "validators", "validators must be functions.", f"{each!r} is none.") for each in bad]


def _index(field: Any) -> list[Finding]:
    if field.db_index not in (True, False, None):
        return [about(field, "db-index", "db_index must be True or False.")]
    return []


def _db_default(field: Any) -> list[Finding]:
    if field.db_default is NOT_PROVIDED or not names_in(field.db_default):
        return []
    return [about(field, "db-default", "db_default cannot name other columns.", "Use a GeneratedField.")]


def check_max_length(field: Any) -> list[Finding]:
    """A text of limited length: SQLite and PostgreSQL also take unlimited ones."""
    limit = field.max_length
    if limit is None:
        return []
    if isinstance(limit, bool) or not isinstance(limit, int) or limit <= 0:
        return [
            about(field, "max-length", "max_length must be a positive whole number.", f"It is {limit!r}.")
        ]
    return []


def check_max_length_unused(field: Any) -> list[Finding]:
    if field.max_length is None:
        return []
    kind = type(field).__name__
    return [about(field, "max-length", f"max_length has no effect on a {kind}.", "Remove it.", "warning")]


def check_decimal(field: Any) -> list[Finding]:
    digits, places = field.max_digits, field.decimal_places
    if digits is None and places is None:
        return []
    bad = [
        name
        for name in ("max_digits", "decimal_places")
        if not _is_count(getattr(field, name), name == "max_digits")
    ]
    if bad:
        return [
            about(
                field,
                "decimal",
                f"{bad[0]} must be a {'positive' if bad[0] == 'max_digits' else 'non-negative'} whole number.",
                "Give both max_digits and decimal_places.",
            )
        ]
    if places > digits:
        return [about(field, "decimal", f"max_digits={digits} must be at least decimal_places={places}.")]
    return []


def _is_count(value: Any, positive: bool) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= int(positive)


def check_clock(field: Any) -> list[Finding]:
    given = [field.auto_now, field.auto_now_add, field.has_default()]
    if sum(map(bool, given)) > 1:
        return [
            about(field, "auto-now", "auto_now, auto_now_add and default exclude each other.", "Keep one.")
        ]
    return []


def check_auto(field: Any) -> list[Finding]:
    if field.primary_key:
        return []
    return [
        about(
            field, "auto-field", f"a {type(field).__name__} must be the primary key.", "Add primary_key=True."
        )
    ]


def check_file_path(field: Any) -> list[Finding]:
    if field.allow_files or field.allow_folders:
        return []
    return [
        about(
            field,
            "file-path",
            "neither files nor folders may be chosen.",
            "Set allow_files or allow_folders.",
        )
    ]


def check_file(field: Any) -> list[Finding]:
    """Return what is wrong with a field of files."""
    found: list[Finding] = []
    if field.primary_key:
        found.append(
            about(field, "file-key", "a file cannot be the primary key.", "Use another field as the key.")
        )
    if isinstance(field.upload_to, str) and field.upload_to.startswith("/"):
        found.append(
            about(
                field,
                "file-upload-to",
                f"upload_to={field.upload_to!r} is absolute: it is a folder inside the storage.",
                f"upload_to={field.upload_to.lstrip('/')!r}.",
            )
        )
    return found


def check_address(field: Any) -> list[Finding]:
    if field.blank and not field.null:
        return [
            about(
                field,
                "ip-address",
                "blank=True needs null=True: an empty address is stored as NULL.",
                "Add null=True.",
            )
        ]
    return []


def check_mutable_default(field: Any) -> list[Finding]:
    default: Any = field.default
    if default is NOT_PROVIDED or default is None or callable(default):
        return []
    kind: str = type(default).__name__
    if kind in ("list", "dict", "set"):
        return [
            about(
                field,
                "mutable-default",
                f"all rows would share one {kind} as their default.",
                f"Use default={kind}, or a function.",
                "warning",
            )
        ]
    return []


def check_generated(field: Any) -> list[Finding]:
    options = field.model._meta
    findings: list[Finding] = []
    for name in sorted(field.referenced_fields()):
        known = options._forward_fields_map.get(name)
        if known is None or known.model._meta.concrete_model is not options.concrete_model:
            findings.append(about(field, "generated-field", f"{name!r} is no column of its table."))
        elif known.generated:
            findings.append(about(field, "generated-field", f"{name!r} is generated itself."))
        elif known.primary_key and options.auto_field is known:
            findings.append(
                about(field, "generated-field", f"{name!r} is numbered by the database.", "Leave it out.")
            )
    return findings


def check_composite(field: Any) -> list[Finding]:
    options = field.model._meta
    findings: list[Finding] = []
    for name in field.field_names:
        known = options._forward_fields_map.get(name)
        if known is None or known not in options.local_fields:
            findings.append(about(field, "composite-key", f"{name!r} is no field of this model."))
        elif known.column is None or known.null or known.generated:
            findings.append(
                about(
                    field,
                    "composite-key",
                    f"{name!r} cannot be part of a key: it is null, generated or has no column.",
                )
            )
    return findings
