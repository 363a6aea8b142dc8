"""What the tests of bodies share: requests with a body that comes in chunks, and multipart bodies to send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vivace.http.bodies import Bodies
from vivace.http.request import Connection, Request

BOUNDARY = "xYzZY"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


class Chunks:
    """A body source that counts what was taken from it, and may break at its end."""

    def __init__(self, chunks: Iterable[bytes], failure: BaseException | None = None) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._failure = failure
        self.taken = 0

    async def read(self) -> bytes:
        chunk = next(self._chunks, b"")
        self.taken += len(chunk)
        if not chunk and self._failure is not None:
            raise self._failure
        return chunk


def post(
    body: bytes | Iterable[bytes] | Chunks,
    content_type: str = "",
    *,
    bodies: Bodies | None = None,
    **headers: str,
) -> Request:
    """Return a POST request; a list of chunks becomes a source, bytes come with the head."""
    fields = [(b"content-type", content_type.encode("latin-1"))] if content_type else []
    fields += [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    source = body if isinstance(body, (bytes, Chunks)) else Chunks(body)
    request = Request("POST", "/", fields, Connection(), source)
    if bodies is not None:
        request.bodies = bodies
    return request


def part(name: str, content: bytes, filename: str | None = None, *headers: str) -> bytes:
    """Return one part of a multipart body, with the delimiter before it."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = "\r\n".join([f"--{BOUNDARY}", disposition, *headers])
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    """Return a complete multipart body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def cut(body: bytes, size: int) -> list[bytes]:
    """Return ``body`` in pieces of ``size`` bytes."""
    return [body[start : start + size] for start in range(0, len(body), size)]
