"""Logging for a server (LO1, LO2): lines that never block the loop, each with the id of its request.

``configure_logging`` puts one queue on the root logger; a thread formats and writes. It is the standard library's
logging: every logger and library takes part. ``child(logger, order=7)`` is a logger whose lines all carry a value.
"""

from __future__ import annotations

import io
import logging
import queue
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from logging.handlers import QueueHandler, QueueListener
from time import gmtime, strftime
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import msgspec

from .current import current_request

QUEUED: Final = 10_000  # records that wait for a slow stream; further ones are dropped and counted
_FIELDS: Final = "vivace_fields"
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    _FIELDS,
    "message",
    "asctime",
    "request_id",
    "taskName",
}

Child: TypeAlias = "logging.LoggerAdapter[Any]"


class ConfiguredLogging:
    """Logging that was configured; ``close`` writes what is queued and puts back what was there before."""

    def __init__(self, handler: logging.Handler, level: int | str) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(QUEUED)
        self._entry = RequestQueueHandler(self._queue)
        self._listener = QueueListener(self._queue, handler)
        self._handler = handler
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level)
        root.setLevel(level)  # raises for an unknown one, before anything is replaced
        root.handlers[:] = [self._entry]
        self._listener.start()

    @property
    def dropped(self) -> int:
        """How many records were dropped because the stream was too slow."""
        return self._entry.dropped

    def close(self) -> None:
        """Write what is queued and put back the handlers that were there before."""
        root = logging.getLogger()
        root.handlers[:], level = self._before
        root.setLevel(level)
        self._listener.stop()
        self._entry.close()
        self._handler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RequestQueueHandler(QueueHandler):
    """Finishes a record where it was made, in the context of its request, and hands it to the thread."""

    dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record with its text, its traceback and its request id, and nothing that may change meanwhile."""
        record.message = record.msg = record.getMessage()
        record.args = None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        record.exc_info = None
        request = current_request()
        record.request_id = request.id if request is not None else None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a record; one that finds no room is counted."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00Z INFO shop.orders [request id] message key=value``; a traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        request_id = getattr(record, "request_id", None)
        named = f" [{request_id}]" if request_id else ""
        fields = "".join(f" {key}={_shown(value)}" for key, value in fields_of(record).items())
        message = _one_line(record.getMessage())
        line = f"{_stamp(record)} {record.levelname} {record.name}{named} {message}{fields}"
        return f"{line}\n{record.exc_text}" if record.exc_text else line


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, the fields of the record, traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.json.Encoder(enc_hook=repr).encode

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        line: dict[str, Any] = {
            "time": _stamp(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = getattr(record, "request_id", None)
        line |= {"request_id": request_id} if request_id else {}
        line = {**fields_of(record), **line}
        line |= {"traceback": record.exc_text} if record.exc_text else {}
        return self._encode(line).decode()


class _Child(logging.LoggerAdapter[Any]):
    """A logger with fields; a child of a child has the fields of both."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = dict(kwargs.get("extra") or {})
        extra[_FIELDS] = {**(self.extra or {}), **extra.pop(_FIELDS, {})}
        return msg, {**kwargs, "extra": extra}


def child(logger: logging.Logger | Child, **fields: Any) -> Child:
    """Return a logger whose lines all carry ``fields``: ``log = child(log, order=order.id)``."""
    return _Child(logger, fields)


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the fields of a record: those of its child logger, then those given as ``extra``."""
    extra = {key: value for key, value in vars(record).items() if key not in _OWN}
    return {**getattr(record, _FIELDS, {}), **extra}


def configure_logging(
    *, json: bool = False, level: int | str = "INFO", stream: io.TextIOBase | Any = None
) -> ConfiguredLogging:
    """Log everything from ``level`` on to ``stream`` (standard error), as JSON or text, from a thread of its own.

    Replaces the handlers of the root logger until ``close``. Raises ``ValueError`` for an unknown level.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONFormatter() if json else TextFormatter())
    return ConfiguredLogging(handler, level)


def _stamp(record: logging.LogRecord) -> str:
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(record.created))}.{int(record.msecs):03d}Z"


def _one_line(text: str) -> str:
    """Return text whose line breaks cannot pass for a new entry."""
    return text.replace("\r", "\\r").replace("\n", "\\n") if "\n" in text or "\r" in text else text


def _shown(value: Any) -> str:
    text = _one_line(str(value))
    return f'"{text}"' if " " in text or not text else text


__all__ = ["Child", "ConfiguredLogging", "JSONFormatter", "TextFormatter", "child", "configure_logging"]
