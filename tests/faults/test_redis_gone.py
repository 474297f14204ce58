"""Redis dies, hangs, forgets, is full, or may only be read, under load: payments and feeds do not notice."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.faults.crowd import Crowd, sound
from tests.faults.onlookers import Onlookers, p99
from tests.faults.town import LONG, Town, figure, inhabited, until
from tests.races import storm

pytestmark = pytest.mark.xdist_group("faults")
CLIENTS = 6
ROUNDS = 4 if LONG else 1
AWAY_SECONDS = 15 if LONG else 3
GIVE_UP_SECONDS = 60
Fault = Callable[[Town, Onlookers], Awaitable[None]]


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Of this file alone: what is not in its crowd's accounts, nobody paid."""
    async with inhabited(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture(scope="module")
async def onlookers(town: Town) -> AsyncIterator[Onlookers]:
    crowd = Crowd(town.url, storm.seeded())
    await crowd.gather(8, money=500_000)
    made = Onlookers(town, crowd)
    await made.meet()
    yield made
    await made.close()
    await crowd.close()


async def killed(town: Town, people: Onlookers) -> None:
    await town.kill_valkey()
    await asyncio.sleep(AWAY_SECONDS)
    assert await asyncio.to_thread(town.stack.restart_dead) == ["valkey"]


async def hung(town: Town, people: Onlookers) -> None:
    with town.frozen_valkey():
        await asyncio.sleep(AWAY_SECONDS)


async def flushed(town: Town, people: Onlookers) -> None:
    until_then = time.monotonic() + AWAY_SECONDS
    while time.monotonic() < until_then:
        await people.redis.client.flushall()
        await asyncio.sleep(0.5)


async def full(town: Town, people: Onlookers) -> None:
    async with _configured(people, maxmemory="1mb", policy="noeviction"):
        await asyncio.sleep(AWAY_SECONDS)


async def full_now_and_then(town: Town, people: Onlookers) -> None:
    until_then = time.monotonic() + AWAY_SECONDS
    while time.monotonic() < until_then:
        async with _configured(people, maxmemory="1mb", policy="noeviction"):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)


async def evicting(town: Town, people: Onlookers) -> None:
    used = int((await people.redis.client.info("memory"))["used_memory"])
    async with _configured(people, maxmemory=str(used - 50_000), policy="allkeys-random"):
        await asyncio.sleep(AWAY_SECONDS)


async def a_replica(town: Town, people: Onlookers) -> None:
    """Its master is gone for good, so it keeps what it has."""
    await people.redis.client.replicaof("127.0.0.1", "1")
    await asyncio.sleep(AWAY_SECONDS)
    await people.redis.client.replicaof("NO", "ONE")


@asynccontextmanager
async def _configured(people: Onlookers, *, maxmemory: str, policy: str) -> AsyncIterator[None]:
    await people.redis.client.config_set("maxmemory-policy", policy)
    await people.redis.client.config_set("maxmemory", maxmemory)
    try:
        yield
    finally:
        await people.redis.client.config_set("maxmemory", "0")
        await people.redis.client.config_set("maxmemory-policy", "noeviction")


FAULTS: dict[str, Fault] = {
    "killed": killed,
    "hung": hung,
    "flushed": flushed,
    "full": full,
    "full now and then": full_now_and_then,
    "evicting": evicting,
    "a replica": a_replica,
}


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("fault", FAULTS)
async def test_payments_and_feeds_do_not_notice(
    town: Town, onlookers: Onlookers, dice: random.Random, fault: str, number: int
) -> None:
    crowd, spans = onlookers.crowd, []
    onlookers.looks.clear()
    await _served_from_redis(onlookers)

    async def harm() -> None:
        watching = asyncio.create_task(onlookers.watch())
        try:
            await crowd.acknowledged(dice.randint(20, 60), seconds=GIVE_UP_SECONDS)
            spans.append(time.monotonic())
            await FAULTS[fault](town, onlookers)
            spans.append(time.monotonic())
            await crowd.acknowledged(50, seconds=GIVE_UP_SECONDS)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    await crowd.rage(CLIENTS, harm=harm)
    assert not crowd.retried, "a payment was not answered at once"
    assert await sound(town, crowd) == []
    stale, wrong = await onlookers.staleness()
    during = [look.seconds for look in onlookers.looks if spans[0] <= look.at <= spans[1]]
    before = [look.seconds for look in onlookers.looks if look.at < spans[0]]
    print(
        f"{fault}: p99 of {len(crowd.waits)} payments {p99(crowd.waits):.3f} s, of feeds {p99(during):.3f} s "
        f"({len(during)} read meanwhile), before {p99(before):.3f} s; seen after {stale:.2f} s at the latest"
    )
    assert wrong == []
    assert during
    assert p99(during) <= figure(1)
    assert stale <= figure(10)
    await _at_rest(town, onlookers)
    await _served_from_redis(onlookers)


async def test_a_story_that_is_missing_from_a_timeline_is_noticed(town: Town, onlookers: Onlookers) -> None:
    await _at_rest(town, onlookers)
    await _served_from_redis(onlookers)
    key, member = await onlookers.newest(0)
    await onlookers.redis.client.zrem(key, member)
    planted = await onlookers.differences()
    await onlookers.redis.delete([key])
    assert planted == [
        f"friends of 0, {reading} reading: 1 missing, 1 extra, 0 double" for reading in ("first", "second")
    ]
    assert await onlookers.differences() == []


async def _at_rest(town: Town, onlookers: Onlookers) -> None:
    await until(lambda: town.ask("SELECT count(*) = 0 FROM outbox_queue"), seconds=figure(10))
    assert await onlookers.differences() == []


async def _served_from_redis(onlookers: Onlookers) -> None:
    """Without anybody's help, every viewer's timeline is there, and looking finds keys: its marks, its stories."""
    people = len(onlookers.crowd.people)

    async def served() -> bool:
        return await onlookers.hits() >= 2 * people and await onlookers.live() == people

    await until(served, seconds=figure(10))
