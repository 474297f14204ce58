"""Gather requests in memory, and write them down many at once: no request waits for it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.core.errors import Unavailable
from venmo_api.core.origin import network
from venmo_api.traffic import queries

log = structlog.get_logger()
EVERY_SECONDS = 1.0
AT_ONCE = 2000
WAITING_MOST = 50_000
"""While the database is away. Who asks more than that meanwhile is in the process log only."""
_network = lru_cache(maxsize=4096)(network)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it ended. ``address`` is never written down, only its network."""

    at: datetime
    request_id: str
    method: str
    route: str
    status: int
    duration_us: int
    actor_id: UUID | None
    address: str | None


class Recorder:
    """What this process was asked and has not written down yet."""

    def __init__(self, app: Adapters) -> None:
        self._app = app
        self._waiting: deque[Asked] = deque()
        self._dropped = 0

    def note(self, asked: Asked) -> None:
        """Keep it for the next writing; never fails, never waits."""
        if len(self._waiting) < WAITING_MOST:
            self._waiting.append(asked)
        else:
            self._dropped += 1

    async def write(self) -> None:
        """Write down what there is. What cannot be written now waits for the next time."""
        if self._dropped:
            log.warning("requests_not_recorded", count=self._dropped)
            self._dropped = 0
        while self._waiting:
            portion = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                await self._app.database.transact(queries.insert, [_row(one) for one in portion])
            except Unavailable:
                self._waiting.extendleft(reversed(portion))
                return


@asynccontextmanager
async def recording(recorder: Recorder) -> AsyncIterator[None]:
    """Within, requests are written down each second; the rest at the end."""
    stop = asyncio.Event()
    writing = asyncio.create_task(_write_until(stop, recorder))
    try:
        yield
    finally:
        stop.set()
        await writing


async def _write_until(stop: asyncio.Event, recorder: Recorder) -> None:
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_SECONDS):
                await stop.wait()
        try:
            await recorder.write()
        except Exception:
            log.exception("recording_failed")


def _row(asked: Asked) -> tuple[object, ...]:
    return (
        asked.at,
        asked.request_id,
        asked.method,
        asked.route,
        asked.status,
        asked.duration_us,
        asked.actor_id,
        _network(asked.address),
    )
