"""Request bodies that come compressed: refused unless allowed, and then decoded within two limits.

42 KB of gzip can be 4 GB of zeros. So no decoder here is ever asked for more bytes than may still come out: the
result has at most the body limit, and at most ``ratio`` times what came in (with a floor, for short bodies).
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, Final, TypeAlias

from vivace.errors import BadRequest, ContentTooLarge, MissingExtra, UnsupportedMediaType

Decode: TypeAlias = Callable[[bytes, int], "tuple[bytes, bool]"]
"""(coded bytes, most bytes wanted) → the decoded bytes, at least one more than wanted if there are; is it whole?"""

FLOOR: Final = 65_536  # bytes; below this no ratio is suspicious
ZSTD_WINDOW_LOG: Final = 23  # RFC 9659 section 3: 8 MB, the most that a sender may ask for
ZSTD_STEP: Final = (
    64  # coded bytes at a time: zstandard has no output limit, and 4 bytes can become a block of 128 KB
)


def decode_body(body: bytes, coding: str, allowed: Collection[str], limit: int | None, ratio: int) -> bytes:
    """Return ``body`` without its Content-Encoding ``coding``.

    Raises ``UnsupportedMediaType`` unless ``coding`` is one of ``allowed``, ``ContentTooLarge`` beyond ``limit`` bytes
    or ``ratio`` times its size, ``BadRequest`` when it is damaged or goes on behind its end.
    """
    require_coding(coding, allowed)
    if coding == "identity":
        return body
    most = max(FLOOR, ratio * len(body))
    most = most if limit is None else min(limit, most)
    decoded, whole = _run(_DECODERS[coding], body, most, coding)
    if len(decoded) > most:
        raise ContentTooLarge("The decoded request body is too large.", expected=f"at most {most} bytes")
    if not whole:
        raise _damaged(coding)
    return decoded


def require_coding(coding: str, allowed: Collection[str]) -> None:
    """Raise ``UnsupportedMediaType`` unless ``coding`` is ``identity`` or allowed and known."""
    if coding != "identity" and not (coding in allowed and coding in _DECODERS):
        known = ", ".join(sorted({*allowed, "identity"}))
        raise UnsupportedMediaType(
            "The request body has a content coding that is not read here.",
            expected=known,
            got=ascii(coding[:40]),
            fix="Send the body uncompressed.",
            headers={"accept-encoding": known},  # RFC 9110 section 15.5.16
        )


def _run(decode: Decode, body: bytes, most: int, coding: str) -> tuple[bytes, bool]:
    try:
        return decode(body, most)
    except ImportError:
        raise MissingExtra(
            f"Reading {coding} needs a package that is not installed.",
            fix="pip install 'vivace[compression]'",
        ) from None
    except Exception as error:  # zlib.error, brotli.error, ZstdError have no common base
        raise _damaged(coding) from error


def _damaged(coding: str) -> BadRequest:
    return BadRequest(f"The request body is not a complete {coding} stream.", expected=f"one {coding} stream")


def _zlib(wbits: int) -> Decode:
    def decode(body: bytes, most: int) -> tuple[bytes, bool]:
        decoder = zlib.decompressobj(wbits)
        decoded = decoder.decompress(body, most + 1)
        return decoded, decoder.eof and not decoder.unused_data

    return decode


def _brotli(body: bytes, most: int) -> tuple[bytes, bool]:
    decoder: Any = import_module("brotli").Decompressor()  # an extra, without types
    decoded: bytes = decoder.process(body, output_buffer_limit=most + 1)
    while len(decoded) <= most and not decoder.is_finished():
        more: bytes = decoder.process(b"", output_buffer_limit=most + 1 - len(decoded))
        if not more:
            break
        decoded += more
    return decoded, bool(decoder.is_finished())


def _zstd(body: bytes, most: int) -> tuple[bytes, bool]:
    if sys.version_info >= (3, 14):
        from compression.zstd import DecompressionParameter, ZstdDecompressor

        standard = ZstdDecompressor(options={DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})
        return standard.decompress(body, most + 1), standard.eof and not standard.unused_data
    return _zstandard(body, most)


def _zstandard(body: bytes, most: int) -> tuple[bytes, bool]:
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=1 << ZSTD_WINDOW_LOG).decompressobj()
    decoded = bytearray()
    for start in range(0, len(body), ZSTD_STEP):
        decoded += decoder.decompress(body[start : start + ZSTD_STEP])
        if decoder.eof:
            return bytes(decoded), not decoder.unused_data and start + ZSTD_STEP >= len(body)
        if len(decoded) > most:
            break
    return bytes(decoded), False


_DECODERS: Final[dict[str, Decode]] = {
    "gzip": _zlib(31),
    "deflate": _zlib(15),
    "br": _brotli,
    "zstd": _zstd,
}
