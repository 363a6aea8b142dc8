"""Similar texts: trigrams (extension ``pg_trgm``) and texts without accents (extension ``unaccent``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Func, Transform
from vivace.models.expressions.values import Value
from vivace.models.fields.text import CharField, TextField
from vivace.models.lookups.base import Compared

if TYPE_CHECKING:
    from vivace.models.sql.render import Renderer


def _text(value: Any) -> Any:
    return value if isinstance(value, Expression) else Value(value)


class _Operated(Func):
    """Two texts joined by an operator that gives a number."""

    operator: ClassVar[str] = ""

    def render(self, r: Renderer) -> Any:
        left, right = self.source
        return r.sql("(", r.side(left), f" {self.operator} ", r.side(right), ")")


class TrigramSimilarity(Func):
    """How similar two texts are: from 0 to 1."""

    function = "SIMILARITY"
    output_kind = "FloatField"

    def __init__(self, expression: Any, string: Any, **extra: Any) -> None:
        super().__init__(expression, _text(string), **extra)


class TrigramDistance(_Operated, TrigramSimilarity):
    """How different two texts are: 1 minus the similarity."""

    operator = "<->"


class TrigramWordSimilarity(Func):
    """How similar a text is to the most similar part of another."""

    function = "WORD_SIMILARITY"
    output_kind = "FloatField"

    def __init__(self, string: Any, expression: Any, **extra: Any) -> None:
        super().__init__(_text(string), expression, **extra)


class TrigramStrictWordSimilarity(TrigramWordSimilarity):
    """As ``TrigramWordSimilarity``, of whole words."""

    function = "STRICT_WORD_SIMILARITY"


class TrigramWordDistance(_Operated, TrigramWordSimilarity):
    """1 minus the similarity of a text to the most similar part of another."""

    operator = "<<->"


class TrigramStrictWordDistance(TrigramWordDistance):
    """As ``TrigramWordDistance``, of whole words."""

    operator = "<<<->"


class TrigramSimilar(Compared):
    """Is similar: more than ``pg_trgm.similarity_threshold``."""

    lookup_name = "trigram_similar"
    operator = "%"


class TrigramWordSimilar(Compared):
    """Has a part that is similar."""

    lookup_name = "trigram_word_similar"
    operator = "%>"


class TrigramStrictWordSimilar(Compared):
    """Has words that are similar."""

    lookup_name = "trigram_strict_word_similar"
    operator = "%>>"


class Unaccent(Transform):
    """Without accents, on both sides."""

    bilateral = True
    lookup_name = "unaccent"
    function = "UNACCENT"


for _field in (CharField, TextField):
    for _lookup in (TrigramSimilar, TrigramWordSimilar, TrigramStrictWordSimilar, Unaccent):
        _field.register_lookup(_lookup)

__all__ = [
    "TrigramDistance",
    "TrigramSimilarity",
    "TrigramStrictWordDistance",
    "TrigramStrictWordSimilarity",
    "TrigramWordDistance",
    "TrigramWordSimilarity",
    "Unaccent",
]
