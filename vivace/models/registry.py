"""Which models there are, and what waits for those that are not there yet.

Theory. Model classes belong to the process, not to an app. The registry knows them by the module and name they were
defined under and holds them weakly: what nobody uses any more (a test's models, the old classes after a reload) goes
away with its relations. A class defined again under the same module and name takes the place of the old one.

A relation may name its target as text before the target exists. The names are looked for in this order: the same module,
the same label, then ``label.Model``. What is not found, or found twice, waits, and is told as soon as a class of that
name appears. What was found in another module is looked for again when its own module defines a class of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import WeakSet, WeakValueDictionary, ref

from vivace.errors import nearest
from vivace.errors.models import ModelError, UnknownModel

if TYPE_CHECKING:
    from .base import Model

Key = tuple[str, str]
SELF = "self"
"""The reference of a model to itself."""


class _Waiting(NamedTuple):
    """A relation that names its target, or whose target is being made: whose it is, and what to do once it is there."""

    owner: ref[type[Model]]
    reference: str | ref[type[Model]]
    number: int  # of the callback among those that the owner keeps: here it would keep the owner alive

    def tell(self, owner: type[Model], target: type[Model]) -> None:
        owner._meta.callbacks[self.number](owner, target)

    def may_mean(self, model: type[Model]) -> bool:
        if isinstance(self.reference, str):
            return self.reference.rpartition(".")[2].lower() in (model.__name__.lower(), SELF)
        return self.reference() is model


class Warm(Protocol):
    """What remembers something that depends on which models there are."""

    def expire(self) -> None: ...

    def __hash__(self) -> int: ...


class Registry:
    """Model classes by name. One for the process; migrations make others for models as they once were."""

    def __init__(self) -> None:
        self._models: WeakValueDictionary[Key, type[Model]] = WeakValueDictionary()
        self._waiting: list[_Waiting] = []
        self._far: list[_Waiting] = []  # found in another module than their own, which may define one yet
        self._found: dict[
            Key, list[_Waiting]
        ] = {}  # references by text, to be told when a class is defined anew
        self._warm: WeakSet[Warm] = WeakSet()
        self._order = count()

    def register_model(self, app_label: str, model: type[Model]) -> None:
        """Add a class; one that was defined under the same module and name is forgotten."""
        key = (model.__module__, model.__qualname__)
        again = self._found.pop(key, []) if key in self._models else []
        model._meta.position = next(self._order)
        self._models[key] = model
        self.clear_cache()
        self._resolve_waiting(model)
        for reference in [*again, *self._nearer(model)]:
            owner = reference.owner()
            if owner is not None and owner in self and isinstance(reference.reference, str):
                self._note(reference, self._found_now(owner, reference.reference))

    def unregister_model(self, model: type[Model]) -> None:
        """Forget a class, for models that are defined anew in another form."""
        key = (model.__module__, model.__qualname__)
        if self._models.get(key) is model:
            del self._models[key]
        self.clear_cache()

    def __contains__(self, model: object) -> bool:
        key = (getattr(model, "__module__", ""), getattr(model, "__qualname__", ""))
        return self._models.get(key) is model

    def get_models(
        self, include_auto_created: bool = False, app_label: str | None = None
    ) -> list[type[Model]]:
        """Return the classes in the order of their definition."""
        found = [
            model
            for model in self._models.values()
            if (include_auto_created or not model._meta.auto_created)
            and (app_label is None or model._meta.app_label == app_label)
        ]
        return sorted(found, key=lambda model: model._meta.position)

    def get_model(self, app_label: str, model_name: str | None = None) -> type[Model]:
        """Return the model of ``("label", "Model")`` or ``"label.Model"``. Raises ``UnknownModel``."""
        if model_name is None:
            app_label, _, model_name = app_label.partition(".")
        found = self._named(app_label, model_name.lower())
        if found is None:
            raise self._unknown(f"{app_label}.{model_name}")
        return found

    def is_installed(self, app_label: str) -> bool:
        return any(model._meta.app_label == app_label for model in self._models.values())

    # -- references ----------------------------------------------------------------------------------------------

    def find(self, owner: type[Model], reference: str) -> type[Model] | None:
        """Return the class that ``reference``, written in ``owner``, names; ``None`` when there is none (yet)."""
        if reference == SELF:
            return owner if owner in self else None
        label, dot, name = reference.rpartition(".")
        if dot:
            return self._named(label, name.lower()) or self._imported(label, name)
        return self._in_module(owner, name) or self._named(owner._meta.app_label, name.lower(), owner)

    def resolve(self, owner: type[Model], reference: str) -> type[Model]:
        """As ``find``. Raises ``UnknownModel`` with the nearest match."""
        found = self.find(owner, reference)
        if found is None:
            raise self._unknown(reference, owner)
        return found

    def when_defined(
        self,
        owner: type[Model],
        target: type[Model] | str,
        resolved: Callable[[type[Model], type[Model]], None],
    ) -> None:
        """Call ``resolved(owner, target)`` now if the target is a class or known, else as soon as it is."""
        if not isinstance(target, str) and target in self:
            resolved(owner, target)
            return
        callbacks = owner._meta.callbacks
        callbacks.append(resolved)
        if isinstance(target, str):
            self._note(_Waiting(ref(owner), target, len(callbacks) - 1), self._found_now(owner, target))
        else:
            self._waiting.append(_Waiting(ref(owner), ref(target), len(callbacks) - 1))

    def _found_now(self, owner: type[Model], target: str) -> type[Model] | None:
        """Return the class that a name means as things stand; two candidates are none: ``resolve`` tells of them."""
        try:
            return None if self._is_itself(owner, target) else self.find(owner, target)
        except ModelError:
            return None

    def _note(self, waiting: _Waiting, found: type[Model] | None) -> None:
        owner = waiting.owner()
        if found is None or owner is None:
            self._waiting.append(waiting)
        else:
            if found.__module__ != owner.__module__:
                self._far.append(waiting)
            key = (found.__module__, found.__qualname__)
            live = [each for each in self._found.get(key, ()) if each.owner() is not None and each != waiting]
            self._found[key] = [*live, waiting]
            waiting.tell(owner, found)

    def _is_itself(self, owner: type[Model], reference: str) -> bool:
        """Say whether a class under construction names itself; an older one of its name is not meant."""
        label, _, name = reference.rpartition(".")
        itself = reference == SELF or (name == owner.__name__ and label in ("", owner._meta.app_label))
        return itself and owner not in self

    def unresolved(self) -> Iterator[tuple[type[Model], str]]:
        """Yield classes and the names they wait for."""
        for waiting in self._waiting:
            owner = waiting.owner()
            if owner is not None and isinstance(waiting.reference, str):
                yield owner, waiting.reference

    def _resolve_waiting(self, model: type[Model]) -> None:
        for waiting in [each for each in self._waiting if each.may_mean(model)]:
            owner = waiting.owner()
            named = isinstance(waiting.reference, str)
            target = model if not named else None
            if named and owner is not None:
                target = self._found_now(owner, str(waiting.reference))
            if owner is None or target is not None:
                self._waiting.remove(waiting)
            if owner is not None and target is not None:
                self._note(waiting, target)

    def _nearer(self, model: type[Model]) -> list[_Waiting]:
        """Return the references that were resolved elsewhere and mean this class, which is in their own module."""
        live = [(each, owner) for each in self._far if (owner := each.owner()) is not None]
        near = [each for each, owner in live if owner.__module__ == model.__module__ and each.may_mean(model)]
        near = [each for each in near if "." not in str(each.reference) and each.reference != SELF]
        self._far = [each for each, _ in live if each not in near]
        return near

    def _in_module(self, owner: type[Model], name: str) -> type[Model] | None:
        scope = owner.__qualname__.rpartition(".")[0]
        for qualname in (f"{scope}.{name}" if scope else name, name):
            found = self._models.get((owner.__module__, qualname))
            if found is not None:
                return found
        return None

    def _imported(self, module: str, name: str) -> type[Model] | None:
        return self._models.get((module, name))

    def _named(self, label: str, name: str, owner: type[Model] | None = None) -> type[Model] | None:
        found = [
            model
            for model in self._models.values()
            if model._meta.model_name == name and model._meta.app_label == label
        ]
        if len(found) > 1:
            raise _ambiguous(label, name, found, owner)
        return found[0] if found else None

    def _unknown(self, reference: str, owner: type[Model] | None = None) -> UnknownModel:
        labels = [model._meta.label for model in self._models.values()]
        names = [model.__name__ for model in self._models.values()]
        where = f" in {owner.__module__}.{owner.__qualname__}" if owner is not None else ""
        return UnknownModel(
            f"No model {reference!r} is defined{where}.",
            expected="a model class, its name in the same module or app, or 'label.Model'",
            fix=nearest(reference, labels) or nearest(reference, names),
        )

    # -- caches --------------------------------------------------------------------------------------------------

    def warmed(self, options: Warm) -> None:
        """Note that a model, or a cache, remembers something which a new model may change."""
        self._warm.add(options)

    def clear_cache(self) -> None:
        """Make all models forget what they derived from each other."""
        for options in list(self._warm):
            options.expire()
        self._warm.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> Registry:
        return self

    def __repr__(self) -> str:
        return f"<Registry of {len(self._models)} models>"


def _ambiguous(label: str, name: str, found: list[type[Model]], owner: type[Model] | None) -> ModelError:
    places = " and ".join(sorted(f"{model.__module__}.{model.__qualname__}" for model in found))
    where = f" (named in {owner.__module__}.{owner.__qualname__})" if owner is not None else ""
    return ModelError(
        f"Two models are called {label}.{name}{where}: {places}.",
        expected="a name that only one model has",
        fix="Pass the class itself, or give one of the modules its own Meta.app_label.",
    )


registry = Registry()
"""The models of this process."""
