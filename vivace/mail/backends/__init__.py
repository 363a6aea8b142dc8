"""Where messages go: one small contract, and the classes that keep it."""

from __future__ import annotations

from .base import Backend as Backend
from .base import LocalBackend as LocalBackend
from .local import ConsoleBackend as ConsoleBackend
from .local import DummyBackend as DummyBackend
from .local import FileBackend as FileBackend
from .local import MemoryBackend as MemoryBackend
