"""SQL of the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

# Nothing is logged within what is frozen: it is on its way to the archive. Both statements see one horizon (``write``).
_AFTER = """greatest(at, (SELECT frozen_through + interval '1 microsecond' FROM archive_horizons
                         WHERE group_name = 'events'))"""
LOG = text(f"""
    INSERT INTO events (id, topic, payload, created_at)
    SELECT id, topic, payload, {_AFTER}
    FROM unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:payloads AS jsonb[]),
                CAST(:moments AS timestamptz[])) AS e (id, topic, payload, at)
""")
QUEUE = text(f"""
    INSERT INTO outbox_queue (event_id, subject_id, due_at, created_at)
    SELECT id, subject_id, at, {_AFTER}
    FROM unnest(CAST(:ids AS uuid[]), CAST(:subjects AS uuid[]), CAST(:moments AS timestamptz[]))
         AS e (id, subject_id, at)
""")

# SKIP LOCKED lets any number of relays share the queue. When events are due is business time, which may be driven
# ahead; leases run on the database's own clock, which is one for all relays.
CLAIM = text("""
    WITH due AS (
        SELECT position FROM outbox_queue
        WHERE due_at <= :now AND NOT parked AND (leased_until IS NULL OR leased_until <= statement_timestamp())
        ORDER BY position LIMIT :most
        FOR UPDATE SKIP LOCKED),
    lease AS MATERIALIZED (SELECT gen_random_uuid() AS id),
    leased AS (
        UPDATE outbox_queue q SET lease_id = lease.id, leased_until = statement_timestamp() + :lease
        FROM due, lease WHERE q.position = due.position
        RETURNING q.position, q.attempts, q.lease_id, q.event_id, q.created_at)
    SELECT position, attempts, lease_id, event_id, created_at FROM leased ORDER BY position
""")
# With the bounds as parameters, partitions of other days are not looked at.
TOLD = text("""
    SELECT id, topic, payload::text AS payload FROM events
    WHERE id = ANY(CAST(:ids AS uuid[])) AND created_at BETWEEN :since AND :until
""")

# What a relay says of events counts only while it holds them: another may have them since.
_HELD = "position = ANY(CAST(:positions AS bigint[])) AND lease_id = :lease_id"
EXTEND = text(f"UPDATE outbox_queue SET leased_until = statement_timestamp() + :lease WHERE {_HELD}")

DELIVERED = text(f"DELETE FROM outbox_queue WHERE {_HELD}")

FAILED = text(f"""
    UPDATE outbox_queue
    SET attempts = attempts + 1, due_at = :due_at, parked = :parked, last_error = :error,
        lease_id = NULL, leased_until = NULL
    WHERE {_HELD}
""")

POSTPONE = text(f"UPDATE outbox_queue SET due_at = :until, lease_id = NULL, leased_until = NULL WHERE {_HELD}")

PENDING_SINCE = text("""
    SELECT min(created_at) AS since, max(created_at) AS until FROM outbox_queue WHERE subject_id = :subject_id
""")
PENDING = text("""
    SELECT e.topic, e.payload::text AS payload FROM outbox_queue q
    JOIN events e ON e.id = q.event_id AND e.created_at = q.created_at
    WHERE q.subject_id = :subject_id AND e.topic = :topic AND e.created_at BETWEEN :since AND :until
    ORDER BY q.position DESC LIMIT :most
""")

BACKLOG = text("""
    SELECT count(*) FILTER (WHERE NOT parked) AS waiting, count(*) FILTER (WHERE parked) AS parked,
           min(due_at) FILTER (WHERE NOT parked) AS oldest FROM outbox_queue
""")

UNPARK = text("UPDATE outbox_queue SET parked = false, attempts = 0, due_at = :now WHERE parked")

BEGIN_RUN = text("""
    INSERT INTO job_runs (name, started_at) VALUES (:name, :now)
    ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, runs = job_runs.runs + 1
    WHERE job_runs.started_at <= :due_before
    RETURNING name
""")
RUN_AGAIN = text("UPDATE job_runs SET started_at = :as_if WHERE name = :name AND started_at = :began")


async def insert(tx: Transaction, columns: Mapping[str, Sequence[object]]) -> None:
    """``columns``: ids, topics, payloads (JSON), moments, subjects; one element an event."""
    await tx.write(LOG, columns)
    await tx.write(QUEUE, columns)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event that one relay holds."""

    position: int
    attempts: int
    lease_id: UUID
    topic: str
    payload: str


async def claim(tx: Transaction, *, now: datetime, lease: timedelta, most: int) -> Sequence[Claimed]:
    """The due events that nobody holds, in the order they were queued, and held from now on for ``lease``."""
    rows = (await tx.execute(CLAIM, {"now": now, "lease": lease, "most": most})).all()
    if not rows:
        return []
    moments = [row.created_at for row in rows]
    bounds = {"since": min(moments), "until": max(moments)}
    told = {row.id: row for row in await tx.execute(TOLD, {"ids": [row.event_id for row in rows]} | bounds)}
    return [
        Claimed(row.position, row.attempts, row.lease_id, told[row.event_id].topic, told[row.event_id].payload)
        for row in rows
        if row.event_id in told
    ]


async def extend(tx: Transaction, held: Sequence[Any], *, lease: timedelta) -> None:
    await tx.execute(EXTEND, {"lease": lease} | _held(held))


async def delivered(tx: Transaction, held: Sequence[Any]) -> None:
    await tx.execute(DELIVERED, _held(held))


async def failed(tx: Transaction, held: Sequence[Any], *, due_at: datetime, parked: bool, error: str) -> None:
    await tx.execute(FAILED, {"due_at": due_at, "parked": parked, "error": error} | _held(held))


async def postpone(tx: Transaction, held: Sequence[Any], *, until: datetime) -> None:
    await tx.execute(POSTPONE, {"until": until} | _held(held))


async def pending(tx: Transaction, *, topic: str, subject_id: UUID, most: int) -> Sequence[Any]:
    known = (await tx.execute(PENDING_SINCE, {"subject_id": subject_id})).one()
    if known.since is None:
        return []
    bounds = {"since": known.since, "until": known.until}
    return (await tx.execute(PENDING, {"topic": topic, "subject_id": subject_id, "most": most} | bounds)).all()


async def backlog(tx: Transaction) -> Any:
    return (await tx.execute(BACKLOG)).one()


async def unpark(tx: Transaction, *, now: datetime) -> int:
    return (await tx.execute(UNPARK, {"now": now})).rowcount


async def begin_run(tx: Transaction, name: str, *, now: datetime, every: timedelta) -> bool:
    """True when this caller owns the run that is due."""
    parameters = {"name": name, "now": now, "due_before": now - every}
    return (await tx.execute(BEGIN_RUN, parameters)).first() is not None


async def run_again(tx: Transaction, name: str, *, began: datetime, sooner: timedelta) -> None:
    """Let the next run be due so much sooner: this one has failed."""
    await tx.execute(RUN_AGAIN, {"name": name, "began": began, "as_if": began - sooner})


def _held(rows: Sequence[Any]) -> dict[str, Any]:
    """Rows of one ``claim``."""
    return {"positions": [row.position for row in rows], "lease_id": rows[0].lease_id}
