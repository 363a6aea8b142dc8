"""FastAPI as its documentation shows it: Pydantic models in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI()


class Address(BaseModel):
    street: Annotated[str, Field(max_length=100)]
    city: Annotated[str, Field(max_length=60)]
    postcode: Annotated[str, Field(max_length=12)]
    country: Annotated[str, Field(min_length=2, max_length=2)]


class Line(BaseModel):
    sku: Annotated[str, Field(max_length=20)]
    title: Annotated[str, Field(max_length=100)]
    quantity: Annotated[int, Field(ge=1, le=1000)]
    price: Annotated[float, Field(ge=0)]


class Order(BaseModel):
    email: Annotated[str, Field(max_length=100)]
    address: Address
    lines: Annotated[list[Line], Field(min_length=1, max_length=100)]
    note: Annotated[str, Field(max_length=500)]
    gift: bool


class Receipt(BaseModel):
    shop: int
    dry_run: bool
    limit: int
    email: str
    quantity: int
    total: float


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.post("/shops/{shop}/orders")
async def place(shop: int, order: Order, dry_run: bool = False, limit: int = 10) -> Receipt:
    quantity = sum(line.quantity for line in order.lines)
    total = sum(line.quantity * line.price for line in order.lines)
    return Receipt(shop=shop, dry_run=dry_run, limit=limit, email=order.email, quantity=quantity, total=total)
