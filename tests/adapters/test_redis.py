"""Redis: every failure is RedisAway, and an outage costs each caller little."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.feed.oracle import NOWHERE
from tests.feed.stand_ins import silent_server
from venmo_api.adapters.redis import BLIP_SECONDS, OPEN_SECONDS, SETTLING_SECONDS, Redis, RedisAway
from venmo_api.core.errors import Unavailable
from venmo_api.local.ports import free_port
from venmo_api.local.valkey import Valkey


async def test_a_script_runs_also_after_the_server_forgot_it() -> None:
    redis = Redis(os.environ["VENMO_REDIS_URL"])
    for _ in range(2):
        assert await redis.run("return {KEYS[1], ARGV[1]}", [b"k"], [7]) == [b"k", b"7"]
        await redis.client.script_flush()
    await redis.close()


async def test_calls_that_go_out_together_each_get_their_own_answer() -> None:
    """Of several scripts, with and without answers, also when the server has forgotten the scripts; one that fails does
    not take the others along."""
    redis = Redis(os.environ["VENMO_REDIS_URL"])
    say, nothing = "return {KEYS[1], ARGV[1], #KEYS, #ARGV}", "return nil"
    fails = """
        if ARGV[1] == '1' then return redis.call('NOSUCH') end
        if ARGV[1] == '2' then error({}) end
        if ARGV[1] == '3' then error() end
        return redis.error_reply('ERR ' .. ARGV[1])
    """
    for _ in range(2):
        calls = [redis.run(say, [b"key %d" % n, *[b"more"] * (n % 3)], [n, *["more"] * (n % 4)]) for n in range(150)]
        others = [redis.run(script, [], [n]) for n in range(20) for script in (nothing, fails)]
        said, other = await asyncio.gather(asyncio.gather(*calls), asyncio.gather(*others, return_exceptions=True))
        assert said == [[b"key %d" % n, b"%d" % n, 1 + n % 3, 1 + n % 4] for n in range(150)]
        assert set(other[::2]) == {None}
        assert {type(answer) for answer in other[1::2]} == {RedisAway}
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


REFUSALS = (
    b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.\r\n",
    b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
    b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
    b"-NOREPLICAS Not enough good replicas to write.\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-ERR max number of clients reached\r\n",
    b"-CLUSTERDOWN The cluster is down\r\n",
    b"-MOVED 1 127.0.0.1:1\r\n",
    b"-UNKILLABLE\r\n",
    b"?what is this\r\n",
    b"$100\r\nhalf an answ",
)


@pytest.mark.parametrize("says", REFUSALS, ids=lambda says: says.split()[0].decode())
@pytest.mark.parametrize("hangs_up", [False, True])
async def test_whatever_a_server_refuses_with_it_is_away(says: bytes, hangs_up: bool) -> None:
    async with silent_server(says=says, hangs_up=hangs_up) as port:
        for verb in (
            lambda redis: redis.run("return 1", [], []),
            lambda redis: redis.ping(),
            lambda redis: redis.delete([b"x"]),
            lambda redis: redis.call(lambda: redis.client.zrem(b"x", b"y")),
        ):
            redis = Redis(f"redis://127.0.0.1:{port}/0")
            outcomes = await asyncio.gather(*(verb(redis) for _ in range(20)), return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {RedisAway}
            await redis.close()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Redis]:
    """A server of this test alone, to be put into any state."""
    valkey = Valkey(tmp_path)
    valkey.prepare()
    port = free_port(avoid=set())
    process = await asyncio.create_subprocess_exec(*valkey.program(port).argv, stdout=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(valkey.ready, port, process.pid):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
    redis = Redis(f"redis://127.0.0.1:{port}/0")
    try:
        yield redis
    finally:
        await redis.close()
        process.kill()
        await process.wait()


STATES = {
    "out of memory": ({"maxmemory": "1mb"}, {"maxmemory": "0"}),
    "a replica": (("127.0.0.1", "1"), ("NO", "ONE")),
}


@pytest.mark.parametrize("state", STATES)
async def test_a_server_that_cannot_be_written_to_is_not_read_from(own: Redis, state: str) -> None:
    """Else it would show, for as long as that lasts, timelines that say they are complete and lack what could not be
    pushed. The same script without our first line is answered."""
    read = "return redis.call('ZCARD', KEYS[1])"
    await own.client.zadd("z", {"a": 0})
    assert await own.run(read, ["z"], []) == 1
    harm, heal = STATES[state]
    await _put(own, harm)
    assert await own.client.eval(read, 1, "z") == 1
    with pytest.raises(RedisAway):
        await own.run(read, ["z"], [])
    await _put(own, heal)
    await asyncio.sleep(OPEN_SECONDS)
    assert await own.run(read, ["z"], []) == 1


async def test_a_script_is_refused_whole_or_runs_whole_when_memory_runs_out(own: Redis) -> None:
    """Memory runs out in the middle: what has begun is finished. Has it run out before: nothing is begun."""
    grow = "for i = 1, 3000 do redis.call('ZADD', KEYS[1], 0, KEYS[1] .. string.rep('x', 500) .. i) end return 1"
    used = int((await own.client.info("memory"))["used_memory"])
    await own.client.config_set("maxmemory", used + 500_000)
    await own.run(grow, ["in the middle"], [])
    assert await own.client.zcard("in the middle") == 3000
    assert int((await own.client.info("memory"))["used_memory"]) > used + 500_000
    with pytest.raises(RedisAway):
        await own.run(grow, ["before"], [])
    assert await own.client.exists("before") == 0
    await own.client.config_set("maxmemory", "0")
    assert await own.run(grow, ["after"], []) == 1


async def _put(redis: Redis, state: dict[str, str] | tuple[str, str]) -> None:
    if isinstance(state, dict):
        for name, value in state.items():
            await redis.client.config_set(name, value)
    else:
        await redis.client.replicaof(*state)


async def test_what_survived_an_outage_is_read_only_after_the_relay_had_time_to_catch_up(own: Redis) -> None:
    """A blip is none: then the relay is behind by no more than it may be anyway."""
    read = "return 1"
    await own.run(read, [], [])
    for seconds, settles in ((0.2, False), (BLIP_SECONDS + 0.2, True)):
        await own.client.config_set("maxmemory", "1mb")
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            with pytest.raises(RedisAway):
                await own.read(read, [], [])
            await own.client.ping()  # what is not a script does not tell whether it can be written to
            await asyncio.sleep(0.05)
        await own.client.config_set("maxmemory", "0")
        back = asyncio.get_running_loop().time()
        assert await own.run(read, [], []) == 1
        while True:
            with suppress(RedisAway):
                assert await own.read(read, [], []) == 1
                break
            await asyncio.sleep(0.05)
        waited = asyncio.get_running_loop().time() - back
        assert (waited >= SETTLING_SECONDS) is settles
        assert own.outages == settles
