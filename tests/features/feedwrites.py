"""Random writes for the tests of the change feed: every way that models have, and raw SQL."""

from __future__ import annotations

import random
from typing import Any, Final

from tests.differential.programs import Call, Query, text
from tests.differential.vivace_side import names, read
from tests.features.feedqueries import Queries
from tests.features.feedstage import Stage, random_value, random_values
from vivace.db import Statement, atomic
from vivace.errors import DatabaseError, ObjectDoesNotExist, ProtectedError, RestrictedError, VivaceError

REFUSALS: Final = (DatabaseError, ProtectedError, RestrictedError, ObjectDoesNotExist, VivaceError)
FRAMES: Final = ("bare", "bare", "bare", "atomic", "several", "undone", "inner undone", "outer undone")


class Undo(Exception):
    """Leaves a block that shall not commit."""


class Writes:
    """Does what it is asked with the chances it is given; ``said`` tells what that was."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self.stage = stage
        self.chance = chance
        self.names: Any = names()
        self.queries = Queries(chance)
        self.said: list[str] = []

    async def some(self) -> str:
        """Do something, in one of the frames; return the frame. What the database refuses is left at that."""
        frame = self.chance.choice(FRAMES)
        self.said.append(frame)
        try:
            await self._framed(frame)
        except (Undo, *REFUSALS) as error:
            self.said.append(f"→ {type(error).__name__}: {error}"[:200])
        return frame

    async def _framed(self, frame: str) -> None:
        if frame == "bare":
            await self.one()
            return
        async with atomic():
            await self.one()
            if frame == "several":
                await self.one()
            if frame.startswith("inner"):
                await self._undone()
                if self.chance.random() < 0.5:
                    await self.one()
            if frame == "outer undone":
                async with atomic():
                    await self.one()
            if frame.endswith("undone") and not frame.startswith("inner"):
                raise Undo

    async def _undone(self) -> None:
        try:
            async with atomic():
                await self.one()
                raise Undo
        except (Undo, *REFUSALS):
            self.said.append("(undone)")

    async def one(self) -> None:
        """Do one thing."""
        await self.chance.choice(WAYS)(self)

    # -- ways -----------------------------------------------------------------------------------------------------

    def _model(self, *others: str) -> str:
        found: str = self.chance.choice(others or tuple(self.stage.models))
        return found

    def _say(self, *parts: Any) -> None:
        self.said.append(" ".join(part if isinstance(part, str) else text(part) for part in parts))

    async def _any(self, name: str) -> Any:
        """Return one of the rows, one of the first mostly."""
        found = await self.names[name]._base_manager.order_by("pk")[:6]
        if not found:
            raise ObjectDoesNotExist(name)
        return self.chance.choice(found)

    def _randomise(self, each: Any, most: int = 2) -> list[str]:
        columns = [
            f
            for f in each._meta.concrete_fields
            if not f.primary_key and f.attname != "id" and "_ptr" not in f.name
        ]
        if type(each).__name__ == "Shelf":
            columns = [f for f in columns if f.name not in ("room", "number")]
        chosen = self.chance.sample(columns, min(len(columns), self.chance.randint(1, most)))
        for column in chosen:
            setattr(each, column.attname, random_value(self.chance, column, self.chance.randint(1, 4)))
        return [column.name for column in chosen]

    async def _create(self) -> None:
        name = self._model()
        number = self.chance.randint(1, 12)
        values = random_values(self.chance, self.names[name], number)
        if name == "Novel":
            values["id"] = self.chance.randint(1, 30)
        elif name != "Shelf" and self.chance.random() < 0.5:
            values["id"] = number
        self._say("create", name, values)
        await self.names[name].objects.create(**values)

    async def _save(self) -> None:
        name = self._model()
        each = await self._any(name)
        changed = self._randomise(each)
        self._say(
            "save",
            name,
            [each.pk],
            changed,
            [getattr(each, column) for column in changed if not hasattr(each, f"{column}_id")],
        )
        if self.chance.random() < 0.3 and changed:
            await each.save(update_fields=changed)
        else:
            await each.save()

    async def _copy(self) -> None:
        name = self._model("Book", "Author", "Review", "Tag", "Shelf")
        each = await self._any(name)
        self._randomise(each, 1)
        if name == "Shelf":
            each.number = self.chance.randint(0, 5)
        else:
            each.pk = self.chance.randint(1, 9)
        self._say("save under another key", name, [each.pk])
        await each.save()

    async def _update(self) -> None:
        name = self._model("Book", "Author", "Review", "Novel", "Membership", "Publisher", "Shelf", "Cover")
        columns = [
            f
            for f in self.names[name]._meta.concrete_fields
            if not f.primary_key
            and not f.unique
            and "_ptr" not in f.name
            and f.name not in ("room", "number")
        ]
        chosen = self.chance.sample(columns, min(len(columns), self.chance.randint(1, 2)))
        given = tuple((f.attname, random_value(self.chance, f)) for f in chosen)
        if name == "Book" and self.chance.random() < 0.3:
            given = (("editor", Call("F", ("author",))),)
        if name == "Author" and self.chance.random() < 0.3:
            given = (("mentor", Call("F", ("pk",))),)
        await self._program(self.queries.filtered(name).then(Call("update", named=given)))

    async def _update_key(self) -> None:
        name = self._model("Review", "Tag", "Membership", "Club", "Shelf", "Cover", "Publisher")
        each = await self._any(name)
        given = (
            ("number", self.chance.randint(0, 5)) if name == "Shelf" else ("id", self.chance.randint(1, 15))
        )
        await self._program(
            Query(name, (Call("filter", named=(("pk", each.pk),)), Call("update", named=(given,))))
        )

    async def _program(self, program: Query) -> None:
        self._say(program)
        await read(program, repr)

    async def _delete(self) -> None:
        each = await self._any(self._model())
        self._say("delete", type(each).__name__, [each.pk])
        await each.delete()

    async def _delete_rows(self) -> None:
        await self._program(self.queries.filtered(self._model()).then(Call("delete")))

    async def _bulk_create(self) -> None:
        name = self._model("Tag", "Tag", "Review", "Author", "Shelf", "Membership")
        model = self.names[name]
        rows: list[Any] = []
        for number in self.chance.sample(range(1, 9), self.chance.randint(1, 3)):
            row = model(**random_values(self.chance, model, number))
            if name != "Shelf" and self.chance.random() < 0.6:
                row.pk = number
            rows.append(row)
        how = self.chance.choice(("plain", "ignore", "update"))
        self._say("bulk_create", name, [row.pk for row in rows], how)
        if how == "plain":
            await model.objects.bulk_create(rows)
        elif how == "ignore":
            await model.objects.bulk_create(rows, ignore_conflicts=True)
        elif name == "Tag":
            await model.objects.bulk_create(
                rows, update_conflicts=True, update_fields=["weight"], unique_fields=["name"]
            )
        else:
            keys = ["room", "number"] if name == "Shelf" else ["id"]
            columns = [f.name for f in model._meta.concrete_fields if f.name not in keys][:2]
            keyed = [row for row in rows if row.pk is not None]
            await model.objects.bulk_create(
                keyed, update_conflicts=True, update_fields=columns, unique_fields=keys
            )

    async def _bulk_update(self) -> None:
        name = self._model("Book", "Author", "Review", "Publisher", "Membership")
        found = await self.names[name]._base_manager.order_by("pk")[:3]
        columns = sorted({column for each in found[:1] for column in self._randomise(each)})
        for each in found[1:]:
            self._randomise(each, 3)
        self._say("bulk_update", name, columns)
        if found and columns:
            await self.names[name].objects.bulk_update(found, columns)

    async def _many(self) -> None:
        owner, relation, other = self.chance.choice(
            (
                ("Book", "tags", "Tag"),
                ("Tag", "books", "Book"),
                ("Author", "friends", "Author"),
                ("Club", "members", "Author"),
                ("Author", "clubs", "Club"),
                ("Author", "books", "Book"),
                ("Publisher", "book_set", "Book"),
                ("Author", "edited", "Book"),
            )
        )
        one, others = await self._any(owner), [await self._any(other) for _ in range(2)]
        manager = getattr(one, relation)
        ways = (
            ["add", "add", "set", "remove", "clear"] if (owner, relation) != ("Author", "books") else ["add"]
        )
        way = self.chance.choice(ways)
        self._say(f"{owner} {one.pk}.{relation}.{way}", [each.pk for each in others])
        if way == "clear":
            await manager.clear()
        elif way == "set":
            await manager.set(others)
        else:
            await getattr(manager, way)(*others)

    async def _get_or_create(self) -> None:
        name = self.chance.choice(("a1", "Ada2", "new"))
        way = self.chance.choice(("get_or_create", "update_or_create"))
        await self._program(
            Query(
                "Tag",
                (
                    Call(
                        way, named=(("name", name), ("defaults", {"weight": self.chance.choice((0.5, 1.0))}))
                    ),
                ),
            )
        )

    async def _raw(self) -> None:
        key = self.chance.randint(1, 5)
        table, sql = self.chance.choice(
            (
                (
                    "differential_book",
                    f"UPDATE differential_book SET author_id = {key}, title = 'raw' WHERE id < {key}",
                ),
                ("differential_review", f"DELETE FROM differential_review WHERE book_id = {key}"),
                ("differential_tag", f"UPDATE differential_tag SET weight = weight + 1 WHERE id = {key}"),
                ("differential_membership", "DELETE FROM differential_membership"),
            )
        )
        declared = self.chance.random() < 0.5
        self._say("raw", sql, "declared" if declared else "")
        await self.stage.database.execute(
            Statement(sql=sql, writes=frozenset((table,)) if declared else None)
        )

    async def _child(self) -> None:
        each = await self._any("Novel")
        way = self.chance.choice(("parent", "child", "both", "delete", "keep"))
        self._say("novel", way, [each.pk])
        if way in ("parent", "both"):
            each.title, each.author_id = self.chance.choice(("a", "Ada")), self.chance.randint(1, 4)
        if way in ("child", "both"):
            each.genre = self.chance.choice(("a", "Ada"))
        if way == "delete":
            await each.delete()
        elif way == "keep":
            await each.delete(keep_parents=True)
        else:
            await each.save()


WAYS: Final = (
    Writes._create,
    Writes._create,
    Writes._save,
    Writes._save,
    Writes._copy,
    Writes._update,
    Writes._update,
    Writes._update_key,
    Writes._delete,
    Writes._delete_rows,
    Writes._bulk_create,
    Writes._bulk_update,
    Writes._many,
    Writes._many,
    Writes._get_or_create,
    Writes._raw,
    Writes._child,
)
__all__ = ["FRAMES", "REFUSALS", "Writes"]
