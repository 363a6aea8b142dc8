"""Model forms of children, proxies, models with keys elsewhere; prefixes; forms that derive from forms."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vivace import App, forms, models
from vivace.migrations.create import create_tables
from vivace.storage import ContentFile, MemoryStorage


class Place(models.Model):
    name = models.CharField(max_length=20, unique=True)
    papers = models.FileField(upload_to="places", storage=MemoryStorage(), blank=True)

    class Meta:
        app_label = "modelforms"


class Restaurant(Place):
    stars = models.IntegerField(default=1)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        app_label = "modelforms"


class NearPlace(Place):
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        app_label = "modelforms"
        proxy = True


class Membership(models.Model):
    place = models.OneToOneField(Place, on_delete=models.CASCADE, primary_key=True)
    since = models.DateField()
    version = models.VersionField()
    upper = models.GeneratedField(
        expression=models.F("place_id"), output_field=models.BigIntegerField(), db_persist=True
    )

    class Meta:
        app_label = "modelforms"


@asynccontextmanager
async def town(url: str) -> AsyncGenerator[None]:
    app = App(models=[Place, Restaurant, NearPlace, Membership], databases={"default": url})
    async with app:
        database = app.databases.default
        if database.dialect == "postgresql":
            await database.run_script("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await create_tables(database, [Place, Restaurant, NearPlace, Membership])
        yield


async def test_fm5_a_child_of_another_model_has_its_fields_too(database_url: str) -> None:
    made = forms.modelform_factory(Restaurant, fields="__all__")
    assert list(made().fields) == ["name", "papers", "stars"]
    async with town(database_url):
        files = {"papers": ContentFile(b"menu", "menu.txt")}
        form = made({"name": "Luigi", "stars": "2"}, files)
        assert await form.is_valid(), form.errors
        saved = await form.save()
        assert await saved.papers.read() == b"menu"
        assert (await Place.objects.get()).papers == saved.papers
        again = made({"name": "Luigi", "stars": "3"}, {}, instance=saved)
        assert await again.is_valid(), again.errors
        await again.save()
        assert await Restaurant.objects.values_list("name", "stars") == [("Luigi", 3)]
        other = made({"name": "Luigi"})
        assert not await other.is_valid()
        assert other.errors == {
            "name": ["Place with this Name already exists."],
            "stars": ["This field is required."],
        }


async def test_fm5_proxies_keys_that_point_elsewhere_and_columns_that_nobody_fills_in(
    database_url: str,
) -> None:
    async with town(database_url):
        form = forms.modelform_factory(NearPlace, fields=["name"])({"name": "Here"})
        assert await form.is_valid(), form.errors
        place = await form.save()
        assert type(place) is NearPlace
        made = forms.modelform_factory(Membership, fields="__all__")
        assert list(made().fields) == ["place", "since"]
        member = made({"place": str(place.pk), "since": "2026-01-01"})
        assert await member.is_valid(), member.errors
        saved = await member.save()
        assert (saved.pk, saved.version) == (place.pk, 1)
        twice = made({"place": str(place.pk), "since": "2026-01-01"})
        assert not await twice.is_valid()
        assert twice.has_error("place", "unique")


async def test_fm5_a_prefix_keeps_two_forms_apart(database_url: str) -> None:
    made = forms.modelform_factory(Place, fields=["name"])
    async with town(database_url):
        sent = {"a-name": "one", "b-name": "two"}
        first, second = made(sent, prefix="a"), made(sent, prefix="b")
        assert await first.is_valid()
        assert await second.is_valid()
        assert [(await form.save()).name for form in (first, second)] == ["one", "two"]


def test_fm5_meta_is_inherited_and_changed() -> None:
    class Base(forms.ModelForm):
        class Meta:
            model = Place
            fields = ["name"]
            labels = {"name": "What?"}

    class Derived(Base):
        class Meta(Base.Meta):
            fields = ["name", "papers"]

    class Without(Derived):
        note = forms.CharField()

    class Removed(Without):
        note = None  # type: ignore[assignment]

    assert list(Derived().fields) == ["name", "papers"]
    assert Derived().fields["name"].label == "What?"
    assert list(Without().fields) == ["name", "papers", "note"]
    assert list(Removed().fields) == ["name", "papers"]
