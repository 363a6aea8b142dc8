"""What a program pays for at its start: form, multipart and decompression code is not among it."""

from __future__ import annotations

import subprocess
import sys

LATE = (
    "multipart",
    "tempfile",
    "shutil",
    "cryptography",
    "brotli",
    "zstandard",
    "vivace.http.forms",
    "vivace.http.multipart",
    "vivace.http.decoding",
)


def test_bodies_that_do_not_come_are_not_imported() -> None:
    program = f"import vivace.http.request, sys; print([name for name in {LATE} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
