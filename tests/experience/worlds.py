"""The tests of the TechEmpower benchmark that need no template and no cache, the way a user would write them."""

from random import randint

from vivace import App, models

app = App()


class World(models.Model):
    randomNumber = models.IntegerField(db_column="randomnumber")

    class Meta:
        db_table = "world"
        managed = False


def clamp(count: str) -> int:
    return min(max(int(count[:4]) if count[:4].isdecimal() else 1, 1), 500)


@app.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/db")
async def one_row():
    return await World.objects.get(pk=randint(1, 10_000))


@app.get("/queries")
async def many_rows(queries: str = "1"):
    return [await World.objects.get(pk=randint(1, 10_000)) for _ in range(clamp(queries))]


@app.get("/updates")
async def updates(queries: str = "1"):
    worlds = [await World.objects.get(pk=randint(1, 10_000)) for _ in range(clamp(queries))]
    for world in worlds:
        world.randomNumber = randint(1, 10_000)
    await World.objects.bulk_update(worlds, ["randomNumber"])
    return worlds
