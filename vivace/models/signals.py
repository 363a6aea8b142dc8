"""Signals: telling those who asked when models are made, saved and deleted.

A receiver may be ``async def`` or ``def`` (which is called where it stands: see ``receivers``) and is held weakly unless ``weak=False``. ``await signal.send(…)`` calls the
receivers one after another in the order in which they connected; an error stops the rest and reaches the caller
(``send_robust`` collects errors instead). ``class_prepared``, ``pre_init`` and ``post_init`` fire where nothing can be
awaited: their receivers are plain functions.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from vivace.errors.models import ModelError

from .receivers import forgotten_call

Receiver: TypeAlias = Callable[..., Any]
Key: TypeAlias = tuple[Any, int]


class _Connection:
    __slots__ = ("key", "receiver", "sender")

    def __init__(self, key: Key, receiver: Callable[[], Receiver | None], sender: Any) -> None:
        self.key = key
        self.receiver = receiver  # returns None once the function is gone
        self.sender = sender


class Signal:
    """Something that happens to objects of a class; ``immediate``: receivers cannot be awaited.

    ``use_caching`` is Django's, and changes nothing: receivers are looked up once anyway.
    """

    def __init__(self, *, immediate: bool = False, use_caching: bool = False) -> None:
        self.immediate = immediate
        self.connected: tuple[_Connection, ...] = ()

    def connect(
        self, receiver: Receiver, sender: Any = None, weak: bool = True, dispatch_uid: Any = None
    ) -> None:
        """Call the receiver from now on, for one sender or all; once, however often it is connected."""
        if not callable(receiver):
            raise ModelError("A receiver of a signal must be a function.", got=type(receiver).__name__)
        if self.immediate and inspect.iscoroutinefunction(receiver):
            raise ModelError(
                f"{getattr(receiver, '__qualname__', receiver)!s} is async, but this signal fires where nothing is awaited.",
                fix="Write it as a plain def.",
            )
        if not inspect.iscoroutinefunction(receiver) and (forgotten := forgotten_call(receiver)):
            raise ModelError(
                f"{getattr(receiver, '__qualname__', receiver)!s} is a plain def and does not await {forgotten}: "
                "nothing would be asked of the database, and nothing written.",
                expected="an async def for a receiver that works with rows",
                fix="Write it as async def, and await what it calls.",
            )
        key = _key(receiver, sender, dispatch_uid)
        if all(known.key != key for known in self.connected):
            held = self._weakly(receiver, key) if weak else _strongly(receiver)
            self.connected = (*self.connected, _Connection(key, held, sender))

    def disconnect(
        self, receiver: Receiver | None = None, sender: Any = None, dispatch_uid: Any = None
    ) -> bool:
        """Stop calling the receiver; say whether it was connected."""
        key = _key(receiver, sender, dispatch_uid)
        before = len(self.connected)
        self.connected = tuple(known for known in self.connected if known.key != key)
        return len(self.connected) < before

    def has_listeners(self, sender: Any = None) -> bool:
        return bool(self.connected) and bool(self._live(sender))

    async def send(self, sender: Any, **named: Any) -> list[tuple[Receiver, Any]]:
        """Call the receivers one by one, awaiting those that are async, and return what each answered."""
        answers: list[tuple[Receiver, Any]] = []
        for receiver in self._live(sender):
            answer = receiver(signal=self, sender=sender, **named)
            answers.append((receiver, await answer if inspect.isawaitable(answer) else answer))
        return answers

    async def send_robust(self, sender: Any, **named: Any) -> list[tuple[Receiver, Any]]:
        """As ``send``, but an error is logged, stands as its receiver's answer, and the others are called."""
        answers: list[tuple[Receiver, Any]] = []
        for receiver in self._live(sender):
            try:
                answer = receiver(signal=self, sender=sender, **named)
                answers.append((receiver, await answer if inspect.isawaitable(answer) else answer))
            except Exception as error:
                from logging import getLogger

                getLogger("vivace.models.signals").exception("Error in %r", receiver)
                answers.append((receiver, error))
        return answers

    def send_now(self, sender: Any, **named: Any) -> list[tuple[Receiver, Any]]:
        """Call the receivers where nothing can be awaited."""
        return [(receiver, receiver(signal=self, sender=sender, **named)) for receiver in self._live(sender)]

    def _live(self, sender: Any) -> list[Receiver]:
        found: list[Receiver] = []
        for known in self.connected:
            if known.sender is None or known.sender is sender:
                receiver = known.receiver()
                if receiver is not None:
                    found.append(receiver)
        return found

    def _weakly(self, receiver: Receiver, key: Key) -> Callable[[], Receiver | None]:
        def gone(_: Any) -> None:
            self.connected = tuple(known for known in self.connected if known.key != key)

        if inspect.ismethod(receiver):
            return weakref.WeakMethod(receiver, gone)
        return weakref.ref(receiver, gone)


def _strongly(receiver: Receiver) -> Callable[[], Receiver | None]:
    return lambda: receiver


def _key(receiver: Receiver | None, sender: Any, dispatch_uid: Any) -> Key:
    if dispatch_uid is not None:
        return dispatch_uid, id(sender)
    if inspect.ismethod(receiver):
        return (id(receiver.__self__), id(receiver.__func__)), id(sender)
    return id(receiver), id(sender)


def receiver(
    signal: Signal | list[Signal] | tuple[Signal, ...], **options: Any
) -> Callable[[Receiver], Receiver]:
    """Connect the decorated function: ``@receiver(post_save, sender=Book)``."""

    def decorate(function: Receiver) -> Receiver:
        for each in signal if isinstance(signal, list | tuple) else (signal,):
            each.connect(function, **options)
        return function

    return decorate


class_prepared: Final = Signal(immediate=True)
pre_init: Final = Signal(immediate=True)
post_init: Final = Signal(immediate=True)
pre_save: Final = Signal()
post_save: Final = Signal()
pre_delete: Final = Signal()
post_delete: Final = Signal()
m2m_changed: Final = Signal()
pre_migrate: Final = Signal()
post_migrate: Final = Signal()
