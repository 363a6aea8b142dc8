"""Random queries for the tests of the change feed: mostly such as can be narrowed, on keys and indexed columns, in every
place where a query may hold them; beside them whatever the differential test asks.
"""

from __future__ import annotations

import random
from typing import Any, Final

from tests.differential.programs import Call, Case, Cut, Op, Query
from tests.differential.schema import POOLS

_TITLES: Final = POOLS["text"]
CONDITIONS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    # path, kind of value: those that narrow, and those that look as if they did
    "Book": (
        *(("pk", "key"), ("id", "key"), ("author", "key"), ("author_id", "key"), ("publisher", "key")),
        *(
            ("editor", "key?"),
            ("title", "text"),
            ("title__iexact", "text"),
            ("code", "uuid"),
            ("year", "int"),
        ),
        *(("published", "datetime"), ("released", "date"), ("in_print", "bool"), ("signed", "bool")),
        *(("price", "decimal"), ("rating", "float"), ("author__name", "text"), ("author__mentor", "key?")),
        *(("author__mentor__name", "text"), ("publisher__parent", "key?"), ("publisher__name", "text")),
        *(("tags", "key"), ("tags__id", "key"), ("tags__weight", "float"), ("review__writer", "key?")),
        *(("review", "key"), ("cover", "key"), ("cover__artist", "key?"), ("novel__genre", "text")),
        *(
            ("novel__sequel", "key?"),
            ("author__friends", "key"),
            ("author__clubs", "key"),
            ("author__id", "key"),
        ),
    ),
    "Author": (
        *(("pk", "key"), ("name", "text"), ("age", "int"), ("mentor", "key?"), ("pupils", "key")),
        *(("books", "key"), ("books__title", "text"), ("books__tags", "key"), ("friends", "key")),
        *(
            ("edited__publisher", "key"),
            ("clubs", "key"),
            ("membership__rank", "int"),
            ("shelves__room", "small"),
        ),
        *(
            ("mentor__mentor", "key?"),
            ("books__author", "key"),
            ("covers__book", "key"),
            ("friends__mentor", "key?"),
        ),
    ),
    "Novel": (
        *(("pk", "novel"), ("book_ptr", "novel"), ("author", "key"), ("title", "text"), ("sequel", "novel?")),
        *(
            ("genre", "text"),
            ("id", "novel"),
            ("sequel__author", "key"),
            ("tags", "key"),
            ("author__name", "text"),
        ),
    ),
    "Review": (
        *(("pk", "key"), ("book", "key"), ("writer", "key?"), ("stars", "int"), ("book__author", "key")),
        *(
            ("book__title", "text"),
            ("book__tags", "key"),
            ("writer__name", "text"),
            ("book__novel__genre", "text"),
        ),
    ),
    "Cover": (
        ("pk", "key"),
        ("book", "key"),
        ("artist", "key?"),
        ("book__author", "key"),
        ("book__title", "text"),
    ),
    "Tag": (
        ("pk", "key"),
        ("name", "text"),
        ("books", "key"),
        ("books__author", "key"),
        ("books__title", "text"),
    ),
    "Publisher": (
        ("pk", "key"),
        ("parent", "key?"),
        ("imprints", "key"),
        ("book", "key"),
        ("parent__parent", "key?"),
    ),
    "Club": (
        ("pk", "key"),
        ("members", "key"),
        ("host", "key?"),
        ("membership__author", "key"),
        ("host__name", "text"),
    ),
    "Membership": (("club", "key"), ("author", "key"), ("since", "date"), ("author__mentor", "key?")),
    "Shelf": (
        ("room", "small"),
        ("number", "small"),
        ("keeper", "key?"),
        ("keeper__name", "text"),
        ("pk", "pair"),
    ),
}
SINGLE: Final = {
    "Book": ("author", "editor", "publisher", "cover", "novel", "author__mentor", "publisher__parent"),
    "Author": ("mentor", "mentor__mentor"),
    "Novel": ("author", "sequel", "sequel__author", "book_ptr"),
    "Review": ("book", "writer", "book__author"),
    "Cover": ("book", "artist", "book__publisher"),
    "Publisher": ("parent",),
    "Club": ("host",),
    "Membership": ("club", "author"),
    "Shelf": ("keeper",),
}
MANY: Final = {
    "Book": ("tags", "reviews", "author__books", "author", "cover", "reviews__writer"),
    "Author": ("books", "friends", "clubs", "books__tags", "pupils", "shelves", "mentor__pupils"),
    "Novel": ("tags", "reviews", "author"),
    "Review": ("book", "book__tags", "writer"),
    "Tag": ("books", "books__author"),
    "Club": ("members", "host", "members__books"),
    "Publisher": ("book_set", "imprints", "parent"),
    "Membership": ("author__books",),
    "Shelf": ("keeper__books",),
    "Cover": ("book__reviews",),
}


class Queries:
    """Makes queries with the chances it is given."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def case(self) -> Case:
        """Return any query."""
        model = self.chance.choice(list(CONDITIONS))
        query = self.filtered(model)
        return self.chance.choice(
            (self._rows, self._rows, self._loaded, self._loaded, self._counted, self._nested)
        )(model, query)

    # -- conditions -----------------------------------------------------------------------------------------------

    def value(self, kind: str) -> Any:
        """Return a value as conditions name it."""
        if kind.endswith("?"):
            return None if self.chance.random() < 0.2 else self.value(kind[:-1])
        if kind == "key":
            return self.chance.randint(1, 4)
        if kind == "novel":
            return self.chance.randint(21, 24)
        if kind == "small":
            return self.chance.randint(0, 2)
        if kind == "pair":
            return (self.chance.randint(0, 2), self.chance.randint(0, 2))
        return self.chance.choice(POOLS[kind])

    def pair(self, model: str) -> tuple[str, Any]:
        """Return one keyword argument of ``filter``."""
        path, kind = self.chance.choice(CONDITIONS[model])
        if "__iexact" in path:
            return path, self.value(kind)
        what = self.chance.randint(0, 9)
        if what == 0 and kind != "pair":
            return f"{path}__isnull", self.chance.random() < 0.5
        if what < 4:
            return f"{path}__in", [self.value(kind) for _ in range(self.chance.randint(0, 3))]
        if what == 4 and kind in ("key", "int", "text", "novel"):
            return f"{path}__{self.chance.choice(('gt', 'lte'))}", self.value(kind)
        if what == 5 and kind == "key":
            return path, Call("F", ("pk",))
        return path, self.value(kind)

    def condition(self, model: str, size: int = 2) -> Any:
        """Return a Q."""
        what = self.chance.randint(0, 5) if size else 0
        if what < 2:
            pairs = dict(self.pair(model) for _ in range(self.chance.randint(1, 2)))
            return Call("Q", named=tuple(pairs.items()))
        if what == 2:
            return Op("~", self.condition(model, size - 1))
        return Op("|&^|"[what - 3], self.condition(model, size - 1), self.condition(model, size - 1))

    def filtered(self, model: str) -> Query:
        """Return a query with up to three calls of filter or exclude."""
        query = Query(model)
        for _ in range(self.chance.choice((1, 1, 1, 2, 2, 3, 0))):
            name = self.chance.choice(("filter", "filter", "filter", "exclude"))
            if self.chance.random() < 0.5:
                query = query.then(Call(name, named=(self.pair(model),)))
            else:
                query = query.then(Call(name, (self.condition(model),)))
        return query

    # -- what is done with them -----------------------------------------------------------------------------------

    def _rows(self, model: str, query: Query) -> Case:
        tails: list[tuple[Call | Cut, ...]] = [
            (),
            (Call("distinct"),),
            (Call("order_by", ("pk",)), Cut(0, 2)),
            (Call("order_by", (self._path(model), "pk")), Cut(1, 3)),
            (Call("order_by", (self._path(model), "pk")), Call("first")),
            (Call("order_by", ()), Call("values_list", ("pk", self._path(model)))),
            (Call("values", (self._path(model), self._path(model))),),
            (Call("annotate", named=(("far", Call("F", (self._path(model),))),)),),
            (Call("only", (self._own(model),)),),
        ]
        tail = self.chance.choice(tails)
        ordered = any(isinstance(step, Cut) or step.name == "first" for step in tail)
        return Case("feed", query.then(*tail), total=ordered)

    def _loaded(self, model: str, query: Query) -> Case:
        if model in SINGLE and self.chance.random() < 0.5:
            name = self.chance.choice(SINGLE[model])
            return Case("feed", query.then(Call("select_related", (name,))), touches=(name,))
        name = self.chance.choice(MANY[model])
        return Case("feed", query.then(Call("prefetch_related", (name,))), touches=(name,))

    def _counted(self, model: str, query: Query) -> Case:
        path = self._path(model)
        condition = self.condition(model, 1)
        tails: list[tuple[Call, ...]] = [
            (Call("count"),),
            (Call("exists"),),
            (Call("distinct"), Call("count")),
            (Call("aggregate", named=(("n", Call("Count", (path,))),)),),
            (Call("aggregate", named=(("n", Call("Count", ("pk",), (("filter", condition),))),)),),
            (Call("annotate", named=(("n", Call("Count", (path,))),)), Call("values_list", ("pk", "n"))),
            (
                Call("order_by", ()),
                Call("values", (path,)),
                Call("annotate", named=(("n", Call("Count", ("pk",))),)),
            ),
            (Call("annotate", named=(("n", Call("Count", (path,))),)), Call("filter", named=(("n__gt", 1),))),
            (Call("get"),),
            (Call("in_bulk"),),
        ]
        return Case("feed", query.then(*self.chance.choice(tails)))

    def _nested(self, model: str, query: Query) -> Case:
        other = self.filtered(model)
        inner = Call("Exists", (other.then(Call("filter", named=(("pk", Call("OuterRef", ("pk",))),))),))
        keys = other.then(Call("order_by", ()), Call("values", ("pk",)))
        newest = other.then(Call("order_by", ("pk",)), Call("values", ("pk",)), Cut(0, 1))
        simple = query.then(Call("order_by", ()), Call("values_list", ("pk",)))
        tails: list[tuple[Call, ...]] = [
            (Call("filter", (inner,)),),
            (Call("filter", (Op("~", inner),)),),
            (Call("annotate", named=(("there", inner),)),),
            (Call("filter", named=(("pk__in", keys),)),),
            (Call("exclude", named=(("pk__in", keys),)),),
            (Call("annotate", named=(("new", Call("Subquery", (newest,))),)),) if model != "Shelf" else (),
        ]
        if self.chance.random() < 0.3 and model != "Shelf":
            name = self.chance.choice(("union", "intersection", "difference"))
            return Case("feed", simple.then(Call(name, (keys.then(Call("values_list", ("pk",))),))))
        return Case("feed", query.then(*self.chance.choice(tails)))

    def _path(self, model: str) -> str:
        return self.chance.choice(
            [path for path, kind in CONDITIONS[model] if "__iexact" not in path and kind != "pair"]
        )

    def _own(self, model: str) -> str:
        own = [
            path
            for path, kind in CONDITIONS[model]
            if "__" not in path and kind in ("text", "date", "int", "uuid", "small")
        ]
        return self.chance.choice(own or ["pk"])


__all__ = ["Queries"]
