"""Redis: derived data only. Every call is bounded; after a failure the breaker answers at once for a while."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from ssl import TLSVersion
from typing import Any, TypeVar, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from venmo_api.adapters.lane import Lane, LaneFull
from venmo_api.adapters.once import Once
from venmo_api.core.errors import Unavailable

T = TypeVar("T")
CALL_SECONDS = 0.25
OPEN_SECONDS = 1.0
BLIP_SECONDS = 2.0
SETTLING_SECONDS = 2.0
"""After what was more than a blip: the relay, which tries again each second, has written by then what waited."""
SCRIPTS_MOST = 64
SCRIPTS_WAITING_MOST = 4096
# A server that cannot be written to (out of memory, a replica, a disk that fails) refuses scripts under this line
# before they begin, those that only read too: what it holds may lack what could not be pushed.
HEAD = "#!lua\n"
# Calls of one script that go out together are one command: how many they are; of each, how many keys and arguments it
# has; then all of these in a row. One that fails does not keep the others from running.
_TOGETHER = """
local answers, keys_before, args_before = {}, 0, 1 + 2 * ARGV[1]
for call = 1, tonumber(ARGV[1]) do
  local keys, args = {}, {}
  for i = 1, tonumber(ARGV[2 * call]) do keys[i] = KEYS[keys_before + i] end
  for i = 1, tonumber(ARGV[2 * call + 1]) do args[i] = ARGV[args_before + i] end
  keys_before, args_before = keys_before + #keys, args_before + #args
  local ran, answer = pcall(script, keys, args)
  if not ran and not (type(answer) == 'table' and answer.err) then answer = {err = tostring(answer)} end
  answers[call] = answer or false
end
return answers
"""
ScriptCall = tuple[str, Sequence[bytes | str], Sequence[bytes | str | int]]
_PACKER = HiredisRespSerializer()


class RedisAway(Unavailable):
    """Redis is down, hung or refusing: answer from Postgres."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The cache cannot be reached ({reason}).")


class Redis:
    """A client whose failures are all RedisAway and whose outages cost each caller at most CALL_SECONDS, once."""

    def __init__(self, url: str, *, ca_file: Path | None = None) -> None:
        """A ``rediss://`` server proves by ``ca_file`` who it is; without, by the system's authorities."""
        tls: dict[str, Any] = {"ssl_ca_certs": ca_file and str(ca_file), "ssl_min_version": TLSVersion.TLSv1_2}
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            # One more try, since a pooled connection may have died while idle; none for a server that hangs.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            max_connections=256,
            protocol=2,
            **(tls if url.startswith("rediss://") else {}),
        )
        pool = self.client.connection_pool
        pool.connection_class = type("Connection", (_Packing, pool.connection_class), {})
        self.once = Once()
        """What is made for the cache is made once, however many find it missing."""
        self.outages = 0
        """How many there were that were more than a blip, and are over."""
        self._closed_until = 0.0
        self._failing_since: float | None = None
        self._settled_at = 0.0
        self._scripts: Lane[ScriptCall, Any] = Lane(
            self._run_scripts, most=SCRIPTS_MOST, waiting_most=SCRIPTS_WAITING_MOST
        )

    async def run(self, script: str, keys: Sequence[bytes | str], args: Sequence[bytes | str | int]) -> Any:
        """Run a Lua script, kept by its hash on the server. Scripts that are called while others run go out
        together. Raises RedisAway, also when the server answers but cannot be written to."""
        try:
            return await self._scripts((script, keys, args))
        except LaneFull:
            raise RedisAway("too many calls are waiting") from None

    async def read(self, script: str, keys: Sequence[bytes | str], args: Sequence[bytes | str | int]) -> Any:
        """The same, for what others push. Raises RedisAway also for a while after an outage: what survived it lacks
        what happened meanwhile, until the relay has caught up."""
        answer = await self.run(script, keys, args)
        if time.monotonic() < self._settled_at:
            raise RedisAway("settling")
        return answer

    async def _run_scripts(self, calls: Sequence[ScriptCall]) -> Sequence[Any]:
        self._scripts.answer()
        groups: dict[str, list[int]] = {}
        for number, (script, _, _) in enumerate(calls):
            groups.setdefault(script, []).append(number)
        async with self.client.pipeline(transaction=False) as pipeline:
            for script, numbers in groups.items():
                pipeline.evalsha(_together(script)[1], *_arguments([calls[number] for number in numbers]))
            answers = await self.call(lambda: pipeline.execute(raise_on_error=False))
        outcomes: list[Any] = [None] * len(calls)
        for (script, numbers), answer in zip(groups.items(), answers, strict=True):
            unknown = isinstance(answer, NoScriptError)
            said = await self._teach(script, [calls[number] for number in numbers]) if unknown else answer
            each = [said] * len(numbers) if isinstance(said, RedisError) else said
            for number, one in zip(numbers, each, strict=True):
                outcomes[number] = RedisAway(type(one).__name__) if isinstance(one, RedisError) else one
        if any(isinstance(outcome, RedisAway) for outcome in outcomes):
            self._fails()
        else:
            self._works()
        return outcomes

    async def _teach(self, script: str, calls: Sequence[ScriptCall]) -> Any:
        """Run these with the text of their script, which the server then knows by its hash."""
        return await self.call(lambda: self.client.eval(_together(script)[0], *_arguments(calls)))

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
            self._fails()
            raise RedisAway(type(error).__name__) from error

    def _fails(self) -> None:
        self._failing_since = self._failing_since or time.monotonic()

    def _works(self) -> None:
        """A script was run: the server can be written to."""
        if self._failing_since is not None:
            now = time.monotonic()
            if now - self._failing_since > BLIP_SECONDS:
                self._settled_at = now + SETTLING_SECONDS
                self.outages += 1
            self._failing_since = None

    async def ping(self) -> None:
        await self.call(lambda: cast(Awaitable[Any], self.client.ping()))

    async def close(self) -> None:
        await self.client.aclose()


@cache
def _together(script: str) -> tuple[str, str]:
    """The text the server runs, and its hash, by which the server names it."""
    text = f"{HEAD}local function script(KEYS, ARGV)\n{script}\nend\n{_TOGETHER}"
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _arguments(calls: Sequence[ScriptCall]) -> list[Any]:
    keys = [key for _, own, _ in calls for key in own]
    counts = [count for _, own, args in calls for count in (len(own), len(args))]
    return [len(keys), *keys, len(calls), *counts, *[arg for _, _, args in calls for arg in args]]


class _Packing:
    """Packs commands in C. The asynchronous connection of redis-py does it in Python, the other one like this."""

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = _PACKER.pack(*args)
        return packed
