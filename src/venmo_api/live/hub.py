"""All streams of a process: how many there may be, what wakes them, and who may still have one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.channels import Channels
from venmo_api.adapters.redis import RedisAway
from venmo_api.feed import service as feed
from venmo_api.live.rules import BY_PERSON, OF_PROCESS, Goodbye, NoRoom, Part, TooManyStreams
from venmo_api.live.stream import Stream, stop

log = structlog.get_logger()
SEAT_MS = 30_000
"""How long a stream counts that nobody says is there: its process was killed."""
# live:<person>: streams by when they last said that they are there; less than zero, that another went on from them.
_SIT = """
local time = redis.call('TIME')
local now, since = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], since - now, now - since)
if ARGV[2] ~= '' then redis.call('ZADD', KEYS[1], 'XX', -now, ARGV[2]) end
if redis.call('ZCOUNT', KEYS[1], 0, '+inf') >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], since)
return 1
"""
_STAY = """
local seat = redis.call('ZSCORE', KEYS[1], ARGV[1])
if seat and tonumber(seat) < 0 then return 0 end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_LEAVE = "return redis.call('ZREM', KEYS[1], ARGV[1])"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, in seconds; and how many read at a time, since payments need connections too."""

    heartbeat: float = 15.0
    look: float = 5.0
    look_alone: float = 2.0
    gather: float = 0.1
    prove: float = 1.0
    stay: float = 10.0
    retry: float = 1.0
    reads: int = 5


class Hub:
    """Holds no task and no connection while there are no streams."""

    def __init__(self, app: Adapters, *, pace: Pace = Pace(), most: int = OF_PROCESS) -> None:
        self.pace = pace
        self.hears = False
        self.reading = asyncio.Semaphore(pace.reads)
        self.streams: set[Stream] = set()
        self.tasks: list[asyncio.Task[None]] = []
        self._app = app
        self._most = most
        self._listeners: dict[bytes, dict[Stream, Part]] = {}
        self._channels = Channels(app.redis, wanted=lambda: self._listeners, heard=self._wake)

    @property
    def patience(self) -> float:
        """How long a stream that nothing wakes waits before it looks: messages can be lost, or not be heard at all."""
        return self.pace.look if self.hears else self.pace.look_alone

    @asynccontextmanager
    async def seat(self, stream: Stream) -> AsyncIterator[None]:
        """Within, the stream counts and is woken. Raises TooManyStreams, NoRoom and Unavailable."""
        heard = dict.fromkeys(await feed.channels(self._app, stream.viewer), Part.FEED)
        stream.channels = heard | {b"in:" + stream.viewer.bytes: Part.INBOX}
        self._sit(stream)
        try:
            await self._sit_everywhere(stream)
            with suppress(RedisAway):
                await self._channels.add(*stream.channels)
            yield
        finally:
            await self._leave(stream)

    def _sit(self, stream: Stream) -> None:
        if len(self.streams) >= self._most:
            raise NoRoom
        theirs = [other for other in self.streams if other.viewer == stream.viewer]
        for other in theirs:
            if other.id == stream.before:
                other.end(Goodbye.REPLACED)
        if sum(other.goodbye is None for other in theirs) >= BY_PERSON:
            raise TooManyStreams
        self.streams.add(stream)
        for channel, part in stream.channels.items():
            self._listeners.setdefault(channel, {})[stream] = part
        if not self.tasks:
            self.tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._keep())]

    async def _sit_everywhere(self, stream: Stream) -> None:
        """Count those of other processes too; while Redis is away each process counts alone."""
        before = stream.before.bytes if stream.before else b""
        with suppress(RedisAway):
            if not await self._app.redis.run(_SIT, [_seats(stream)], [stream.id.bytes, before, BY_PERSON, SEAT_MS]):
                raise TooManyStreams

    async def _leave(self, stream: Stream) -> None:
        self.streams.discard(stream)
        for channel in stream.channels:
            listeners = self._listeners[channel]
            del listeners[stream]
            if not listeners:
                del self._listeners[channel]
        tasks, self.tasks = ([], self.tasks) if self.streams else (self.tasks, [])
        await stop(tasks)
        await self._stand_up(stream)

    def _wake(self, channel: bytes) -> None:
        self.hears = True
        for stream, part in self._listeners.get(channel, {}).items():
            stream.wake(part)

    async def _hear(self) -> None:
        """While this hears nothing the streams look more often."""
        try:
            while True:
                try:
                    await self._channels.listen()
                except RedisAway:
                    log.warning("streams_hear_nothing")
                except Exception:
                    log.exception("listening_failed")
                self.hears = False
                for stream in self.streams:
                    stream.wake()
                await asyncio.sleep(self.pace.retry)
        finally:
            self.hears = False

    async def _keep(self) -> None:
        """End the streams of who is signed in no more, and say of the others that they are there."""
        loop = asyncio.get_running_loop()
        said = loop.time()
        while True:
            await asyncio.sleep(self.pace.prove)
            for stream in list(self.streams):
                await stream.check()
            if loop.time() - said >= self.pace.stay:
                said = loop.time()
                await asyncio.gather(*(self._stay(stream) for stream in list(self.streams)))

    async def _stay(self, stream: Stream) -> None:
        with suppress(RedisAway):
            if not await self._app.redis.run(_STAY, [_seats(stream)], [stream.id.bytes, SEAT_MS]):
                stream.end(Goodbye.REPLACED)
            elif stream not in self.streams:  # it left while this was on its way
                await self._stand_up(stream)

    async def _stand_up(self, stream: Stream) -> None:
        """While Redis is away the seat counts for SEAT_MS more."""
        with suppress(RedisAway):
            await self._app.redis.run(_LEAVE, [_seats(stream)], [stream.id.bytes])


def _seats(stream: Stream) -> bytes:
    return b"live:" + stream.viewer.bytes
