"""ModelForm: what Meta may say, how an object is checked and written, and what the database has against it after all."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.models.backing import opened
from vivace import forms, models
from vivace.db import atomic, query_log
from vivace.errors import FieldError, FormError, FormNotValidated, NotLoaded, UniqueViolation, ValidationError
from vivace.forms.modelfields import formfield_for
from vivace.http.multidict import MultiDict
from vivace.models.query.rendering import rendering


class Genre(models.Model):
    name = models.CharField(max_length=20)
    code = models.SlugField(unique=True)
    open = models.BooleanField(default=True)

    class Meta:
        app_label = "modelforms"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=20, unique=True)
    subtitle = models.CharField(max_length=20, blank=True, default="none")
    year = models.IntegerField(null=True, blank=True)
    end = models.IntegerField(null=True, blank=True)
    shelf = models.CharField(max_length=4, blank=True)
    number = models.IntegerField(null=True, blank=True)
    genre = models.ForeignKey(
        Genre, on_delete=models.CASCADE, null=True, blank=True, limit_choices_to={"open": True}
    )
    by_code = models.ForeignKey(
        Genre, to_field="code", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    genres = models.ManyToManyField(Genre, related_name="books", blank=True)
    secret = models.CharField(max_length=20, editable=False, default="s")

    class Meta:
        app_label = "modelforms"
        unique_together = [("shelf", "number")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__isnull=True) | models.Q(end__gte=models.F("year")),
                name="ends_after",
                violation_error_message="It ends before it begins.",
            )
        ]

    async def clean(self) -> None:
        if self.title == "bad":
            raise ValidationError({"title": ValidationError("No bad titles.", code="bad")})
        if self.title == "evil":
            raise ValidationError("No evil.", code="evil")


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = "__all__"


class ShortForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["title", "genres", "genre"]


@asynccontextmanager
async def library(url: str) -> AsyncGenerator[list[Any]]:
    """Run the body with two genres; ``poems`` is closed."""
    async with opened(url, [Genre, Book]):
        yield [
            await Genre.objects.create(name=name, code=name, open=name != "poems")
            for name in ("novels", "poems", "plays")
        ]


def data(**given: str | list[str]) -> MultiDict:
    """Return what a browser would send."""
    listed = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    return MultiDict([(name, each) for name, values in listed.items() for each in values])


def declared(**meta: Any) -> Any:
    """Declare a form with this Meta."""
    made: Any = type(forms.ModelForm)
    return made("Declared", (forms.ModelForm,), {"Meta": type("Meta", (), meta)})


def labels_of(form: forms.BaseForm, name: str) -> list[str]:
    """Return the labels of the choices of a field."""
    field: Any = form.fields[name]
    return [str(label) for _, label in field.choices]


# -- declaration -----------------------------------------------------------------------------------------------------


def test_fm5_meta_must_say_which_fields() -> None:
    with pytest.raises(FormError, match="neither fields nor exclude"):
        declared(model=Book)

    with pytest.raises(FormError, match="is a text") as caught:
        declared(model=Book, fields="title")

    assert caught.value.fix == "fields = ['title']"


def test_fm5_meta_names_are_checked() -> None:
    with pytest.raises(FieldError, match="'titel'") as caught:
        declared(model=Book, fields=["titel"])

    assert "title" in caught.value.fix
    with pytest.raises(FieldError, match="non-editable"):
        declared(model=Book, fields=["secret"])

    with pytest.raises(FormError, match="'field'") as option:
        declared(model=Book, field=["title"])

    assert "fields" in option.value.fix
    with pytest.raises(FormError, match="has no model"):
        forms.ModelForm()


def test_fm5_exclude_and_declared_fields() -> None:
    class Most(forms.ModelForm):
        note = forms.CharField(required=False)

        class Meta:
            model = Book
            exclude = ["genres", "genre", "by_code", "secret"]

    assert list(Most().fields) == ["title", "subtitle", "year", "end", "shelf", "number", "note"]


def test_fm5_factories() -> None:
    made = forms.modelform_factory(
        Book, fields=["title"], labels={"title": "Name"}, widgets={"title": forms.Textarea}
    )
    assert made.__name__ == "BookForm"
    assert made().fields["title"].label == "Name"
    assert isinstance(made().fields["title"].widget, forms.Textarea)
    assert list(forms.modelform_factory(Book, form=ShortForm, exclude=["genre"])().fields) == [
        "title",
        "genres",
    ]
    with pytest.raises(FormError, match="neither fields nor exclude"):
        forms.modelform_factory(Book)
    fields = forms.fields_for_model(Book, ["year", "title"])
    assert list(fields) == ["year", "title"]


def test_fm5_a_callback_makes_the_fields() -> None:
    def callback(field: Any, **options: Any) -> Any:
        return forms.CharField(label="mine") if field.name == "year" else field.formfield(**options)

    made = forms.modelform_factory(Book, fields=["title", "year"], formfield_callback=callback)
    assert made().fields["year"].label == "mine"
    assert made().fields["title"].label == "Title"


def test_fm5_a_custom_model_field_says_how_it_is_asked_for() -> None:
    class Loud(models.CharField[str]):
        def formfield(self, form_class: Any = None, choices_form_class: Any = None, **options: Any) -> Any:
            return super().formfield(
                form_class or forms.SlugField, choices_form_class, **{"label": "LOUD", **options}
            )

    class Silent(models.CharField[str]):
        def formfield(self, form_class: Any = None, choices_form_class: Any = None, **options: Any) -> Any:
            return None

    class Odd(models.CharField[str]):
        def formfield(self, form_class: Any = None, choices_form_class: Any = None, **options: Any) -> Any:
            return 7

    class Custom(models.Model):
        loud = Loud(max_length=5)
        silent = Silent(max_length=5)

        class Meta:
            app_label = "modelforms"

    fields = forms.fields_for_model(Custom)
    assert list(fields) == ["loud"]
    assert isinstance(fields["loud"], forms.SlugField)
    assert fields["loud"].label == "LOUD"
    with pytest.raises(FormError, match="something else"):
        formfield_for(Odd())


def test_fm5_a_field_without_form_field_is_said() -> None:
    class Strange(models.Field[Any]):
        def db_type(self, connection: Any) -> str:
            return "strange"

    with pytest.raises(FormError, match="No form field is known") as caught:
        forms.fields_for_model(_with_field(Strange()))
    assert "field_classes" in caught.value.fix
    made = forms.fields_for_model(_with_field(Strange()), field_classes={"strange": forms.IntegerField})
    assert isinstance(made["strange"], forms.IntegerField)


def _with_field(field: Any) -> Any:
    meta = type("Meta", (), {"app_label": "modelforms"})
    return type("Holder", (models.Model,), {"strange": field, "Meta": meta, "__module__": __name__})


# -- cleaning and saving ---------------------------------------------------------------------------------------------


async def test_fm5_an_object_is_made_and_changed(database_url: str) -> None:
    async with library(database_url) as (novels, _, plays):
        form = BookForm(
            data(title=" Emma ", year="1815", genre=str(novels.pk), genres=[str(novels.pk), str(plays.pk)])
        )
        assert await form.is_valid(), form.errors
        book = await form.save()
        assert (book.title, book.year, book.genre, book.subtitle) == ("Emma", 1815, novels, "none")
        assert [each.name async for each in book.genres.all()] == ["novels", "plays"]
        edit = BookForm(
            data(title="Emma", subtitle="none", year="", genres=[str(plays.pk)], by_code="plays"),
            instance=book,
        )
        assert await edit.is_valid(), edit.errors
        assert edit.changed_data == ["year", "genre", "by_code", "genres"]
        assert await edit.save() is book
        found = await Book.objects.select_related("by_code").get()
        assert (found.year, found.genre_id, str(found.by_code)) == (None, None, "plays")
        assert [each.name async for each in found.genres.all()] == ["plays"]


async def test_fm5_commit_false_leaves_the_rest_to_the_caller(database_url: str) -> None:
    async with library(database_url) as (novels, *_):
        form = ShortForm(data(title="Emma", genres=[str(novels.pk)]))
        assert await form.is_valid()
        with pytest.raises(FormError, match="without save"):
            await form.save_m2m()
        book = await form.save(commit=False)
        assert book.pk is None
        book.year = 1815
        await book.save()
        await form.save_m2m()
        assert await Book.objects.filter(genres=novels, year=1815).count() == 1


async def test_fm5_a_form_that_is_not_valid_saves_nothing(database_url: str) -> None:
    async with library(database_url):
        form = ShortForm(data(title=""))
        with pytest.raises(FormNotValidated):
            await form.save()
        assert not await form.is_valid()
        with pytest.raises(FormError, match="could not be created because") as caught:
            await form.save()
        assert caught.value.got == "title"
        assert not await Book.objects.exists()
        with pytest.raises(FormNotValidated):
            await ShortForm().save()


async def test_fm5_unique_values_stand_at_their_field(database_url: str) -> None:
    async with library(database_url):
        await Book.objects.create(title="Emma", shelf="A", number=1)
        form = BookForm(data(title="Emma", shelf="A", number="1"))
        assert not await form.is_valid()
        assert form.errors == {
            "title": ["Book with this Title already exists."],
            "__all__": ["Book with this Shelf and Number already exists."],
        }
        assert form.has_error("title", "unique")
        assert form.has_error(None, "unique_together")


async def test_fm5_own_words_for_what_the_model_says(database_url: str) -> None:
    class Worded(forms.ModelForm):
        class Meta:
            model = Book
            fields = ["title", "shelf", "number"]
            error_messages = {
                "title": {"unique": "Taken.", "bad": "Really bad."},
                "__all__": {"unique_together": "That place is taken."},
            }

    async with library(database_url):
        await Book.objects.create(title="Emma", shelf="A", number=1)
        form = Worded(data(title="Emma", shelf="A", number="1"))
        assert not await form.is_valid()
        assert form.errors == {"title": ["Taken."], "__all__": ["That place is taken."]}
        bad = Worded(data(title="bad"))
        assert not await bad.is_valid()
        assert bad.errors == {"title": ["Really bad."]}
        evil = Worded(data(title="evil"))
        assert not await evil.is_valid()
        assert evil.non_field_errors() == ["No evil."]


async def test_fm5_constraints_are_checked_before_the_write(database_url: str) -> None:
    async with library(database_url):
        form = BookForm(data(title="x", year="2000", end="1999"))
        assert not await form.is_valid()
        assert form.non_field_errors() == ["It ends before it begins."]


async def test_fm5_what_the_form_does_not_show_is_not_checked(database_url: str) -> None:
    async with library(database_url):
        form = ShortForm(data(title="x"), instance=Book(year=5, end=1))
        assert await form.is_valid(), form.errors


async def test_fm5_a_clean_that_forgets_the_parent_checks_no_unique_values(database_url: str) -> None:
    class Own(ShortForm):
        def clean(self) -> Any:
            return None

    class Asked(ShortForm):
        async def clean(self) -> Any:
            cleaned = super().clean()
            if await Book.objects.filter(title=cleaned.get("title")).exists():
                self.add_error("title", "Asked.")
            return cleaned

    async with library(database_url):
        await Book.objects.create(title="Emma")
        assert await Own(data(title="Emma")).is_valid()
        form = Asked(data(title="Emma"))
        assert not await form.is_valid()
        assert form.errors == {"title": ["Asked."]}


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
async def test_fm5_a_value_taken_after_the_check_is_an_error_of_the_form(
    database_url: str, inside: bool
) -> None:
    async with library(database_url) as (novels, *_):
        form = ShortForm(data(title="Emma", genres=[str(novels.pk)]))
        assert await form.is_valid()
        await Book.objects.create(title="Emma")
        with pytest.raises(ValidationError):
            if inside:
                async with atomic():
                    try:
                        await form.save()
                    except ValidationError:
                        await Book.objects.create(title="after")  # the transaction goes on
                        raise
            else:
                await form.save()
        assert form.errors == {"title": ["Book with this Title already exists."]}
        assert form.has_error("title", "unique")
        assert not await form.is_valid()
        assert await Book.objects.filter(genres=novels).count() == 0
        alone = forms.modelform_factory(Book, fields=["title", "shelf", "number"])(
            data(title="b", shelf="A", number="1")
        )
        assert await alone.is_valid()
        await Book.objects.create(title="c", shelf="A", number=1)
        with pytest.raises(ValidationError):
            await alone.save()
        assert alone.non_field_errors() == ["Book with this Shelf and Number already exists."]


@pytest.mark.parametrize("many", [False, True], ids=["alone", "with relations to many"])
async def test_fm5_a_choice_deleted_after_the_check_is_an_error_of_the_form(
    database_url: str, many: bool
) -> None:
    made = forms.modelform_factory(Book, fields=["title", "genre", "genres"][: 3 if many else 2])
    async with library(database_url) as (novels, *_):
        form = made(data(title="Emma", genre=str(novels.pk)))
        assert await form.is_valid()
        await Genre.objects.filter(pk=novels.pk).delete()
        with pytest.raises(ValidationError):
            await form.save()
        assert form.has_error("genre", "invalid")
        assert f"genre instance with id {novels.pk} does not exist" in form.errors["genre"][0]
        assert await Book.objects.count() == 0


async def test_fm5_a_clash_of_what_the_form_does_not_show_stays_an_error(database_url: str) -> None:
    made = forms.modelform_factory(Book, fields=["year"])
    async with library(database_url):
        await Book.objects.create(title="Emma")
        form = made(data(year="1"), instance=Book(title="Emma"))
        assert await form.is_valid()
        with pytest.raises(UniqueViolation):
            await form.save()


async def test_fm5_a_field_that_was_not_sent_keeps_the_default(database_url: str) -> None:
    async with library(database_url):
        form = BookForm(data(title="x"))
        assert await form.is_valid()
        assert form.instance.subtitle == "none"
        sent = BookForm(data(title="x", subtitle=""))
        assert await sent.is_valid()
        assert sent.instance.subtitle == ""


# -- choices that are rows -------------------------------------------------------------------------------------------


async def test_fm5_rows_are_chosen_by_one_query_for_all_keys(database_url: str) -> None:
    async with library(database_url) as (novels, poems, plays):
        field = forms.ModelMultipleChoiceField(Genre.objects.all())
        with query_log() as log:
            found = await field.clean([str(each.pk) for each in (plays, novels, poems)])
        assert len(log) == 1
        assert [each.name for each in found] == ["novels", "plays", "poems"]
        form = ShortForm(data(title="x", genres=[str(novels.pk), str(plays.pk)], genre=str(novels.pk)))
        with query_log() as log:
            assert await form.is_valid()
        assert len(log) <= 4  # the genre, the genres, whether the title is free, that the foreign key exists


@pytest.mark.parametrize("value", ["999", "x", "1\x00", "9" * 40, "-1", "1.5", "١x", "None"])
async def test_fm5_keys_of_no_row_are_refused(database_url: str, value: str) -> None:
    async with library(database_url):
        for field in (
            forms.ModelChoiceField(Genre.objects.all()),
            forms.ModelMultipleChoiceField(Genre.objects),
        ):
            many = isinstance(field, forms.ModelMultipleChoiceField)
            with pytest.raises(ValidationError) as caught:
                await field.clean([value] if many else value)
            assert caught.value.flat()[0].given_code in ("invalid_choice", "invalid_pk_value")


async def test_fm5_rows_that_may_not_be_chosen_are_refused(database_url: str) -> None:
    async with library(database_url) as (_, poems, plays):
        form = ShortForm(data(title="x", genre=str(poems.pk)))
        assert not await form.is_valid()
        assert form.has_error("genre", "invalid_choice")
        await form.load()
        assert labels_of(form, "genre") == ["---------", "novels", "plays"]
        asked: list[int] = []

        def limit() -> models.Q:
            asked.append(1)
            return models.Q(books__isnull=True) | models.Q(code="plays")

        class Limited(forms.ModelForm):
            genre = forms.ModelChoiceField(Genre.objects.all(), limit_choices_to=limit, to_field_name="code")

            class Meta:
                model = Book
                fields = ["title", "genre"]

        assert asked == []
        chosen = Limited(data(title="x", genre="plays"))
        assert await chosen.is_valid(), chosen.errors
        assert chosen.cleaned_data["genre"] == plays
        assert asked == [1]


async def test_fm5_required_and_empty_choices(database_url: str) -> None:
    async with library(database_url):
        assert await settled(forms.ModelChoiceField(Genre.objects.all(), required=False).clean("")) is None
        with pytest.raises(ValidationError, match="required"):
            await settled(forms.ModelChoiceField(Genre.objects.all()).clean(""))
        with pytest.raises(ValidationError, match="required"):
            await settled(forms.ModelMultipleChoiceField(Genre.objects.all()).clean([]))
        nothing = await forms.ModelMultipleChoiceField(Genre.objects.all(), required=False).clean([])
        assert list(nothing) == []
        with pytest.raises(ValidationError, match="list"):
            await settled(forms.ModelMultipleChoiceField(Genre.objects.all()).clean("1"))
        with pytest.raises(FormError, match="no queryset"):
            forms.ModelChoiceField([1, 2])


async def settled(value: Any) -> Any:
    return await value if hasattr(value, "__await__") else value


async def test_fm5_a_form_shows_rows_after_loading_or_in_a_render(database_url: str) -> None:
    async with library(database_url) as (novels, _, plays):
        book = await Book.objects.create(title="Emma", genre=novels)
        await book.genres.add(plays)
        book = await Book.objects.get()
        form = ShortForm(instance=book)
        with pytest.raises(NotLoaded):
            str(form)
        with query_log() as log:
            await form.load()
            html = str(form)
        assert len(log) == 3  # the genres of the book, those to choose, and those that are open
        assert f'<option value="{novels.pk}" selected>novels</option>' in html
        assert f'<option value="{plays.pk}" selected>plays</option>' in html
        assert html.count("poems") == 1
        assert '<option value="">---------</option>' in html


async def test_fm5_a_label_of_its_own(database_url: str) -> None:
    class Coded(forms.ModelChoiceField):
        def label_from_instance(self, obj: Any) -> Any:
            return f"<{obj.code}>"

    async with library(database_url):
        field = Coded(Genre.objects.filter(open=True), empty_label=None)
        await field.load()
        assert [label for _, label in field.choices] == ["<novels>", "<plays>"]
        assert [key.instance.code for key, _ in field.choices] == ["novels", "plays"]


async def test_fm5_each_form_reads_rows_anew(database_url: str) -> None:
    async with library(database_url):
        first = ShortForm()
        await first.load()
        await Genre.objects.create(name="new", code="new")
        second = ShortForm()
        await second.load()
        assert len(labels_of(second, "genre")) == len(labels_of(first, "genre")) + 1


def test_fm5_rendering_hook_is_not_left_behind() -> None:
    assert rendering.get() is None
