"""A server short of memory takes away what it likes: a timeline that is there is complete, or it is not there."""

import os
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from venmo_api.adapters.redis import Redis
from venmo_api.feed import cache

KEY, TOKEN_KEY = b"tl:friends:" + bytes(16), b"tb:friends:" + bytes(16)
OLD, NEW = UUID(int=1), UUID(int=2)


@pytest.fixture
async def redis(worker_number: int) -> AsyncIterator[Redis]:
    made = Redis(os.environ["VENMO_REDIS_URL"].rpartition("/")[0] + f"/{worker_number * 2 + 1}")
    await made.client.flushdb()
    yield made
    await made.close()


@pytest.mark.parametrize("pushed", [False, True])
async def test_what_is_evicted_while_it_is_made_is_not_finished(redis: Redis, pushed: bool) -> None:
    """The token stays, and what was pushed since the rebuild read Postgres is gone: to finish would hide that."""
    assert await cache.begin(redis, KEY, "token")
    if pushed:
        await cache.push(redis, {KEY: [NEW.bytes]})
    await redis.client.delete(KEY)
    assert await redis.client.exists(TOKEN_KEY)
    assert not await cache.finish(redis, KEY, "token", [OLD])
    assert await redis.client.zscore(KEY, b"") is None


async def test_what_is_pushed_while_it_is_made_is_in_it(redis: Redis) -> None:
    assert await cache.begin(redis, KEY, "token")
    await cache.push(redis, {KEY: [NEW.bytes]})
    assert await cache.finish(redis, KEY, "token", [OLD])
    assert await redis.client.zrange(KEY, 0, -1) == [b"", OLD.bytes, NEW.bytes]


async def test_what_nobody_finishes_is_gone_with_its_token(redis: Redis) -> None:
    assert await cache.begin(redis, KEY, "token")
    await cache.push(redis, {KEY: [NEW.bytes]})
    assert 0 < await redis.client.pttl(KEY) <= 1000 * cache.BUILD_SECONDS


@pytest.mark.parametrize("lost", [KEY, TOKEN_KEY])
async def test_after_an_eviction_it_is_made_anew(redis: Redis, lost: bytes) -> None:
    assert await cache.begin(redis, KEY, "token")
    await redis.client.delete(lost)
    assert not await cache.finish(redis, KEY, "token", [OLD])
    await redis.client.delete(TOKEN_KEY)
    assert await cache.begin(redis, KEY, "other")
    assert await cache.finish(redis, KEY, "other", [OLD, NEW])
    assert await redis.client.zrange(KEY, 0, -1) == [b"", OLD.bytes, NEW.bytes]
