"""Uploads, served so that none of them does harm: ``MediaFiles`` (SC9).

What a stranger uploaded is sent from the same origin as the pages that people are logged in at. So a browser must
never run it, whatever it is and whatever its name says:

==============================  ==================================================================================
every file                      ``X-Content-Type-Options: nosniff``: the type is what we say;
                                ``Content-Security-Policy: sandbox; default-src 'none'``: even if it were shown, no
                                script, no form, no frame, and an origin of its own
pictures, sounds, videos, PDF,  ``inline``: shown in the page and by themselves. None of these types is run. (PDF
plain text (``INLINE``)         without ``sandbox``: browsers refuse to show it so.)
SVG                             ``attachment``: saved, never shown by itself; ``<img>`` works all the same
all else (HTML, scripts …)      ``attachment``, and ``application/octet-stream``: with ``nosniff`` it is no script and no
                                style sheet for a page whose policy trusts its own origin, and no service worker
==============================  ==================================================================================

No listing of folders, no links that lead out, no hidden files (unfinished uploads are such), no compressed stand-ins: an
upload ``a.js.gz`` must not become the content of ``a.js``. Nothing is kept in memory: what is deleted is gone.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from vivace.http.files import content_disposition
from vivace.http.headers import RawHeaders
from vivace.http.media_types import guess_type
from vivace.storage import FileSystemStorage

from .static import StaticFiles, StaticOptions

INLINE: Final = frozenset(
    "image/png image/jpeg image/gif image/webp image/avif image/bmp "
    "audio/mpeg audio/ogg audio/wav audio/flac audio/mp4 audio/webm "
    "video/mp4 video/webm video/ogg application/ogg application/pdf text/plain".split()
)
"""Types that browsers show without running anything."""

KEPT: Final = INLINE | {"image/svg+xml"}
POLICY: Final = b"sandbox; default-src 'none'"
PDF_POLICY: Final = b"default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"
MEDIA_OPTIONS: Final = StaticOptions(immutable="", precompressed=False, memory=0)


class MediaFiles(StaticFiles):
    """The files of a storage, or below a folder, which strangers uploaded; to be mounted. It need not exist yet."""

    def __init__(
        self,
        directory: str | os.PathLike[str] | FileSystemStorage,
        options: StaticOptions = MEDIA_OPTIONS,
    ) -> None:
        self._storage = directory if isinstance(directory, FileSystemStorage) else None
        super().__init__(directory.root if isinstance(directory, FileSystemStorage) else directory, options)

    async def startup(self) -> None:
        """Look where the folder is; it may be made by the first upload, and a test has another."""
        if self._storage is not None:
            self.directory = self._storage.root
        await asyncio.to_thread(self._is_there)

    def content_type(self, name: str) -> str:
        guessed = guess_type(name)
        return guessed if _bare(guessed) in KEPT else "application/octet-stream"

    def extra_fields(self, name: str) -> RawHeaders:
        kind = _bare(guess_type(name))
        shown = kind in INLINE
        disposition = content_disposition("inline" if shown else "attachment", name)
        policy = PDF_POLICY if kind == "application/pdf" else POLICY
        return [(b"content-disposition", disposition.encode()), (b"content-security-policy", policy)]


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


__all__ = ["INLINE", "MediaFiles"]
