"""SQL of the outbox."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

LOG = text("""
    INSERT INTO events (id, topic, payload, created_at)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:payloads AS jsonb[]),
                         CAST(:moments AS timestamptz[]))
""")
QUEUE = text("""
    INSERT INTO outbox_queue (event_id, subject_id, due_at)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:subjects AS uuid[]), CAST(:moments AS timestamptz[]))
""")

STAY = text("SET LOCAL idle_in_transaction_session_timeout = 0")
# SKIP LOCKED lets any number of relays share the queue; the locks last until the claiming transaction ends.
CLAIM = text("""
    SELECT q.position, q.attempts, e.id, e.topic, e.payload::text AS payload
    FROM outbox_queue q JOIN events e ON e.id = q.event_id
    WHERE q.due_at <= :now AND NOT q.parked
    ORDER BY q.position LIMIT :most
    FOR UPDATE OF q SKIP LOCKED
""")

DELIVERED = text("DELETE FROM outbox_queue WHERE position = ANY(CAST(:positions AS bigint[]))")

FAILED = text("""
    UPDATE outbox_queue
    SET attempts = attempts + 1, due_at = :due_at, parked = :parked, last_error = :error
    WHERE position = :position
""")

POSTPONE = text("UPDATE outbox_queue SET due_at = :until WHERE position = ANY(CAST(:positions AS bigint[]))")

PENDING = text("""
    SELECT e.topic, e.payload::text AS payload FROM outbox_queue q JOIN events e ON e.id = q.event_id
    WHERE q.subject_id = :subject_id AND e.topic = :topic
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


async def insert(tx: Transaction, columns: Mapping[str, Sequence[object]]) -> None:
    """``columns``: ids, topics, payloads (JSON), moments, subjects; one element an event."""
    await tx.write(LOG, columns)
    await tx.write(QUEUE, columns)


async def claim(tx: Transaction, *, now: datetime, most: int) -> Sequence[Any]:
    """The due events, this transaction's until it ends; it may be idle while they are delivered."""
    await tx.execute(STAY)
    return (await tx.execute(CLAIM, {"now": now, "most": most})).all()


async def delivered(tx: Transaction, positions: Sequence[int]) -> None:
    await tx.execute(DELIVERED, {"positions": positions})


async def failed(tx: Transaction, position: int, *, due_at: datetime, parked: bool, error: str) -> None:
    await tx.execute(FAILED, {"position": position, "due_at": due_at, "parked": parked, "error": error})


async def postpone(tx: Transaction, positions: Sequence[int], *, until: datetime) -> None:
    await tx.execute(POSTPONE, {"positions": positions, "until": until})


async def pending(tx: Transaction, *, topic: str, subject_id: UUID, most: int) -> Sequence[Any]:
    return (await tx.execute(PENDING, {"topic": topic, "subject_id": subject_id, "most": most})).all()


async def backlog(tx: Transaction) -> Any:
    return (await tx.execute(BACKLOG)).one()


async def unpark(tx: Transaction, *, now: datetime) -> int:
    return (await tx.execute(UNPARK, {"now": now})).rowcount


async def begin_run(tx: Transaction, name: str, *, now: datetime, every: timedelta) -> bool:
    """True when this caller owns the run that is due."""
    parameters = {"name": name, "now": now, "due_before": now - every}
    return (await tx.execute(BEGIN_RUN, parameters)).first() is not None
