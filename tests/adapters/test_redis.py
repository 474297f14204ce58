"""Redis: every failure is RedisAway, and an outage costs each caller little."""

import asyncio
import os

import pytest

from tests.feed.oracle import NOWHERE
from tests.feed.stand_ins import silent_server
from venmo_api.adapters.redis import OPEN_SECONDS, Redis, RedisAway
from venmo_api.core.errors import Unavailable


async def test_a_script_runs_also_after_the_server_forgot_it() -> None:
    redis = Redis(os.environ["VENMO_REDIS_URL"])
    for _ in range(2):
        assert await redis.run("return {KEYS[1], ARGV[1]}", [b"k"], [7]) == [b"k", b"7"]
        await redis.client.script_flush()
    await redis.close()


async def test_a_connection_that_died_while_idle_is_not_noticed_by_a_caller() -> None:
    redis = Redis(os.environ["VENMO_REDIS_URL"])
    other = Redis(os.environ["VENMO_REDIS_URL"])
    await redis.ping()
    number = await redis.client.client_id()
    assert await other.client.client_kill_filter(_id=number) == 1
    await redis.ping()
    for one in (redis, other):
        await one.close()


@pytest.mark.parametrize("how", ["refused", "silent"])
async def test_an_outage_costs_callers_a_moment_once_and_then_nothing(how: str) -> None:
    async with silent_server() as port:
        redis = Redis(f"redis://127.0.0.1:{port}/0" if how == "silent" else NOWHERE)
        async with asyncio.timeout(0.9):
            outcomes = await asyncio.gather(*(redis.ping() for _ in range(50)), return_exceptions=True)
        assert all(isinstance(outcome, RedisAway) for outcome in outcomes)
        async with asyncio.timeout(0.2):
            for _ in range(200):
                with pytest.raises(RedisAway):
                    await redis.ping()
        await redis.close()


async def test_every_verb_fails_alike_and_as_something_to_come_back_for() -> None:
    redis = Redis(NOWHERE)
    verbs = (redis.ping(), redis.delete([b"x"]), redis.run("return 1", [], []))
    for outcome in await asyncio.gather(*verbs, return_exceptions=True):
        assert isinstance(outcome, RedisAway)
        assert isinstance(outcome, Unavailable)
        assert "127.0.0.1" not in outcome.detail
    await redis.close()


async def test_a_server_that_refuses_a_command_counts_as_away() -> None:
    redis = Redis(os.environ["VENMO_REDIS_URL"])
    with pytest.raises(RedisAway):
        await redis.run("return redis.call('NOSUCH')", [], [])
    await redis.close()


async def test_after_a_while_the_server_is_tried_again() -> None:
    redis = Redis(os.environ["VENMO_REDIS_URL"])

    async def fail() -> None:
        raise ConnectionResetError

    with pytest.raises(RedisAway):
        await redis.call(fail)
    with pytest.raises(RedisAway):
        await redis.ping()
    async with asyncio.timeout(OPEN_SECONDS + 2):
        while True:
            try:
                await redis.ping()
                break
            except RedisAway:
                await asyncio.sleep(0.02)
    await redis.close()
