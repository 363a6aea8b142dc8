"""How to serve: everything that is decided before there is an app, as frozen values.

``ServeOptions`` is what a person asks for; ``WorkerOptions`` is what the supervisor hands to one worker, as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from vivace.config.units import Bytes, Seconds

EXIT_STARTUP: Final = 3  # status: the app does not start, and starting it again would change nothing


class TLSOptions(msgspec.Struct, frozen=True):
    """Certificates as paths of PEM files. ``hosts`` maps host names to further (certificate, key) pairs (SNI).

    ``client_ca`` asks clients for a certificate of these authorities; ``client_required`` refuses those without.
    """

    certificate: str
    key: str = ""  # "": in the file of the certificate
    password_file: str = ""  # of the key
    hosts: Mapping[str, tuple[str, str]] = msgspec.field(default_factory=dict[str, tuple[str, str]])
    client_ca: str = ""
    client_required: bool = False


class Watch(msgspec.Struct, frozen=True):
    """What a worker watches in itself. Zero switches a check off; it sheds load (503) beyond the last three."""

    blocked: Seconds = 1.0  # the loop is held up that long: the log names file and line; dev takes 0.1
    foreign: bool = True  # … also where none of the user's code is on the stack
    forbid_blocking: bool = False  # raise BlockingCall for calls known to wait, made on the loop (debug)
    loop_lag: Seconds = 0.0
    in_flight: int = 0
    memory_bytes: Bytes = 0


class ServeOptions(msgspec.Struct, frozen=True):
    """What to serve and how. ``workers=0`` serves in this process, without a supervisor."""

    target: str = ""  # "file.py", "package.module:app"; "" finds it
    listeners: tuple[str, ...] = ("127.0.0.1:8000",)  # see addresses.py
    workers: int = 1
    tls: TLSOptions | None = None
    health: str = ""  # address of /live and /ready; "" has none
    watch: Watch = Watch()
    user: str = ""  # workers drop to this user and group, by name or number
    group: str = ""
    pid_file: str = ""
    port_file: str = ""  # gets the report of the listeners
    report: bool = False  # the same on stdout, one line of JSON
    max_requests: int = 0  # a worker is replaced after that many, 0: never
    max_memory_bytes: Bytes = 0  # … when it holds more than that, 0: never
    pin_cpus: bool = False  # one CPU for each worker
    start_timeout: Seconds = 60.0  # from the start of a worker until it is ready
    stuck_after: Seconds = 30.0  # without a heartbeat: the stack is logged
    replace_stuck: bool = False  # … and the worker is killed and replaced
    environment: Mapping[str, str] = msgspec.field(
        default_factory=dict[str, str]
    )  # added to that of the workers


class WorkerOptions(msgspec.Struct, frozen=True):
    """What one worker gets: inherited descriptors, and its share of ``ServeOptions``."""

    target: str
    sockets: tuple[tuple[int, bool], ...]  # (descriptor, speaks TLS)
    control: int  # the descriptor of the socket to the supervisor
    number: int  # 0, 1 …: its place among the workers
    tls: TLSOptions | None = None
    watch: Watch = Watch()
    cpu: int = -1  # -1: any
    count: int = 1  # how many workers there are
    hub: bool = False  # the supervisor can serve the hub: it runs as the same user


__all__ = ["EXIT_STARTUP", "ServeOptions", "TLSOptions", "Watch", "WorkerOptions"]
