"""Steps from model to model that a query may take as joins."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from vivace.models.base import Model
    from vivace.models.options import Options


class PathInfo(NamedTuple):
    """One step: from one table to another over a relation; ``m2m``: it may meet several rows."""

    from_opts: Options
    to_opts: Options
    target_fields: tuple[Any, ...]
    join_field: Any
    m2m: bool
    direct: bool
    filtered_relation: Any = None


def path_to_parent(options: Options, parent: type[Model]) -> list[PathInfo]:
    """Return the steps up to a parent of multi-table inheritance; none when it is the model or no parent."""
    if options.model is parent:
        return []
    path: list[PathInfo] = []
    here = options
    for step in options.get_base_chain(parent):
        if step is not options.concrete_model:
            link = here.parents[step]
            target = (link.remote_field.get_related_field(),)
            path.append(PathInfo(link.model._meta, step._meta, target, link, m2m=False, direct=True))
        here = step._meta
    return path


def path_from_parent(options: Options, parent: type[Model]) -> list[PathInfo]:
    """Return the steps down from a parent."""
    if options.model is parent:
        return []
    model: type[Model] = options.concrete_model
    chain = [*reversed(model._meta.get_base_chain(parent)), model]
    path: list[PathInfo] = []
    for ancestor, child in pairwise(chain):
        path.extend(child._meta.get_ancestor_link(ancestor).reverse_path_infos)
    return path
