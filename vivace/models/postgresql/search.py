"""Full-text search: vectors, queries, ranks, headlines, and the lookup ``search``.

A ``config`` is the name of a text search configuration (``"english"``), or an expression that gives one; it is part of a
query's shape, as it decides which index can be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal

from vivace.errors.models import ModelError
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.func import Func, parsed
from vivace.models.expressions.values import Constant, Value
from vivace.models.fields.text import CharField, TextField
from vivace.models.lookups.base import Lookup
from vivace.models.sql.refs import AnnotationRef

from .base import PostgreSQLField

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.render import Renderer

    S = TypeVar("S", default=str)
else:
    from typing import TypeVar

    S = TypeVar("S")

Config = Any  # a name, an expression, or None: the database's default
SearchType = Literal["plain", "phrase", "raw", "websearch"]
_FUNCTIONS: Final[dict[str, str]] = {
    "plain": "plainto_tsquery",
    "phrase": "phraseto_tsquery",
    "raw": "to_tsquery",
    "websearch": "websearch_to_tsquery",
}
_TEXTS: Final = ("CharField", "TextField", "SlugField")


class SearchVectorField(PostgreSQLField[S], Generic[S]):
    """A text search vector, kept by a generated column or a trigger."""

    column_type = "tsvector"
    sa_name = "TSVECTOR"


class SearchQueryField(PostgreSQLField[S], Generic[S]):
    """A text search query."""

    column_type = "tsquery"
    sa_name = "TSQUERY"


VECTOR: Final[Any] = SearchVectorField()
QUERY: Final[Any] = SearchQueryField()


def _config(r: Renderer, config: Config) -> tuple[Any, ...]:
    """Return the first argument of a search function, if there is a configuration."""
    if config is None:
        return ()
    node = Constant(config, "TextField") if isinstance(config, str) else config
    return (r.sql(r.side(node), "::regconfig"),)


class _Vector(Expression):
    """What vectors have in common: they are added."""

    output_field = VECTOR
    config: Config

    def __add__(self, other: Any) -> Expression:
        return CombinedSearchVector(self, other, self.config)


class SearchVector(_Vector, Func):
    """The words of some texts; NULL counts as none. ``weight``: A, B, C or D, for ranks."""

    def __init__(
        self, *expressions: Any, config: Config = None, weight: str | None = None, **extra: Any
    ) -> None:
        if weight not in (None, "A", "B", "C", "D"):
            raise ModelError(
                "The weight of a search vector is a letter.", expected="A, B, C or D", got=repr(weight)
            )
        super().__init__(*expressions, **extra)
        self.config = config
        self.weight = weight

    def render(self, r: Renderer) -> Any:
        texts = [r.sql("COALESCE(", self._text(r, each), ", '')") for each in self.source]
        vector = r.call("to_tsvector", *_config(r, self.config), r.joined(texts, " || ' ' || "))
        return vector if self.weight is None else r.call("setweight", vector, f"'{self.weight}'")

    @staticmethod
    def _text(r: Renderer, node: Expression) -> Any:
        return node if r.kind(node) in _TEXTS else r.sql(r.side(node), "::text")


class CombinedSearchVector(_Vector):
    """Two vectors as one, the second's words behind the first's."""

    def __init__(self, lhs: Any, rhs: Any, config: Config = None) -> None:
        self.lhs = parsed(lhs)
        self.rhs = parsed(rhs)
        self.config = config

    def render(self, r: Renderer) -> Any:
        return r.sql("(", self.lhs, " || ", self.rhs, ")")


class _Query(Expression):
    """What queries have in common: ``&``, ``|`` and ``~``."""

    output_field = QUERY
    config: Config
    invert: bool

    def __and__(self, other: Any) -> CombinedSearchQuery:
        return CombinedSearchQuery(self, "&&", other, self.config)

    def __or__(self, other: Any) -> CombinedSearchQuery:
        return CombinedSearchQuery(self, "||", other, self.config)

    def __invert__(self) -> Any:
        return self.but(invert=not self.invert)


class SearchQuery(_Query, Func):
    """What is searched for: ``plain`` words, a ``phrase``, PostgreSQL's ``raw`` syntax, or as on the web."""

    def __init__(
        self,
        value: Any,
        output_field: Any = None,
        *,
        config: Config = None,
        invert: bool = False,
        search_type: SearchType = "plain",
        **extra: Any,
    ) -> None:
        if search_type not in _FUNCTIONS:
            raise ModelError(
                "This is no type of search.",
                expected=f"one of {', '.join(_FUNCTIONS)}",
                got=repr(search_type),
            )
        super().__init__(
            value if is_expression(value) else Value(str(value)), output_field=output_field, **extra
        )
        self.config = config
        self.invert = invert
        self.search_type = search_type

    def render(self, r: Renderer) -> Any:
        query = r.call(_FUNCTIONS[self.search_type], *_config(r, self.config), *self.source)
        return r.sql("!!(", query, ")") if self.invert else query


class CombinedSearchQuery(_Query):
    """Two queries joined by and (``&&``) or or (``||``)."""

    def __init__(
        self, lhs: Any, connector: Literal["&&", "||"], rhs: Any, config: Config = None, invert: bool = False
    ) -> None:
        self.lhs = lhs
        self.connector = connector
        self.rhs = as_operand(rhs)
        self.config = config
        self.invert = invert

    def render(self, r: Renderer) -> Any:
        return r.sql("!!(" if self.invert else "(", self.lhs, f" {self.connector} ", self.rhs, ")")


def as_query(value: Any) -> Expression:
    """Return a text as a query; expressions pass."""
    return as_operand(value) if is_expression(value) else SearchQuery(value)


def as_vector(value: Any) -> Expression:
    """Return a field's name as a vector; expressions pass."""
    return value if isinstance(value, Expression) else SearchVector(value)


class SearchRank(Func):
    """How well a vector matches a query. ``weights``: of D, C, B and A; ``cover_density``: near words count more."""

    output_kind = "FloatField"

    def __init__(
        self,
        vector: Any,
        query: Any,
        weights: Sequence[float] | None = None,
        normalization: int | None = None,
        cover_density: bool = False,
        **extra: Any,
    ) -> None:
        super().__init__(as_vector(vector), as_query(query), **extra)
        self.weights = None if weights is None else tuple(map(float, weights))
        self.normalization = None if normalization is None else int(normalization)
        self.cover_density = cover_density

    def render(self, r: Renderer) -> Any:
        weights = () if self.weights is None else (f"'{{{', '.join(map(repr, self.weights))}}}'::float4[]",)
        rest = () if self.normalization is None else (str(self.normalization),)
        name = "ts_rank_cd" if self.cover_density else "ts_rank"
        return r.call(name, *weights, *self.source, *rest)


class SearchHeadline(Func):
    """A part of a text with the words that were found marked."""

    output_kind = "TextField"
    names: ClassVar[dict[str, str]] = {
        "start_sel": "StartSel",
        "stop_sel": "StopSel",
        "max_words": "MaxWords",
        "min_words": "MinWords",
        "short_word": "ShortWord",
        "highlight_all": "HighlightAll",
        "max_fragments": "MaxFragments",
        "fragment_delimiter": "FragmentDelimiter",
    }

    def __init__(self, expression: Any, query: Any, *, config: Config = None, **options: Any) -> None:
        unknown = sorted(options.keys() - self.names.keys() - {"output_field"})
        if unknown:
            raise ModelError(
                f"SearchHeadline has no option {unknown[0]!r}.", expected=f"one of {', '.join(self.names)}"
            )
        given = {name: options.pop(name) for name in self.names if options.get(name) is not None}
        super().__init__(expression, as_query(query), output_field=options.get("output_field"))
        self.config = config
        self.options = tuple(given.items())

    def render(self, r: Renderer) -> Any:
        said = ", ".join(f"{self.names[name]}={_option(value)}" for name, value in self.options)
        rest = (r.constant(said, "TextField"),) if said else ()
        return r.call("ts_headline", *_config(r, self.config), *self.source, *rest)


def _option(value: Any) -> str:
    if isinstance(value, (bool, int)):
        return str(value).lower()
    text = str(value).replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'"


class SearchLookup(Lookup):
    """Has the words of a search, as ``plainto_tsquery`` reads it."""

    lookup_name = "search"

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        node = left.node if isinstance(left, AnnotationRef) else left
        if not isinstance(value, _Query):
            value = SearchQuery(value, config=getattr(node, "config", None))
        return super().lift_right(lifter, left, field, value)

    def render(self, r: Renderer) -> Any:
        vector = self.lhs
        if not isinstance(r.field(vector), SearchVectorField):
            vector = SearchVector(vector, config=getattr(self.rhs, "config", None))
        return r.sql(vector, " @@ ", self.rhs)


class SearchVectorExact(SearchLookup):
    """Matches a query: a vector is never compared for equality."""

    lookup_name = "exact"


SearchVectorField.register_lookup(SearchVectorExact)
for _field in (SearchVectorField, CharField, TextField):
    _field.register_lookup(SearchLookup)

__all__ = [
    "CombinedSearchQuery",
    "CombinedSearchVector",
    "SearchHeadline",
    "SearchQuery",
    "SearchQueryField",
    "SearchRank",
    "SearchVector",
    "SearchVectorField",
]
