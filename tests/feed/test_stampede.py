"""After all is flushed at once, what many want is made once."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event

from tests.conftest import World
from tests.feed.oracle import Oracle, whole_feed
from venmo_api.feed import scripts, timelines

READERS = 200


class Asked:
    """The statements that Postgres is sent, counted."""

    def __init__(self, world: World) -> None:
        self.statements: Counter[str] = Counter()
        self._engine = world.app.database.engine.sync_engine
        event.listen(self._engine, "before_cursor_execute", self._hear)

    def _hear(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self.statements["stories" if "FROM stories" in statement else "other"] += 1

    def stop(self) -> int:
        event.remove(self._engine, "before_cursor_execute", self._hear)
        return self.statements["stories"]


async def public_town(world: World) -> Oracle:
    oracle = Oracle(world)
    oracle.add(*[await world.person(money=10_000) for _ in range(2)])
    alice, bob = oracle.people.values()
    await bob.patch("/me", {"default_audience": "public"})
    for number in range(40):
        await oracle.pay(alice, bob, number + 1, audience="public")
    await world.drain()
    return oracle


async def stampede(world: World, oracle: Oracle) -> int:
    """Statements about stories that so many readers at once cost after a flush; all of them if any got no answer."""
    alice = next(iter(oracle.people.values()))
    await whole_feed(alice, "public")
    await world.app.redis.client.flushdb()
    asked = Asked(world)
    answers = await asyncio.gather(*(alice.get("/feed", scope="public") for _ in range(READERS)))
    wanted = oracle.feed(alice, "public")[:25]
    statements = asked.stop()
    if any(answer.status_code == 503 for answer in answers):
        return READERS
    assert all(answer.json()["data"] == wanted for answer in answers)
    return statements


async def test_two_hundred_readers_of_a_flushed_feed_ask_postgres_a_handful_of_times(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = await public_town(fresh)
    assert await stampede(fresh, oracle) <= 10

    async def each_by_themselves(_: object, work: Any) -> Any:
        return await work()

    monkeypatch.setattr(fresh.app.redis, "once", each_by_themselves)
    monkeypatch.setattr(scripts, "BEGIN", scripts.BEGIN.replace("'NX',", ""))
    assert await stampede(fresh, oracle) > READERS // 2, "the check can fail"


async def test_who_finds_another_process_at_it_waits_and_is_answered(fresh: World) -> None:
    oracle = await public_town(fresh)
    alice = next(iter(oracle.people.values()))
    await fresh.app.redis.client.flushdb()
    await fresh.app.redis.client.set(b"tb:public", b"somebody who died", ex=10)
    asked = Asked(fresh)
    answer = await alice.get("/feed", scope="public")
    assert answer.json()["data"] == oracle.feed(alice, "public")[:25]
    assert asked.stop() <= timelines.ASKS_MOST
