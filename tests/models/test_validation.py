"""full_clean: fields, unique fields and constraints, checked before the database does."""

# pyright: reportUnusedClass=false

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.models.backing import opened
from tests.models.schemas.checked import Captain, Player, Song, Team
from vivace.db import query_log
from vivace.errors import FieldDoesNotExist, ValidationError
from vivace.models import Model
from vivace.models.validation import holds

DAY = dt.date(2020, 5, 17)


@asynccontextmanager
async def league(url: str) -> AsyncGenerator[Team]:
    """Run the body with a team of one player."""
    async with opened(url, [Team, Player, Captain, Song]):
        team = Team(name="reds")
        await team.save()
        await player(team, name="ann", nick="a", number=7, headline="Hurrah").save()
        yield team


def player(team: Team, **values: Any) -> Player:
    given = {"name": "bob", "number": 20, "age": 30, "joined": DAY, "team": team, **values}
    return Player(**{"headline": f"{given['name']} {given['number']}", **given})


async def errors(instance: Model, **options: Any) -> dict[str, list[str | None]]:
    """Return the codes of what full_clean finds, by field."""
    try:
        await instance.full_clean(**options)
    except ValidationError as error:
        return {field: [each.given_code for each in found] for field, found in error.error_dict.items()}
    return {}


async def test_md2_good_values_pass_and_are_converted(database_url: str) -> None:
    async with league(database_url) as team:
        good = player(team, number="21")
        assert await errors(good) == {}
        assert good.number == 21
        await good.save()
        assert await errors(good) == {}


async def test_md2_all_problems_at_once(database_url: str) -> None:
    async with league(database_url) as team:
        bad = player(team, name="", number="x", joined=None)
        assert await errors(bad) == {"name": ["blank"], "number": ["invalid"], "joined": ["null"]}
        assert await errors(bad, exclude=["name", "number"]) == {"joined": ["null"]}


async def test_md2_clean_may_be_plain_or_async(database_url: str) -> None:
    async with league(database_url) as team:
        assert await errors(player(team, name="nobody")) == {"__all__": ["nobody"]}
        captain = Captain(name="cid", number=30, age=40, joined=DAY, team=team, armband="none")
        assert await errors(captain) == {"armband": [None]}


async def test_md3_foreign_key_must_lead_somewhere(database_url: str) -> None:
    async with league(database_url) as team:
        lost = player(team)
        lost.team_id = 99
        assert await errors(lost) == {"team": ["invalid"]}
        idle = Team(name="idle", active=False)
        await idle.save()
        assert await errors(player(idle)) == {"team": ["invalid"]}


async def test_md2_unique_fields(database_url: str) -> None:
    async with league(database_url) as team:
        twin = Team(name="reds")
        with pytest.raises(ValidationError) as caught:
            await twin.full_clean()
        assert caught.value.message_dict == {"name": ["Team with this Name already exists."]}
        assert await errors(twin, exclude=["name"]) == {}
        assert await errors(twin, validate_unique=False) == {}
        assert await errors(team) == {}


async def test_md9_unique_together(database_url: str) -> None:
    async with league(database_url) as team:
        with pytest.raises(ValidationError) as caught:
            await player(team, number=7).full_clean(validate_constraints=False)
        assert caught.value.message_dict == {"__all__": ["Player with this Team and Number already exists."]}


async def test_md2_unique_for_month(database_url: str) -> None:
    async with league(database_url) as team:
        same = player(team, headline="Hurrah", joined=dt.date(2020, 5, 1))
        assert await errors(same) == {"headline": ["unique_for_date"]}
        assert await errors(player(team, headline="Hurrah", joined=dt.date(2020, 6, 17))) == {}


async def test_md7_check_constraints(database_url: str) -> None:
    async with league(database_url) as team:
        young = player(team, age=3)
        with pytest.raises(ValidationError) as caught:
            await young.full_clean()
        assert caught.value.message_dict == {"__all__": ["Constraint “old_enough” is violated."]}
        assert await errors(young, exclude=["age"]) == {}
        assert await errors(young, validate_constraints=False) == {}
        assert await errors(player(team, age=None)) == {}
        assert await errors(player(team, number=100, age=200)) == {"__all__": ["nonsense"]}
        assert await errors(player(team, name="xavier")) == {"__all__": ["nonsense"]}


async def test_md7_unknown_is_no_violation(database_url: str) -> None:
    async with league(database_url) as team:
        [first, *_] = Player._meta.constraints
        nothing = player(team, age=None, number=None)
        assert await holds(first.condition, Player, nothing, None)  # type: ignore[attr-defined]
        from vivace.models import Q

        assert await holds(Q(age__gt=3), Player, nothing, None)
        assert not await holds(Q(age__gt=3), Player, nothing, None, unknown=False)
        assert await holds(Q(joined__year=2020), Player, nothing, None)
        assert not await holds(Q(joined__year__gt=2020), Player, nothing, None)


async def test_md7_unique_constraints(database_url: str) -> None:
    async with league(database_url) as team:
        with pytest.raises(ValidationError) as caught:
            await player(team, nick="a").full_clean()
        assert caught.value.message_dict == {"nick": ["Player with this Nick already exists."]}
        assert await errors(player(team, nick=None)) == {}
        assert await errors(player(team, nick="a"), exclude=["nick"]) == {}


async def test_md7_conditional_unique_constraint(database_url: str) -> None:
    async with league(database_url) as team:
        await player(team, name="eve", number=60, age=70).save()
        assert await errors(player(team, name="eve", number=61, age=70)) == {"__all__": [None]}
        assert await errors(player(team, name="eve", number=49, age=70)) == {}


async def test_md7_unique_expression(database_url: str) -> None:
    async with league(database_url) as team:
        other = Team(name="blues")
        await other.save()
        clash = player(other, number=7 + team.pk - other.pk)
        assert await errors(clash) == {"__all__": [None]}
        known = await Player.objects.get(name="ann")
        assert await errors(known) == {}


async def test_md10_parents_are_checked(database_url: str) -> None:
    async with league(database_url) as team:
        first = Captain(name="cid", number=30, age=40, joined=DAY, team=team, armband="red")
        await first.save()
        assert await errors(first) == {}
        second = Captain(
            name="dan", number=30, age=40, joined=DAY, team=team, armband="red", nick="a", headline="x"
        )
        assert await errors(second) == {
            "__all__": ["unique_together", None],
            "armband": ["unique"],
            "nick": ["unique"],
        }


async def test_md_fields_alone_ask_nothing(database_url: str) -> None:
    async with league(database_url) as team:
        with query_log() as log:
            await player(team).clean_fields(exclude=["team"])
        assert len(log) == 0


async def test_md12_neighbours_by_date(database_url: str) -> None:
    async with league(database_url) as team:
        songs = [Song(team=team, title=str(n), sung=DAY + dt.timedelta(n // 2)) for n in range(4)]
        for song in songs:
            await song.save()
        order = [songs[0]]
        while len(order) < 4:
            order.append(await order[-1].get_next_by_sung())
        assert order == songs
        assert await songs[3].get_previous_by_sung() == songs[2]
        assert await songs[0].get_next_by_sung(title="3") == songs[3]
        with pytest.raises(Song.DoesNotExist, match="last Song by sung"):
            await songs[3].get_next_by_sung()


async def test_md9_order_with_respect_to(database_url: str) -> None:
    async with league(database_url) as team:
        songs = [Song(team=team, title=str(n), sung=DAY) for n in range(3)]
        for song in songs:
            await song.save()
        keys = [song.pk for song in songs]
        assert await team.get_song_order() == keys
        assert await songs[0].get_next_in_order() == songs[1]
        await team.set_song_order(list(reversed(keys)))
        assert [song.title async for song in Song.objects.all()] == ["2", "1", "0"]
        last = await Song.objects.get(title="0")
        with pytest.raises(Song.DoesNotExist, match="last in order"):
            await last.get_next_in_order()
        assert await last.get_previous_in_order() == songs[1]


def test_md9_order_with_respect_to_nothing() -> None:
    with pytest.raises(FieldDoesNotExist, match="order_with_respect_to"):

        class Wrong(Model):
            class Meta:
                order_with_respect_to = "nobody"
