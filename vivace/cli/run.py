"""``vivace run``: an app in production."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import msgspec

import vivace
from vivace.config.units import Unit
from vivace.config.values import read_duration, read_size
from vivace.engine.listening.addresses import LOCAL, parse_address
from vivace.engine.listening.listeners import Listener
from vivace.engine.workers.options import ServeOptions, TLSOptions, Watch

from . import target
from .firstrun import has_key, home_of, start_key
from .terminal import paint, say

DEFAULT_PORT: Final = 8000
_LOOPBACK: Final = (LOCAL, "localhost", "::1")


class Size(click.ParamType[int]):
    """A number of bytes: ``512m``."""

    name = "size"  # what the help shows, in capitals

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        try:
            return value if isinstance(value, int) else read_size(value)
        except ValueError:
            self.fail(f"{value!r} is not {Unit.BYTES.value}.", param, ctx)


class Duration(click.ParamType[float]):
    """A number of seconds: ``1m30s``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        try:
            return float(value) if isinstance(value, (int, float)) else read_duration(value)
        except ValueError:
            self.fail(f"{value!r} is not {Unit.SECONDS.value}.", param, ctx)


def listen_options(function: Any) -> Any:
    """Add the options that say where to listen; they are the same for ``run``, ``dev`` and ``demo``."""
    options = (
        click.option("--host", default=LOCAL, show_default=True, help="A name or address; '' for all of them."),
        click.option("--port", default=DEFAULT_PORT, show_default=True, help="0 finds a free one.", type=click.IntRange(0, 65_535)),
        click.option("--bind", multiple=True, metavar="ADDRESS", help="host:port, [::1]:port, unix:/path, fd:3, systemd; in place of --host and --port; may be given again."),
        click.option("--unix", metavar="PATH", help="Listen on a Unix socket."),
        click.option("--tls-cert", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Certificate chain (PEM)."),
        click.option("--tls-key", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Its key, if it is in a file of its own."),
        click.option("--report", is_flag=True, help="Print the addresses as one line of JSON on stdout."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


class Listen(msgspec.Struct, frozen=True):
    """Where to listen, as it was said on the command line."""

    host: str = LOCAL
    port: int = DEFAULT_PORT
    bind: Sequence[str] = ()
    unix: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    report: bool = False

    @classmethod
    def take(cls, options: dict[str, Any]) -> Listen:
        """Return the listening part of a command's options, and take it out of them."""
        return cls(**{name: options.pop(name) for name in cls.__struct_fields__})

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in the form that the engine reads."""
        given = (*self.bind, *((f"unix:{self.unix}",) if self.unix else ()))
        host = f"[{self.host}]" if ":" in self.host else self.host
        return given or (f"{host}:{self.port}",)

    @property
    def tls(self) -> TLSOptions | None:
        """The certificate, if there is one."""
        return TLSOptions(self.tls_cert, self.tls_key or "") if self.tls_cert else None

    @property
    def is_public(self) -> bool:
        """Whether others than this machine can connect."""
        return any(
            address.kind == "tcp" and address.host not in _LOOPBACK
            for address in map(parse_address, self.addresses)
        )

    @property
    def has_free_port(self) -> bool:
        """Whether a port is chosen by the system, so that only a report can tell it."""
        return any(
            address.kind == "tcp" and not address.port for address in map(parse_address, self.addresses)
        )


@click.command()
@target.argument
@listen_options
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    help="Processes; 0 serves in this one, without a supervisor.",
)
@click.option("--health", default="", metavar="ADDRESS", help="Answer /live and /ready here.")
@click.option("--pid-file", default="", metavar="FILE", help="Gets the id of the supervisor.")
@click.option("--port-file", default="", metavar="FILE", help="Gets the report of the addresses.")
@click.option("--user", default="", help="Workers run as this user.")
@click.option("--group", default="", help="Workers run as this group.")
@click.option(
    "--access-log", type=click.Choice(["off", "text", "json"]), help="A line for each request, on stdout."
)
@click.option(
    "--max-requests", default=0, type=click.IntRange(0), help="Replace a worker after so many; 0: never."
)
@click.option(
    "--max-memory",
    "max_memory_bytes",
    default=0,
    type=Size(),
    help="Replace a worker that holds more; 0: never.",
)
@click.option("--pin-cpus", is_flag=True, help="One CPU for each worker.")
@click.option(
    "--start-timeout",
    default=60.0,
    show_default=True,
    type=Duration(),
    help="Seconds until a worker must be ready.",
)
@click.option("--replace-stuck", is_flag=True, help="Kill and replace a worker that gives no sign of life.")
@click.option(
    "--max-in-flight",
    "in_flight",
    default=0,
    type=click.IntRange(0),
    help="Answer 503 beyond so many requests of a worker; 0: no limit.",
)
@click.option(
    "--max-lag",
    "loop_lag",
    default=0.0,
    type=Duration(),
    help="Answer 503 while the loop is later than this; 0: never.",
)
def run(target: str, **options: Any) -> None:
    """Serve an app in production: workers, limits and security on; SIGTERM drains, SIGHUP reloads."""
    from .serve import serve

    listen = Listen.take(options)
    watch = Watch(in_flight=options.pop("in_flight"), loop_lag=options.pop("loop_lag"))
    environment = _environment(target, options.pop("access_log"))
    serving = ServeOptions(
        target=target,
        listeners=listen.addresses,
        tls=listen.tls,
        watch=watch,
        report=listen.report or listen.has_free_port,
        environment=environment,
        **options,
    )
    sys.exit(serve(serving, ready=partial(_introduce, serving, listen)))


def _environment(name: str, access_log: str | None) -> dict[str, str]:
    """Return what workers get beside our own environment: a key where there is none, the access log."""
    environment = {} if has_key(home_of(name, Path.cwd())) else start_key()
    if environment:
        say(
            f"{paint('warning:', fg='yellow', bold=True)} SECRET_KEY is not set. This start has a key of its own: "
            "with the next one, sessions and signed cookies end."
        )
    if access_log:
        environment["VIVACE_ACCESS_LOG"] = access_log
    return environment


def _introduce(options: ServeOptions, listen: Listen, listeners: Sequence[Listener]) -> None:
    """Say what is served, where and how."""
    count = options.workers
    how = f"{count} worker{'' if count == 1 else 's'}" if count else "in this process"
    parts = [how, "TLS" if options.tls else "", f"health on {options.health}" if options.health else ""]
    say(
        f"vivace {vivace.__version__} serves {options.target or 'the app in this folder'} "
        f"on {', '.join(listener.url for listener in listeners)} ({', '.join(filter(None, parts))})"
    )
    if listen.is_public and not os.environ.get("VIVACE_HOSTS"):
        say(
            "Other machines can connect. Requests for hosts that VIVACE_HOSTS does not name are answered with 421."
        )


__all__ = ["Listen", "listen_options", "run"]
