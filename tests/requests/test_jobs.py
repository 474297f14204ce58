"""Requests that nobody pays in time."""

import asyncio
from datetime import timedelta

import pytest

from tests.conftest import World
from tests.races import storm
from tests.requests.steps import accept, asked, status, told, uuid
from tests.transfers.commands import user_id
from venmo_api.adapters.postgres import Transaction
from venmo_api.requests import jobs, queries
from venmo_api.worker import SCHEDULE


async def test_overdue_requests_expire_and_others_stay(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob", money=1000)
    declined, paid, overdue = [await asked(alice, bob, 10) for _ in range(3)]
    await bob.post(f"/requests/{declined}/decline")
    await accept(bob, paid)
    fresh.clock.advance(timedelta(days=30, seconds=-5))
    assert await jobs.expire_requests(fresh.app) == 0
    late = await asked(alice, bob, 10)
    fresh.clock.advance(timedelta(seconds=6))
    assert await jobs.expire_requests(fresh.app) == 1
    assert await jobs.expire_requests(fresh.app) == 0
    stand = [await status(bob, one) for one in (declined, paid, overdue, late)]
    assert stand == ["cancelled", "settled", "expired", "pending"]
    assert await told(fresh, overdue) == [("RequestMade", None), ("RequestEnded", "expired")]
    assert await told(fresh, late) == [("RequestMade", None)]


async def test_more_than_one_batch_expires_in_one_run(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    made = [await asked(alice, bob) for _ in range(5)]
    fresh.clock.advance(timedelta(days=31))
    monkeypatch.setattr(jobs, "EXPIRED_AT_ONCE", 2)
    assert await jobs.expire_requests(fresh.app) == 5
    assert {await status(bob, one) for one in made} == {"expired"}


async def test_one_that_somebody_is_working_on_is_not_waited_for(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    busy, free = await asked(alice, bob), await asked(alice, bob)
    fresh.clock.advance(timedelta(days=31))
    async with fresh.app.database.engine.connect() as connection:
        await queries.lock(Transaction(connection), uuid(busy), user_id(bob))
        async with asyncio.timeout(1):
            assert await jobs.expire_requests(fresh.app) == 1
    assert len(await told(fresh, busy)) == 1
    assert len(await told(fresh, free)) == 2
    assert await jobs.expire_requests(fresh.app) == 1


async def test_two_workers_end_each_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    made = [await asked(alice, bob) for _ in range(20)]
    async with storm.second_app(fresh) as other:
        for world in (fresh, other):
            world.clock.advance(timedelta(days=31))
        ended = await asyncio.gather(*(jobs.expire_requests(world.app) for world in (fresh, other) * 3))
    assert sum(ended) == 20
    assert {len(await told(fresh, one)) for one in made} == {2}


def test_the_worker_runs_it_every_minute() -> None:
    assert SCHEDULE["expire_requests"].every == timedelta(minutes=1)
