"""Objects for tests, typed and without ceremony (OR19).

::

    class BookFactory(Factory[Book]):
        title = sequence("Book {n}")
        author = related(AuthorFactory)

    book = await BookFactory.create(pages=30)
    three = await BookFactory.create_many(3, author=ada)

What neither the call nor the factory says, the field's default does; a required field without one gets a value that its type
and its options admit, numbered so that unique columns stay unique, and a required relation an object of its own. Attributes
are plain values, ``sequence`` texts, functions of the number of the object, or ``related`` factories, which make their object
first. An unknown attribute is an error with the nearest field.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, Generic, TypeVar, cast, get_args
from uuid import UUID

from vivace.errors import ConfigurationError, FieldError, nearest

M = TypeVar("M")
N = TypeVar("N")
START: Final = datetime(2020, 1, 1, tzinfo=UTC)


class Numbered:
    """A value that depends on the number of the object; see ``sequence``."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make


def sequence(text: str | Callable[[int], Any]) -> Any:
    """Return an attribute that differs for each object: a text with ``{n}``, or a function of the number."""
    if callable(text):
        return Numbered(text)
    return Numbered(lambda n: text.format(n=n))


class Related:
    """An object that another factory makes first; see ``related``."""

    __slots__ = ("factory", "values")

    def __init__(self, factory: type[Factory[Any]], values: Mapping[str, Any]) -> None:
        self.factory = factory
        self.values = values


def related(factory: type[Factory[Any]], /, **values: Any) -> Any:
    """Return an attribute that is an object of another factory, made with these values."""
    return Related(factory, values)


class Factory(Generic[M]):
    """Makes objects of one model: ``class BookFactory(Factory[Book])``."""

    _model: ClassVar[Any] = None
    _numbers: ClassVar[Iterator[int]]
    _attributes: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in getattr(cls, "__orig_bases__", ()):
            found = get_args(base)
            if found and isinstance(found[0], type):
                cls._model = found[0]
        if cls._model is None:
            raise ConfigurationError(
                f"{cls.__qualname__} does not say what it makes.",
                expected=f"class {cls.__name__}(Factory[Model])",
            )
        cls._numbers = itertools.count(1)
        cls._attributes = {}
        below: list[type[Any]] = list(cls.__mro__[: cls.__mro__.index(Factory)])
        for owner in reversed(below):
            own = cast("dict[str, Any]", owner.__dict__)
            cls._attributes |= {name: value for name, value in own.items() if not name.startswith("_")}
        cls._check(cls._attributes, "a factory's attribute")

    @classmethod
    def of(cls, model: type[N]) -> type[Factory[N]]:
        """Return the factory of a model that needs no attributes of its own: always the same one, so that it counts on."""
        made = model.__dict__.get("_plain_factory")
        if made is None:
            made = type(f"{model.__name__}Factory", (Factory,), {"_model": model})
            type.__setattr__(model, "_plain_factory", made)
        return cast("type[Factory[N]]", made)

    @classmethod
    def build(cls, **values: Any) -> M:
        """Return an object that is not saved; related factories are left out."""
        given = cls._values(values)
        return cast("M", cls._model(**{name: v for name, v in given.items() if not isinstance(v, Related)}))

    @classmethod
    async def create(cls, **values: Any) -> M:
        """Save and return an object, its related ones first."""
        given = cls._values(values)
        for name, value in given.items():
            if isinstance(value, Related):
                given[name] = await value.factory.create(**value.values)
        created = cls._model(**given)
        await created.save(force_insert=True)
        return cast("M", created)

    @classmethod
    async def create_many(cls, count: int, /, **values: Any) -> list[M]:
        """Save and return so many objects."""
        return [await cls.create(**values) for _ in range(count)]

    @classmethod
    def _values(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        cls._check(values, "a value")
        number = next(cls._numbers)
        given = {**cls._attributes, **values}
        for field in cls._model._meta.fields:
            if field.attname != field.name and field.attname in values:
                given.pop(field.name, None)  # the key was given in place of the object
        made = {name: v.make(number) if isinstance(v, Numbered) else v for name, v in given.items()}
        keys = {field.name for field in cls._model._meta.fields if field.attname in made}
        return {**{name: v for name, v in cls._required(number) if name not in keys}, **made}

    @classmethod
    def _required(cls, number: int) -> Iterator[tuple[str, Any]]:
        for field in cls._model._meta.concrete_fields:
            if _needs_object(field):
                if field.related_model is not cls._model:
                    yield field.name, Related(Factory.of(field.related_model), {})
                continue
            if _makes_its_own(field):
                continue
            if field.empty_strings_allowed and field.blank and not field.unique:
                continue
            yield field.name, value_for(field, number)

    @classmethod
    def _check(cls, names: Mapping[str, Any], what: str) -> None:
        meta = cls._model._meta
        known = (
            {f.name for f in meta.get_fields()}
            | {getattr(f, "attname", f.name) for f in meta.fields}
            | {"pk"}
        )
        for name in names:
            if name not in known:
                raise FieldError(
                    f"{cls.__qualname__}: {what} is called {name!r}, and {meta.label} has no such field.",
                    fix=nearest(name, known),
                )


def _needs_object(field: Any) -> bool:
    """Say whether a field is a relation that must lead somewhere, and does not by itself."""
    forward = field.is_relation and (field.many_to_one or field.one_to_one)
    given = field.null or field.has_default() or field.has_db_default()
    return bool(forward and not given and not field.remote_field.parent_link and not field.primary_key)


def _makes_its_own(field: Any) -> bool:
    """Say whether a field needs no value from us: the database, a default or another object gives it."""
    return (
        field.null
        or field.has_default()
        or field.has_db_default()
        or field.generated
        or field.is_relation
        or field is field.model._meta.auto_field
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
    )


def value_for(field: Any, number: int) -> Any:
    """Return a value that a field admits, different for each number as far as its type allows."""
    if field.choices:
        flat = [value for value, _ in field.flatchoices]
        return flat[(number - 1) % len(flat)]
    # by class first: the internal type of an EmailField is that of its column, CharField
    kinds = [*(cls.__name__ for cls in type(field).__mro__), field.get_internal_type()]
    make = next((_MAKERS[kind] for kind in kinds if kind in _MAKERS), None)
    if make is None:
        raise FieldError(
            f"No value can be thought up for {field}.",
            fix=f"Give it in the factory: {field.name} = …",
        )
    return make(field, number)


def _text(field: Any, number: int, between: str = " ", after: str = "") -> str:
    """Return the field's name and the number; of the name as much as there is room for."""
    tail = f"{between}{number}"
    room = field.max_length - len(tail) - len(after) if field.max_length else None
    if room is not None and room < 1:
        return str(number)[-int(field.max_length) :]
    name: str = field.name
    return name[:room] + tail + after


def _decimal(field: Any, number: int) -> Decimal:
    return Decimal(number % 10**field.max_digits).scaleb(-field.decimal_places)


def _address(field: Any, number: int) -> str:
    if field.protocol.lower() == "ipv6":
        return f"2001:db8::{number & 65535:x}"
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


_MAKERS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "BigIntegerField": lambda _, n: n,
    "BinaryField": lambda _, n: str(n).encode(),
    "BooleanField": lambda _, n: False,
    "CharField": _text,
    "DateField": lambda _, n: date(2020, 1, 1) + timedelta(days=n),
    "DateTimeField": lambda _, n: START + timedelta(hours=n),
    "DecimalField": _decimal,
    "DurationField": lambda _, n: timedelta(seconds=n),
    "EmailField": lambda f, n: _text(f, n, "", "@example.com"),
    "FileField": lambda f, n: f"{f.name}-{n}.txt",
    "FloatField": lambda _, n: float(n),
    "GenericIPAddressField": _address,
    "IntegerField": lambda _, n: n,
    "JSONField": lambda _, n: {"n": n},
    "PositiveBigIntegerField": lambda _, n: n,
    "PositiveIntegerField": lambda _, n: n,
    "PositiveSmallIntegerField": lambda _, n: n % 32768,
    "SlugField": lambda f, n: _text(f, n, "-"),
    "SmallIntegerField": lambda _, n: n % 32768,
    "TextField": _text,
    "TimeField": lambda _, n: time(n % 24, n // 24 % 60),
    "URLField": lambda f, n: f"https://example.com/{f.name}/{n}",
    "UUIDField": lambda _, n: UUID(int=n),
}

__all__ = ["Factory", "Numbered", "Related", "related", "sequence", "value_for"]
