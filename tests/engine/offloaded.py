"""Functions that run in other processes: they must be found by the name of their module."""

from __future__ import annotations

import os
import time


def square(number: int) -> int:
    return number * number


def process_id() -> int:
    return os.getpid()


def fail() -> None:
    raise LookupError("on purpose")


def sleep_and_write(path: str) -> None:
    with open(path, "w") as file:
        file.write("begun")
    time.sleep(600)


def die() -> None:
    os._exit(9)


def unsendable() -> object:
    return lambda: None
