"""The tables of the broker on PostgreSQL, and what is asked of them.

| table | what |
|---|---|
| ``vivace_broker_state`` | one row: the epoch, and the number up to which messages may be gone from the log |
| ``vivace_broker_log`` | messages: number, topic, origin, seq, when, payload |
| ``vivace_broker_quiet`` | by topic, the number of the latest message that is gone from the log; for a day |
| ``vivace_broker_members`` | processes: when they were last heard of, and the pid of their connection's server process |
| ``vivace_broker_leases`` | values by topic, process and key |
| ``vivace_broker_locks`` | lines of tickets; that with the smallest place holds the lock |
| ``vivace_broker_counters`` | counters |

All are unlogged: they cost no write-ahead log, and are empty after a crash of the server, which then raises the epoch.
The sequence of the numbers is logged, and begins at a time, so that they go on rising, whatever happens to the tables.

Publishing is one statement: an advisory lock, the numbers, the rows, the NOTIFY. As the lock is held until the commit is
visible, who sees a number sees all smaller ones, and NOTIFY need not carry more than the last number and the topics.
"""

from __future__ import annotations

from typing import Final

CREATE: Final = """
SELECT pg_advisory_xact_lock({lock});
CREATE SEQUENCE IF NOT EXISTS vivace_broker_numbers START WITH {first};
CREATE UNLOGGED TABLE IF NOT EXISTS vivace_broker_log (
    number bigint PRIMARY KEY,
    topic text NOT NULL,
    origin text NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS vivace_broker_log_topic ON vivace_broker_log (topic, number);
CREATE UNLOGGED TABLE IF NOT EXISTS vivace_broker_quiet (
    topic text PRIMARY KEY,
    number bigint NOT NULL,
    at timestamptz NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS vivace_broker_members (
    process text PRIMARY KEY,
    seen timestamptz NOT NULL,
    pid integer NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS vivace_broker_leases (
    topic text NOT NULL,
    process text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (topic, process, key)
);
CREATE INDEX IF NOT EXISTS vivace_broker_leases_process ON vivace_broker_leases (process);
CREATE UNLOGGED TABLE IF NOT EXISTS vivace_broker_locks (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    ticket text NOT NULL UNIQUE,
    process text NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS vivace_broker_counters (name text PRIMARY KEY, value bigint NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS vivace_broker_state (
    one boolean PRIMARY KEY CHECK (one),
    epoch bigint NOT NULL,
    floor bigint NOT NULL
)
"""

ABOUT: Final = """
SELECT pg_backend_pid(), coalesce(current_schema(), ''),
       (SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest($1::text[]) AS name), pg_is_in_recovery()
"""

_MILLIS: Final = "(extract(epoch from clock_timestamp()) * 1000)::bigint"

# -- joining, under the lock

STATE: Final = f"""
INSERT INTO vivace_broker_state (one, epoch, floor)
SELECT true, {_MILLIS}, last_value - (NOT is_called)::int FROM vivace_broker_numbers
ON CONFLICT DO NOTHING
"""  # noqa: S608 - put together from constants, as all below
KNOWN: Final = (
    "UPDATE vivace_broker_members SET seen = clock_timestamp(), pid = $2 WHERE process = $1 RETURNING 1"
)
ENTER: Final = "INSERT INTO vivace_broker_members (process, seen, pid) VALUES ($1, clock_timestamp(), $2)"
TOP: Final = (
    "SELECT epoch, greatest(floor, (SELECT max(number) FROM vivace_broker_log)) FROM vivace_broker_state"
)
RENEW: Final = f"""
WITH risen AS (
    UPDATE vivace_broker_state SET epoch = greatest(epoch + 1, {_MILLIS}) RETURNING epoch
)
SELECT epoch, pg_notify($1, 'e ' || epoch) FROM risen
"""  # noqa: S608

# -- members: process, seconds until death, seconds until a closed connection counts as one

BEAT: Final = "UPDATE vivace_broker_members SET seen = clock_timestamp() WHERE process = $1 RETURNING 1"
_DEAD: Final = """
process <> $1 AND (
    seen < clock_timestamp() - make_interval(secs => $2)
    OR seen < clock_timestamp() - make_interval(secs => $3)
       AND NOT EXISTS (SELECT FROM pg_stat_get_activity(pid))
)
"""
DEAD: Final = f"SELECT EXISTS (SELECT FROM vivace_broker_members WHERE {_DEAD})"  # noqa: S608
BURY: Final = f"DELETE FROM vivace_broker_members WHERE {_DEAD} RETURNING process"  # noqa: S608
DEPART: Final = "DELETE FROM vivace_broker_members WHERE process = $1 RETURNING process"
LEASES_GONE: Final = "DELETE FROM vivace_broker_leases WHERE process = $1 RETURNING topic, key"
LOCKS_GONE: Final = "DELETE FROM vivace_broker_locks WHERE process = $1 RETURNING name"

# -- messages: lock, channel, topics as told, and then what is published


def _publish(first: str, source: str) -> str:
    return f"""
    WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock($1)), {first} added AS (
        INSERT INTO vivace_broker_log (number, topic, origin, seq, payload)
        SELECT nextval('vivace_broker_numbers'), sent.topic, $4, sent.seq, sent.payload FROM held, {source}
        RETURNING number, seq
    )
    SELECT numbers, pg_notify($2, 'm ' || numbers[cardinality(numbers)] || ' ' || $3)
    FROM (SELECT array_agg(number ORDER BY number) AS numbers FROM added) AS given WHERE numbers IS NOT NULL
    """  # noqa: S608


PUBLISH: Final = _publish("", "unnest($5::text[], $6::bigint[], $7::bytea[]) AS sent (topic, seq, payload)")
PUT: Final = _publish(
    """kept AS (
        INSERT INTO vivace_broker_leases (topic, process, key, value) VALUES ($7, $4, $8, $9)
        ON CONFLICT (topic, process, key) DO UPDATE SET value = excluded.value
    ),""",
    "(SELECT $5::text AS topic, 0 AS seq, $6::bytea AS payload) AS sent",
)
DROP: Final = _publish(
    """gone AS (
        DELETE FROM vivace_broker_leases WHERE topic = $7 AND process = $4 AND key = $8 RETURNING 1
    ),""",
    "(SELECT $5::text AS topic, 0 AS seq, $6::bytea AS payload FROM gone) AS sent",
)
FIND: Final = "SELECT number FROM vivace_broker_log WHERE topic = $1 AND origin = $2 AND seq = $3"
FETCH: Final = """
SELECT number, topic, origin, payload FROM vivace_broker_log
WHERE number > $1 AND topic = ANY($2::text[]) ORDER BY number LIMIT $3
"""
SINCE: Final = """
SELECT lost, top, number, origin, payload
FROM (
    SELECT coalesce((SELECT number FROM vivace_broker_quiet WHERE topic = $1), floor) AS lost, greatest(floor, (SELECT max(number) FROM vivace_broker_log)) AS top FROM vivace_broker_state
) AS state
LEFT JOIN LATERAL (
    SELECT number, origin, CASE WHEN number > $2 THEN payload END AS payload
    FROM vivace_broker_log WHERE topic = $1 ORDER BY number DESC LIMIT $3
) AS kept ON true
ORDER BY number
"""
FORGET: Final = """
WITH gone AS (
    DELETE FROM vivace_broker_log WHERE number < coalesce(
        (
            SELECT number FROM vivace_broker_log
            WHERE at >= clock_timestamp() - make_interval(secs => $1) ORDER BY number LIMIT 1
        ),
        9223372036854775807
    ) RETURNING number, topic
), latest AS (
    INSERT INTO vivace_broker_quiet (topic, number, at)
    SELECT topic, max(number), clock_timestamp() FROM gone GROUP BY topic
    ON CONFLICT (topic) DO UPDATE SET number = excluded.number, at = excluded.at
), forgotten AS (
    DELETE FROM vivace_broker_quiet
    WHERE at < clock_timestamp() - interval '1 day' AND topic NOT IN (SELECT topic FROM gone)
)
UPDATE vivace_broker_state SET floor = greatest(floor, (SELECT max(number) FROM gone))
WHERE EXISTS (SELECT FROM gone)
"""
TRIM: Final = """
DELETE FROM vivace_broker_log WHERE topic = $1 AND number < (
    SELECT number FROM vivace_broker_log WHERE topic = $1 ORDER BY number DESC OFFSET $2 LIMIT 1
)
"""

# -- leases, counters, locks

ENTRIES: Final = "SELECT process, key, value FROM vivace_broker_leases WHERE topic = $1"
INCR: Final = """
INSERT INTO vivace_broker_counters AS c (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = c.value + excluded.value RETURNING value
"""
COUNT: Final = "SELECT coalesce((SELECT value FROM vivace_broker_counters WHERE name = $1), 0)"
CLAIM: Final = """
INSERT INTO vivace_broker_locks (name, ticket, process) VALUES ($1, $2, $3) ON CONFLICT (ticket) DO NOTHING
"""
HEAD: Final = "SELECT ticket FROM vivace_broker_locks WHERE name = $1 ORDER BY place LIMIT 1"
GIVE_UP: Final = "DELETE FROM vivace_broker_locks WHERE ticket = $1"
TELL: Final = "SELECT pg_notify($1, 'g ' || $2::text)"
