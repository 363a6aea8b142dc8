"""Sparks: everybody steers a light through one field and gathers sparks; whoever bumps into a smaller light takes one of its.

The server decides where everybody is, twenty times a second, and tells all of them in one event. Browsers say where they
want to go, and draw. Run it with one worker: there is one field.
"""

import math
import random

from msgspec import Struct, field

from vivace import App, Channel, Request, render

SIZE, SPARKS, SPEED, TICK = 1600, 40, 420.0, 0.05  # units, number, units per second, seconds
app = App()


def spot() -> tuple[float, float]:
    return random.uniform(40, SIZE - 40), random.uniform(40, SIZE - 40)


class Light(Struct):
    """A player: where it is, how it moves, where it wants to go."""

    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    wish: tuple[float, float] = (0.0, 0.0)
    score: int = 0

    @property
    def radius(self) -> float:
        return 14 + 2.5 * math.sqrt(self.score)

    def move(self) -> None:
        pace = SPEED / (1 + self.radius / 60)
        self.vx += (self.wish[0] * pace - self.vx) * 0.25
        self.vy += (self.wish[1] * pace - self.vy) * 0.25
        self.x = min(max(self.x + self.vx * TICK, 0), SIZE)
        self.y = min(max(self.y + self.vy * TICK, 0), SIZE)

    def reaches(self, x: float, y: float) -> bool:
        return abs(self.x - x) < self.radius + 5 and abs(self.y - y) < self.radius + 5


class Field(Struct):
    """All lights and sparks."""

    lights: dict[int, Light] = field(default_factory=dict)
    sparks: list[tuple[float, float]] = field(default_factory=lambda: [spot() for _ in range(SPARKS)])
    ticks: int = 0

    def step(self) -> list[object]:
        """Move everybody by one tick; return what all are told."""
        self.ticks += 1
        for light in self.lights.values():
            light.move()
            for at, spark in enumerate(self.sparks):
                if light.reaches(*spark):
                    self.sparks[at] = spot()
                    light.score += 1
            for other in self.lights.values():
                if light.score > other.score > 0 and light.reaches(other.x, other.y):
                    light.score, other.score = light.score + 1, other.score - 1
                    other.x, other.y = spot()
        lights = [[key, round(one.x), round(one.y), one.score] for key, one in self.lights.items()]
        return [self.ticks, lights, [[round(x), round(y)] for x, y in self.sparks]]


game = Field()


@app.every(TICK)
async def tick() -> None:
    if game.lights:
        await app.channels.emit("field", "tick", game.step())


@app.channel("field", slow="coalesce")
async def play(channel: Channel) -> None:
    key = max(game.lights, default=0) + 1
    light = game.lights[key] = Light(*spot())
    name = str(channel.data)[:16] or f"Light {key}"
    try:
        async with channel.present({"key": key, "name": name, "hue": key * 137 % 360}):
            async for event in channel:
                x, y = event.read(tuple[float, float])
                length = max(1.0, math.hypot(x, y))
                light.wish = (x / length, y / length)
    finally:
        del game.lights[key]


@app.get("/")
async def home(request: Request):
    return render(request, "game.html", size=SIZE)
