"""VersionField: a save fails when somebody else saved the same row since it was read (optimistic locking)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .numbers import PositiveIntegerField

if TYPE_CHECKING:
    from typing import Unpack

    from .options import FieldOptions

    Base = PositiveIntegerField[int]
else:
    Base = PositiveIntegerField


class VersionField(Base):
    """Counts the saves of a row. ``save`` updates only the version that was read, else raises ``StaleObject``.

    What writes without ``save`` (``update``, ``bulk_update``) neither looks at it nor counts.
    """

    counts_versions = True

    def __init__(self, verbose_name: str | None = None, **options: Unpack[FieldOptions]) -> None:
        options.setdefault("default", 1)
        options.setdefault("editable", False)
        super().__init__(verbose_name, **options)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("default") == 1:
            del kwargs["default"]
        if kwargs.get("editable") is False:
            del kwargs["editable"]
        return name, path, args, kwargs


__all__ = ["VersionField"]
