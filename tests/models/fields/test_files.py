"""FileField: a name in the row, a file in the storage, and both agree however things end."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
import pytest

from vivace import App, models
from vivace.db import atomic, query_log
from vivace.errors import NoCurrentApp, NoFile, NotLoaded, StoredFileMissing, SuspiciousFileName
from vivace.migrations.create import create_tables
from vivace.migrations.serializer import text_of
from vivace.models.jsonable import json_of
from vivace.models.query.rendering import rendering
from vivace.storage import ContentFile, FileSystemStorage, MemoryStorage, Storages, current_storages


def by_owner(instance: Any, filename: str) -> str:
    return f"of/{instance.title}/{filename}"


async def later(instance: Any, filename: str) -> str:
    return f"later/{filename}"


PRIVATE = MemoryStorage("/private/")


class Document(models.Model):
    title = models.CharField(max_length=40, unique=True)
    file = models.FileField(upload_to="docs", blank=True)
    dated = models.FileField(upload_to="%Y/%m", blank=True)
    owned = models.FileField(upload_to=by_owner, storage=PRIVATE, blank=True)
    late = models.FileField(upload_to=later, storage="other", max_length=30, blank=True, null=True)

    class Meta:
        app_label = "filefields"


@asynccontextmanager
async def archive(url: str) -> AsyncGenerator[MemoryStorage]:
    storage = MemoryStorage()
    PRIVATE.files.clear()
    app = App(
        models=[Document],
        databases={"default": url},
        storages={"default": storage, "other": MemoryStorage("/o/")},
    )
    async with app:
        database = app.databases.default
        if database.dialect == "postgresql":
            await database.run_script("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await create_tables(database, [Document])
        yield storage


async def test_sf5_an_assigned_file_is_stored_by_save(database_url: str) -> None:
    async with archive(database_url) as storage:
        document = Document(title="a", file=ContentFile("text", "my notes.txt"))
        assert (document.file.name, document.file.committed, document.file.size) == ("my notes.txt", False, 4)
        assert await document.file.read() == b"text"
        async with await document.file.open() as waiting:
            assert (waiting.size, await waiting.read(2), waiting.name) == (4, b"te", "my notes.txt")
        await document.save()
        assert document.file.name == "docs/my_notes.txt"
        assert document.file.committed
        assert storage.files == {"docs/my_notes.txt": b"text"}
        found = await Document.objects.get()
        assert found.file == "docs/my_notes.txt"
        assert found.file.url == "/media/docs/my_notes.txt"
        assert await found.file.read() == b"text"
        async with await found.file.open() as opened:
            assert await opened.read(2) == b"te"
        with query_log() as log:
            await found.save()
        assert len(log) == 1
        assert storage.files == {"docs/my_notes.txt": b"text"}


async def test_sf5_upload_to_is_a_folder_a_date_or_a_function(database_url: str) -> None:
    async with archive(database_url) as storage:
        document = Document(title="me")
        await document.dated.save("a.txt", b"1", save=False)
        await document.owned.save("b c.txt", b"2", save=False)
        await document.late.save("l" * 60 + ".txt", b"3", save=False)
        await document.save()
        found = await Document.objects.get()
        assert found.dated.name == f"{datetime.now():%Y/%m}/a.txt"
        assert found.owned.url == "/private/of/me/b_c.txt"
        assert len(str(found.late)) == 30
        assert found.late.url.startswith("/o/later/lll")
        assert list(storage.files) == [found.dated.name]


async def test_sc9_upload_to_cannot_lead_out_of_the_storage(database_url: str) -> None:
    async with archive(database_url):
        document = Document(title="../../etc")
        with pytest.raises(SuspiciousFileName):
            await document.owned.save("passwd", b"x")
        for name in ("../a.txt", "sub/../../a.txt", "/etc/passwd", "C:\\a.txt"):
            with pytest.raises(SuspiciousFileName):
                await document.file.save(name, b"x")
        assert not await Document.objects.exists()


async def test_sf5_a_rolled_back_save_leaves_no_row_that_names_no_file(database_url: str) -> None:
    async with archive(database_url) as storage:
        await Document(title="taken").save()
        with pytest.raises(Exception, match=r"(?i)unique|taken"):
            await Document(title="taken", file=ContentFile("x", "a.txt")).save()
        with pytest.raises(RuntimeError):
            async with atomic():
                await Document(title="b", file=ContentFile("x", "b.txt")).save()
                raise RuntimeError
        for document in await Document.objects.all():
            assert not document.file or str(document.file) in storage.files


async def test_sf5_a_file_is_deleted_after_the_commit_only(database_url: str) -> None:
    async with archive(database_url) as storage:
        document = Document(title="a", file=ContentFile("x", "a.txt"))
        await document.save()
        with pytest.raises(RuntimeError):
            async with atomic():
                await document.file.delete()
                raise RuntimeError
        await document.refresh_from_db()
        assert await document.file.read() == b"x"
        async with atomic():
            await document.file.delete()
            assert storage.files
        assert not storage.files
        assert not document.file
        assert not (await Document.objects.get()).file


async def test_sf5_deleting_without_a_transaction_is_at_once(database_url: str) -> None:
    async with archive(database_url) as storage:
        document = Document(title="a", file=ContentFile("x", "a.txt"))
        await document.save()
        await document.file.delete()
        assert not storage.files
        await document.file.delete()


async def test_sf5_replacing_keeps_the_old_file(database_url: str) -> None:
    async with archive(database_url) as storage:
        document = Document(title="a", file=ContentFile("1", "a.txt"))
        await document.save()
        document.file = ContentFile("2", "a.txt")
        await document.save(update_fields=["title"])
        assert len(storage.files) == 1
        await document.save(update_fields=["file"])
        assert sorted(storage.files.values()) == [b"1", b"2"]
        assert await (await Document.objects.get()).file.read() == b"2"


async def test_sf5_bulk_writes_store_files(database_url: str) -> None:
    async with archive(database_url) as storage:
        await Document.objects.bulk_create(
            [Document(title=f"{n}", file=ContentFile(f"{n}", "same.txt")) for n in range(3)]
        )
        found = await Document.objects.order_by("title")
        assert [await each.file.read() for each in found] == [b"0", b"1", b"2"]
        assert len(storage.files) == 3
        for each in found:
            each.file = ContentFile("new", "new.txt")
        await Document.objects.bulk_update(found, ["file"])
        assert [await each.file.read() for each in await Document.objects.all()] == [b"new"] * 3
        await Document.objects.copy_create([Document(title="c", file=ContentFile("c", "c.txt"))])
        assert await (await Document.objects.get(title="c")).file.read() == b"c"


async def test_sf5_files_are_found_and_updated_by_name(database_url: str) -> None:
    async with archive(database_url):
        document = Document(title="a", file=ContentFile("x", "a.txt"))
        await document.save()
        assert await Document.objects.filter(file=document.file).count() == 1
        assert await Document.objects.filter(file__startswith="docs/").count() == 1
        await Document.objects.update(file="docs/other.txt")
        await document.refresh_from_db()
        assert document.file.name == "docs/other.txt"
        with pytest.raises(StoredFileMissing):
            await document.file.read()
        assert await Document.objects.values_list("file", flat=True) == ["docs/other.txt"]
        deferred = await Document.objects.only("title").get()
        with pytest.raises(NotLoaded, match="was deferred"):
            _ = deferred.file
        await deferred.load("file")
        assert deferred.file.name == "docs/other.txt"


async def test_sf5_a_size_is_asked_for_in_python_and_read_in_templates(database_url: str) -> None:
    async with archive(database_url):
        await Document(title="a", file=ContentFile("four", "a.txt")).save()
        document = await Document.objects.get()
        with pytest.raises(NotLoaded, match="get_size"):
            _ = document.file.size

        def wait(coroutine: Any) -> Any:
            try:
                coroutine.send(None)
            except StopIteration as stop:
                return stop.value

        token = rendering.set(lambda: wait)
        try:
            assert document.file.size == 4
        finally:
            rendering.reset(token)
        assert document.file.size == 4
        assert await (await Document.objects.get()).file.get_size() == 4


async def test_sf5_no_file_is_said(database_url: str) -> None:
    async with archive(database_url):
        document = Document(title="a")
        assert not document.file
        assert (str(document.file), repr(document.file)) == ("", "<FieldFile: None>")
        with pytest.raises(NoFile, match=r"filefields\.Document\.file of this Document has no file"):
            _ = document.file.url
        with pytest.raises(NoFile):
            _ = document.file.path
        with pytest.raises(NoFile):
            await document.file.read()
        document.file = ContentFile("x")
        with pytest.raises(NoFile, match="has no name") as caught:
            await document.file.commit()
        assert isinstance(caught.value, ValueError)
        document.file = 7  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(TypeError, match="int cannot be stored"):
            await document.save()


async def test_sf5_copies_and_pickles_have_files_of_their_own(database_url: str) -> None:
    async with archive(database_url):
        document = Document(title="a", file=ContentFile("x", "a.txt"))
        await document.save()
        twin = copy.copy(document)
        twin.title = "twin"
        assert twin.file.instance is twin
        assert document.file.instance is document
        again = pickle.loads(pickle.dumps(document))
        assert again.file == document.file
        assert await again.file.read() == b"x"
        assert {document.file: 1}[again.file] == 1


async def test_sf5_json_shows_the_name(database_url: str) -> None:
    async with archive(database_url):
        document = Document(title="a", file=ContentFile("x", "a.txt"))
        await document.save()
        shown = msgspec.json.decode(
            msgspec.json.encode(json_of(document), enc_hook=lambda v: v.__vivace_json__())
        )
        assert shown["file"] == "docs/a.txt"


async def test_sf5_cleaning_checks_the_name_of_what_was_assigned() -> None:
    class Strict(models.Model):
        file = models.FileField(validators=[models.validators.FileExtensionValidator(["txt"])])

        class Meta:
            app_label = "filefields"

    bad = Strict(file=ContentFile("x", "a.exe"))
    with pytest.raises(Exception, match="exe"):
        await bad.clean_fields()
    with pytest.raises(Exception, match="cannot be blank"):
        await Strict().clean_fields()
    await Strict(file=ContentFile("x", "a.txt")).clean_fields()


def test_sf5_outside_of_an_app_the_storage_is_asked_for() -> None:
    token = current_storages.set(None)
    try:
        with pytest.raises(NoCurrentApp, match="which storage"):
            _ = Document(title="a", file="x").file.url
        assert Document(title="a", owned="x").owned.url == "/private/x"
    finally:
        current_storages.reset(token)


def test_sf4_aliases_have_a_nearest_match() -> None:
    storages = Storages({"default": MemoryStorage(), "avatars": MemoryStorage()})
    assert list(storages) == ["default", "avatars"]
    with pytest.raises(Exception, match="avatars"):
        storages["avatar"]


def test_mg_a_file_field_is_written_into_migrations() -> None:
    field = models.FileField(upload_to="a/%Y", storage=FileSystemStorage("media"))
    _, path, args, kwargs = field.deconstruct()
    assert (path, args) == ("vivace.models.FileField", [])
    assert kwargs["upload_to"] == "a/%Y"
    assert models.FileField(**kwargs).deconstruct()[1:] == field.deconstruct()[1:]
    text, imports = text_of(field)
    assert 'storage=vivace.storage.FileSystemStorage("media")' in text
    assert "vivace.storage" in str(imports)


def test_sf5_declarations_are_checked() -> None:
    class Wrong(models.Model):
        file = models.FileField(upload_to="/abs", primary_key=True)

        class Meta:
            app_label = "filefields"

    assert [finding.id for finding in Wrong._meta.get_field("file").check()][-2:] == [
        "file-key",
        "file-upload-to",
    ]
