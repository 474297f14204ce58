"""What is told when something has happened. May run twice: each person is told once."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.core.events import Event
from venmo_api.notifications import notices, service

_PUBLISH = "for i = 1, #ARGV do redis.call('PUBLISH', ARGV[i], '') end"


async def tell(app: Adapters, events: Sequence[Event]) -> None:
    """Put what there is to tell into inboxes, and wake who looks at one right now."""
    told = [notice for event in events for notice in notices.of(event)]
    if told:
        await _wake(app.redis, await app.database.transact(service.tell, app, told))


async def _wake(redis: Redis, people: Sequence[UUID]) -> None:
    """Best effort: who looks also asks by themselves."""
    with suppress(RedisAway):
        await redis.run(_PUBLISH, [], [b"in:" + person.bytes for person in people])
