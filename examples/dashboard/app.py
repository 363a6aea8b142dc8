"""Espresso: what a coffee bar sells, live. Every open window shows each order at once; no line of JavaScript here.

Guests come by themselves, about one a second; people sell by the buttons and hand out what is ready.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from vivace import App, Redirect, Request, models, render

MENU = {"espresso": 240, "cortado": 310, "flat white": 380, "filter": 350, "cocoa": 360}  # prices in cents
STEP, BARS = timedelta(seconds=10), 30  # the chart: orders of ten seconds, over five minutes
app = App()


class Order(models.Model):
    drink = models.CharField(max_length=20)
    cents = models.IntegerField()
    at = models.DateTimeField(db_index=True)
    ready = models.BooleanField(default=False)

    class Meta:
        ordering = ["-at", "-id"]


async def sell(drink: str, at: datetime | None = None, ready: bool = False) -> Order:
    return await Order.objects.create(drink=drink, cents=MENU[drink], at=at or datetime.now(UTC), ready=ready)


def chart(orders: list[Order], now: datetime) -> dict[str, object]:
    """Return what the template draws, in the units of its drawing: 600 wide, 200 high."""
    end = (now.timestamp() // STEP.total_seconds() + 1) * STEP.total_seconds()
    counted = Counter(int((end - order.at.timestamp()) // STEP.total_seconds()) for order in orders)
    counts = [counted[BARS - 1 - bar] for bar in range(BARS)]
    top = max(10, -(-max(counts) // 5) * 5)
    bars = [
        {"x": bar * 20 + 2, "height": 200 * count / top, "count": count} for bar, count in enumerate(counts)
    ]
    return {"bars": bars, "top": top, "total": sum(counts)}


@app.get("/", name="dashboard")
async def dashboard(request: Request):
    now = datetime.now(UTC)
    recent = [order async for order in Order.objects.filter(at__gt=now - STEP * BARS)]
    by_drink = Counter(order.drink for order in recent)
    return render(
        request,
        "dashboard.html",
        menu=MENU,
        euros=sum(order.cents for order in recent) / 100,
        chart=chart(recent, now),
        drinks=[(drink, by_drink[drink]) for drink in MENU],
        most=max([1, *by_drink.values()]),
        waiting=await Order.objects.filter(ready=False).count(),
        orders=Order.objects.all()[:8],
    )


@app.post("/sell/{drink}")
async def sell_one(drink: str):
    if drink in MENU:
        await sell(drink)
    return Redirect("dashboard")


@app.post("/orders/{id:int}/ready")
async def hand_out(id: int):
    await Order.objects.filter(id=id).update(ready=True)
    return Redirect("dashboard")


@app.every(1)
async def guests() -> None:
    if random.random() < 0.7:
        await sell(random.choices(list(MENU), weights=[5, 3, 4, 2, 1])[0])
    if random.random() < 0.8 and (first := await Order.objects.filter(ready=False).order_by("at").first()):
        await Order.objects.filter(id=first.id).update(ready=True)


@app.on_startup
async def five_minutes_of_past() -> None:
    await app.prepare_tables()
    if not await Order.objects.exists():
        for seconds in range(300, 0, -1):
            if random.random() < 0.55:
                at = datetime.now(UTC) - timedelta(seconds=seconds)
                await sell(random.choice(list(MENU)), at, ready=seconds > 8)
