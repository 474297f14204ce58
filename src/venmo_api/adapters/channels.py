"""Channels of Redis: one connection that hears many of them, and knows when it hears nothing any more."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from venmo_api.adapters.redis import Redis, RedisAway

SILENCE_SECONDS = 1.0
"""Then the server is asked whether it is there; and after as much again without an answer it is not."""
_HEARD = ("message", "subscribe")


class Channels:
    """``heard`` is called with a channel for each of its messages, and when listening to it begins: what was published
    before then was missed."""

    def __init__(
        self, redis: Redis, *, wanted: Callable[[], Collection[bytes]], heard: Callable[[bytes], None]
    ) -> None:
        self._redis = redis
        self._wanted = wanted
        self._heard = heard
        self._listening: Any = None

    async def listen(self) -> None:
        """Hear the channels that are wanted, until cancelled. Raises RedisAway when the connection broke."""
        await self._redis.call(self._listen)

    async def add(self, *channels: bytes) -> None:
        """Hear these at once, which are wanted from now on; else within SILENCE_SECONDS. Raises RedisAway."""
        # Only who listens connects: two at once would leave a connection behind.
        if (listening := self._listening) and listening.connection and listening.connection.is_connected:
            await self._redis.call(lambda: listening.subscribe(*channels))

    async def _listen(self) -> None:
        async with self._redis.client.pubsub() as listening:
            self._listening = listening
            try:
                await self._hear(listening)
            finally:
                self._listening = None

    async def _hear(self, listening: Any) -> None:
        clock = asyncio.get_running_loop().time
        asked, checked = False, 0.0
        while True:
            if clock() - checked >= SILENCE_SECONDS:
                await self._catch_up(listening)
                checked = clock()
            message = await listening.get_message(timeout=SILENCE_SECONDS)
            if message is not None:
                asked = False
                if message["type"] in _HEARD:
                    self._heard(message["channel"])
            elif asked:
                raise RedisAway("silent")
            else:
                asked = True
                await listening.ping()

    async def _catch_up(self, listening: Any) -> None:
        wanted, have = set(self._wanted()), set(listening.channels)
        if more := wanted - have:
            await listening.subscribe(*more)
        if fewer := have - wanted:
            await listening.unsubscribe(*fewer)
