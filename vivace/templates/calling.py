"""What templates may read and call: attributes, items, functions; and what they may not.

A name with a leading underscore is private: ``x._state`` does not compile, ``x["_state"]`` reads items only. A method
that changes data is refused, a page must not delete what it shows: those that its class names (``__vivace_changes__``:
``save``, ``delete`` …), and those that say so (``alters_data``, Django's name).
What a call returns is waited for if it is a coroutine; an asynchronous generator becomes one that a loop can read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import CoroutineType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, cast

from jinja2.utils import _PassArg  # pyright: ignore[reportPrivateUsage] - there is no public way to ask
from markupsafe import Markup

from vivace.errors import TemplateAccessRefused

from .bridge import wait

if TYPE_CHECKING:
    from jinja2 import Environment

    from .context import TemplateContext

_MARKED: Final = "jinja_pass_arg"  # what ``jinja2.pass_context`` and its like set
_MISSING: Final = object()
_SETTLED: Final = frozenset(
    (str, int, float, bool, type(None), dict, list, tuple, Markup, FunctionType)
)  # asking a class for what it lacks makes an exception and drops it


def settled(value: object) -> Any:
    """Return what an awaitable gives, anything else as it is.

    A queryset can be awaited and iterated: it stays as it is, and loads its rows when they are looked at.
    """
    kind = type(value)
    if kind in _SETTLED:
        return value
    if kind is CoroutineType or (
        hasattr(kind, "__await__") and (not hasattr(kind, "__iter__") or isinstance(value, asyncio.Future))
    ):
        return wait(value)  # type: ignore[arg-type] # pyright: ignore[reportUnknownVariableType, reportArgumentType] - not by cast(), which is a call
    if isinstance(value, AsyncGenerator):
        return _pulled(cast("AsyncGenerator[Any, None]", value))
    return value


def _pulled(items: AsyncIterator[Any]) -> Iterator[Any]:
    while True:
        try:
            yield wait(anext(items))
        except StopAsyncIteration:
            return


def call(context: TemplateContext, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``function`` as a template does; raises ``TemplateAccessRefused`` for what changes data."""
    loop = block = None
    if kwargs:
        loop, block = kwargs.pop("_loop_vars", None), kwargs.pop("_block_vars", None)
    if getattr(function, "alters_data", False) or (
        type(function) is MethodType
        and function.__name__ in getattr(function.__self__, "__vivace_changes__", ())
    ):
        raise refused_call(function)
    marked = function if type(function) in (FunctionType, MethodType) else _callee(function)
    mark = getattr(marked, _MARKED, None)
    if mark is not None:
        is_plain = mark is _PassArg.context and not loop and not block  # as a tag outside loops is
        args = (context if is_plain else _passed(context, mark, loop, block), *args)
        function = marked
    try:
        result = function(*args, **kwargs)
    except StopIteration:
        return context.environment.undefined(
            "value was undefined because a callable raised a StopIteration exception"
        )
    return result if type(result) in _SETTLED else settled(result)


def _callee(function: object) -> Any:
    """Return what of a callable object may be marked: itself, or its ``__call__``."""
    called: Any = getattr(type(function), "__call__", None)  # noqa: B004 - it is the mark on it that is asked for
    return called.__get__(function) if getattr(called, _MARKED, None) is not None else function


def _passed(context: TemplateContext, wanted: Any, loop: Any, block: Any) -> Any:
    """Return what a marked function wants first: the context, what it says of escaping, or the environment."""
    if wanted is _PassArg.context:
        locals: dict[str, Any] = {**(loop or {}), **(block or {})}
        return context.derived(locals) if locals else context
    return context.eval_ctx if wanted is _PassArg.eval_context else context.environment


def refused_call(function: Any) -> TemplateAccessRefused:
    """Return the error for a call that would change data."""
    name = getattr(function, "__name__", type(function).__name__)
    owner = getattr(function, "__self__", None)
    of = f" of {type(owner).__name__}" if owner is not None and not isinstance(owner, type) else ""
    return TemplateAccessRefused(
        f"A template calls {name}(){of}, which changes data.",
        expected="reading: a page that is shown twice must not do something twice",
        fix="Call it in the view, and give the template its result.",
    )


def refused_name(name: str) -> TemplateAccessRefused:
    """Return the error for a private name."""
    return TemplateAccessRefused(
        f"A template reads the private name {name!r}.",
        expected="names without a leading underscore",
        fix="Give the template the value, or the class a method with a public name.",
    )


def read_attribute(environment: Environment, obj: Any, name: str, error: AttributeError | None = None) -> Any:
    """Return ``obj.name`` or ``obj["name"]``, else an undefined value.

    An ``AttributeError`` about another name comes from inside a property: it is not hidden.
    """
    if error is None:
        try:
            return getattr(obj, name)
        except AttributeError as caught:
            error = caught
    if error.name is not None and error.name != name:
        raise error
    try:
        return obj[name]
    except (TypeError, LookupError, AttributeError):
        return environment.undefined(obj=obj, name=name)


def read_item(environment: Environment, obj: Any, key: Any) -> Any:
    """Return ``obj[key]``, for text else ``obj.key``, else an undefined value."""
    try:
        return settled(obj[key])
    except (TypeError, LookupError, AttributeError):
        if isinstance(key, str) and not key.startswith("_"):
            value = getattr(obj, key, _MISSING)
            if value is not _MISSING:
                return value
        return environment.undefined(obj=obj, name=key)


__all__ = ["call", "read_attribute", "read_item", "refused_call", "refused_name", "settled"]
