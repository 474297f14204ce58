"""Emit events in the caller's transaction; read back what is still on its way."""

from collections.abc import Sequence
from functools import cache

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
        [new_id() for _ in events],
        [type(event).__name__ for event in events],
        [orjson.dumps(event, default=str).decode() for event in events],
        [event.at for event in events],
    )
    tx.events.extend(events)


async def pending(tx: Transaction, kind: type[Event], *, field: str, value: str, most: int) -> list[Event]:
    """Committed events of one kind, newest first, that have not reached their subscribers yet."""
    rows = await queries.pending(tx, topic=kind.__name__, field=field, value=value, most=most)
    return [parse(row.topic, row.payload) for row in rows]


def parse(topic: str, payload: str) -> Event:
    """The event as it was emitted."""
    return _adapter(topic).validate_json(payload)


@cache
def _adapter(topic: str) -> TypeAdapter[Event]:
    return TypeAdapter(EVENTS[topic])
