"""Errors of storages and of the files in them."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class SuspiciousFileName(VivaceError):
    """A file name leads out of its storage, or is one that no file may have."""

    code: ClassVar[str] = "suspicious-file-name"
    status: int = 400


class StoredFileMissing(VivaceError, FileNotFoundError):
    """A storage has no file of this name."""

    code: ClassVar[str] = "stored-file-missing"
    status: int = 404


class NoFile(VivaceError, ValueError):
    """Something was asked of a file field that holds no file."""

    code: ClassVar[str] = "no-file"


class UnknownStorage(VivaceError):
    """There is no storage under this alias. Names the nearest match."""

    code: ClassVar[str] = "unknown-storage"


class StorageUnsupported(VivaceError):
    """A storage cannot do what was asked of it: a path where files are not local, a URL where there is none."""

    code: ClassVar[str] = "storage-unsupported"
