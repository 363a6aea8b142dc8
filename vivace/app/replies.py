"""From what a handler returns to a response, compiled once per route.

| returned | answer |
|---|---|
| ``Response`` | as it is |
| ``str`` | text/plain, never HTML: no accidental XSS |
| ``Markup``, anything with ``__html__`` | text/html |
| ``bytes``, ``bytearray``, ``memoryview`` | application/octet-stream |
| ``None`` | 204 without body |
| dict, list, dataclass, ``msgspec.Struct``, numbers, dates … | JSON |
| an object with ``__vivace_json__()`` (a model) | the JSON of what that returns |
| an object with ``__vivace_rows__()`` (a QuerySet) | a JSON array: see ``rows`` |
| a path (``os.PathLike``) | the file |
| async iterator, or a plain one (pulled in the thread pool) | a stream |

A tuple is refused (``WrongResult``): half of the readers take it for ``(body, status)``, the other half for a JSON
array. A ``Secret`` is refused wherever it stands.

The return annotation is a promise that is kept: a value of another kind is a ``WrongResult`` (500, with both in the
log). Where it names a Struct, dataclass or TypedDict, that is the response model: values of another type are turned
into it by one ``msgspec.convert``, so undeclared fields never leave. Values that are of the type already are not
validated again (PAINS 32).

A stream has the type of its first item: text is text/plain, bytes are octet-stream, ``Event`` is an event stream,
any other object makes it NDJSON. For generator handlers that item is awaited before the response is returned, so an
error before it is an ordinary error answer; a later one cuts the connection.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin

import msgspec
from msgspec import inspect as mi

from vivace.errors import WrongResult
from vivace.http.eventstream import Event, EventStream
from vivace.http.response import (
    HTML,
    JSON_TYPE,
    TEXT,
    Empty,
    Response,
    Sink,
    Stream,
    close_iterator,
    json_form,
)

from .kinds import RunBlocking, class_of
from .streams import END, Encoded, Held, Pooled, Resumed

EncodeHook: TypeAlias = Callable[[Any], Any]
"""Turns a value that msgspec does not know into one that it does; raises ``TypeError`` for what it does not know."""

Reply: TypeAlias = Callable[[Any], Response]

OCTETS: Final = "application/octet-stream"
LINES: Final = "application/x-ndjson"
KINDS: Final = 64
"""Classes of which a route remembers how they are answered with."""
_ANSWERS: Final = "a Response, str, Markup, bytes, None, dict, list, dataclass, msgspec.Struct, a path or an (async) iterator"


def json_hook(hook: EncodeHook | None) -> EncodeHook:
    """Return msgspec's ``enc_hook``: what ``json_form`` knows, then the app's own hook."""
    if hook is None:
        return json_form

    def encode(value: Any) -> Any:
        known = isinstance(value, str) or hasattr(class_of(value), "__vivace_json__")
        return json_form(value) if known else hook(value)

    return encode


class _JSON(Response):
    """JSON that is encoded already: the shortest way to the most common answer."""

    content_type: str | None = JSON_TYPE

    def __init__(self, body: bytes, status: int) -> None:
        self.body = body
        self.status = status
        self.content_type = JSON_TYPE
        self._headers = None
        self.on_sent = None


class ReplyOptions(msgspec.Struct, frozen=True):
    """What a route knows about its answers; ``place`` names the handler in errors."""

    place: str
    run_blocking: RunBlocking
    status: int | None = None
    encode_hook: EncodeHook | None = None


class Replies:
    """The makers of responses of one route."""

    __slots__ = ("_encode", "options", "status")

    def __init__(self, options: ReplyOptions) -> None:
        self.options = options
        self.status = options.status or 200
        self._encode = msgspec.json.Encoder(enc_hook=json_hook(options.encode_hook)).encode

    def encode(self, value: Any) -> bytes:
        """Return a value as JSON; raises ``WrongResult`` for what has no JSON form."""
        try:
            return self._encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise self.wrong(value, f"{type(value).__qualname__}: {error}") from error

    def json(self, value: Any) -> Response:
        """Return the answer with a value as JSON."""
        return _JSON(self.encode(value), self.status)

    def text(self, value: str) -> Response:
        """Return the answer with a text as it is."""
        return Response(value, self.status, None, TEXT)

    def octets(self, value: bytes | bytearray | memoryview) -> Response:
        """Return the answer with bytes as they are."""
        return Response(bytes(value), self.status, None, OCTETS)

    def empty(self, _: None) -> Response:
        """Return the answer without a body."""
        return Empty(self.options.status or 204)

    def maker(self, kind: Any) -> Reply:
        """Return what answers with values of a class that is not in the table: its class says which it is."""
        if hasattr(kind, "__html__"):
            return self._html
        if issubclass(kind, str):
            return self.text
        if hasattr(kind, "__fspath__"):
            return self._file
        if hasattr(kind, "__vivace_rows__"):
            return self._rows
        if hasattr(kind, "__aiter__"):
            return lambda value: Returned(self, aiter(value))
        if hasattr(kind, "__next__"):
            return lambda value: Returned(self, Pooled(value, self.options.run_blocking))
        if issubclass(kind, tuple):
            return self._refuse_tuple
        return self._refuse_awaitable if issubclass(kind, Awaitable) else self.json

    def _html(self, value: Any) -> Response:
        return HTML(value.__html__(), self.status)

    def _rows(self, value: Any) -> Response:
        from .rows import RowsReply

        return RowsReply(value.__vivace_rows__(), self.encode, self.status)

    def _refuse_tuple(self, value: Any) -> Response:
        fix = "Return a list for a JSON array, or Response(body, status) for a status."
        raise self.wrong(value, "a tuple", fix)

    def _refuse_awaitable(self, value: Any) -> Response:
        fix = "Await it in the handler; a decorator around an `async def` must be `async def` too."
        raise self.wrong(value, "an awaitable that nobody awaited", fix)

    def _file(self, path: Any) -> Response:
        from vivace.http.files import File

        return File(path)

    def wrong(self, value: Any, got: str = "", fix: str = "", expected: str = _ANSWERS) -> WrongResult:
        """Return the error for a result that is no answer, or not the one that was declared."""
        kind = class_of(value)
        if kind is types.CoroutineType:
            value.close()
        return WrongResult(
            f"{self.options.place} returned something that cannot be answered with.",
            expected=expected,
            got=got or kind.__qualname__,
            fix=fix,
        )

    async def start(self, source: AsyncIterator[Any]) -> Response:
        """Return the stream of an async generator, its first item pulled and encoded."""
        try:
            first = await anext(source, END)
            return self._stream(first, source)
        except BaseException:
            await close_iterator(source)
            raise

    async def start_blocking(self, source: Iterator[Any]) -> Response:
        """Return the stream of a plain generator, which runs in the thread pool."""
        return await self.start(Pooled(source, self.options.run_blocking))

    def _stream(self, first: Any, source: AsyncIterator[Any]) -> Response:
        if isinstance(first, Event):
            return EventStream(Resumed(first, source))
        kind, encode = self._chunk_encoder(first)
        opening = b"" if first is END else encode(first)
        return Stream(Encoded(opening, source, encode), self.status, None, kind)

    def _chunk_encoder(self, first: Any) -> tuple[str, Callable[[Any], bytes]]:
        if isinstance(first, str) or first is END:
            return TEXT, self._as_bytes
        if isinstance(first, bytes | bytearray | memoryview):
            return OCTETS, self._as_bytes
        return LINES, lambda item: self.encode(item) + b"\n"

    def _as_bytes(self, item: Any) -> bytes:
        kind = class_of(item)
        if issubclass(kind, str):
            return str(item).encode()
        if issubclass(kind, bytes | bytearray | memoryview):
            return bytes(item)
        raise self.wrong(
            item, f"{kind.__qualname__} in a stream of text or bytes", expected="items of one kind"
        )


def compile_reply(annotation: Any, options: ReplyOptions) -> Reply:
    """Return ``result → Response`` for a handler with this return annotation; ``Any`` allows every answer."""
    replies = Replies(options)
    wanted = without_responses(annotation)
    if has_model(wanted):
        return _model_reply(wanted, replies)
    allowed = kinds_of(annotation)
    return _open_reply(replies, None if allowed is None else (*allowed, Response), annotation)


def _open_reply(replies: Replies, allowed: tuple[type, ...] | None, annotation: Any) -> Reply:
    table: dict[type, Reply] = {
        dict: replies.json,
        list: replies.json,
        str: replies.text,
        bytes: replies.octets,
        bytearray: replies.octets,
        memoryview: replies.octets,
        type(None): replies.empty,
    }
    makers = {kind: make for kind, make in table.items() if allowed is None or issubclass(kind, allowed)}

    def reply(result: Any) -> Response:
        kind = class_of(result)
        make = makers.get(kind)
        if make is not None:
            return make(result)
        if isinstance(result, Response):
            return result
        if allowed is not None and not isinstance(result, allowed):
            raise replies.wrong(result, expected=f"{_words(annotation)}, as the handler declares")
        make = replies.maker(kind)
        if len(makers) < KINDS:  # classes that are made for each request must not pile up
            makers[kind] = make
        return make(result)

    return reply


def _model_reply(model: Any, replies: Replies) -> Reply:
    exact = model if isinstance(model, type) and not _is_typed_dict(model) else None
    encode, status = replies.encode, replies.status
    optional = type(None) in get_args(model)
    convert: Callable[..., Any] = msgspec.convert

    def reply(result: Any) -> Response:
        if type(result) is exact:
            return _JSON(encode(result), status)
        if isinstance(result, Response):
            return result
        if result is None and optional:
            return replies.empty(None)
        try:
            shaped: Any = convert(result, model, from_attributes=True, dec_hook=_as_it_is)
        except (msgspec.ValidationError, TypeError) as error:
            got = f"{type(result).__qualname__}: {error}"
            raise replies.wrong(result, got, expected=f"{_words(model)}, as the handler declares") from error
        return replies.json(shaped)

    return reply


def _as_it_is(wanted: Any, value: Any) -> Any:
    return value  # msgspec then checks that it is an instance


def _is_typed_dict(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, dict)


def without_responses(annotation: Any) -> Any:
    """Return an annotation without the members of its union that are Responses: they are sent as they are."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    rest = [member for member in get_args(annotation) if not _is_response(member)]
    return Union[tuple(rest)] if rest else annotation  # noqa: UP007  (a tuple, not operands)


def _is_response(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Response)


def has_model(annotation: Any) -> bool:
    """Tell whether an annotation has a Struct, dataclass or TypedDict in it: it is a response model."""
    try:
        info = mi.type_info(annotation)
    except TypeError:
        return False
    return reaches_model(info)


def reaches_model(info: Any) -> bool:
    """Tell whether a described type is a model, or a list, dict or union of models."""
    if isinstance(info, mi.StructType | mi.DataclassType | mi.TypedDictType):
        return True
    inner = [getattr(info, name, None) for name in ("item_type", "value_type")]
    members = [*inner, *getattr(info, "types", ()), *getattr(info, "item_types", ())]
    return any(reaches_model(member) for member in members if member is not None)


def kinds_of(annotation: Any) -> tuple[type, ...] | None:
    """Return the classes that an annotation allows, or ``None`` when it does not tell (``Any``, iterators …)."""
    if annotation is None:
        return (type(None),)
    if annotation is Any:  # a class since Python 3.11
        return None
    origin = get_origin(annotation)
    if origin is Annotated:
        return kinds_of(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        members = [kinds_of(member) for member in get_args(annotation)]
        known = [kinds for kinds in members if kinds is not None]
        return tuple(kind for kinds in known for kind in kinds) if len(known) == len(members) else None
    if origin is Literal:
        return (str, int, type(None))  # all that JSON literals can be
    kind = origin or annotation
    if (
        not isinstance(kind, type)
        or kind is object
        or hasattr(kind, "__anext__")
        or hasattr(kind, "__next__")
    ):
        return None
    if hasattr(kind, "_is_protocol") or kind.__module__ == "collections.abc":
        return None
    return (float, int) if kind is float else (kind,)


def _words(annotation: Any) -> str:
    return str(annotation) if get_origin(annotation) else getattr(annotation, "__name__", str(annotation))


class Returned(Stream):
    """The stream of an iterator that a handler returned: what it is shows with the first item, before the head leaves."""

    __slots__ = ("_replies",)

    def __init__(self, replies: Replies, source: AsyncIterator[Any]) -> None:
        super().__init__(source, replies.status)
        self._replies = replies

    async def write_to(self, sink: Sink) -> None:
        """Pull the first item, set the content type by it, and send all."""
        made = await self._replies.start(cast("AsyncIterator[Any]", self.chunks))
        if self.plain:
            self.content_type = made.content_type
        else:
            self.headers.set("content-type", made.content_type or OCTETS)
        await made.write_to(sink)


async def finish(scope: AsyncExitStack, response: Response) -> Response:
    """Close the scope of a request's dependencies: now, or when the body of a stream has ended."""
    if isinstance(response, EventStream):
        response.events = Held(response.events, scope)
    elif isinstance(response, Stream):
        response.chunks = Held(response.chunks, scope)
    else:
        await scope.aclose()
    return response


__all__ = [
    "EncodeHook",
    "Replies",
    "Reply",
    "ReplyOptions",
    "compile_reply",
    "finish",
    "json_hook",
]
