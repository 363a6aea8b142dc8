"""Phase 3: new models, each after those that it refers to.

Bases, parent links and keys that are foreign keys must be there first (*firm* references); other foreign keys should be
(*plain*); many-to-many fields may (*loose*). Where references run in a circle, the plain one that closes it becomes a
field that is added later, with what names that field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vivace.migrations.operations.models import CreateModel
from vivace.migrations.references import AnyField, Key, parents_of, points, target_of, through_of
from vivace.migrations.renaming import rename_in_object
from vivace.migrations.state import ModelState

from .planned import field_needs

if TYPE_CHECKING:
    from .differ import Differ


def create(differ: Differ) -> None:
    """Create the models that are not there."""
    creation = _Creation(differ)
    for key in sorted(differ.wanted.models, key=lambda key: (key not in creation.fresh, key)):
        if key in creation.fresh:
            creation.visit(key)


class _Creation:
    def __init__(self, differ: Differ) -> None:
        self.differ = differ
        self.fresh = {key for key in differ.wanted.models if key not in differ.current.models}
        self.under_way: set[Key] = set()

    def visit(self, key: Key) -> None:
        """Create a model after all that can be created before it."""
        if key not in self.fresh or key in self.under_way or self._waits(key):
            return
        self.under_way.add(key)
        model = self.differ.wanted.models[key]
        for references in (self._firm(model), self._plain(model), self._loose(model)):
            for target in references:
                self.visit(target)
        self.differ.decide(key[0], self._operation(model))
        self.differ.created.add(key)
        self.under_way.discard(key)
        self.fresh.discard(key)

    def _waits(self, key: Key) -> bool:
        """Say whether a model cannot be created before one that is under way."""
        model = self.differ.wanted.models[key]
        return any(
            target != key and target in self.fresh and (target in self.under_way or self._waits(target))
            for target in self._firm(model)
        )

    def _firm(self, model: ModelState) -> Iterator[Key]:
        yield from parents_of(model)
        for name, field in model.fields.items():
            if points(field) and is_firm(model, name, field):
                target = target_of(field, model.key)
                if target is not None:
                    yield target

    def _plain(self, model: ModelState) -> Iterator[Key]:
        for field in model.fields.values():
            target = target_of(field, model.key) if points(field) else None
            if target is not None:
                yield target

    def _loose(self, model: ModelState) -> Iterator[Key]:
        for field in model.fields.values():
            if field.many_to_many and through_of(field, model.key) is None:
                target = target_of(field, model.key)
                if target is not None:
                    yield target

    def _operation(self, model: ModelState) -> CreateModel:
        """Return the operation, without the fields that must wait and without the options that name them."""
        there = {*self.differ.current.models, model.key}
        unknown = self.differ.wanted.models.keys()
        late = [
            name
            for name, field in model.fields.items()
            if not is_firm(model, name, field)
            and any(key not in there and key in unknown for key in field_needs(field, model.key))
        ]
        fields = [(name, field) for name, field in model.fields.items() if name not in late]
        options = _options(model, late)
        return CreateModel(model.name, fields, options, model.bases, model.managers)


def is_firm(model: ModelState, name: str, field: AnyField) -> bool:
    """Say whether a field belongs to the primary key or to inheritance."""
    if field.primary_key or bool(getattr(getattr(field, "remote_field", None), "parent_link", False)):
        return True
    return any(name in (getattr(other, "field_names", None) or ()) for other in model.fields.values())


def _options(model: ModelState, late: list[str]) -> dict[str, Any]:
    """Return the options that name none of the late fields, those left out that say nothing."""
    options = {
        name: value
        for name, value in model.options.items()
        if value or name not in ("indexes", "constraints")
    }
    for name in ("indexes", "constraints"):
        if name in options:
            options[name] = [each for each in options[name] if not _names_any(each, late)]
    if "unique_together" in options:
        options["unique_together"] = {
            names for names in options["unique_together"] if not set(names) & set(late)
        }
    if options.get("order_with_respect_to") in late:
        del options["order_with_respect_to"]
    return {
        name: value
        for name, value in options.items()
        if value or name not in ("indexes", "constraints", "unique_together")
    }


def _names_any(part: Any, late: list[str]) -> bool:
    return any(rename_in_object(part, name, f"{name}_") is not part for name in late)


__all__ = ["create", "is_firm"]
