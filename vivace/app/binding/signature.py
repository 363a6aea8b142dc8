"""What a function asks for: its signature, read once, as a list of arguments with their sources.

In this order, for each parameter: a marker (``Query``, ``Depends`` …) decides; a name in the path pattern is the path
parameter; ``Request``, ``WebSocket``, ``Headers``, ``MultiDict`` (query), ``FormData`` and ``Upload`` say it
themselves, as does the bare name ``request``; a type with a provider is a dependency; a Struct, dataclass, TypedDict,
dict, list or ``bytes`` is the body where the methods have one; a scalar, or a list of scalars, is a query parameter.
Whatever is left is a finding: nothing is guessed at run time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from operator import itemgetter
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin

import msgspec
from msgspec import inspect as mi

from vivace.app.dependencies import Provider, Providers, name_of, place_or_name
from vivace.errors.findings import Finding
from vivace.http.headers import Headers
from vivace.http.multidict import MultiDict
from vivace.http.request import Request
from vivace.http.websocket import WebSocket

from .bodies import REQUIRED, ReadBody, WholeBody, json_body, raw_body
from .forms import is_form, is_upload
from .known import MODELS, SEQUENCES, unreadable
from .markers import Depends, Marker, Path
from .texts import Field, ModelReader, Read, field_reader, list_info

Place: TypeAlias = Literal["path", "query", "header", "cookie", "form", "body"]

_BODYLESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})


class Input(msgspec.Struct, frozen=True):
    """One value from the request.

    ``read`` takes the source of its ``place`` (for a body: the request, and is awaited). ``many``: the source must
    keep repeated names. ``name`` and ``annotation`` are for documents such as OpenAPI.
    """

    place: Place
    name: str
    annotation: Any
    default: Any
    read: Callable[[Any], Any]
    many: bool = False

    @property
    def required(self) -> bool:
        """True when the request must have it."""
        return self.default is REQUIRED


Source: TypeAlias = Input | Provider | Literal["request", "socket"]


class Argument(msgspec.Struct, frozen=True):
    """One parameter of a function and where its value comes from; ``keyword``: passed by name."""

    name: str
    keyword: bool
    source: Source


class Context(msgspec.Struct, frozen=True):
    """What decides about parameters beside their own annotation."""

    providers: Providers
    path_params: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset({"GET"})
    websocket: bool = False
    findings: list[Finding] = msgspec.field(default_factory=list[Finding])

    @property
    def has_body(self) -> bool:
        """True when a request of these methods may have a body."""
        return not self.websocket and bool(self.methods - _BODYLESS)

    def add(self, id: str, message: str, hint: str, function: Any) -> None:
        """Note something that must be mended before the app can start."""
        self.findings.append(Finding(id, message, hint, place_or_name(function)))


def read_signature(function: Callable[..., Any], context: Context) -> tuple[Argument, ...]:
    """Return the arguments of ``function``; what cannot be bound is noted in ``context.findings`` and left out."""
    signature = evaluated(function, context)
    if signature is None:
        return ()
    arguments: list[Argument] = []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            context.add(
                "variadic-parameter",
                f"{name_of(function)} takes *{parameter.name}, which nothing in a request is.",
                "Name each parameter, or take the request itself.",
                function,
            )
            continue
        source = _Parameter(function, parameter, context).source()
        if source is not None:
            arguments.append(Argument(parameter.name, parameter.kind is parameter.KEYWORD_ONLY, source))
    return tuple(arguments)


def evaluated(function: Callable[..., Any], context: Context) -> inspect.Signature | None:
    """Return the signature with its annotations evaluated; a finding and ``None`` when one cannot be."""
    try:
        return inspect.signature(function, eval_str=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        context.add(
            "unresolved-annotation",
            f"The annotations of {name_of(function)} cannot be evaluated: {error}.",
            "Import the names at run time (not under TYPE_CHECKING) and define the classes at module level.",
            function,
        )
    except ValueError:  # a builtin without a signature
        context.add(
            "no-signature",
            f"{name_of(function)} has no signature to read.",
            "Wrap it in a function.",
            function,
        )
    return None


def path_annotations(function: Callable[..., Any], names: frozenset[str]) -> dict[str, Any]:
    """Return the annotations of those parameters that are in the path, for the router's converters."""
    signature = evaluated(function, Context(Providers()))
    found: dict[str, Any] = {}
    for parameter in signature.parameters.values() if signature is not None else ():
        annotation, marker = split(parameter.annotation)
        name = marker.name or parameter.name if isinstance(marker, Path) else parameter.name
        if name in names and annotation is not parameter.empty and not isinstance(marker, Depends):
            found[name] = annotation
    return found


def split(annotation: Any) -> tuple[Any, Marker | Depends | None]:
    """Return an annotation without our marker, and the marker; its constraints become ``msgspec.Meta``."""
    while hasattr(annotation, "__value__") and not isinstance(annotation, type):
        annotation = annotation.__value__  # ``type X = …`` of Python 3.12
    if get_origin(annotation) is not Annotated:
        return annotation, None
    base, *extras = get_args(annotation)
    marker: Marker | Depends | None = None
    kept: list[Any] = []
    for extra in extras:
        made = _made(extra)
        if isinstance(made, Marker | Depends):
            marker = made
        else:
            kept.append(made)
    if isinstance(marker, Marker) and marker.meta is not None:
        kept.append(marker.meta)
    return _annotated(base, kept), marker


def _annotated(base: Any, extras: list[Any]) -> Any:
    """Put annotations on a type; on the other member of ``T | None``, since msgspec knows no limits of unions."""
    if not extras:
        return base
    members = get_args(base) if get_origin(base) in (Union, UnionType) else ()
    rest = [member for member in members if member is not type(None)]
    if len(rest) == 1:
        return Union[Annotated[(rest[0], *extras)], None]  # noqa: UP007  (| is not defined for every member)
    return Annotated[(base, *extras)]


def _made(extra: Any) -> Any:
    """Return an instance where the class of a marker stands: ``Annotated[str, Header]``."""
    return extra() if isinstance(extra, type) and issubclass(extra, Marker) else extra  # pyright: ignore[reportUnknownVariableType]


class _Parameter:
    """Decides about one parameter."""

    def __init__(self, function: Any, parameter: inspect.Parameter, context: Context) -> None:
        self.function = function
        self.context = context
        self.name = parameter.name
        self.default: Any = REQUIRED if parameter.default is parameter.empty else parameter.default
        self.bare = parameter.annotation is parameter.empty
        annotation, self.marker = split(parameter.annotation)
        self.annotation: Any = str if self.bare else annotation

    def source(self) -> Source | None:
        """Return where the value comes from, or ``None`` after noting why that is not known."""
        marker = self.marker
        if isinstance(marker, Depends):
            return self.context.providers.anonymous(marker.provider)
        if marker is None and self.name not in self.context.path_params:
            itself = self._by_type()
            if itself == "socket" and not self.context.websocket:
                why = "is a WebSocket, and this is no WebSocket route"
                return self._refused("no-websocket", why, "Use @app.websocket.")
            if itself is not None:
                return itself
        try:
            info = mi.type_info(self.annotation)
        except TypeError as error:
            return self._refused("unsupported-parameter", f"cannot be read: {error}", "Use a supported type.")
        place = cast("Place | None", marker.place if marker is not None else self._place(info))
        if place is None:
            return None
        if place in ("form", "body") and not self.context.has_body:
            return self._without_body(info)
        return self._input(place, info)

    def _by_type(self) -> Source | None:
        """Return the source for types that mean one thing wherever they stand."""
        annotation = self.annotation
        if self.bare:
            return "request" if self.name == "request" else "socket" if self._is_bare_socket() else None
        if isinstance(annotation, type) and issubclass(annotation, Request):
            return "request"
        if isinstance(annotation, type) and issubclass(annotation, WebSocket):
            return "socket"
        whole = _whole(annotation)
        if whole is not None:
            return Input(whole, "", annotation, REQUIRED, lambda values: values, many=True)
        return self.context.providers.find(annotation)

    def _is_bare_socket(self) -> bool:
        return self.context.websocket and self.name in ("socket", "websocket")

    def _place(self, info: Any) -> Place | None:
        core = without_none(info)
        if self.name in self.context.path_params:
            return "path"
        if _is_upload(core):
            return "form"
        if isinstance(core, mi.CustomType) and field_reader(self._field("query", info)) is None:
            self._refused(
                "no-provider",
                f"is a {name_of(core.cls)}, which no provider makes",
                f"Register one: app.provide({name_of(core.cls)}, …), or use Annotated[…, Depends(function)].",
            )
            return None
        if isinstance(core, mi.AnyType) and not self.bare:
            return "body" if self.context.has_body else "query"
        if list_info(info) is not None and self.context.has_body:
            return "body"
        return "query" if field_reader(self._field("query", info)) is not None else "body"

    def _field(self, place: Place, info: Any) -> Field:
        name = getattr(self.marker, "name", "") or self.name
        if place == "header" and not getattr(self.marker, "name", ""):
            name = name.replace("_", "-")
        return Field(place, name, self.annotation, info, self.default)

    def _input(self, place: Place, info: Any) -> Input | None:
        described = self._field(place, info)
        if place == "path":
            return self._path(described)
        if place == "body":
            unknown = unreadable(info)
            if unknown is not None:
                why = f"has a {name_of(unknown)} in it, which cannot be read from JSON"
                return self._refused("unsupported-parameter", why, "Use types that msgspec knows.")
            return Input("body", "", self.annotation, self.default, self._body(info))
        try:
            read = self._texts(place, info, described)
        except TypeError as error:
            return self._not_text(place, f"has a field {error} that no text can be")
        if read is None:
            return self._not_text(place, "cannot be made of text")
        many = described.is_list or isinstance(without_none(info), MODELS)
        return Input(place, described.name, self.annotation, self.default, read, many)

    def _path(self, described: Field) -> Input | None:
        """The router has converted it by the annotation; a name that is not in the pattern never comes."""
        if described.name not in self.context.path_params:
            return self._refused(
                "unknown-path-parameter", "is marked Path and not in the pattern", "Add {name} to the path."
            )
        return Input("path", described.name, self.annotation, REQUIRED, itemgetter(described.name))

    def _texts(self, place: Place, info: Any, described: Field) -> Read | None:
        core = without_none(info)
        if not isinstance(core, MODELS):
            return field_reader(described)
        names: Callable[[str], str] = (lambda name: name.replace("_", "-")) if place == "header" else str
        strict = place == "form" and not getattr(self.marker, "allow_unknown", False)
        return ModelReader(place, core, names, refuse_unknown=strict)

    def _body(self, info: Any) -> ReadBody:
        core = without_none(info)
        if isinstance(core, mi.BytesType):
            return raw_body(self.default)
        allow_unknown: bool = getattr(self.marker, "allow_unknown", False)
        name: str = getattr(self.marker, "name", "")
        json = json_body(self.annotation, self.default, name=name, allow_unknown=allow_unknown)
        if self.marker is not None or not isinstance(core, MODELS):
            return json
        try:
            model = ModelReader("form", core, refuse_unknown=True)
        except TypeError:  # nested: JSON only
            return json

        async def form(request: Request) -> Any:
            return model(await request.form())

        return WholeBody(json.take, form)

    def _without_body(self, info: Any) -> Input | None:
        methods = ", ".join(sorted(self.context.methods))
        hint = "Use POST, PUT or PATCH."
        if isinstance(without_none(info), MODELS):
            hint = f"Take it from the query: Annotated[{self._type_name()}, Query()]. {hint}"
        where = "a WebSocket handshake" if self.context.websocket else methods
        return self._refused("no-body", f"needs a body, and {where} has none", hint)

    def _not_text(self, place: Place, why: str) -> Input | None:
        return self._refused(
            "unsupported-parameter", f"is read from the {place} and {why}", "Use scalars and lists of them."
        )

    def _refused(self, id: str, why: str, hint: str) -> Input | None:
        """Note why there is no source, and be that source."""
        message = f"Parameter {self.name!r} ({self._type_name()}) of {name_of(self.function)} {why}."
        self.context.add(id, message, hint, self.function)
        return None

    def _type_name(self) -> str:
        return getattr(self.annotation, "__name__", None) or str(self.annotation)


def without_none(info: Any) -> Any:
    """Return the one member of ``T | None``; other types as they are."""
    if isinstance(info, mi.UnionType):
        rest = [member for member in info.types if not isinstance(member, mi.NoneType)]
        return rest[0] if len(rest) == 1 else info
    return info


def _is_upload(info: Any) -> bool:
    item = info.item_type if isinstance(info, SEQUENCES) else info
    return isinstance(item, mi.CustomType) and is_upload(item.cls)


def _whole(annotation: Any) -> Place | None:
    """Return the place that a type stands for as a whole."""
    if annotation is MultiDict:
        return "query"
    if annotation is Headers:
        return "header"
    return "form" if is_form(annotation) else None


__all__ = [
    "Argument",
    "Context",
    "Input",
    "evaluated",
    "path_annotations",
    "read_signature",
    "split",
    "without_none",
]
