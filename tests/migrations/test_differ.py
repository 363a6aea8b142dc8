"""What the differ finds, and how it is written: a project from its first to its last day."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.migrations import large_models
from tests.migrations.test_large_models import models as large
from vivace import migrations, models
from vivace.errors import QuestionUnanswered
from vivace.migrations.classes import project_state
from vivace.migrations.differ import arrange, changes
from vivace.migrations.loader import Loader
from vivace.migrations.migration import Migration
from vivace.migrations.operations.base import Operation
from vivace.migrations.questioner import Answers, check_fields, check_renames, fitting
from vivace.migrations.schema.describe import describe_all
from vivace.migrations.state import ModelState, ProjectState
from vivace.migrations.writer import source_of, write

KEY = ("id", models.BigAutoField(primary_key=True))


def model(name: str, *fields: tuple[str, Any], app: str = "shop", **parts: Any) -> ModelState:
    return ModelState(app, name, [KEY, *fields], **parts)


def found(old: list[ModelState], new: list[ModelState], **answers: Any) -> list[Operation]:
    """Return the operations; a second run from where they lead must find nothing."""
    before, wanted = ProjectState(old), ProjectState(new)
    planned = changes(before, wanted, Answers(**answers))
    state = before.clone()
    for each in planned:
        each.operation.state_forwards(each.app_label, state)
    assert changes(state, wanted, Answers()) == []
    return [each.operation for each in planned]


def texts(operations: list[Operation]) -> list[str]:
    return [operation.describe() for operation in operations]


TITLE = ("title", models.CharField(max_length=9))


def test_mg1_nothing_for_equal_states() -> None:
    assert found([model("Book", TITLE)], [model("Book", TITLE)]) == []


def test_mg1_large_models_written_loaded_and_equal(tmp_path: Path) -> None:
    """Every value of the large set survives the way through the files; a second run finds nothing."""
    label = large_models.Every._meta.app_label
    wanted = project_state(large())
    for migration in arrange(changes(ProjectState(), wanted, Answers()), None, ProjectState()):
        write(migration, tmp_path)
    state = Loader({label: tmp_path}).project_state()
    assert changes(state, wanted, Answers()) == []
    assert describe_all(state, "postgresql") == describe_all(wanted, "postgresql")
    assert describe_all(state, "sqlite") == describe_all(wanted, "sqlite")


def test_the_same_models_give_the_same_text() -> None:
    first, second = (
        [
            source_of(each, header=False)
            for each in arrange(
                changes(ProjectState(), project_state(order), Answers()), None, ProjectState()
            )
        ]
        for order in (large(), list(reversed(large())))
    )
    assert first == second


def test_mg1_fields_added_removed_altered() -> None:
    operations = found(
        [model("Book", TITLE, ("old", models.IntegerField()))],
        [model("Book", ("title", models.CharField(max_length=20)), ("note", models.TextField(null=True)))],
    )
    assert texts(operations) == [
        "Remove field old from Book",
        "Add field note to Book",
        "Alter field title on Book",
    ]


def test_mg1_renames_are_asked_for() -> None:
    old, new = [model("Book", TITLE)], [model("Tome", TITLE)]
    with pytest.raises(QuestionUnanswered, match=r"--rename shop\.Book=Tome"):
        found(old, new)
    assert texts(found(old, new, renames={"shop.Book": "Tome"})) == ["Rename model Book to Tome"]
    assert texts(found(old, new, renamed=False)) == ["Create model Tome", "Delete model Book"]


@pytest.mark.parametrize(
    ("renames", "message"),
    [
        ({"shop.Book.old": "frsh"}, r"no frsh that old could have become(.|\n)*'fresh'"),
        ({"shop.Book.odl": "fresh"}, r"know no shop\.Book\.odl(.|\n)*'shop\.Book\.old'"),
        ({"shop.Boook.old": "fresh"}, r"know no shop\.Boook\.old"),
        ({"shop.Book": "Tome"}, "no Tome that Book could have become"),
    ],
)
def test_mg1_a_misspelt_rename_loses_nothing(renames: dict[str, str], message: str) -> None:
    old = ProjectState([model("Book", ("old", models.TextField(null=True)))])
    new = ProjectState([model("Book", ("fresh", models.TextField(null=True)))])
    with pytest.raises(QuestionUnanswered, match=message):
        check_renames(renames, old, new)


def test_mg1_renames_that_fit_or_were_done_are_taken() -> None:
    old = ProjectState([model("Book", ("old", models.TextField())), model("Author", TITLE)])
    new = ProjectState([model("Tome", ("fresh", models.TextField())), model("Author", ("name", TITLE[1]))])
    check_renames({"shop.Book": "Tome", "shop.Tome.old": "fresh", "SHOP.author.Title": "Name"}, old, new)
    check_renames({"shop.Author.first": "title", "shop.Tome.old": "fresh"}, old, new)


def test_mg1_renamed_field_with_what_names_it() -> None:
    check = models.CheckConstraint(condition=models.Q(title__gt="a"), name="check")
    renamed = models.CheckConstraint(condition=models.Q(name__gt="a"), name="check")
    old = [model("Book", TITLE, options={"constraints": [check], "unique_together": {("title",)}})]
    new = [
        model("Book", ("name", TITLE[1]), options={"constraints": [renamed], "unique_together": {("name",)}})
    ]
    assert texts(found(old, new, renames={"shop.Book.title": "name"})) == [
        "Rename field title on Book to name"
    ]


def test_renamed_field_that_keeps_its_column() -> None:
    new = [model("Book", ("name", models.CharField(max_length=9, db_column="title")))]
    operations = found([model("Book", TITLE)], new, renames={"shop.Book.title": "name"})
    assert texts(operations) == ["Alter field title on Book", "Rename field title on Book to name"]


def test_renamed_model_with_those_that_refer_to_it() -> None:
    review = ("book", models.ForeignKey("shop.book", models.CASCADE))
    after = ("book", models.ForeignKey("shop.tome", models.CASCADE))
    operations = found(
        [model("Book", TITLE), model("Review", review)],
        [model("Tome", TITLE), model("Review", after)],
        renames={"shop.book": "Tome"},
    )
    assert texts(operations) == ["Rename model Book to Tome"]


def test_mg1_value_for_rows_that_exist() -> None:
    old, new = [model("Book", TITLE)], [model("Book", TITLE, ("year", models.IntegerField()))]
    with pytest.raises(QuestionUnanswered, match=r"--default shop\.Book\.year=VALUE"):
        found(old, new)
    (operation,) = found(old, new, defaults={"shop.Book.year": 1843})
    assert isinstance(operation, migrations.AddField)
    assert operation.field.default == 1843
    assert not operation.preserve_default


def test_null_forbidden() -> None:
    old = [model("Book", ("year", models.IntegerField(null=True)))]
    new = [model("Book", ("year", models.IntegerField()))]
    with pytest.raises(QuestionUnanswered, match="--no-nulls"):
        found(old, new)
    with pytest.raises(QuestionUnanswered, match=r"'soon' is no value for shop\.Book\.year"):
        found(old, new, defaults={"shop.Book.year": "soon"})
    assert texts(found(old, new, keep_null={"shop.Book.year"})) == ["Alter field year on Book"]


def test_many_to_many_cannot_become_a_column() -> None:
    old = [model("Tag"), model("Book", ("tag", models.ManyToManyField("shop.tag")))]
    new = [model("Tag"), model("Book", ("tag", models.ForeignKey("shop.tag", models.CASCADE, null=True)))]
    assert texts(found(old, new)) == ["Remove field tag from Book", "Add field tag to Book"]


def test_circle_of_new_models() -> None:
    new = [
        model("A", ("b", models.ForeignKey("shop.b", models.CASCADE)), options={"unique_together": {("b",)}}),
        model("B", ("a", models.ForeignKey("shop.a", models.CASCADE))),
    ]
    operations = found([], new)
    assert len([each for each in operations if isinstance(each, migrations.CreateModel)]) == 2
    assert len([each for each in operations if isinstance(each, migrations.AddField)]) == 1
    gone = found(new, [])
    assert isinstance(gone[-1], migrations.DeleteModel)


def test_a_circle_that_goes_loses_what_names_a_field_before_the_field() -> None:
    parts: dict[str, Any] = {
        "unique_together": {("b", "id")},
        "indexes": [models.Index(fields=["b"], name="by_b")],
        "constraints": [models.UniqueConstraint(fields=["b"], name="one_b")],
        "order_with_respect_to": "b",
    }
    old = [
        model("A", ("b", models.ForeignKey("shop.b", models.CASCADE, null=True)), options=parts),
        model("B", ("a", models.ForeignKey("shop.a", models.CASCADE, null=True))),
    ]
    assert texts(found(old, [])) == [
        "Remove index by_b from A",
        "Remove constraint one_b from model A",
        "Alter unique_together for A (0 constraint(s))",
        "Set order_with_respect_to on A to None",
        "Remove field b from A",
        "Delete model B",
        "Delete model A",
    ]


def test_circle_between_apps_becomes_three_migrations() -> None:
    wanted = ProjectState(
        [
            model("A", ("b", models.ForeignKey("two.b", models.CASCADE)), app="one"),
            model("B", ("a", models.ForeignKey("one.a", models.CASCADE)), app="two"),
        ]
    )
    made = arrange(changes(ProjectState(), wanted, Answers()), None, ProjectState())
    assert [(each.app_label, each.name) for each in made] == [
        ("two", "0001_initial"), ("one", "0001_initial"), ("two", "0002_b_a")
    ]  # fmt: skip
    assert made[2].dependencies == [("one", "0001_initial"), ("two", "0001_initial")]


def test_firm_references_come_first() -> None:
    child = ModelState(
        "shop",
        "Child",
        [("base_ptr", models.OneToOneField("shop.base", models.CASCADE, primary_key=True, parent_link=True))],
        bases=("shop.base",),
    )
    base = model("Base", ("favourite", models.ForeignKey("shop.child", models.SET_NULL, null=True)))
    operations = found([], [child, base])
    assert texts(operations) == ["Create model Base", "Create model Child", "Add field favourite to Base"]


def test_field_that_moves_to_a_child() -> None:
    child = ModelState(
        "shop",
        "Child",
        [
            (
                "base_ptr",
                models.OneToOneField("shop.base", models.CASCADE, primary_key=True, parent_link=True),
            ),
            TITLE,
        ],
        bases=("shop.base",),
    )
    operations = found([model("Base", TITLE)], [model("Base"), child])
    assert texts(operations) == ["Remove field title from Base", "Create model Child"]


def test_indexes_and_constraints() -> None:
    def with_index(name: str, *fields: str) -> list[ModelState]:
        index = models.Index(fields=list(fields), name=name)
        return [model("Book", TITLE, ("year", models.IntegerField()), options={"indexes": [index]})]

    assert texts(found(with_index("a", "title"), with_index("b", "title"))) == ["Rename index a on Book to b"]
    assert len(found(with_index("a", "title"), with_index("a", "year"))) == 2

    def with_message(text: str) -> list[ModelState]:
        unique = models.UniqueConstraint(fields=["title"], name="once", violation_error_message=text)
        return [model("Book", TITLE, options={"constraints": [unique]})]

    (operation,) = found(with_message("a"), with_message("b"))
    assert isinstance(operation, migrations.AlterConstraint)


def test_options_order_and_proxies() -> None:
    author = model("Author")
    key = ("author", models.ForeignKey("shop.author", models.CASCADE))
    old = [author, model("Book", key, options={"ordering": ["id"]})]
    new = [
        author,
        model(
            "Book", key, options={"order_with_respect_to": "author", "verbose_name": "tome", "db_table": "t"}
        ),
    ]
    assert texts(found(old, new)) == [
        "Rename table for Book to t", "Change Meta options on Book", "Set order_with_respect_to on Book to author"
    ]  # fmt: skip
    assert len(found(new, old)) == 3
    shown = ModelState("shop", "Shown", options={"proxy": True}, bases=("shop.author",))
    assert texts(found([author], [author, shown])) == ["Create proxy model Shown"]


def test_names_of_migrations() -> None:
    migration = Migration("0002", "shop")
    migration.initial = False
    migration.operations = [
        migrations.AddField("Book", "a", models.TextField()),
        migrations.DeleteModel("Author"),
    ]
    assert migration.suggest_name() == "book_a_delete_author"


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        (models.CharField(max_length=3), 5, "5"),
        (models.CharField(max_length=3), "", ""),
        (models.DateField(), "2026-11-22", datetime.date(2026, 11, 22)),
        (models.DecimalField(max_digits=4, decimal_places=1), "1.5", Decimal("1.5")),
        (models.CharField(max_length=3), "four", None),
        (models.PositiveIntegerField(), -1, None),
        (models.SmallIntegerField(), 40_000, None),
        (models.DateField(), "tomorrow", None),
        (models.UUIDField(), 7.5, None),
        (models.IntegerField(), None, None),
    ],
)
def test_mg1_a_value_for_old_rows_must_be_one_of_the_field(field: Any, given: Any, kept: Any) -> None:
    if kept is None:
        with pytest.raises(QuestionUnanswered, match=r"is no value for shop\.Book\.x"):
            fitting("shop.Book.x", field, given)
    else:
        value = fitting("shop.Book.x", field, given)
        assert value == kept
        assert type(value) is type(kept)


def test_mg1_answers_about_fields_that_are_not_there() -> None:
    after = ProjectState(
        [
            ModelState(
                "shop",
                "Book",
                [("id", models.BigAutoField(primary_key=True)), ("year", models.IntegerField())],
            )
        ]
    )
    check_fields(Answers(defaults={"Shop.book.YEAR": 1}, keep_null={"shop.Book.year"}), after)
    with pytest.raises(QuestionUnanswered, match=r"--default shop\.Book\.yaer[\s\S]*shop\.Book\.year"):
        check_fields(Answers(defaults={"shop.Book.yaer": 1}), after)
    with pytest.raises(QuestionUnanswered, match="--no-nulls"):
        check_fields(Answers(keep_null={"shop.Bok.year"}), after)
