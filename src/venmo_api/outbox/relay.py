"""The relay: claim events, hand them to their subscribers, back off what fails, park what keeps failing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from venmo_api.adapters.postgres import Contended, Database, Transaction
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
    def __init__(self, database: Database, clock: Clock, subscriptions: Subscriptions) -> None:
        self._database = database
        self._clock = clock
        self._subscriptions = subscriptions

    async def deliver(self) -> int:
        """Deliver one batch of due events; how many were claimed (0: nothing is due)."""
        return await self._database.transact(self._deliver)

    async def drain(self) -> int:
        """Deliver until nothing is due; how many events that were."""
        total = 0
        while claimed := await self.deliver():
            total += claimed
        return total

    async def _deliver(self, tx: Transaction) -> int:
        rows = await queries.claim(tx, now=self._clock.now(), most=BATCH_MOST)
        if not rows:
            return 0
        try:
            await self._hand_over([service.parse(row.topic, row.payload) for row in rows])
        except Exception as error:
            if _is_away(error):
                await self._postpone(tx, rows)
            else:
                await self._one_by_one(tx, rows)
        else:
            await queries.delivered(tx, [row.position for row in rows])
        return len(rows)

    async def _one_by_one(self, tx: Transaction, rows: Sequence[Any]) -> None:
        """Somebody in the batch is to blame: the others get through."""
        for row in rows:
            try:
                await self._hand_over([service.parse(row.topic, row.payload)])
            except Exception as error:
                if _is_away(error):
                    await self._postpone(tx, [row])
                else:
                    await self._back_off(tx, row.position, row.attempts + 1, row.topic, error)
            else:
                await queries.delivered(tx, [row.position])

    async def _postpone(self, tx: Transaction, rows: Sequence[Any]) -> None:
        """What the subscribers need is away. No event is to blame, so none is parked: come back."""
        until = self._clock.now() + rules.AWAY_WAIT
        await queries.postpone(tx, [row.position for row in rows], until=until)

    async def _hand_over(self, events: Sequence[Event]) -> None:
        for kind, handlers in self._subscriptions.items():
            mine = [event for event in events if type(event) is kind]
            if mine:
                for handler in handlers:
                    await handler(mine)

    async def _back_off(self, tx: Transaction, position: int, attempts: int, topic: str, error: Exception) -> None:
        parked = rules.is_hopeless(attempts)
        due_at = self._clock.now() + rules.back_off(attempts)
        await queries.failed(tx, position, due_at=due_at, parked=parked, error=type(error).__name__)
        log.warning(
            "event_not_delivered",
            topic=topic,
            position=position,
            attempts=attempts,
            parked=parked,
            error=type(error).__name__,
        )


def _is_away(error: Exception) -> bool:
    """Whether something all events need is not there. A statement that takes too long is the fault of its event."""
    return isinstance(error, Unavailable) and not isinstance(error, Contended)


async def wake(redis: Redis) -> None:
    """Tell relays that something was committed. Best effort: they also look by themselves."""
    with suppress(RedisAway):
        await redis.run(_PUBLISH, [], [CHANNEL])  # a script, so that it goes out with the others of this moment
