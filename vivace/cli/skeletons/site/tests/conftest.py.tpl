"""What all tests share: files that they upload do not go where those of development are."""

from __future__ import annotations

import os
import tempfile

_uploads = tempfile.TemporaryDirectory()
os.environ["VIVACE_MEDIA_ROOT"] = _uploads.name


def pytest_unconfigure() -> None:
    _uploads.cleanup()
