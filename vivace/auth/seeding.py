"""The rows that stand for models and what may be done with them: made when the tables are, and when the app starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .models import ContentType, Permission


async def create_permissions(models: Iterable[Any]) -> int:
    """Make the rows that are missing for these models; return how many permissions were made. Two queries where none are."""
    wanted = {
        (meta.app_label, meta.model_name): wanted_permissions(meta)
        for meta in (model._meta for model in models)
        if not meta.auto_created
    }
    types = await _content_types(wanted)
    known = set(await Permission.objects.order_by().values_list("content_type_id", "codename"))
    missing = [
        Permission(content_type_id=types[key], codename=codename, name=name)
        for key, permissions in wanted.items()
        for codename, name in permissions
        if (types[key], codename) not in known
    ]
    if missing:
        await Permission.objects.bulk_create(
            missing, ignore_conflicts=True
        )  # another worker may be doing the same
    return len(missing)


async def _content_types(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    types = await _known_types()
    missing = [
        ContentType(app_label=label, model=name) for label, name in wanted if (label, name) not in types
    ]
    if not missing:
        return types
    await ContentType.objects.bulk_create(missing, ignore_conflicts=True)
    return await _known_types()


async def _known_types() -> dict[tuple[str, str], Any]:
    rows = await ContentType.objects.values_list("app_label", "model", "pk")
    return {(label, name): key for label, name, key in rows}


def wanted_permissions(meta: Any) -> list[tuple[str, str]]:
    """Return codename and name of the permissions of a model: ``default_permissions`` and ``permissions`` of its Meta."""
    usual = [
        (f"{action}_{meta.model_name}", f"Can {action} {meta.verbose_name_raw}")
        for action in meta.default_permissions
    ]
    return [*usual, *((str(codename), str(name)[:255]) for codename, name in meta.permissions)]


__all__ = ["create_permissions"]
