"""What is derived from a module of models, in plain values: run for Vivace here and for Django in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Dialects = dict[str, Any]


def facts(
    models: Iterable[Any], dialects: Dialects, sql_of: Callable[[Any, Any, str], Any]
) -> dict[str, Any]:
    """Return all facts by model. ``dialects``: what to pass for each; ``sql_of(field, dialect, what)`` asks a field."""
    return {model._meta.label: _of_model(model, dialects, sql_of) for model in models}


def _of_model(model: Any, dialects: Dialects, sql_of: Callable[[Any, Any, str], Any]) -> dict[str, Any]:
    options = model._meta
    return {
        "table": options.db_table,
        "options": {name: _of_option(getattr(options, name)) for name in OPTIONS},
        "pk": options.pk.name,
        "fields": [field.name for field in options.fields],
        "columns": [field.column for field in options.concrete_fields],
        "local": {
            field.name: _of_field(field, dialects, sql_of)
            for field in (*options.local_fields, *options.local_many_to_many)
        },
        "all": sorted(str(field.name) for field in options.get_fields()),
        "related": [_of_rel(rel) for rel in options.related_objects],
        "parents": {p._meta.label: getattr(link, "name", None) for p, link in options.parents.items()},
        "indexes": [[i.name, i.fields, [list(each) for each in i.fields_orders]] for i in options.indexes],
        "constraints": [
            [type(c).__name__, c.name, list(getattr(c, "fields", []))] for c in options.constraints
        ],
        "methods": sorted(
            name
            for name in dir(model)
            if name.startswith("get_")
            and name.split("_")[1] != "constraints"
            and ("display" in name or "_by_" in name or name.endswith("_order"))
        ),
    }


OPTIONS = (
    "app_label model_name object_name verbose_name verbose_name_plural ordering unique_together permissions get_latest_by "
    "db_tablespace abstract managed proxy default_permissions select_on_save default_related_name db_table_comment"
).split()


def _of_default(field: Any) -> Any:
    if not field.has_default():
        return "none"
    return "made" if callable(field.default) else _plain(field.default)


def _of_option(value: Any) -> Any:
    return _plain(value) if isinstance(value, list | tuple | bool) or value is None else str(value)


def _of_field(field: Any, dialects: Dialects, sql_of: Callable[[Any, Any, str], Any]) -> dict[str, Any]:
    name, path, args, kwargs = field.deconstruct()
    kwargs.pop("symmetrical", None)  # Django forgets it
    found: dict[str, Any] = {
        "attname": field.attname,
        "column": None
        if field.many_to_many
        else field.column,  # Django gives a relation a column that is not there
        "verbose_name": str(field.verbose_name),
        "deconstructed": [
            name,
            path.rpartition(".")[2],
            _plain(args),
            {k: _plain(v) for k, v in kwargs.items()},
        ],
        "flags": {
            flag: bool(getattr(field, flag))
            for flag in FLAGS
            if not (flag == "concrete" and field.many_to_many)
        },
        "internal": field.get_internal_type(),
        "default": _of_default(field),
    }
    if not field.many_to_many:
        for dialect, connection in dialects.items():
            found[dialect] = [
                sql_of(field, connection, what) for what in ("type", "check", "suffix", "rel", "collation")
            ]
    else:
        through = field.remote_field.through
        found["through"] = {
            "table": field.m2m_db_table(),
            "columns": [field.m2m_column_name(), field.m2m_reverse_name()],
            "names": [field.m2m_field_name(), field.m2m_reverse_field_name()],
            "together": _plain(through._meta.unique_together),
            "fields": [[f.name, f.column] for f in through._meta.fields],
            "auto": bool(through._meta.auto_created),
        }
    if field.is_relation:
        found["relation"] = _of_rel(field.remote_field)
        found["path"] = [
            [i.from_opts.label, i.to_opts.label, i.join_field.name, i.m2m, i.direct] for i in field.path_infos
        ]
        found["back"] = [
            [i.from_opts.label, i.to_opts.label, i.join_field.name, i.m2m, i.direct]
            for i in field.reverse_path_infos
        ]
    return found


FLAGS = (
    "null blank unique primary_key editable serialize db_index concrete is_relation many_to_one one_to_one many_to_many "
    "auto_created generated"
).split()


def _of_rel(rel: Any) -> list[Any]:
    return [
        type(rel).__name__,
        str(rel.name),
        rel.get_accessor_name(),
        rel.related_model._meta.label,
        rel.model._meta.label,
        bool(rel.hidden),
        bool(rel.multiple),
        bool(rel.parent_link),
    ]


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; objects by their kind only."""
    parts: Any = value
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in parts.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in parts]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if callable(value) and not isinstance(value, type):
        return getattr(value, "__name__", None) or repr(value)
    known = {"CombinedExpression": "expression", "Arithmetic": "expression", "DeletionRule": repr(value)}
    return known.get(
        type(value).__name__, str(value) if type(value).__module__ == "builtins" else type(value).__name__
    )
