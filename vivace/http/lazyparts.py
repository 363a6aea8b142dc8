"""The parts of a request that are awaited: ``await request.user()``, ``await request.session()``.

Who knows them is in the app (``app.parts``: name → ``async (request) -> value``), put there by what is installed; this
room knows no users. Forgetting the call is the mistake that everybody makes once, so the attribute is not a method but
a value that says what to write instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from vivace.errors import nearest

if TYPE_CHECKING:
    from .request import Request

PartMaker = Callable[[Any], Awaitable[Any]]
_BROUGHT_BY: Final = {"user": "vivace.auth", "session": "vivace.auth"}


class LazyPart:
    """What stands for a part until it is called and awaited; anything else that is done with it raises ``NotAwaited``."""

    __slots__ = ("_name", "_request")

    def __init__(self, request: Request, name: str) -> None:
        self._request = request
        self._name = name

    def __call__(self) -> Awaitable[Any]:
        """Return the part, to be awaited; of one request always the same one."""
        return self._request.part(self._name)

    def _refuse(self, used: str) -> NoReturn:
        from vivace.errors import NotAwaited

        name = self._name
        raise NotAwaited(
            f"request.{name}{used} was used without a call: who or what it is may have to be looked up.",
            expected=f"{name} = await request.{name}()",
            got=f"request.{name}{used}",
            fix=f"Write (await request.{name}()){used}, or take it as a parameter of the handler.",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # what tools look for: inspect, copy, doctest
        self._refuse(f".{name}")

    def __getitem__(self, key: Any) -> Any:
        self._refuse(f"[{key!r}]")

    def __setitem__(self, key: Any, value: Any) -> None:
        self._refuse(f"[{key!r}]")

    def __delitem__(self, key: Any) -> None:
        self._refuse(f"[{key!r}]")

    def __contains__(self, key: object) -> bool:
        self._refuse("")

    def __iter__(self) -> Any:
        self._refuse("")

    def __bool__(self) -> bool:
        self._refuse("")

    def __eq__(self, other: object) -> bool:
        self._refuse("")

    def __await__(self) -> Any:
        self._refuse("")

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<request.{self._name}: call and await it>"


def part_maker(request: Request, name: str) -> PartMaker:
    """Return who knows a part; raises ``PartMissing`` with what to install."""
    makers: dict[str, PartMaker] = getattr(request.app, "parts", {})
    maker = makers.get(name)
    if maker is not None:
        return maker
    from vivace.errors import PartMissing

    bringer = _BROUGHT_BY.get(name)
    raise PartMissing(
        f"This app has nothing that knows request.{name}().",
        expected=", ".join(makers) or "an installed part such as vivace.auth",
        fix=f'Install it: App(installed=["{bringer}"]).' if bringer else nearest(name, makers),
    )


__all__ = ["LazyPart", "PartMaker", "part_maker"]
