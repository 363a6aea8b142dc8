"""``Secret``: a value that can be used and not be shown.

It lives beside the settings, the lowest room that needs it, and is public as ``vivace.crypto.Secret``.

What leaks secrets is rarely a decision: a settings object in a log line, locals in a debug page, a dataclass turned
to JSON. So every way in which Python turns an object into text or bytes is closed here, and one is open:
``reveal()``, which is easy to find in a review.
"""

from __future__ import annotations

from typing import Any, Final, Generic, NoReturn, TypeVar, cast

from vivace.errors import SecretExposed

T = TypeVar("T")
HIDDEN: Final = "Secret(********)"  # the same for every value: its length says nothing


class Secret(Generic[T]):
    """A value that is never printed, logged or serialised; ``reveal()`` returns it.

    Compares in constant time, with a ``Secret`` or a plain value. Empty values are false. Pickling it raises
    ``SecretExposed``; ``json`` and ``msgspec`` refuse it as they refuse every type they do not know.
    """

    __slots__ = ("__value",)

    def __init__(self, value: T) -> None:
        self.__value = value

    def reveal(self) -> T:
        """Return the value."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        theirs = cast("Secret[object]", other).reveal() if isinstance(other, Secret) else other
        return _same(self.__value, theirs)

    def __hash__(self) -> int:
        return hash(self.__value)

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret[T]:
        return self  # dataclasses.asdict() and replace() copy; the copy is as silent as the original

    def __getstate__(self) -> NoReturn:
        raise SecretExposed(
            "A Secret cannot be serialised.",
            fix="Leave it out of what is stored or sent, or call reveal() where that is meant.",
        )

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__getstate__()


def _same(ours: object, theirs: object) -> bool:
    """Compare text with text and bytes with bytes in constant time, anything else as it compares itself."""
    import hmac  # loads OpenSSL: kept out of start-up

    if isinstance(ours, str) and isinstance(theirs, str):
        return hmac.compare_digest(
            ours.encode("utf-8", "surrogatepass"), theirs.encode("utf-8", "surrogatepass")
        )
    if isinstance(ours, bytes) and isinstance(theirs, bytes):
        return hmac.compare_digest(ours, theirs)
    return type(ours) is type(theirs) and ours == theirs
