"""The relay: claim events, hand them to their subscribers, back off what fails, park what keeps failing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import groupby
from typing import Any

import structlog

from venmo_api.adapters.postgres import Contended, Database
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.core.clock import Clock
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import Event
from venmo_api.outbox import queries, rules, service

log = structlog.get_logger()
BATCH_MOST = 500
CHANNEL = "outbox"
_PUBLISH = "return redis.call('PUBLISH', ARGV[1], '')"

Handler = Callable[[Sequence[Event]], Awaitable[None]]
"""Receives events of its kind in the order they were queued. Must be idempotent: delivery is at least once."""
Subscriptions = Mapping[type[Event], Sequence[Handler]]


class Relay:
    """Holds what it delivers by a lease, in no transaction: subscribers that take long keep nobody's rows and nothing
    from being vacuumed."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        subscriptions: Subscriptions,
        *,
        lease: timedelta = rules.LEASE,
        handling_most: timedelta = rules.HANDLING_MOST,
    ) -> None:
        self._database = database
        self._clock = clock
        self._subscriptions = subscriptions
        self._lease = lease
        self._handling_most = handling_most

    async def deliver(self) -> int:
        """Deliver one batch of due events; how many were claimed (0: nothing is due)."""
        now = self._clock.now()
        rows = await self._database.transact(queries.claim, now=now, lease=self._lease, most=BATCH_MOST)
        if rows:
            await self._deliver(rows)
        return len(rows)

    async def drain(self) -> int:
        """Deliver until nothing is due; how many events that were."""
        total = 0
        while claimed := await self.deliver():
            total += claimed
        return total

    async def _deliver(self, rows: Sequence[Any]) -> None:
        """Each kind apart: while what one needs is away the others get through."""
        async with self._holding(rows):
            done = [row for alike in self._by_kind(rows) for row in await self._delivered(alike)]
        if done:
            await self._database.transact(queries.delivered, done)

    async def _delivered(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Those of these, all of one kind, that their subscribers have."""
        try:
            await self._hand_over(rows)
        except Exception as error:
            if _is_away(error):
                await self._postpone(rows)
            else:
                await self._one_by_one(rows)
            return ()
        return rows

    async def _one_by_one(self, rows: Sequence[Any]) -> None:
        """Somebody in the batch is to blame: the others get through."""
        for row in rows:
            try:
                await self._hand_over([row])
            except Exception as error:
                if _is_away(error):
                    await self._postpone([row])
                else:
                    await self._back_off(row, error)
            else:
                await self._database.transact(queries.delivered, [row])

    async def _postpone(self, rows: Sequence[Any]) -> None:
        """What the subscribers need is away. No event is to blame, so none is parked: come back."""
        until = self._clock.now() + rules.AWAY_WAIT
        await self._database.transact(queries.postpone, rows, until=until)

    def _by_kind(self, rows: Sequence[Any]) -> list[list[Any]]:
        """In the order of the subscriptions; what nobody subscribes to comes last."""
        places = {kind.__name__: place for place, kind in enumerate(self._subscriptions)}
        ranked = sorted(rows, key=lambda row: (places.get(row.topic, len(places)), row.topic))
        return [list(alike) for _, alike in groupby(ranked, key=lambda row: row.topic)]

    async def _hand_over(self, rows: Sequence[Any]) -> None:
        """Rows of one kind."""
        events = [service.parse(row.topic, row.payload) for row in rows]
        async with asyncio.timeout(self._handling_most.total_seconds()):
            for handler in self._subscriptions.get(type(events[0]), ()):
                await handler(events)

    async def _back_off(self, row: Any, error: Exception) -> None:
        attempts = row.attempts + 1
        parked = rules.is_hopeless(attempts)
        due_at = self._clock.now() + rules.back_off(attempts)
        name = type(error).__name__
        await self._database.transact(queries.failed, [row], due_at=due_at, parked=parked, error=name)
        log.warning(
            "event_not_delivered",
            topic=row.topic,
            position=row.position,
            attempts=attempts,
            parked=parked,
            error=name,
        )

    @asynccontextmanager
    async def _holding(self, rows: Sequence[Any]) -> AsyncIterator[None]:
        """Within, the lease does not run out, unless this process does."""
        extending = asyncio.create_task(self._extend(rows))
        try:
            yield
        finally:
            extending.cancel()
            await asyncio.gather(extending, return_exceptions=True)

    async def _extend(self, rows: Sequence[Any]) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            with suppress(Unavailable):  # then others may have the events soon: they are delivered at least once
                await self._database.transact(queries.extend, rows, lease=self._lease)


def _is_away(error: Exception) -> bool:
    """Whether something all events need is not there. A statement that takes too long is the fault of its event."""
    return isinstance(error, Unavailable) and not isinstance(error, Contended)


async def wake(redis: Redis) -> None:
    """Tell relays that something was committed. Best effort: they also look by themselves."""
    with suppress(RedisAway):
        await redis.run(_PUBLISH, [], [CHANNEL])  # a script, so that it goes out with the others of this moment
