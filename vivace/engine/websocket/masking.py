"""Masking of payloads in plain Python, for platforms without the compiled function (RFC 6455 section 5.3)."""

from __future__ import annotations

import sys


def apply_mask(data: bytes | bytearray | memoryview, mask: bytes | bytearray) -> bytes:
    """Return ``data`` with its bytes combined by XOR with the repeated 4-byte ``mask``."""
    size = len(data)
    repeated = (bytes(mask) * (size // 4 + 1))[:size]
    combined = int.from_bytes(data, sys.byteorder) ^ int.from_bytes(repeated, sys.byteorder)
    return combined.to_bytes(size, sys.byteorder)
