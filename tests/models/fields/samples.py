"""One strategy per field class: options it can have, and values it can hold."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from vivace import models

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
MOMENTS = st.datetimes(min_value=dt.datetime(1000, 1, 1), timezones=st.just(dt.UTC))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
).filter(lambda value: value is not None)

VALUES: dict[Any, st.SearchStrategy[Any]] = {
    models.BigIntegerField: st.integers(-(2**63), 2**63 - 1),
    models.BinaryField: st.binary(max_size=20),
    models.BooleanField: st.booleans(),
    models.CharField: TEXT,
    models.DateField: st.dates(min_value=dt.date(1000, 1, 1)),
    models.DateTimeField: MOMENTS,
    models.DurationField: st.timedeltas(),
    models.EmailField: TEXT,
    models.FileField: TEXT,
    models.FilePathField: TEXT,
    models.FloatField: st.floats(allow_nan=False),
    models.GenericIPAddressField: st.ip_addresses().map(str),
    models.IntegerField: st.integers(-(2**31), 2**31 - 1),
    models.JSONField: JSON,
    models.PositiveBigIntegerField: st.integers(0, 2**63 - 1),
    models.PositiveIntegerField: st.integers(0, 2**31 - 1),
    models.PositiveSmallIntegerField: st.integers(0, 2**15 - 1),
    models.SlugField: TEXT,
    models.SmallIntegerField: st.integers(-(2**15), 2**15 - 1),
    models.TextField: TEXT,
    models.TimeField: st.times(),
    models.URLField: TEXT,
    models.UUIDField: st.uuids(),
}


def decimals(places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**9), 10**9).map(lambda number: Decimal(number).scaleb(-places))


OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "verbose_name": TEXT,
    "null": st.booleans(),
    "blank": st.booleans(),
    "unique": st.booleans(),
    "db_index": st.booleans(),
    "editable": st.booleans(),
    "serialize": st.booleans(),
    "default": st.none() | st.integers() | TEXT,
    "db_default": st.integers(),
    "help_text": TEXT,
    "db_column": TEXT,
    "db_comment": TEXT,
    "db_tablespace": TEXT,
    "unique_for_date": st.just("day"),
    "choices": st.lists(st.tuples(st.integers(), TEXT), min_size=1, max_size=3),
    "error_messages": st.just({"null": "Say something."}),
    "validators": st.just([len]),
}
OWN: dict[Any, dict[str, st.SearchStrategy[Any]]] = {
    models.CharField: {"max_length": st.integers(1, 99), "db_collation": st.just("C")},
    models.TextField: {"max_length": st.integers(1, 99), "db_collation": st.just("C")},
    models.EmailField: {"max_length": st.integers(1, 300)},
    models.URLField: {"max_length": st.integers(1, 300)},
    models.SlugField: {"max_length": st.integers(1, 99), "allow_unicode": st.booleans()},
    models.FileField: {"upload_to": st.sampled_from(["", "a", "%Y"]), "max_length": st.integers(30, 300)},
    models.FilePathField: {
        "path": TEXT,
        "match": TEXT,
        "recursive": st.booleans(),
        "allow_folders": st.booleans(),
    },
    models.GenericIPAddressField: {
        "protocol": st.sampled_from(["both", "IPv4", "IPv6"]),
        "unpack_ipv4": st.booleans(),
    },
    models.DateField: {"auto_now": st.booleans()},
    models.TimeField: {"auto_now_add": st.booleans()},
    models.DateTimeField: {"auto_now": st.booleans()},
    models.DecimalField: {"max_digits": st.integers(5, 20), "decimal_places": st.integers(0, 5)},
    models.BinaryField: {"max_length": st.integers(1, 99)},
}


@st.composite
def fields(draw: st.DrawFn) -> Any:
    """Draw a field of any class with any options."""
    cls = draw(st.sampled_from([*VALUES, models.DecimalField]))
    known = OPTIONS | OWN.get(cls, {})
    names = draw(st.sets(st.sampled_from(sorted(known)), max_size=6))
    return cls(**{name: draw(known[name]) for name in names})
