"""What can be set, as frozen values: every number with its unit, its default and the reason for it.

A setting has one home here and one name: ``limits.header_bytes`` is ``VIVACE_LIMITS_HEADER_BYTES`` in the environment,
unless ``metadata={"env": …}`` names it otherwise. ``load.py`` reads them.
Options are never copied from layer to layer: whoever needs one is handed the group it is in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .secret import Secret
from .units import Bytes, Seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client may send. The parser has no limits of its own (measured: 5 MB headers pass), so these are all."""

    header_bytes: Bytes = 32_768  # whole header section; node 16 KB, nginx 32 KB
    header_count: int = 100  # h11 and Apache: 100
    target_bytes: Bytes = 8_192  # request target; RFC 9112 section 3 asks for at least 8,000
    body_bytes: Bytes = 2_621_440  # Django's DATA_UPLOAD_MAX_MEMORY_SIZE
    pipeline_depth: int = 32  # requests waiting on one connection before reading pauses
    write_buffer_bytes: Bytes = (
        65_536  # unsent bytes of a connection before the writer waits; asyncio's own default
    )
    requests_per_connection: int = 0  # 0: no limit
    connections: int = 0  # per worker, 0: no limit
    websocket_message_bytes: Bytes = 1_048_576
    websocket_buffer_bytes: Bytes = 1_048_576  # unsent bytes of a socket before its policy applies
    websocket_queue_bytes: Bytes = 262_144  # received bytes that wait for the handler before reading pauses
    websocket_queue_messages: int = 64  # received messages that wait for the handler before reading pauses
    websocket_fragments: int = 131_072  # per message: 4 MB in pieces of 64 bytes (Autobahn 9.3.1) has 65,536
    chunk_extension_bytes: Bytes = 4_096  # per body; they carry nothing we use
    json_depth: int = 100  # arrays and objects in each other; Ruby's json: 100, .NET: 64
    upload_bytes: Bytes = (
        1_073_741_824  # a whole multipart body; ``body_bytes`` holds for all its text fields together
    )
    form_fields: int = 1_000  # Django's DATA_UPLOAD_MAX_NUMBER_FIELDS
    form_files: int = 100  # Django's DATA_UPLOAD_MAX_NUMBER_FILES
    form_field_bytes: Bytes = 1_048_576  # one text field of a multipart body; busboy: 1 MiB
    form_header_bytes: Bytes = 4_224  # one header line of a multipart part; a part may have 8
    spool_bytes: Bytes = (
        1_048_576  # uploads of one form kept in memory; what goes beyond is in temporary files
    )
    decompression_ratio: int = (
        100  # decoded to coded bytes of a request body, where ``body_codings`` allows any
    )


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a client may take, in seconds; 0 means no limit."""

    headers: Seconds = 15.0  # from the first byte to the end of the header section
    body: Seconds = 30.0  # without any byte of a body that a handler waits for
    keep_alive: Seconds = 65.0  # idle between requests; above the 60 s of common load balancers
    write: Seconds = 60.0  # without any byte taken by the client
    handler: Seconds = 0.0  # from dispatch to response; per route: ``timeout=``
    shutdown: Seconds = 10.0  # drain: open requests and sockets get this long
    websocket_ping: Seconds = 20.0  # between pings of an idle socket
    websocket_pong: Seconds = 20.0  # for the answer to a ping
    websocket_close: Seconds = 10.0  # for the answer to a close, and for the connection to end


@dataclass(frozen=True, slots=True)
class Mail:
    """Where mail goes and in whose name."""

    # smtp://user:password@host:587, smtps://…, console:, file:folder, memory:, dummy: (see ``vivace.mail.urls``).
    # Without one: console in debug mode, else smtp://localhost:25.
    url: Secret[str] = field(default=Secret(""))
    backend: str = ""  # a class of your own, "package.module:Class", instead of what the URL names
    sender: str = (
        ""  # of messages that name none, "Shop <shop@example.com>"; without: no-reply@ the first of ``hosts``
    )
    admins: tuple[str, ...] = ()  # addresses of ``mail_admins``
    managers: tuple[str, ...] = ()  # addresses of ``mail_managers``
    subject_prefix: str = ""  # of messages to admins and managers, such as "[shop] "
    timeout: Seconds = 15.0  # to connect, and for each answer of the server
    retries: int = 3  # of messages that nobody waits for, after a temporary failure
    retry_after: Seconds = 30.0  # before the first of them, doubled each time


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How long a session lives, and its cookie; durations in seconds, 0 means no limit."""

    store: Literal["database", "cookie"] = "database"  # a signed cookie can be read, and not be revoked
    cookie_name: str = "session"  # over https: ``__Host-session``
    same_site: Literal["lax", "strict", "none"] = "lax"
    idle: Seconds = 1_209_600.0  # without a request; two weeks, Django's SESSION_COOKIE_AGE
    absolute: Seconds = 7_776_000.0  # since the login, whatever happens; 90 days
    remember_idle: Seconds = 7_776_000.0  # the same two for who asked to be remembered
    remember_absolute: Seconds = 31_536_000.0  # a year; Chrome keeps no cookie longer than 400 days
    touch: Seconds = 300.0  # "last seen" is written at most so often


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Logins and passwords."""

    login_url: str = "auth:login"  # a route or a path; browsers that must log in are sent there
    password_length: int = 8  # at least; NIST SP 800-63B-4 section 3.1.1.2
    # Argon2id, RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
    argon2_memory: Bytes = 67_108_864
    argon2_passes: int = 3
    argon2_lanes: int = 4
    hash_threads: int = 2  # passwords that are hashed at once, each with ``argon2_memory``
    hash_queue: int = 32  # more that wait; what comes then is answered 503
    # Tries within ``login_window``; a right password takes an account's back. 0: no limit.
    login_attempts: int = 10  # of one account from one address
    login_attempts_account: int = (
        100  # of one account from everywhere: few enough for a guesser, many for a prank
    )
    login_attempts_address: int = 100  # from one address, over all accounts: an office has one, too
    login_window: Seconds = 900.0
    login_redirect: str = "/"  # a path: where people go who log in and wanted no page in particular
    logout_redirect: str = "/"  # where they go who log out
    signup: bool = True  # whether people may make accounts for themselves
    confirm_email: bool = True  # accounts are made by a link in a mail: then nobody learns who has one
    reset_age: Seconds = 3_600.0  # how long the link to a new password is valid; OWASP: minutes to an hour
    confirm_age: Seconds = 259_200.0  # how long a link that confirms an address is valid; three days
    mails_per_hour: int = 5  # to one address that somebody typed; more are not sent, and nobody is told
    site_url: str = ""  # what links in mails begin with, https://example.com; "": the host that was asked


@dataclass(frozen=True, slots=True)
class Media:
    """Where uploaded files are kept and served."""

    root: str = ""  # the folder; "": ``media`` beside the app
    url: str = "/media/"  # what the addresses of its files begin with; a whole URL: somebody else serves them


@dataclass(frozen=True, slots=True)
class Secure:
    """How the app behaves towards the open internet; all of it is off until https works."""

    https_redirect: bool = False  # GET and HEAD over http are sent to https, writes are refused
    https_host: str = ""  # where they are sent; "": the host that was asked for
    # Paths that are answered over http all the same, each with what lies under it.
    https_exempt: tuple[str, ...] = ("/live", "/ready", "/.well-known/acme-challenge/")
    hsts_seconds: int = 0  # how long browsers stay on https; 0 says nothing; 63,072,000 is two years
    hsts_include_subdomains: bool = False  # also for all names below this one
    hsts_preload: bool = False  # browsers may know it before the first visit: hard to take back
    disallowed_agents: tuple[str, ...] = ()  # regular expressions; a User-Agent that has one in it is refused


@dataclass(frozen=True, slots=True)
class StaticSettings:
    """Where static files are served, and from where."""

    url: str = "/static/"  # a path, or an address that ends in one: then another server sends them
    root: str = ""  # the folder that ``vivace static --collect`` wrote, relative to the app's; "": they are not collected


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of an app and its server."""

    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    secure: Secure = field(default_factory=Secure)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    mail: Mail = field(default_factory=Mail)
    media: Media = field(default_factory=Media)
    static: StaticSettings = field(default_factory=StaticSettings)
    debug: bool = False  # error pages show source and values; ``vivace dev`` turns it on, production never
    access_log: Literal["off", "text", "json"] = "off"  # a line for each response, on standard output
    # Whether pages show people on this machine what happened under the hood; ``vivace dev`` decides where it is not said.
    hood: Literal["", "on", "off"] = ""
    time_zone: str = ""  # in which templates write dates and times: Europe/Berlin; "": in that of the value
    editor: str = ""  # where debug pages open a file: vscode, pycharm … or a URL with {path} and {line}
    # Signs and encrypts cookies and tokens; long and random.
    secret_key: Secret[str] = field(default=Secret(""), metadata={"env": "SECRET_KEY"})
    secret_key_fallbacks: tuple[
        Secret[str], ...
    ] = ()  # older keys: they verify and decrypt, and sign nothing
    # Where the models live; a Secret because it may hold a password. Without one: a SQLite file beside the app.
    database_url: Secret[str] = field(default=Secret(""), metadata={"env": "DATABASE_URL"})
    # What carries changes and messages between processes: memory, hub, postgresql://…, valkey://… (see
    # ``vivace.brokers.choosing``). Without one: PostgreSQL if the models live there, else the hub.
    broker: Secret[str] = field(default=Secret(""))
    # Where the default cache keeps values: memory://, database://, valkey://…, two-tier+valkey://… (see
    # ``vivace.cache.urls``). Without one: in the memory of each process.
    cache: Secret[str] = field(default=Secret(""))
    atomic_requests: bool = False  # each request is one transaction, unless its route says ``atomic=False``
    strict_queries: bool = False  # what a query did not fetch never loads itself, not even in templates
    json_rows: int = 1_000  # a query that a handler returns unsliced may have so many rows
    hosts: tuple[str, ...] = ()  # names that are answered for; none: loopback and this machine's own names
    # Addresses and networks of proxies, "unix", or "*"; what follows them: see ``vivace.engine.listening.proxies``.
    trusted_proxies: tuple[str, ...] = ()
    forwarded_headers: Literal["x-forwarded", "forwarded"] = "x-forwarded"  # what the proxies write
    forwarded_host: bool = False  # whether they overwrite X-Forwarded-Host (or host=), so that it counts
    proxy_protocol: bool = False  # trusted proxies begin each connection with a PROXY header, version 1 or 2
    trusted_origins: tuple[str, ...] = ()  # other origins whose pages may send unsafe requests
    body_codings: tuple[
        str, ...
    ] = ()  # of gzip, deflate, br, zstd: accepted in requests; any other is answered 415
