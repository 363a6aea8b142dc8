"""Databases of tests: fresh each time, and quickly there."""

from __future__ import annotations

import pytest

from vivace import App, models
from vivace.errors import IntegrityError
from vivace.testing import Client
from vivace.testing.databases import TABLES


class Person(models.Model):
    name = models.CharField(max_length=20, unique=True)


async def test_te6_later_tests_begin_with_a_copy_of_the_tables() -> None:
    app = App()
    for turn in range(4):
        async with Client(app):
            assert (TABLES.file is not None) == (turn > 0)
            assert await Person.objects.count() == 0
            await Person.objects.bulk_create(Person(name=f"p{number}") for number in range(turn + 1))
            assert await Person.objects.count() == turn + 1
            with pytest.raises(IntegrityError):
                await Person.objects.create(name="p0")

    class Note(models.Model):
        person = models.ForeignKey(Person, on_delete=models.CASCADE)

    other = App(models=[Note])
    for turn in range(3):
        async with Client(other):
            assert (TABLES.file is not None) == (turn > 0)
            await Note.objects.create(person=await Person.objects.create(name="Ada"))
            assert await Note.objects.count() == 1
    async with Client(app):
        assert TABLES.file is None
        assert await Person.objects.count() == 0
