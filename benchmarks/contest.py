"""Two or more servers under the same load, in turn, round after round, compared as ratios.

Only one server works at a time, all on one core. A round lasts seconds and goes ours, peer, ours, peer …, so a busy
minute of the machine hits both sides of a quotient; the result is the median of the quotients. What is divided are
answers per second *of the server's CPU*: another process on the core takes wall-clock time from a server, but not
that. With a quiet machine and a saturated server both rates are the same; the notes show the wall-clock ratio too.
"""

from __future__ import annotations

import http.client
import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace

from .load import Load, Sample, measure
from .report import Bound, Row, ratio, short
from .servers import Broken, Program, Running, Unavailable, serving

BUSY = 0.9  # a server below this share of its core was not the limit
SHARED = 0.1  # from this share on, what others took of the core is told


@dataclass(frozen=True, slots=True)
class Options:
    """How long and where: seconds per round, rounds that count, the servers' core and the load's (``None``: any)."""

    seconds: float = 3.0
    rounds: int = 3
    server_core: int | None = None
    load_core: int | None = None


@dataclass(frozen=True, slots=True)
class Rival:
    """Whom we compare with and how many times its rate we have to reach (``None``: for information)."""

    name: str
    floor: float | None = None


@dataclass(frozen=True, slots=True)
class Contest:
    """One kind of work and everyone who does it."""

    work: str
    load: Load
    ours: str
    rivals: tuple[Rival, ...]
    ours_sends: str = ""  # a header that shows that our default hooks are on
    loads: Mapping[str, Load] = field(default_factory=dict[str, Load])  # where it is asked in other words

    def load_of(self, name: str) -> Load:
        """Return what is asked of one of them."""
        return self.loads.get(name, self.load)


def compare(contest: Contest, find: Callable[[str], Program], options: Options) -> Iterator[Row]:
    """Yield one row for each rival; whoever cannot run here is skipped with the reason."""
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        absent: dict[str, Exception] = {}
        loads: dict[str, Load] = {}
        for name in (contest.ours, *(rival.name for rival in contest.rivals)):
            try:
                running[name] = stack.enter_context(serving(find(name), options.server_core))
                load = contest.load_of(name)
                check(running[name], load, contest.ours_sends if name == contest.ours else "")
                loads[name] = visiting(running[name], load)
            except (Unavailable, Broken, OSError, http.client.HTTPException) as error:
                running.pop(name, None)
                absent[name] = error
        samples = rounds(running, absent, loads, options)
    for rival in contest.rivals:
        yield _row(contest, rival, samples, absent)


def rounds(
    running: dict[str, Running], absent: dict[str, Exception], loads: dict[str, Load], options: Options
) -> dict[str, list[Sample]]:
    """Return the samples of each server; one that fails goes to ``absent``. The first round only warms up."""
    samples: dict[str, list[Sample]] = {name: [] for name in running}
    for index in range(options.rounds + 1):
        for name in list(samples):
            try:
                sample = measure(running[name], loads[name], options.seconds, options.load_core)
            except (Broken, Unavailable) as error:
                absent[name] = error
                del samples[name]
                continue
            if index:
                samples[name].append(sample)
    return samples


def check(server: Running, load: Load, header: str = "") -> None:
    """Raise ``Broken`` when a reply is not the expected one, lacks ``header``, or a bad body is taken."""
    if load.expect is not None or load.accept is not None or load.accept_text is not None:
        status, headers, body = fetch(server.port, load, load.body)
        good = is_good(load, body)
        if status != 200 or not good:
            raise Broken(f"expected 200 {load.expect or load.path}, got {status} {body[:200]!r}")
        if header and header not in headers:
            raise Broken(f"expected the header {header}, got {', '.join(headers)}")
    if load.refuse:
        status, _, body = fetch(server.port, load, load.refuse)
        if not 400 <= status < 500:
            raise Broken(f"expected 4xx for a bad body, got {status} {body[:200]!r}")


def visiting(server: Running, load: Load) -> Load:
    """Return ``load`` with the cookies that a browser has after one page; raises ``Broken`` when the next is not good."""
    if not load.cookie:
        return load
    _, headers, _ = fetch(server.port, load, load.body)
    given = headers.get("set-cookie", "").partition(";")[0]
    load = replace(load, cookie="; ".join(filter(None, (load.cookie, given))))
    check(server, load)
    return load


def is_good(load: Load, body: bytes) -> bool:
    """Say whether a reply is the expected one."""
    if load.accept_text is not None:
        return load.accept_text(body.decode())
    return bool(decoded(body) == load.expect if load.accept is None else load.accept(decoded(body)))


def fetch(port: int, load: Load, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (names in lower case) and body of one reply."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        sent = {"Content-Type": "application/json"} if body else {}
        sent |= {"Cookie": load.cookie} if load.cookie else {}
        connection.request(load.method, load.path, body or None, sent)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read()
    finally:
        connection.close()


def decoded(body: bytes) -> object:
    """Return the JSON value of ``body``, or ``body`` itself when it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def _row(
    contest: Contest, rival: Rival, samples: dict[str, list[Sample]], absent: dict[str, Exception]
) -> Row:
    ours, theirs = samples.get(contest.ours, []), samples.get(rival.name, [])
    bound = None if rival.floor is None else Bound(rival.floor)
    reasons = {name: absent[name] for name in (contest.ours, rival.name) if name in absent}
    failed = not all(isinstance(error, Unavailable) for error in reasons.values())
    result, notes = None, "; ".join(f"{name}: {error}" for name, error in reasons.items())
    if ours and theirs:
        result = ratio(
            [sample.per_cpu_second for sample in ours], [sample.per_cpu_second for sample in theirs]
        )
        notes = _notes(ours, theirs)
    kept = {
        contest.ours: [asdict(sample) for sample in ours],
        rival.name: [asdict(sample) for sample in theirs],
    }
    return Row(contest.work, rival.name, _rate(ours), _rate(theirs), result, "×", bound, notes, failed, kept)


def _rate(samples: list[Sample]) -> str:
    if not samples:
        return "–"
    return f"{short(statistics.median(sample.per_cpu_second for sample in samples))}/s"


def _notes(ours: list[Sample], theirs: list[Sample]) -> str:
    wall = ratio([sample.per_second for sample in ours], [sample.per_second for sample in theirs])
    busy = [statistics.median(sample.busy for sample in side) for side in (ours, theirs)]
    if not all(busy):
        return "wall clock (CPU time is not known here)"
    notes = f"wall {wall:.2f} ×, busy {busy[0]:.0%} and {busy[1]:.0%}"
    taken = max(sample.taken for sample in ours + theirs)
    if taken > SHARED:
        return f"{notes}; others took up to {taken:.0%} of the core"
    return f"{notes}; the generator was the limit" if min(busy) < BUSY else notes
