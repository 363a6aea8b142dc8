"""What to say to whoever looks on a queryset for what is not there: a method of Django's threads, or a field of its rows."""

from __future__ import annotations

from typing import Any, cast

from vivace.errors import UnknownAttribute, nearest


def missing_attribute(owner: Any, name: str) -> AttributeError:
    """Return the error for an attribute that a queryset or manager does not have; raise it."""
    cls: type[Any] = owner.__class__
    kind: str = cls.__name__
    if name.startswith("_"):
        return AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=owner)
    model = cast("Any", vars(owner).get("model"))
    shown = f"{kind} of {model.__name__}" if model is not None else kind
    fields: Any = getattr(getattr(model, "_meta", None), "_forward_fields_map", {})
    if name[0] == "a" and callable(getattr(cls, name[1:], None)):
        fix = f"Write `await ….{name[1:]}(…)`: there is one of each, and it is awaited."
    elif name in fields:
        fix = f"Its objects have it, once they are fetched: `(await ….get(…)).{name}`, `await ….values_list({name!r})`."
    else:
        fix = nearest(name, [known for known in dir(cls) if not known.startswith("_")])
    return UnknownAttribute(f"A {shown} has no attribute {name!r}.", got=name, fix=fix)


__all__ = ["missing_attribute"]
