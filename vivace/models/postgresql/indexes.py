"""Indexes by their access method, with its storage parameters; on SQLite they are plain indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from vivace.errors.models import ModelError
from vivace.models.deconstruct import Deconstructed
from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import parsed
from vivace.models.indexes import Index, IndexOptions

if TYPE_CHECKING:
    from typing import Unpack

    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer

    class BrinOptions(IndexOptions, total=False):
        """Storage parameters of BRIN."""

        autosummarize: bool | None
        pages_per_range: int | None

    class BTreeOptions(IndexOptions, total=False):
        """Storage parameters of B-trees."""

        fillfactor: int | None
        deduplicate_items: bool | None

    class GinOptions(IndexOptions, total=False):
        """Storage parameters of GIN."""

        fastupdate: bool | None
        gin_pending_list_limit: int | None

    class GistOptions(IndexOptions, total=False):
        """Storage parameters of GiST."""

        buffering: bool | None
        fillfactor: int | None

    class FillOptions(IndexOptions, total=False):
        """Storage parameters of hash and SP-GiST indexes."""

        fillfactor: int | None


class OpClass(Expression):
    """An expression of an index or constraint under an operator class."""

    def __init__(self, expression: Any, name: str) -> None:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ModelError("This is no name of an operator class.", got=repr(name)[:80])
        self.expression = parsed(expression)
        self.name = name

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.expression)

    def render(self, r: Renderer) -> Any:
        return r.render(self.expression)


class PostgreSQLIndex(Index):
    """An index of an access method. ``parameters`` are the names of its storage parameters."""

    method: ClassVar[str] = ""
    parameters: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *expressions: Any, fields: Sequence[str] = (), **options: Any) -> None:
        self.storage: Mapping[str, Any] = {
            name: value for name in self.parameters if (value := options.pop(name, None)) is not None
        }
        given = cast("IndexOptions", options)
        super().__init__(*expressions, fields=fields, **given)

    def __init_subclass__(cls) -> None:
        cls.max_name_length = Index.max_name_length - len(Index.suffix) + len(cls.suffix)

    def get_with_params(self) -> list[str]:
        """Return the storage parameters as PostgreSQL keeps them: ``fastupdate=off``."""
        return [f"{name}={_setting(name, value)}" for name, value in self.storage.items()]

    def deconstruct(self) -> Deconstructed:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, **self.storage}


def _setting(name: str, value: Any) -> str:
    if name == "buffering" or isinstance(value, bool):
        return "on" if value else "off"
    return str(int(value))


class BloomIndex(PostgreSQLIndex):
    """A bloom filter over many columns (extension ``bloom``); ``columns``: bits of each."""

    suffix = "bloom"
    method = "bloom"
    parameters = ("length", "columns")

    def __init__(
        self,
        *expressions: Any,
        length: int | None = None,
        columns: Sequence[int] = (),
        fields: Sequence[str] = (),
        **options: Unpack[IndexOptions],
    ) -> None:
        if length is not None and not 0 < length <= 4096:
            raise ModelError("BloomIndex.length is from 1 to 4096.", got=str(length))
        if len(columns) > 32 or any(not 0 < each <= 4095 for each in columns):
            raise ModelError("BloomIndex.columns are at most 32 numbers from 1 to 4095.", got=repr(columns))
        super().__init__(*expressions, fields=fields, length=length, columns=list(columns) or None, **options)

    def get_with_params(self) -> list[str]:
        length = self.storage.get("length")
        bits = self.storage.get("columns", ())
        return [
            *([] if length is None else [f"length={length}"]),
            *(f"col{number}={each}" for number, each in enumerate(bits, 1)),
        ]


class BrinIndex(PostgreSQLIndex):
    """A small index over ranges of pages: for columns that grow with the table."""

    suffix = "brin"
    method = "brin"
    parameters = ("autosummarize", "pages_per_range")

    def __init__(self, *expressions: Any, fields: Sequence[str] = (), **options: Unpack[BrinOptions]) -> None:
        pages = options.get("pages_per_range")
        if pages is not None and pages <= 0:
            raise ModelError("BrinIndex.pages_per_range must be greater than 0.", got=str(pages))
        super().__init__(*expressions, fields=fields, **options)


class BTreeIndex(PostgreSQLIndex):
    """A B-tree."""

    suffix = "btree"
    method = "btree"
    parameters = ("fillfactor", "deduplicate_items")

    def __init__(
        self, *expressions: Any, fields: Sequence[str] = (), **options: Unpack[BTreeOptions]
    ) -> None:
        super().__init__(*expressions, fields=fields, **options)


class GinIndex(PostgreSQLIndex):
    """An inverted index: for arrays, JSON, hstore and full-text search."""

    suffix = "gin"
    method = "gin"
    parameters = ("fastupdate", "gin_pending_list_limit")

    def __init__(self, *expressions: Any, fields: Sequence[str] = (), **options: Unpack[GinOptions]) -> None:
        super().__init__(*expressions, fields=fields, **options)


class GistIndex(PostgreSQLIndex):
    """A search tree: for ranges, geometry and full-text search."""

    suffix = "gist"
    method = "gist"
    parameters = ("buffering", "fillfactor")

    def __init__(self, *expressions: Any, fields: Sequence[str] = (), **options: Unpack[GistOptions]) -> None:
        super().__init__(*expressions, fields=fields, **options)


class HashIndex(PostgreSQLIndex):
    """A hash table: for equality only."""

    suffix = "hash"
    method = "hash"
    parameters = ("fillfactor",)

    def __init__(self, *expressions: Any, fields: Sequence[str] = (), **options: Unpack[FillOptions]) -> None:
        super().__init__(*expressions, fields=fields, **options)


class SpGistIndex(PostgreSQLIndex):
    """A tree that parts space: for points, addresses and texts by prefix."""

    suffix = "spgist"
    method = "spgist"
    parameters = ("fillfactor",)

    def __init__(self, *expressions: Any, fields: Sequence[str] = (), **options: Unpack[FillOptions]) -> None:
        super().__init__(*expressions, fields=fields, **options)


__all__ = [
    "BTreeIndex",
    "BloomIndex",
    "BrinIndex",
    "GinIndex",
    "GistIndex",
    "HashIndex",
    "OpClass",
    "PostgreSQLIndex",
    "SpGistIndex",
]
