"""``View``: a class that answers requests, one object for each.

``as_view()`` reads the class once and returns a handler. What is per request is an object, ``setup``, ``dispatch`` and
the method; nothing of the class is looked at again. The router registers each HTTP method of the handler by itself
(``view_methods``), so 405, ``OPTIONS`` and ``HEAD`` are the router's own, and the parameters that a method names are
bound as those of any handler: ``async def get(self, request, pk: int, q: str = "")`` takes ``pk`` from the path and
``q`` from the query. A method that takes ``**kwargs`` is given all path parameters, as in Django.

Hooks that may wait are ``async def`` here (``dispatch``, ``get``, ``get_object``, ``get_context_data``, ``form_valid``
…), hooks that only name something are ``def`` (``get_queryset``, ``get_template_names`` …). Either may be overridden by
the other kind, since a coroutine is awaited wherever one comes back; a plain ``def`` that calls ``super()`` of an async
hook and goes on with what it got is refused by ``as_view()``, because it would work on a coroutine.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import CoroutineType, FunctionType, MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, TypeAlias, cast

from vivace.errors import MethodNotAllowed, nearest
from vivace.errors.views import BadView
from vivace.errors.whose import is_our_module
from vivace.http.request import Request
from vivace.http.response import Empty, Response
from vivace.routing.routes import GUARDS_MARK

Call: TypeAlias = Callable[..., Any]
HTTP_METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
ASYNC_HOOKS: Final = frozenset(
    {
        *HTTP_METHODS,
        "dispatch",
        "delete_object",
        "form_invalid",
        "form_valid",
        "get_context_data",
        "get_date_list",
        "get_dated_items",
        "get_dated_queryset",
        "get_form",
        "get_form_kwargs",
        "get_object",
        "paginate_queryset",
        "save_form",
    }
)
_ROOM: Final = "vivace.views"
_WORD_START: Final = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"


class Method(NamedTuple):
    """How a view answers one HTTP method: under which name, whether in a thread, with which parameters (``None``: all)."""

    name: str
    blocking: bool
    takes: frozenset[str] | None


class ViewHandler:
    """What ``as_view()`` returns: a handler for all methods of a view, and in ``view_methods`` one for each."""

    def __init__(self, view_class: type[View], initkwargs: Mapping[str, Any]) -> None:
        self.view_class = view_class
        self.view_initkwargs = dict(initkwargs)
        self.__name__ = re.sub(_WORD_START, "_", view_class.__name__).lower()
        self.__qualname__ = view_class.__qualname__
        self.__module__ = view_class.__module__
        self.__doc__ = view_class.__doc__
        allowed = self.view_initkwargs.get("http_method_names", view_class.http_method_names)
        self.view_methods: Mapping[str, Call] = {
            verb: self._handler(method.name)
            for verb, method in methods_of(view_class).items()
            if method.name in allowed and not _comes_by_itself(view_class, verb, method)
        }

    async def __call__(self, request: Request) -> Any:
        """Answer a request by a new view, with the parameters of its path."""
        return await self.run(request, request.path_params)

    def run(self, request: Request, values: Mapping[str, Any]) -> Awaitable[Any]:
        """Answer a request by a new view, with these parameters."""
        view = self.view_class(**self.view_initkwargs)
        view.setup(request, **values)
        answered: Any = view.dispatch(request, **values)
        # an override may have answered at once
        return resolved(answered) if type(answered) is not CoroutineType else cast("Awaitable[Any]", answered)

    def template_candidates(self) -> Sequence[str]:
        """Return the templates of which the view will show the first that there is; none where that is not known."""
        return self.view_class.template_candidates(self.view_initkwargs)

    def _handler(self, name: str) -> Call:
        """Return the handler of one HTTP method, whose signature is that of the view's method."""
        run = self.run

        async def view(request: Request, **values: Any) -> Any:
            return await run(request, {**request.path_params, **values})

        function = getattr(self.view_class, name)
        view.__dict__.update(_marks(self.view_class) | function.__dict__)
        view.__name__, view.__module__ = self.__name__, self.__module__
        view.__qualname__ = f"{self.__qualname__}.{name}"
        view.__signature__ = signature_of(function)  # type: ignore[attr-defined]
        view.view_class, view.view_handler = self.view_class, self  # type: ignore[attr-defined]
        if not str(function.__module__).startswith(_ROOM):
            view.__wrapped__ = function  # type: ignore[attr-defined]  # where findings point to
        return view


class Part:
    """What views and their mixins have in common, so that each may call the next one's."""

    shows_pages: ClassVar[bool] = False  # with templates: the app has static files for them
    request: Request
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Raise ``BadView`` if the class with these attributes lacks what it needs; run by ``as_view()``."""

    @classmethod
    def template_candidates(cls, given: Mapping[str, Any]) -> Sequence[str]:
        """Return the names of templates that the class with these attributes will look for; none where that is not known."""
        return ()

    def render_to_response(self, context: Mapping[str, Any], **response_kwargs: Any) -> Any:
        """Return the answer to show; from ``TemplateResponseMixin``, or a mixin of your own."""
        raise BadView(
            f"{type(self).__name__} does not know how to show what it found.",
            expected="render_to_response(), as of TemplateResponseMixin",
            fix="Put the mixin before the other bases.",
        )


class View(Part):
    """Answers requests by methods named after those of HTTP: ``get``, ``post`` … (``async def``, or ``def`` in a thread).

    ``request``, ``args`` (always empty) and ``kwargs`` (the parameters of the path) are set by ``setup``. Any attribute
    of the class can be given to ``as_view(…)``. Without a ``head`` method, ``HEAD`` is answered by ``get``.
    """

    http_method_names: Sequence[str] = HTTP_METHODS
    view_is_async: ClassVar[bool] = True  # a view is awaited, whatever its methods are

    def __init__(self, **initkwargs: Any) -> None:
        for name, value in initkwargs.items():
            setattr(self, name, value)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> ViewHandler:
        """Return a handler for ``app.add_route(path, …)``. Raises ``BadView`` for what can never work."""
        for name in initkwargs:
            if name in HTTP_METHODS or not hasattr(cls, name):
                raise _bad_option(cls, name)
        check_overrides(cls)
        cls.check_options(MappingProxyType(initkwargs))
        return ViewHandler(cls, initkwargs)

    def setup(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Keep the request and the parameters of its path, before anything else happens."""
        self.request = request
        self.args = args
        self.kwargs = kwargs

    async def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return the answer of the method that the request asks for."""
        method = (self._methods or methods_of(type(self))).get(request.method)
        if method is None or method.name not in self.http_method_names:
            self.http_method_not_allowed(request, *args, **kwargs)
        function, takes = getattr(self, method.name), method.takes
        given = kwargs if takes is None else {name: kwargs[name] for name in takes if name in kwargs}
        if method.blocking:
            return await request.app.pool.run(partial(function, request, **given))
        return await function(request, **given)

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise ``MethodNotAllowed`` (405)."""
        raise MethodNotAllowed(request.method, self.allowed_methods())

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer OPTIONS with the methods that there are (where the router does not do it first)."""
        return Empty(204, {"allow": ", ".join(self.allowed_methods())})

    def allowed_methods(self) -> list[str]:
        """Return the HTTP methods that the view answers, in upper case."""
        known = methods_of(type(self))
        names = self.http_method_names
        return [verb for verb, method in known.items() if method.name in names and verb.lower() in names]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._methods = None

    _methods: ClassVar[Mapping[str, Method] | None] = None


def _marks(cls: type[View]) -> dict[str, Any]:
    """Return what decorators left on a class, but for guards, which the router finds there itself."""
    names = [name for name in dir(cls) if name.startswith("__vivace_") and name != GUARDS_MARK]
    return {name: getattr(cls, name) for name in names}


def methods_of(cls: type[View]) -> Mapping[str, Method]:
    """Return how a class answers each HTTP method (in upper case); read once for each class."""
    known = cls._methods
    if known is None:
        names = [name for name in cls.http_method_names if callable(getattr(cls, name, None))]
        found = {name.upper(): _method(cls, name) for name in names}
        if "GET" in found and "HEAD" not in found and "head" in cls.http_method_names:
            found["HEAD"] = found["GET"]
        known = cls._methods = MappingProxyType(found)
    return known


def _comes_by_itself(cls: type[View], verb: str, method: Method) -> bool:
    """Say whether the router answers a method better: HEAD from GET, and OPTIONS."""
    return method.name.upper() != verb or (verb == "OPTIONS" and cls.options is View.options)


def _method(cls: type[View], name: str) -> Method:
    function = getattr(cls, name)
    takes = [
        parameter.name
        for parameter in _beyond_request(function)
        if parameter.kind is not parameter.VAR_POSITIONAL
    ]
    everything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in _beyond_request(function))
    return Method(name, not inspect.iscoroutinefunction(function), None if everything else frozenset(takes))


def _beyond_request(function: Call, *, evaluated: bool = False) -> list[inspect.Parameter]:
    """Return the parameters after ``self`` and the request."""
    try:
        parameters = inspect.signature(function, eval_str=evaluated).parameters.values()
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise BadView(
            f"The annotations of {function.__qualname__} cannot be evaluated: {error}.",
            expected="names that are imported at run time",
            fix="Import them outside of `if TYPE_CHECKING`, and define classes at module level.",
        ) from error
    named = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    spread = [parameter for parameter in parameters if parameter.kind is parameter.VAR_KEYWORD]
    positional = [parameter for parameter in named if parameter.kind is not parameter.VAR_POSITIONAL]
    if len(positional) < 2 and len(positional) == len(named):
        raise BadView(
            f"{function.__qualname__} does not take the request.",
            expected="async def method(self, request, …)",
            got=f"({', '.join(parameter.name for parameter in named)})",
        )
    return [*positional[2:], *spread]


def signature_of(function: Call) -> inspect.Signature:
    """Return what a method takes as the signature of a handler: the request, and by name what else it asks for."""
    further: list[inspect.Parameter] = []
    if any(parameter.kind is not parameter.VAR_KEYWORD for parameter in _beyond_request(function)):
        further = [
            parameter.replace(kind=parameter.KEYWORD_ONLY)
            for parameter in _beyond_request(function, evaluated=True)
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    return inspect.Signature([request, *further])


def check_overrides(cls: type[View]) -> None:
    """Raise ``BadView`` for a plain ``def`` that calls ``super()`` of an async hook and drops or uses the coroutine."""
    for base in cls.__mro__:
        if is_our_module(base.__module__):
            continue
        for name in ASYNC_HOOKS & base.__dict__.keys():
            function = base.__dict__[name]
            if isinstance(function, FunctionType) and _misuses_super(function, name):
                code = function.__code__
                raise BadView(
                    f"{base.__qualname__}.{name} is a plain def and uses super().{name}() without await "
                    f"({code.co_filename}:{code.co_firstlineno}).",
                    expected=f"async def {name}",
                    got="a coroutine where its result was meant",
                    fix=f"Write `async def {name}` and `await super().{name}(…)`.",
                )


def _misuses_super(function: FunctionType, name: str) -> bool:
    if inspect.iscoroutinefunction(function) or "__class__" not in function.__code__.co_freevars:
        return False
    from vivace.models.checks.overrides import drops_call  # reads source: only such an override needs it

    return drops_call(function, name)


def _bad_option(cls: type[View], name: str) -> BadView:
    public = [attribute for attribute in dir(cls) if not attribute.startswith("_")]
    options = [known for known in public if not callable(getattr(cls, known))]
    if name in HTTP_METHODS:
        why = f"{cls.__name__}.as_view() takes no method: {name!r} is one."
        return BadView(
            why, expected="attributes of the class", got=name, fix=f"Define {name}() in a subclass."
        )
    return BadView(
        f"{cls.__name__}.as_view() was given {name!r}, which the class does not have.",
        expected=", ".join(sorted(options)),
        got=name,
        fix=nearest(name, public) or "Give the class such an attribute first.",
    )


def has_own(cls: type[Any], *hooks: str) -> bool:
    """Say whether a class has a version of its own of one of these hooks, and not only those of this room."""
    return any(not str(getattr(cls, name).__module__).startswith(_ROOM) for name in hooks)


async def resolved(value: Any) -> Any:
    """Return what a hook gave; one that was overridden by ``async def`` gave a coroutine. (A queryset is no coroutine.)"""
    return await value if inspect.iscoroutine(value) else value


__all__ = ["View", "ViewHandler"]
