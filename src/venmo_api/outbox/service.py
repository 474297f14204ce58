"""Emit events in the caller's transaction; read back what is still on its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.clock import NewId
from venmo_api.core.events import EVENTS, Event
from venmo_api.outbox import queries


async def emit(tx: Transaction, events: Sequence[Event], *, new_id: NewId) -> None:
    """Log ``events`` and queue them for delivery. They exist if and only if the transaction commits."""
    if not events:
        return
    await queries.insert(
        tx,
        {
            "ids": [new_id() for _ in events],
            "topics": [type(event).__name__ for event in events],
            "payloads": [orjson.dumps(event, default=str).decode() for event in events],
            "moments": [event.at for event in events],
            "subjects": [event.subject_id for event in events],
        },
    )
    tx.events.extend(events)


async def pending(tx: Transaction, kind: type[Event], *, subject_id: UUID, most: int) -> list[Event]:
    """What somebody did, of one kind, newest first, that has not reached its subscribers yet."""
    rows = await queries.pending(tx, topic=kind.__name__, subject_id=subject_id, most=most)
    return [parse(row.topic, row.payload) for row in rows]


@dataclass(frozen=True, slots=True)
class Backlog:
    waiting: int
    parked: int
    oldest: datetime | None


async def backlog(tx: Transaction) -> Backlog:
    row = await queries.backlog(tx)
    return Backlog(row.waiting, row.parked, row.oldest)


async def retry_parked(tx: Transaction, *, now: datetime) -> int:
    """Put parked events back into the queue; how many."""
    return await queries.unpark(tx, now=now)


def parse(topic: str, payload: str) -> Event:
    """The event as it was emitted."""
    return _adapter(topic).validate_json(payload)


@cache
def _adapter(topic: str) -> TypeAdapter[Event]:
    return TypeAdapter(EVENTS[topic])
