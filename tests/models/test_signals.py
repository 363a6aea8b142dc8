"""Signals."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from vivace.errors import ModelError
from vivace.models.signals import Signal, receiver


class Sender:
    objects: Any = "kept"


class Other: ...


async def test_md_receivers_plain_and_async_in_order() -> None:
    signal, seen = Signal(), list[str]()

    def plain(sender: Any, **named: Any) -> str:
        seen.append(f"plain {named['value']}")
        return "p"

    async def later(sender: Any, **named: Any) -> str:
        seen.append("async")
        return "a"

    signal.connect(plain)
    signal.connect(later, sender=Sender)
    assert await signal.send(Sender, value=1) == [(plain, "p"), (later, "a")]
    assert await signal.send(Other, value=2) == [(plain, "p")]
    assert seen == ["plain 1", "async", "plain 2"]


async def test_md_connected_once_and_disconnected() -> None:
    signal, seen = Signal(), list[int]()

    def count(**named: Any) -> None:
        seen.append(1)

    def other(**named: Any) -> None:
        seen.append(2)

    signal.connect(count)
    signal.connect(count)
    signal.connect(count, dispatch_uid="mine")
    signal.connect(other, dispatch_uid="mine", weak=False)
    await signal.send(Sender)
    assert seen == [1, 1]
    assert signal.disconnect(count)
    assert not signal.disconnect(count)
    assert signal.disconnect(dispatch_uid="mine")
    assert not signal.has_listeners(Sender)


def test_md_receivers_are_held_weakly() -> None:
    signal = Signal()

    class Keeper:
        def hear(self, **named: Any) -> None: ...

    keeper = Keeper()
    signal.connect(keeper.hear)
    assert signal.has_listeners()
    del keeper
    gc.collect()
    assert not signal.has_listeners()


async def test_md_errors_reach_the_sender_or_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    signal, seen = Signal(), list[str]()

    @receiver(signal)
    def breaks(**named: Any) -> None:
        raise KeyError("x")

    @receiver([signal])
    async def works(**named: Any) -> None:
        seen.append("works")

    with pytest.raises(KeyError):
        await signal.send(Sender)
    answers = await signal.send_robust(Sender)
    assert isinstance(answers[0][1], KeyError)
    assert seen == ["works"]
    assert "Error in" in caplog.text


def test_md_immediate_signals_refuse_async_receivers() -> None:
    async def later(**named: Any) -> None: ...

    with pytest.raises(ModelError, match="plain def"):
        Signal(immediate=True).connect(later)
    with pytest.raises(ModelError, match="function"):
        Signal().connect("name")  # type: ignore[arg-type]


def test_md_has_listeners_asks_for_the_sender() -> None:
    signal = Signal()

    def hear(**named: Any) -> None: ...

    signal.connect(hear, sender=Sender)
    assert signal.has_listeners(Sender)
    assert not signal.has_listeners(Other)


def test_sg2_a_plain_receiver_that_awaits_nothing_of_what_it_begins_is_refused() -> None:
    def creates(sender: Any, instance: Any, created: bool, **named: Any) -> None:
        if created:
            Sender.objects.create(owner=instance, extra=[str(each) for each in named])

    def saves(sender: Any, instance: Any, **named: Any) -> None:
        instance.owner.save()

    def refreshes(instance: Any, **named: Any) -> None:
        print(instance.name)
        instance.refresh_from_db()

    for forgets in (creates, saves, refreshes):
        with pytest.raises(ModelError, match=rf"{forgets.__name__} is a plain def[\s\S]*async def"):
            Signal().connect(forgets)
    with pytest.raises(ModelError, match="plain def"):
        receiver(Signal())(creates)


async def test_sg2_plain_receivers_that_compute_or_return_what_is_awaited() -> None:
    seen: list[Any] = []

    def computes(instance: Any, **named: Any) -> None:
        instance.slug = instance.name.lower()
        seen.append(instance.slug)
        Pictures.save("x.png")

    def returns(instance: Any, **named: Any) -> Any:
        return instance.save()

    def keeps(**named: Any) -> None:
        later = Sender.objects
        seen.append(later)

    class Pictures:
        objects = "kept"

        @staticmethod
        def save(name: str) -> None:
            seen.append(name)

    class Instance:
        name = "Ada"
        slug = ""

        async def save(self) -> str:
            return "saved"

    signal = Signal()
    for each in (computes, returns, keeps):
        signal.connect(each)
    answers = await signal.send(Sender, instance=Instance())
    assert answers == [(computes, None), (returns, "saved"), (keeps, None)]
    assert seen == ["ada", "x.png", "kept"]
