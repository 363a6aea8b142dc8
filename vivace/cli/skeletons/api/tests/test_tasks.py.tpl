"""Tasks, as clients see them."""

from __future__ import annotations

from vivace.testing import Client, assert_problem
from vivace.testing.factories import Factory

from << package >>.app import app
from << package >>.tasks.models import Task

Tasks = Factory.of(Task)


async def test_tasks_are_listed_the_newest_first() -> None:
    async with Client(app) as client:
        await Tasks.create(title="Bake")
        await Tasks.create(title="Eat")
        found = (await client.get("/tasks")).json()
        assert [task["title"] for task in found] == ["Eat", "Bake"]
        assert (await client.get("/tasks?page=2")).json() == []


async def test_a_task_is_made_changed_and_deleted() -> None:
    async with Client(app) as client:
        made = await client.post("/tasks", json={"title": "Bake", "due": "2030-01-31"})
        assert made.status == 201
        place = f"/tasks/{made.json()['id']}"
        changed = await client.put(place, json={"title": "Bake", "done": True})
        assert changed.json()["done"] is True
        assert (await client.get(place)).json() == changed.json()
        assert (await client.delete(place)).status == 204
        assert_problem(await client.get(place), 404)


async def test_all_that_is_wrong_is_said_at_once() -> None:
    async with Client(app) as client:
        answer = await client.post("/tasks", json={"title": "", "due": "soon", "color": "red"})
        problem = assert_problem(answer, 422)
        assert {error["pointer"] for error in problem["errors"]} == {"/title", "/due", "/color"}
        assert not await Task.objects.exists()
