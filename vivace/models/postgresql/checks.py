"""Checks of the fields of this room."""

from __future__ import annotations

from typing import Any

from vivace.errors.findings import Finding
from vivace.models.checks.fields import check_mutable_default
from vivace.models.checks.places import about_field as about


def check_array(field: Any) -> list[Finding]:
    """Return what is wrong with an array's items, size or default."""
    base = field.base_field
    if base.is_relation:
        return [
            about(
                field, "array-items", "the items of an array cannot be relations.", "Use a ManyToManyField."
            )
        ]
    findings = check_mutable_default(field)
    if field.size is not None and (isinstance(field.size, bool) or field.size < 1):
        findings.append(about(field, "array-size", "size must be a positive whole number."))
    for item in base.check():
        findings.append(about(field, item.id, f"its items: {item.message}", item.hint, item.level))
    return findings
