"""What the models of a project are at one point of their history: values, from which classes can be made.

Rules:

1. A ``ModelState`` is never changed after it was made; operations replace it. So copying a ``ProjectState`` copies one
   dictionary, and two states share what did not change.
2. Fields in a state belong to no model. They name other models by text.
3. Classes ("historical models") are only made when somebody asks for them: data migrations do, DDL does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vivace.errors import StateError, nearest

from .historical import HistoricalModels
from .references import AnyField, Key, as_text, column_of, is_column, key_of, parents_of, points, repointed
from .renaming import rename_in_options, rename_in_relations

Options = dict[str, Any]


class ModelState:
    """One model: its fields in order, its ``Meta`` options, its bases (classes, or text for models), its managers."""

    __slots__ = ("app_label", "bases", "fields", "managers", "name", "options")

    def __init__(
        self,
        app_label: str,
        name: str,
        fields: Mapping[str, AnyField] | Iterable[tuple[str, AnyField]] = (),
        options: Mapping[str, Any] | None = None,
        bases: Sequence[Any] = (),
        managers: Iterable[tuple[str, Any]] = (),
    ) -> None:
        self.app_label = app_label
        self.name = name
        self.fields: dict[str, AnyField] = dict(fields)
        self.options: Options = {"indexes": [], "constraints": [], **(options or {})}
        self.bases = tuple(bases)
        self.managers = list(managers)

    @property
    def key(self) -> Key:
        """``(app label, name in lower case)``."""
        return self.app_label, self.name.lower()

    @property
    def label(self) -> str:
        """``app.Name``, for messages."""
        return f"{self.app_label}.{self.name}"

    @property
    def table(self) -> str:
        """The name of its table, not yet shortened."""
        return self.options.get("db_table") or f"{self.app_label}_{self.name.lower()}"

    @property
    def has_table(self) -> bool:
        """Whether migrations make a table for it."""
        return bool(self.options.get("managed", True)) and not self.options.get("proxy")

    def replace(self, **changes: Any) -> ModelState:
        """Return a copy with some of its parts changed."""
        parts = {name: changes.get(name, getattr(self, name)) for name in self.__slots__}
        return ModelState(**parts)

    def with_option(self, name: str, value: Any) -> ModelState:
        """Return a copy with one option set."""
        return self.replace(options={**self.options, name: value})

    def named(self, option: str, name: str) -> Any:
        """Return the index or constraint of that name; ``option`` is ``indexes`` or ``constraints``."""
        for each in self.options[option]:
            if each.name == name:
                return each
        raise StateError(
            f"{self.label} has no {option[:-1] if option == 'constraints' else 'index'} {name!r}.",
            got=name,
            fix=nearest(name, [each.name for each in self.options[option]]),
        )

    def field(self, name: str) -> AnyField:
        """Return the field of that name; raises ``StateError`` with the nearest match."""
        if name == "_order" and "_order" not in self.fields:
            name = self.options.get("order_with_respect_to") or name
        if name not in self.fields:
            raise StateError(
                f"{self.label} has no field {name!r} at this point of its history.",
                got=name,
                fix=nearest(name, self.fields),
            )
        return self.fields[name]

    def __repr__(self) -> str:
        return f"<ModelState {self.label}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelState):
            return NotImplemented
        return (
            self.key == other.key
            and self.options == other.options
            and self.bases == other.bases
            and _deconstructed(self.fields) == _deconstructed(other.fields)
        )

    __hash__ = None  # type: ignore[assignment]


def _deconstructed(fields: Mapping[str, AnyField]) -> dict[str, Any]:
    return {name: field.deconstruct()[1:] for name, field in fields.items()}


class ProjectState:
    """All models at one point of the history."""

    __slots__ = ("_classes", "models")

    def __init__(self, models: Mapping[Key, ModelState] | Iterable[ModelState] = ()) -> None:
        known: Any = models
        pairs = known.items() if isinstance(models, Mapping) else ((model.key, model) for model in known)
        self.models: dict[Key, ModelState] = dict(pairs)
        self._classes: HistoricalModels | None = None

    def clone(self) -> ProjectState:
        """Return a copy that can be changed on its own."""
        return ProjectState(self.models)

    @property
    def apps(self) -> HistoricalModels:
        """The models as classes, made when first asked for: ``state.apps.get_model("library", "Book")``."""
        if self._classes is None:
            self._classes = HistoricalModels(self)
        return self._classes

    def __eq__(self, other: object) -> bool:
        return self.models == other.models if isinstance(other, ProjectState) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    # -- models

    def model(self, app_label: str, name: str) -> ModelState:
        """Return a model; raises ``StateError`` with the nearest match."""
        found = self.models.get((app_label, name.lower()))
        if found is None:
            raise StateError(
                f"There is no model {app_label}.{name} at this point of the history.",
                got=name,
                fix=nearest(name.lower(), [model for label, model in self.models if label == app_label]),
            )
        return found

    def put(self, model: ModelState) -> None:
        """Add a model, or replace the one of the same key."""
        self.models[model.key] = model
        self._classes = None

    def add_model(self, model: ModelState) -> None:
        """Add a new model; raises ``StateError`` when there is one of that name."""
        if model.key in self.models:
            raise StateError(f"The model {model.label} is there already at this point of the history.")
        self.put(model)

    def remove_model(self, app_label: str, name: str) -> None:
        """Take a model away."""
        del self.models[self.model(app_label, name).key]
        self._classes = None

    def rename_model(self, app_label: str, old: str, new: str) -> None:
        """Rename a model, and what names it: relations and bases of others."""
        model = self.model(app_label, old)
        renames = {model.key: (app_label, new.lower())}
        self.models = {
            (renames.get(key, key)): (each.replace(name=new) if key == model.key else each)
            for key, each in self.models.items()
        }
        for owner, each in list(self.models.items()):
            self._repoint(each, owner, renames)
        self._classes = None

    def _repoint(self, model: ModelState, owner: Key, renames: dict[Key, Key]) -> None:
        before = next((old for old, new in renames.items() if new == owner), owner)
        changed = {name: repointed(field, before, renames) for name, field in model.fields.items()}
        fields = {name: changed[name] or field for name, field in model.fields.items()}
        bases = tuple(
            as_text(renames.get(key_of(base, before), key_of(base, before)))
            if isinstance(base, str)
            else base
            for base in model.bases
        )
        if any(changed.values()) or bases != model.bases:
            self.models[owner] = model.replace(fields=fields, bases=bases)

    def alter_options(
        self, app_label: str, name: str, options: Mapping[str, Any], known: Iterable[str] = ()
    ) -> None:
        """Set options; those of ``known`` that are not among them are taken away."""
        model = self.model(app_label, name)
        kept = {key: value for key, value in model.options.items() if key in options or key not in known}
        self.put(model.replace(options={**kept, **options}))

    def change_list(
        self, app_label: str, name: str, option: str, change: Callable[[list[Any]], list[Any]]
    ) -> None:
        """Replace the list of indexes or constraints by what ``change`` makes of it."""
        model = self.model(app_label, name)
        self.put(model.with_option(option, change(list(model.options[option]))))

    # -- fields

    def add_field(self, app_label: str, name: str, field_name: str, field: AnyField) -> None:
        """Add a field at the end."""
        model = self.model(app_label, name)
        if field_name in model.fields:
            raise StateError(
                f"{model.label} has a field {field_name!r} already at this point of its history."
            )
        self.put(model.replace(fields={**model.fields, field_name: field}))

    def remove_field(self, app_label: str, name: str, field_name: str) -> None:
        """Take a field away."""
        model = self.model(app_label, name)
        model.field(field_name)
        self.put(
            model.replace(fields={key: field for key, field in model.fields.items() if key != field_name})
        )

    def alter_field(self, app_label: str, name: str, field_name: str, field: AnyField) -> None:
        """Replace a field where it stands."""
        model = self.model(app_label, name)
        model.field(field_name)
        self.put(model.replace(fields={**model.fields, field_name: field}))

    def rename_field(self, app_label: str, name: str, old: str, new: str) -> None:
        """Rename a field, and what names it: options, indexes and constraints of its model, foreign keys to it."""
        model = self.model(app_label, name)
        model.field(old)
        if new in model.fields:
            raise StateError(f"{model.label} has a field {new!r} already at this point of its history.")
        fields = {(new if key == old else key): field for key, field in model.fields.items()}
        self.put(model.replace(fields=fields, options=rename_in_options(model.options, old, new)))
        rename_in_relations(self, model.key, old, new)


__all__ = [
    "AnyField",
    "Key",
    "ModelState",
    "Options",
    "ProjectState",
    "column_of",
    "is_column",
    "parents_of",
    "points",
]
