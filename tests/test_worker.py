"""The worker: every subscription is known, jobs have one owner, silence is no outage, and a signal ends it well."""

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import World, new_name
from tests.feed.oracle import NOWHERE, whole_feed
from venmo_api import worker
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.redis import Redis
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import EVENTS
from venmo_api.main import adapters
from venmo_api.outbox.relay import BATCH_MOST, wake
from venmo_api.settings import Settings
from venmo_api.worker import Job


def test_only_events_of_the_catalogue_are_subscribed_to() -> None:
    assert set(worker.SUBSCRIPTIONS) <= set(EVENTS.values())
    assert all(worker.SUBSCRIPTIONS.values())
    assert all(job.every > timedelta() for job in worker.SCHEDULE.values())


class Counter:
    def __init__(self, error: Exception | None = None) -> None:
        self.runs = 0
        self._error = error

    async def __call__(self, app: Adapters, settings: Settings) -> int:
        self.runs += 1
        if self._error:
            raise self._error
        return 1


@pytest.fixture
def schedule(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def only(**jobs: Job) -> None:
        for name in list(worker.SCHEDULE):
            monkeypatch.delitem(worker.SCHEDULE, name)
        for name, job in jobs.items():
            monkeypatch.setitem(worker.SCHEDULE, new_name(name), job)

    return only


async def test_a_due_job_runs_once_among_many_workers_and_again_when_its_time_has_come(
    world: World, settings: Settings, schedule: Callable[..., None]
) -> None:
    counter = Counter()
    schedule(hourly=Job(timedelta(hours=1), counter))
    for runs in (1, 2, 3):
        await asyncio.gather(*(worker.run_due(world.app, settings) for _ in range(5)))
        assert counter.runs == runs
        world.clock.advance(timedelta(minutes=59))
        await worker.run_due(world.app, settings)
        assert counter.runs == runs
        world.clock.advance(timedelta(minutes=1, seconds=1))


@pytest.mark.parametrize("error", [ValueError("defect"), Unavailable("away")])
async def test_a_job_that_fails_stops_no_other_and_is_tried_again(
    world: World, settings: Settings, schedule: Callable[..., None], error: Exception
) -> None:
    bad, good = Counter(error), Counter()
    schedule(a_bad=Job(timedelta(minutes=1), bad), b_good=Job(timedelta(minutes=1), good))
    for runs in (1, 2):
        await worker.run_due(world.app, settings)
        assert (bad.runs, good.runs) == (runs, runs)
        world.clock.advance(timedelta(minutes=1, seconds=1))


async def test_a_daily_job_whose_servers_are_away_is_tried_again_within_the_minute_and_then_daily(
    world: World, settings: Settings, schedule: Callable[..., None]
) -> None:
    job = Counter(Unavailable("away"))
    schedule(daily=Job(timedelta(days=1), job))
    for seconds, runs in ((0, 1), (29, 1), (2, 2), (31, 3)):
        world.clock.advance(timedelta(seconds=seconds))
        await worker.run_due(world.app, settings)
        assert job.runs == runs
    job._error = None
    for seconds, runs in ((31, 4), (31, 4), (23 * 3600, 4), (3600, 5)):
        world.clock.advance(timedelta(seconds=seconds))
        await worker.run_due(world.app, settings)
        assert job.runs == runs


async def test_a_daily_job_that_is_cut_off_is_due_again_within_the_minute(
    world: World, settings: Settings, schedule: Callable[..., None]
) -> None:
    runs: list[int] = []

    async def slow(app: Adapters, settings: Settings) -> int:
        runs.append(1)
        await asyncio.sleep(0 if len(runs) > 1 else 60)
        return 1

    schedule(daily=Job(timedelta(days=1), slow))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await worker.run_due(world.app, settings)
    for seconds, count in ((29, 1), (2, 2), (3600, 2)):
        world.clock.advance(timedelta(seconds=seconds))
        await worker.run_due(world.app, settings)
        assert len(runs) == count


async def test_every_scheduled_job_runs_on_an_empty_and_on_a_used_database(fresh: World, settings: Settings) -> None:
    for _ in range(2):
        for name, job in worker.SCHEDULE.items():
            assert await job.run(fresh.app, settings) >= 0, name
        alice, bob = await fresh.person(money=100), await fresh.person()
        await alice.pay(bob, 1)
        await fresh.drain()
        fresh.clock.advance(timedelta(days=40))


async def test_silence_is_not_mistaken_for_an_outage_of_redis(settings: Settings) -> None:
    bundle = adapters(settings)
    wakes = asyncio.Event()
    listening = asyncio.create_task(worker._listen(bundle, wakes))
    try:
        for _ in range(30):
            await asyncio.sleep(0.05)
            await bundle.redis.ping()
        await wake(bundle.redis)
        async with asyncio.timeout(1):
            await wakes.wait()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await bundle.close()


async def test_the_smallest_pool_the_settings_allow_delivers_events(fresh: World) -> None:
    alice, bob = await fresh.person(money=100), await fresh.person()
    await alice.pay(bob, 1)
    url = fresh.app.database.engine.url.render_as_string(hide_password=False)
    smallest = Settings.model_fields["database_pool_size"].metadata[0].ge
    made = Settings(
        database_url=url,
        redis_url=os.environ["VENMO_REDIS_URL"],
        signing_key=os.environ["VENMO_SIGNING_KEY"],
        database_pool_size=smallest,
    )
    bundle = dataclasses.replace(adapters(made), redis=fresh.app.redis)
    async with asyncio.timeout(10):
        await worker.relay(bundle).deliver()
    await bundle.database.close()
    assert len(await whole_feed(bob)) == 1


@asynccontextmanager
async def running_worker(world: World, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    url = world.app.database.engine.url.render_as_string(hide_password=False)
    number = world.app.redis.client.connection_pool.connection_kwargs["db"]
    redis = os.environ["VENMO_REDIS_URL"].rpartition("/")[0] + f"/{number}"
    command = str(Path(sys.executable).with_name("venmo-api"))
    variables = {"VENMO_DATABASE_URL": url, "VENMO_REDIS_URL": redis} | environment
    process = await asyncio.create_subprocess_exec(
        command, "worker", env=os.environ | variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(condition: Callable[[], Any], *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is polled is in another process
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("redis", ["there", "away"])
async def test_a_worker_delivers_without_being_asked_and_ends_on_a_signal(fresh: World, redis: str) -> None:
    alice, bob = await fresh.person(money=100), await fresh.person()

    async def recorded(tx: Transaction) -> int:
        return int((await tx.execute(text("SELECT count(*) FROM stories"))).scalar_one())

    async def arrived() -> bool:
        return await fresh.app.database.read(recorded) == len(paid)

    away = {"VENMO_REDIS_URL": NOWHERE} if redis == "away" else {}
    paid: list[int] = []
    async with running_worker(fresh, **away) as process:
        for amount in (1, 2):
            assert (await alice.pay(bob, amount)).status_code == 201
            paid.append(amount)
            await until(arrived, seconds=20)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert b"worker_stopped" in out
    assert b"Traceback" not in out


async def test_an_idle_worker_shows_a_payment_to_a_friend_within_two_seconds(fresh: World) -> None:
    alice, bob = await fresh.person(money=100), await fresh.person()
    await whole_feed(bob)
    seen: list[int] = []

    async def arrived() -> bool:
        return len(await whole_feed(bob)) == len(seen)

    async with running_worker(fresh):
        seen.append(1)
        await alice.pay(bob, 1)
        await until(arrived, seconds=20)
        for amount in (2, 3, 4):
            await asyncio.sleep(0.7)
            seen.append(amount)
            await alice.pay(bob, amount)
            await until(arrived, seconds=2)


async def test_a_relay_bound_to_an_absent_redis_keeps_every_event(fresh: World) -> None:
    alice, bob = await fresh.person(money=100), await fresh.person()
    await whole_feed(bob)
    await alice.pay(bob, 1)
    cut_off = dataclasses.replace(fresh.app, redis=Redis(NOWHERE))
    await worker.relay(cut_off).drain()
    fresh.clock.advance(timedelta(seconds=2))
    await fresh.drain()
    assert len(await whole_feed(bob)) == 1


class Deliveries:
    """A relay that claims as told, and knows when it was asked."""

    def __init__(self, stop: asyncio.Event, *claimed: int) -> None:
        self.asked_at: list[float] = []
        self._stop = stop
        self._claimed = list(claimed)

    async def deliver(self) -> int:
        self.asked_at.append(asyncio.get_running_loop().time())
        claimed = self._claimed.pop(0)
        if not self._claimed:
            self._stop.set()
        return claimed


async def test_a_delivery_gathers_what_comes_after_it_but_neither_a_backlog_nor_a_wake_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wakes, stop = asyncio.Event(), asyncio.Event()
    wakes.set()
    events = Deliveries(stop, BATCH_MOST, BATCH_MOST, 1, 0, 1)
    monkeypatch.setattr(worker, "relay", lambda app: events)
    monkeypatch.setattr(worker, "POLL_SECONDS", 60)
    monkeypatch.setattr(worker, "GATHER_SECONDS", 1)
    await worker._deliver(world.app, wakes, stop)
    waits = [later - earlier for earlier, later in pairwise(events.asked_at)]
    assert [wait >= 0.99 for wait in waits] == [False, False, True, False]


async def test_after_an_outage_what_survived_of_feeds_is_made_anew_before_anything_is_delivered(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may have blocked somebody meanwhile, and thousands of payments wait to be delivered before that is."""
    alice, bob = await fresh.person(money=100), await fresh.person()
    await alice.pay(bob, 1)
    await fresh.drain()
    await whole_feed(bob)
    redis = fresh.app.redis
    before = await redis.client.keys("*")
    await redis.client.set("outlives", 1)
    assert {key[:3] for key in before} >= {b"tl:", b"vw:", b"st:"}
    stop = asyncio.Event()

    class Returns(Deliveries):
        async def deliver(self) -> int:
            kept.append(await redis.client.keys("*"))
            redis.outages += 1
            return await super().deliver()

    kept: list[list[bytes]] = []
    events = Returns(stop, 1, 1)
    monkeypatch.setattr(worker, "relay", lambda app: events)
    await worker._deliver(fresh.app, asyncio.Event(), stop)
    assert set(before) <= set(kept[0])
    assert kept[1] == [b"outlives"]
    assert len(await whole_feed(bob)) == 1


async def test_a_worker_follows_the_clock_that_another_process_drives(fresh: World) -> None:
    alice, bob = await fresh.person(money=100), await fresh.person()
    await whole_feed(bob)
    seen: list[int] = []

    async def arrived() -> bool:
        return len(await whole_feed(bob)) == len(seen)

    async with running_worker(fresh):
        for number in (1, 2):
            await alice.post("/sandbox/clock", {"advance_seconds": 9 * 24 * 3600})
            assert (await alice.pay(bob, number)).status_code == 201
            seen.append(number)
            await until(arrived, seconds=20)
