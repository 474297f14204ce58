"""Turns: those who want the same thing have it one after another, and no more wait than can be served soon."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from venmo_api.core.errors import Unavailable


class Turns:
    """At most ``most`` hold or await a turn; whoever comes then is told so at once."""

    def __init__(self, *, most: int = 256) -> None:
        self._most = most
        self._present = 0
        self._queues: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Alone with this key, in this process. Raises Unavailable, without waiting, when all places are taken."""
        if self._present >= self._most:
            raise Unavailable("Too many people are proving who they are at this moment; try again shortly.")
        lock, queued = self._queues.get(key) or (asyncio.Lock(), 0)
        self._queues[key] = (lock, queued + 1)
        self._present += 1
        try:
            async with lock:
                yield
        finally:
            self._present -= 1
            _, queued = self._queues[key]
            if queued == 1:
                del self._queues[key]
            else:
                self._queues[key] = (lock, queued - 1)
