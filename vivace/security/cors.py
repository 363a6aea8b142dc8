"""Cross-origin resource sharing (Fetch standard section 3.2): which other sites' scripts may read our answers."""

from __future__ import annotations

import msgspec

from vivace.errors import ConfigurationError
from vivace.http.request import Request
from vivace.http.response import Empty, Response

from .origin import check_origins

SAFELISTED = ("accept", "accept-language", "content-language", "content-type", "range")


class CORS(msgspec.Struct, frozen=True):
    """Lets scripts of ``origins`` read responses; off unless the app has one: ``App(security=Security(cors=CORS(…)))``.

    ``origins=("*",)`` means anyone, without credentials: an origin is never reflected together with credentials
    unless it is listed by name. ``max_age`` is seconds a browser may keep a preflight answer.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ("GET", "HEAD", "POST")
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int = 600

    def __post_init__(self) -> None:
        if self.credentials and "*" in self.origins:
            raise ConfigurationError(
                "CORS with credentials for every origin would let any site act as the visitor.",
                expected="origins listed by name",
                got="origins=('*',), credentials=True",
                fix="List the origins, or leave credentials off.",
            )
        check_origins((origin for origin in self.origins if origin != "*"), "an origin of CORS")

    def before(self, request: Request) -> Response | None:
        """Answer a preflight; other requests go on."""
        headers = request.headers
        if request.method != "OPTIONS" or headers.first(b"access-control-request-method") is None:
            return None
        response = Empty()
        self.after(request, response)
        fields = response.headers
        fields.vary("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
        if headers.get("origin") and self._allowed(headers["origin"]):
            fields.set("access-control-allow-methods", ", ".join(self.methods))
            fields.set("access-control-allow-headers", ", ".join((*SAFELISTED, *self.headers)))
            fields.set("access-control-max-age", str(self.max_age))
        return response

    def after(self, request: Request, response: Response) -> None:
        """Add the headers that let the origin read the response."""
        fields = response.headers
        if "*" in self.origins:
            fields.set("access-control-allow-origin", "*")
        else:
            fields.vary("Origin")
            origin = request.headers.get("origin")
            if origin is None or not self._allowed(origin):
                return
            fields.set("access-control-allow-origin", origin)
            if self.credentials:
                fields.set("access-control-allow-credentials", "true")
        if self.expose:
            fields.set("access-control-expose-headers", ", ".join(self.expose))
        fields.set("cross-origin-resource-policy", "cross-origin")

    def _allowed(self, origin: str) -> bool:
        return "*" in self.origins or origin in self.origins
