"""What a model class takes over from its bases.

Three kinds of base, told apart by their ``Meta``:

    abstract        its fields are copied into the child, as if they had been written there
    concrete        the child gets a table of its own with a one-to-one link to the parent's ("multi-table")
    concrete, and   the child is another view of the same table (``proxy = True``)
    a proxy child

A name in the child's own body, and a name that a nearer base defines, hides an abstract base's field; a field of a
concrete base cannot be hidden, since its column is there.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

from vivace.errors import nearest
from vivace.errors.models import FieldError, ModelError

from .deletion_rules import CASCADE
from .relations.one import OneToOneField

if TYPE_CHECKING:
    from .base import Model
    from .options import Options


def bases_of(cls: type[Any]) -> list[type[Model]]:
    """Return the direct bases that are models with options (``Model`` itself has none)."""
    return [base for base in cls.__bases__ if getattr(base, "_meta", None) is not None]


def family_of(cls: type[Any]) -> list[type[Model]]:
    """Return the class and its bases of any degree that are models with options, nearest first."""
    return [base for base in cls.__mro__ if "_meta" in base.__dict__]


def inherit_options(cls: type[Model]) -> None:
    """Take over from a concrete parent what its children keep without saying so."""
    options = cls._meta
    parents = family_of(cls)[1:]
    if not parents or parents[0]._meta.abstract:
        return
    parent = parents[0]
    for name in ("ordering", "get_latest_by"):
        if name not in options.original_attrs:
            setattr(options, name, getattr(parent._meta, name))


def set_up_proxy(cls: type[Model]) -> None:
    """Make a proxy stand for its one concrete parent. Raises ``ModelError`` when it cannot."""
    target: type[Model] | None = None
    for base in bases_of(cls):
        if base._meta.abstract:
            if base._meta.fields:
                raise ModelError(
                    f"{cls.__qualname__} is a proxy and cannot inherit fields from {base.__qualname__}."
                )
            continue
        if target is not None and base._meta.concrete_model is not target._meta.concrete_model:
            raise ModelError(
                f"{cls.__qualname__} is a proxy of two models.", expected="one base that is not abstract"
            )
        target = target or base
    if target is None:
        raise ModelError(
            f"{cls.__qualname__} is a proxy of no model.", expected="one base that is not abstract"
        )
    cls._meta.setup_proxy(target)
    cls._meta.concrete_model = target._meta.concrete_model


def inherit_fields(cls: type[Model]) -> None:
    """Copy the fields of abstract bases and link to the tables of concrete ones."""
    own = _local_names(cls)
    links = _declared_links(cls)
    seen: set[str] = set()
    parents = set(bases_of(cls))
    for base in cast("tuple[type[Model], ...]", cls.__mro__):
        if base not in parents:
            seen.update(base.__dict__)
            continue
        if base._meta.abstract:
            _copy_fields(cls, base, own, seen)
        else:
            seen.update(_check_parent(cls, base, own))
            _link_parent(cls, base._meta.concrete_model, links, own)
        _copy_private(cls, base, own)


def _local_names(cls: type[Model]) -> set[str]:
    options = cls._meta
    return {f.name for f in (*options.local_fields, *options.local_many_to_many, *options.private_fields)}


def _declared_links(cls: type[Model]) -> dict[type[Model], OneToOneField[Any]]:
    """Return the parent links that the class or its abstract bases declare, by parent."""
    found: dict[type[Model], OneToOneField[Any]] = {}
    for base in (*reversed(bases_of(cls)), cls):
        if base is not cls and not base._meta.abstract:
            continue
        for field in base._meta.local_fields:
            if isinstance(field, OneToOneField) and field.remote_field.parent_link:
                target = field.remote_field.model
                known = cls._meta.apps.find(cls, target) if isinstance(target, str) else target
                if known is not None:
                    found[known] = field
    return found


def _check_parent(cls: type[Model], base: type[Model], own: set[str]) -> set[str]:
    """Return the names of a concrete parent's fields. Raises ``FieldError`` when the child has one of them too."""
    names = {field.name for field in (*base._meta.local_fields, *base._meta.local_many_to_many)}
    for name in sorted(names & own):
        raise FieldError(
            f"{cls.__qualname__}.{name} clashes with the field of the same name in {base.__qualname__}.",
            fix="Rename it: a parent's column cannot be hidden.",
        )
    return names


def _link_parent(
    cls: type[Model], parent: type[Model], links: dict[type[Model], OneToOneField[Any]], own: set[str]
) -> None:
    options = cls._meta
    link = links.get(parent)
    if link is None and not options.proxy:
        name = f"{parent._meta.model_name}_ptr"
        if name in own:
            raise FieldError(
                f"{cls.__qualname__}.{name} has the name of the link to {parent.__qualname__}.",
                fix="Rename it, or make it the link: OneToOneField(…, parent_link=True).",
            )
        link = OneToOneField(parent, CASCADE, name=name, auto_created=True, parent_link=True)
        if name not in _all_names(cls):
            cls.add_to_class(name, link)
    options.parents[parent] = link


def _all_names(cls: type[Model]) -> set[str]:
    return {name for base in cls.__mro__ for name in base.__dict__}


def _copy_fields(cls: type[Model], base: type[Model], own: set[str], seen: set[str]) -> None:
    parents = dict(base._meta.parents)
    for field in (*base._meta.local_fields, *base._meta.local_many_to_many):
        if field.name in own or field.name in cls.__dict__ or field.name in seen:
            continue
        twin = copy.deepcopy(field)
        cls.add_to_class(field.name, twin)
        if field.one_to_one:
            parents.update({parent: twin for parent, link in parents.items() if link is field})
    cls._meta.parents.update(parents)


def _copy_private(cls: type[Model], base: type[Model], own: set[str]) -> None:
    for field in base._meta.private_fields:
        if field.name not in own:
            twin = copy.deepcopy(field)
            twin.mti_inherited = not base._meta.abstract
            cls.add_to_class(field.name, twin)


def promote_link(options: Options) -> None:
    """Make the link to the first parent the primary key."""
    first = next(iter(options.parents.values()))
    field = next((known for known in options.local_fields if known.name == first.name), first)
    field.primary_key = True
    options.setup_pk(field)


# -- managers ----------------------------------------------------------------------------------------------------


def inherited_managers(options: Options) -> list[Any]:
    """Return copies of the managers of a class and its bases, in order of nearness and declaration."""
    found: list[tuple[int, int, Any]] = []
    names: set[str] = set()
    for depth, base in enumerate(family_of(options.model)):
        for manager in base._meta.local_managers:
            if manager.name in names:
                continue
            names.add(manager.name)
            own = copy.copy(manager)
            own.model = options.model
            found.append((depth, own.creation_counter, own))
    return [manager for *_, manager in sorted(found, key=lambda each: each[:2])]


def default_manager(options: Options) -> Any:
    """Return the manager that relations and generic code use: the first one, unless Meta names another."""
    name = options.default_manager_name or _from_parent(options, "default_manager_name")
    if name:
        return _manager(options, name, "default_manager_name")
    return options.managers[0] if options.managers else None


def base_manager(options: Options) -> Any:
    """Return the manager that sees every row."""
    name = options.base_manager_name or _from_parent(options, "base_manager_name")
    if name:
        return _manager(options, name, "base_manager_name")
    from .query.manager import Manager

    manager: Any = Manager()
    manager.name = "_base_manager"
    manager.model = options.model
    manager.auto_created = True
    return manager


def _from_parent(options: Options, option: str) -> str | None:
    parents = family_of(options.model)[1:]
    return getattr(parents[0]._meta, option) if parents else None


def _manager(options: Options, name: str, option: str) -> Any:
    found = options.managers_map.get(name)
    if found is None:
        raise ModelError(
            f"{options.label}: Meta.{option} names no manager.",
            expected=f"one of {', '.join(options.managers_map)}",
            got=name,
            fix=nearest(name, options.managers_map),
        )
    return found
