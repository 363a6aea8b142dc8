"""Which columns become instances: deferred fields, and relations fetched along (``select_related``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression
from vivace.models.sql import names
from vivace.models.sql.names import SEPARATOR
from vivace.models.sql.plan import Related, Selection
from vivace.models.sql.refs import Column
from vivace.models.sql.resolve import Resolver

if TYPE_CHECKING:
    from vivace.models.sql.building import Builder

DEPTH: Final = 5  # how far select_related() without names goes
Mask = dict[str, Any]


class Loaded:
    """The columns of a query of instances, in order, and what they become. ``aliases``: tables by path."""

    def __init__(self) -> None:
        self.columns: list[tuple[str, Expression]] = []
        self.aliases: dict[str, str] = {}
        self.selection: Selection | None = None


def load(builder: Builder) -> Loaded:
    """Decide the columns of a query of instances, joining what ``select_related`` named."""
    return _Loader(builder).run()


class _Loader:
    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.loaded = Loaded()
        self.resolver = Resolver(builder, 0)

    def run(self) -> Loaded:
        builder, shape = self.builder, self.builder.shape
        self.loaded.aliases["self"] = builder.base_alias
        mask = _tree(shape.deferred or ())
        wanted = _wanted(shape.related, builder.model)
        self.loaded.selection = self._model(builder.model, builder.base_alias, mask, wanted, "")
        return self.loaded

    def _model(self, model: Any, alias: str, mask: Mask, wanted: Mask, path: str) -> Selection:
        fields = list(self._fields(model, mask))
        chosen = {field.attname for field in fields}
        positions: list[int] = []
        for field in fields:
            positions.append(len(self.loaded.columns))
            self.loaded.columns.append((field.attname, self._column(model, alias, field)))
        attnames = tuple(field.attname for field in fields)
        keys = tuple(positions[attnames.index(field.attname)] for field in model._meta.pk_fields)
        related = tuple(
            self._related(model, alias, mask, name, below, path) for name, below in wanted.items()
        )
        return Selection(
            model=model,
            attnames=attnames,
            positions=tuple(positions),
            converters=tuple(self._converters(fields)),
            key=keys,
            deferred=len(chosen) < len(model._meta.concrete_fields),
            related=related,
        )

    def _fields(self, model: Any, mask: Mask) -> Iterator[Any]:
        only = self.builder.shape.only
        keys = {field.attname for field in model._meta.pk_fields}
        parents: Any = model._meta.parents.values() if only and mask else ()
        links = {link.attname for link in parents if link is not None}
        named = {_attname(model, name): below for name, below in mask.items()}
        for field in model._meta.concrete_fields:
            name = field.attname
            if (
                name in keys
                or name in links
                or not mask
                or (only and name in named)
                or (not only and (name not in named or named[name]))
            ):
                yield field

    def _converters(self, fields: list[Any]) -> Iterator[tuple[int, Any]]:
        for index, field in enumerate(fields):
            convert = field.converter(self.builder.context.dialect)
            if convert is not None:
                yield index, convert

    def _column(self, model: Any, alias: str, field: Any) -> Column:
        if field.model._meta.concrete_model is model._meta.concrete_model:
            return Column(alias, field)
        hops = tuple(names.hop_of(info) for info in model._meta.get_path_to_parent(field.model))
        hops, targets = names.trimmed(hops, (field,))
        return Column(self._walk(alias, hops), targets[0])

    def _walk(self, alias: str, hops: tuple[names.Hop, ...]) -> str:
        for hop in hops:
            alias, new = self.builder.joins.add(alias, hop, None)
            if new and hop.filtered:
                self.builder.condition_join(alias, hop)
        return alias

    # -- relations fetched along -------------------------------------------------------------------------------------

    def _related(self, model: Any, alias: str, mask: Mask, name: str, below: Mask, path: str) -> Related:
        filtered = self.builder.relations.get(name) if not path else None
        if filtered is not None:
            return self._filtered(name, filtered[0].relation, alias, below)
        relation = names.field_named(model._meta, name)
        if not _kept(model, relation, mask, self.builder.shape.only):
            raise FieldError(
                f"{model._meta.label}.{name} cannot be both deferred and fetched by select_related.",
                fix=f"name it in only(), or leave {name!r} out of select_related.",
            )
        forward = hasattr(relation, "attname")
        hops = [names.hop_of(info) for info in _to_owner(model, relation)]
        hops += [names.hop_of(info) for info in relation.path_infos]
        target = self._walk(alias, tuple(hops))
        full = f"{path}{name}"
        self.loaded.aliases[full] = target
        selection = self._model(relation.related_model, target, mask.get(name, {}), below, full + SEPARATOR)
        remote = relation.remote_field
        single = forward and relation.one_to_one and not getattr(remote, "hidden", False)
        remote_name = remote.get_cache_name() if single or not forward else ""
        return Related(relation.get_cache_name(), remote_name or "", selection, relation)

    def _filtered(self, name: str, text: str, alias: str, below: Mask) -> Related:
        path = names.find(self.builder.model, text)
        marked = names.with_filter(path, len(path.all_hops), name)
        target = self._walk(alias, marked.all_hops)
        self.loaded.aliases[name] = target
        selection = self._model(path.final.related_model, target, {}, below, name + SEPARATOR)
        return Related(name, "", selection, path.final)


def _to_owner(model: Any, relation: Any) -> list[Any]:
    owner = getattr(relation, "model", None)
    if owner is None or owner._meta.concrete_model is model._meta.concrete_model:
        return []
    return list(model._meta.get_path_to_parent(owner))


def _kept(model: Any, relation: Any, mask: Mask, only: bool) -> bool:
    if not mask or not hasattr(relation, "attname"):
        return True
    named = {_attname(model, name) for name, below in mask.items() if only or not below}
    return (relation.attname in named) if only else (relation.attname not in named)


def _attname(model: Any, name: str) -> str:
    field = names.field_named(model._meta, name)
    return str(getattr(field, "attname", name))


def _tree(paths: tuple[str, ...]) -> Mask:
    """Return names as a tree: ``author__name`` below ``author``."""
    tree: Mask = {}
    for path in paths:
        node = tree
        for part in path.split(SEPARATOR):
            node = node.setdefault(part, {})
    return tree


def _wanted(related: Any, model: Any) -> Mask:
    return _required(model, 0) if related is True else _tree(related)


def _required(model: Any, depth: int) -> Mask:
    """Return all relations to one that cannot be null, as deep as select_related() goes."""
    if depth == DEPTH:
        return {}
    return {
        field.name: _required(field.related_model, depth + 1)
        for field in model._meta.fields
        if field.is_relation and not field.null and hasattr(field, "attname") and not _is_link(field)
    }


def _is_link(field: Any) -> bool:
    return bool(getattr(field.remote_field, "parent_link", False))


__all__ = ["Loaded", "load"]
