"""Redis: derived data only. Every call is bounded; after a failure the breaker answers at once for a while."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from venmo_api.core.errors import Unavailable

T = TypeVar("T")
CALL_SECONDS = 0.25
OPEN_SECONDS = 1.0


class RedisAway(Unavailable):
    """Redis is down, hung or refusing: answer from Postgres."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The cache cannot be reached ({reason}).")


class Redis:
    """A client whose failures are all RedisAway and whose outages cost each caller at most CALL_SECONDS, once."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            # One more try, since a pooled connection may have died while idle; none for a server that hangs.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            max_connections=256,
            protocol=2,
        )
        self._closed_until = 0.0
        self._scripts: dict[str, AsyncScript] = {}

    async def run(self, script: str, keys: Sequence[bytes | str], args: Sequence[bytes | str | int]) -> Any:
        """Run a Lua script, kept by its hash on the server. Raises RedisAway."""
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = self.client.register_script(script)
        return await self.call(lambda: registered(keys=list(keys), args=list(args)))

    async def publish(self, channel: str) -> None:
        """Wake whoever listens on ``channel``. Raises RedisAway."""
        await self.call(lambda: cast(Awaitable[Any], self.client.publish(channel, b"")))

    async def delete(self, keys: Sequence[bytes | str]) -> None:
        """Raises RedisAway."""
        await self.call(lambda: cast(Awaitable[Any], self.client.delete(*keys)))

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await ``work``; raise RedisAway for any failure, at once while the breaker is open."""
        if time.monotonic() < self._closed_until:
            raise RedisAway("breaker open")
        try:
            return await work()
        except (RedisError, OSError, TimeoutError) as error:
            self._closed_until = time.monotonic() + OPEN_SECONDS
            raise RedisAway(type(error).__name__) from error

    async def ping(self) -> None:
        await self.call(lambda: cast(Awaitable[Any], self.client.ping()))

    async def close(self) -> None:
        await self.client.aclose()
