"""Operations that set an option of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.migrations.classes import normal_together
from vivace.models import IntegerField

from .base import Scope
from .existing import ModelOptionOperation

if TYPE_CHECKING:
    from vivace.migrations.state import ProjectState


class AlterModelTable(ModelOptionOperation):
    """Give a model's table another name; ``None``: the usual one."""

    def __init__(self, name: str, table: str | None) -> None:
        self.name = name
        self.table = table

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.alter_options(app_label, self.name, {"db_table": self.table})

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        return Scope(keys={self.key(app_label)}, spread=True)

    def describe(self) -> str:
        return f"Rename table for {self.name} to {self.table or '(default)'}"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_table"


class AlterModelTableComment(ModelOptionOperation):
    """Set the comment of a model's table."""

    def __init__(self, name: str, table_comment: str | None) -> None:
        self.name = name
        self.table_comment = table_comment

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.alter_options(app_label, self.name, {"db_table_comment": self.table_comment})

    def describe(self) -> str:
        return f"Alter {self.name} table comment"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_table_comment"


class AlterUniqueTogether(ModelOptionOperation):
    """Set which fields are unique together."""

    def __init__(self, name: str, unique_together: Iterable[Any] | None) -> None:
        self.name = name
        self.unique_together = normal_together(unique_together)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.alter_options(app_label, self.name, {"unique_together": self.unique_together})

    def references_field(self, model_name: str, name: str, app_label: str) -> bool:
        named = any(name in fields for fields in self.unique_together)
        return self.references_model(model_name, app_label) and (not self.unique_together or named)

    def describe(self) -> str:
        return f"Alter unique_together for {self.name} ({len(self.unique_together)} constraint(s))"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_unique_together"


class AlterOrderWithRespectTo(ModelOptionOperation):
    """Keep an order of rows among those with the same related object: a column ``_order``; ``None``: no longer."""

    def __init__(self, name: str, order_with_respect_to: str | None) -> None:
        self.name = name
        self.order_with_respect_to = order_with_respect_to

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.alter_options(app_label, self.name, {"order_with_respect_to": self.order_with_respect_to})

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        key = self.key(app_label)
        return Scope(keys={key}, fills={(key, "_order"): IntegerField(default=0)})

    def references_field(self, model_name: str, name: str, app_label: str) -> bool:
        return self.references_model(model_name, app_label) and self.order_with_respect_to in (None, name)

    def describe(self) -> str:
        return f"Set order_with_respect_to on {self.name} to {self.order_with_respect_to}"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_order_with_respect_to"


class AlterModelOptions(ModelOptionOperation):
    """Set options that leave no trace in the database."""

    ALTER_OPTION_KEYS: ClassVar[tuple[str, ...]] = (
        "base_manager_name",
        "default_manager_name",
        "default_related_name",
        "get_latest_by",
        "managed",
        "ordering",
        "permissions",
        "default_permissions",
        "select_on_save",
        "verbose_name",
        "verbose_name_plural",
    )
    serialization_expand_args: ClassVar[tuple[str, ...]] = ("options",)

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.options = dict(options)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.alter_options(app_label, self.name, self.options, self.ALTER_OPTION_KEYS)

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        return Scope(keys=set())

    def describe(self) -> str:
        return f"Change Meta options on {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_options"


class AlterModelManagers(ModelOptionOperation):
    """Set the managers that data migrations may use."""

    serialization_expand_args: ClassVar[tuple[str, ...]] = ("managers",)

    def __init__(self, name: str, managers: Sequence[tuple[str, Any]]) -> None:
        self.name = name
        self.managers = list(managers)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.put(state.model(app_label, self.name).replace(managers=self.managers))

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        return Scope(keys=set())

    def describe(self) -> str:
        return f"Change managers on {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_managers"


__all__ = [
    "AlterModelManagers",
    "AlterModelOptions",
    "AlterModelTable",
    "AlterModelTableComment",
    "AlterOrderWithRespectTo",
    "AlterUniqueTogether",
]
