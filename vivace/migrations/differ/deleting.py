"""Phase 6: models that are not wanted. Those that refer to others go first; circles are opened by removing a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.migrations.operations.existing import DeleteModel
from vivace.migrations.operations.fields import RemoveField
from vivace.migrations.operations.indexes import RemoveConstraint, RemoveIndex
from vivace.migrations.operations.options import AlterOrderWithRespectTo, AlterUniqueTogether
from vivace.migrations.references import Key, parents_of

from .creating import is_firm
from .planned import field_needs

if TYPE_CHECKING:
    from .differ import Differ


def changed_kinds(differ: Differ) -> None:
    """Delete proxies that become models, and models that become proxies: they are created anew."""
    for key in sorted(differ.wanted.models):
        if key in differ.current.models and not differ.same_kind(key):
            differ.decide(key[0], DeleteModel(differ.current.models[key].name))


def delete(differ: Differ) -> None:
    """Delete the models that are not wanted."""
    gone = [key for key in sorted(differ.current.models) if key not in differ.wanted.models]
    while gone:
        free = next((key for key in gone if not _named_by(differ, key, gone)), None)
        if free is None:
            _open_circle(differ, gone)
            continue
        differ.decide(free[0], DeleteModel(differ.current.models[free].name))
        gone.remove(free)


def _named_by(differ: Differ, key: Key, among: list[Key]) -> bool:
    """Say whether another of the models refers to one."""
    for other in among:
        model = differ.current.models[other]
        if other != key and (
            key in parents_of(model)
            or any(key in field_needs(field, other) for field in model.fields.values())
        ):
            return True
    return False


def _open_circle(differ: Differ, gone: list[Key]) -> None:
    for key in gone:
        model = differ.current.models[key]
        for name, field in model.fields.items():
            others = [target for target in field_needs(field, key) if target in gone and target != key]
            if others and not is_firm(model, name, field):
                _bare(differ, key)
                differ.decide(key[0], RemoveField(model.name, name))
                return
    key = gone[0]
    differ.decide(key[0], DeleteModel(differ.current.models[key].name))
    gone.remove(key)


def _bare(differ: Differ, key: Key) -> None:
    """Take from a model that goes anyway whatever names fields, before one of these goes alone."""
    model = differ.current.models[key]
    for index in list(model.options["indexes"]):
        differ.decide(key[0], RemoveIndex(model.name, index.name))
    for constraint in list(model.options["constraints"]):
        differ.decide(key[0], RemoveConstraint(model.name, constraint.name))
    if model.options.get("unique_together"):
        differ.decide(key[0], AlterUniqueTogether(model.name, None))
    if model.options.get("order_with_respect_to"):
        differ.decide(key[0], AlterOrderWithRespectTo(model.name, None))


__all__ = ["changed_kinds", "delete"]
